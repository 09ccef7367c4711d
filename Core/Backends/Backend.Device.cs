using MiniDL.Diagnostics;
using MiniDL.Memory;

namespace MiniDL.Backends;

// What a backend is beside its primitives, with defaults that are right for a device of one stream whose calls return when their work is done.
public abstract partial class Backend
{
    private readonly StoragePool _pool;

    private protected Backend(Device device)
    {
        Device = device;
        _pool = new StoragePool(Create);
    }

    /// <summary>The device this is the backend of.</summary>
    public Device Device { get; }

    /// <summary>Waits until everything that was asked of the device is done: for measuring times.</summary>
    public virtual void Synchronize()
    {
    }

    /// <summary>What the hardware is, for reports.</summary>
    public virtual string Description => Device.Name;

    /// <summary>What convolutions compute in.</summary>
    internal virtual Precision Precision => Precision.Fp32;

    /// <summary>The device whose tensors all streams of this hardware can read, and which is never disposed of.</summary>
    internal virtual Device Home => Device;

    /// <summary>The backend of another stream of this hardware; only asked of devices whose work is asynchronous.</summary>
    internal virtual Backend NewStream(Device device, Precision precision) => throw new NotSupportedException($"{Device} has one stream.");

    /// <summary>The backend of this stream in another precision; only asked for those of the device's kind.</summary>
    internal virtual Backend InPrecision(Device device, Precision precision) => throw new NotSupportedException($"{Device} has one precision.");

    /// <summary>Counts the streams, from 1.</summary>
    internal virtual int StreamNumber => 1;

    /// <summary>Gives back what a stream has.</summary>
    internal virtual void End()
    {
    }

    /// <summary>Other ways of running a step, by name, each of which must give the same bits. What Enter gives ends the way when it is disposed of.</summary>
    internal virtual IReadOnlyList<(string Name, Func<IDisposable> Enter)> OtherWays => [];

    /// <summary>What a compiler has made of the kernels; null where they need none.</summary>
    internal virtual KernelReport? CompiledKernels => null;

    // ---- memory ------------------------------------------------------------------------------------------------------------

    /// <summary>Bytes of all tensor storage that was ever created on the device: constant in the steady state of a training loop.</summary>
    public long CreatedStorageBytes => _pool.CreatedBytes;

    /// <summary>Lets go of pooled storage that is not in use.</summary>
    public virtual void TrimPool() => _pool.Trim();

    /// <summary>The pool of the device, rather than of a recorded step.</summary>
    private protected StoragePool OwnPool => _pool;

    /// <summary>Where memory is taken from.</summary>
    internal virtual StoragePool Pool => _pool;

    private protected abstract Storage Create(DType type, int capacity);

    // ---- steps that are run again and again ------------------------------------------------------------------------------------

    /// <summary>A step to run again and again, recorded where the device can.</summary>
    internal virtual RecordedStep Record(Func<Tensor[]> step) => new PlainStep(step);

    /// <summary>
    /// A scalar of a step. Where the step is recorded to be repeated, the value is asked anew before every repetition.
    /// </summary>
    internal virtual Tensor Changing(Func<double> value) => Tensor.Full(Shape.Scalar, value(), Device);

    /// <summary>Does something on the host whenever the step is run: now, or before every repetition of one that is recorded.</summary>
    internal virtual void OnEachRun(Action action) => action();
}
