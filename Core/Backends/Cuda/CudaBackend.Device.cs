using MiniDL.Diagnostics;
using MiniDL.Memory;

namespace MiniDL.Backends.Cuda;

// The GPU as a device: its streams, its memory, recorded steps, and what can be inspected from outside.
internal sealed partial class CudaBackend
{
    internal override Precision Precision => precision;

    /// <summary>The GPU.</summary>
    public CudaContext Context => stream.Context;

    /// <summary>The stream on which everything runs.</summary>
    public CudaStream Stream => stream;

    internal override Device Home => home ?? Device;

    internal override int StreamNumber => stream.Number;

    public override string Description =>
        $"{Context.Name}, compute capability {Context.Capability / 10}.{Context.Capability % 10}, driver for CUDA {Context.Driver}";

    public override void Synchronize() => stream.Synchronize();

    internal override Backend NewStream(Device device, Precision precision) => new CudaBackend(device, new CudaStream(Context), precision, Home);

    internal override Backend InPrecision(Device device, Precision precision) => new CudaBackend(device, stream, precision, Home);

    internal override void End() => stream.Dispose();

    internal override StoragePool Pool => CudaStep.PoolOf(this) ?? base.Pool;

    private protected override Storage Create(DType type, int capacity) => NewStorage(type, capacity);

    internal Storage NewStorage(DType type, int capacity)
    {
        stream.Memory.Add(OwnPool);
        return new CudaStorage(Device, stream.Memory, type, capacity);
    }

    public override void TrimPool() => stream.Memory.TrimPools();

    // ---- recorded steps ----------------------------------------------------------------------------------------------------

    internal override RecordedStep Record(Func<Tensor[]> step) => stream.RepeatsGraphs ? new CudaStep(this, step) : base.Record(step);

    internal override bool IsRecording => CudaStep.Recording is not null;

    internal override Tensor Changing(Func<double> value) => CudaStep.Recording?.Scalar(value) ?? base.Changing(value);

    internal override void OnEachRun(Action action)
    {
        if (CudaStep.Recording is { } step) step.BeforeRuns(action);
        else action();
    }

    // ---- inspection ---------------------------------------------------------------------------------------------------------

    internal override IReadOnlyList<(string Name, Func<IDisposable> Enter)> OtherWays =>
    [
        ("kernel by kernel", () => new SwitchedOff(stream.RepeatsGraphs, on => stream.RepeatsGraphs = on)),
        ("in line", () => new SwitchedOff(stream.Branch.Allowed, on => stream.Branch.Allowed = on)),
    ];

    internal override KernelReport CompiledKernels
    {
        get
        {
            var modules = Context.Modules;
            CompiledKernel[] kernels = [.. Kernels.All.Select(modules.Describe)];
            return new KernelReport(kernels, [.. modules.LoadMilliseconds.OrderBy(module => module.Key)
                .Select(module => (module.Key.ToString().ToLowerInvariant(), module.Value))], CompilationCache.Folder);
        }
    }

    /// <summary>Switches something off until it is disposed of.</summary>
    private sealed class SwitchedOff : IDisposable
    {
        private readonly Action _restore;

        public SwitchedOff(bool was, Action<bool> set)
        {
            _restore = () => set(was);
            set(false);
        }

        public void Dispose() => _restore();
    }
}
