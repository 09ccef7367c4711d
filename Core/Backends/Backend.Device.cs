using MiniDL.Diagnostics;
using MiniDL.Memory;

namespace MiniDL.Backends;

// The part of a backend besides its primitives. The defaults suit a device with one stream whose calls return when their work is done.
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

    /// <summary>Waits until all work submitted to the device is done: for measuring times.</summary>
    public virtual void Synchronize()
    {
    }

    /// <summary>A description of the hardware, for reports.</summary>
    public virtual string Description => Device.Name;

    /// <summary>The precision of convolutions.</summary>
    internal virtual Precision Precision => Precision.Fp32;

    /// <summary>The device whose tensors all streams of this hardware can read, and which is never disposed of.</summary>
    internal virtual Device Home => Device;

    /// <summary>The backend of another stream of this hardware; only called on asynchronous devices.</summary>
    internal virtual Backend NewStream(Device device, Precision precision) => throw new NotSupportedException($"{Device} has one stream.");

    /// <summary>The backend of this stream in another precision; only called with precisions of the device's kind.</summary>
    internal virtual Backend InPrecision(Device device, Precision precision) => throw new NotSupportedException($"{Device} has one precision.");

    /// <summary>The number of the stream, from 1.</summary>
    internal virtual int StreamNumber => 1;

    /// <summary>Releases what a stream holds.</summary>
    internal virtual void End()
    {
    }

    /// <summary>Other ways to run a step, by name; each must give the same bits. Disposing of what Enter returns ends the way.</summary>
    internal virtual IReadOnlyList<(string Name, Func<IDisposable> Enter)> OtherWays => [];

    /// <summary>What the compiler made of the kernels; null if the device needs none.</summary>
    internal virtual KernelReport? CompiledKernels => null;

    // ---- memory ------------------------------------------------------------------------------------------------------------

    /// <summary>Bytes of all tensor storage ever created on the device: constant in the steady state of a training loop.</summary>
    public long CreatedStorageBytes => _pool.CreatedBytes;

    /// <summary>Releases pooled storage that is not in use.</summary>
    public virtual void TrimPool() => _pool.Trim();

    /// <summary>The pool of the device, as opposed to that of a recorded step.</summary>
    private protected StoragePool OwnPool => _pool;

    /// <summary>The pool that memory is taken from.</summary>
    internal virtual StoragePool Pool => _pool;

    private protected abstract Storage Create(DType type, int capacity);

    // ---- repeated steps -------------------------------------------------------------------------------------------------------

    /// <summary>A step to be run many times, recorded if the device can.</summary>
    internal virtual RecordedStep Record(Func<Tensor[]> step) => new PlainStep(step);

    /// <summary>Whether a step is being recorded on this thread, so that the host cannot read values.</summary>
    internal virtual bool IsRecording => false;

    /// <summary>
    /// A scalar that may change from step to step. In a recorded step the value is asked for again before every repetition.
    /// </summary>
    internal virtual Tensor Changing(Func<double> value) => Tensor.Full(Shape.Scalar, value(), Device);

    /// <summary>Does something on the host each time the step runs: now, or, in a recorded step, before every repetition.</summary>
    internal virtual void OnEachRun(Action action) => action();
}
