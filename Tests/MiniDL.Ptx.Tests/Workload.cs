using MiniDL.Ptx.Tests.Interpreter;

namespace MiniDL.Ptx.Tests;

/// <summary>Something for the kernels to do, whose results are compared with the Reference device's or the CPU's.</summary>
/// <param name="name">What it is, for the list of tests.</param>
/// <param name="capability">What the GPU says that it has.</param>
/// <param name="run">Computes on the device that runs PTX, and asserts.</param>
internal sealed class Workload(string name, int capability, Precision precision, Action<Device> run, int sharedBytes = 0)
{
    private readonly Lazy<(IReadOnlyCollection<string> Kernels, Exception? Failure)> _outcome = new(() => Run(capability, precision, run, sharedBytes));

    public string Name => $"{name}, {precision}, {capability}".ToLowerInvariant();

    /// <summary>The kernels that it launched; it runs once, when first asked for.</summary>
    public IReadOnlyCollection<string> Kernels => _outcome.Value.Kernels;

    /// <summary>What the interpreter or a comparison found.</summary>
    public Exception? Failure => _outcome.Value.Failure;

    private static (IReadOnlyCollection<string>, Exception?) Run(int capability, Precision precision, Action<Device> run, int sharedBytes)
    {
        using var gpu = new PtxGpu(capability, precision, sharedBytes);
        Exception? failure = null;
        try { run(gpu.Device); }
        catch (Exception e) { failure = e; }
        return ([.. gpu.Launched.Keys], gpu.Faults.TryPeek(out string? fault) ? new PtxFault(fault) : failure);
    }
}
