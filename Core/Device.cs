using MiniDL.Backends;
using MiniDL.Backends.Cpu;
using MiniDL.Backends.Cuda;
using MiniDL.Backends.Reference;

namespace MiniDL;

/// <summary>Where tensors live and operators run.</summary>
public sealed class Device : IDisposable
{
    private static readonly Lazy<Device> OpenedCuda = new(() => OpenCuda());

    /// <summary>The device from which this one was derived for another precision; otherwise itself.</summary>
    private readonly Device _origin;

    private readonly Dictionary<Precision, Device> _inOtherPrecisions = [];

    private Device(DeviceKind kind, Func<Device, Backend> backend, Device? origin = null)
    {
        (Kind, _origin) = (kind, origin ?? this);
        Backend = backend(this);
    }

    /// <summary>The CPU: float, SIMD, several threads.</summary>
    public static Device Cpu { get; } = new(DeviceKind.Cpu, CpuBackend.Widest);

    /// <summary>Naive loops in double precision on one thread: slow, and the standard that every other device is tested against.</summary>
    public static Device Reference { get; } = new(DeviceKind.Reference, device => new ReferenceBackend(device));

    /// <summary>The first NVIDIA GPU: float, through the display driver's library (or the one named by MINIDL_CUDA_LIB).</summary>
    /// <exception cref="MiniDLException">There is no usable GPU; the message says why, and what to do.</exception>
    public static Device Cuda => OpenedCuda.Value;

    /// <summary>Whether <see cref="Cuda"/> can be used.</summary>
    public static bool HasCuda
    {
        get
        {
            try
            {
                return Cuda is not null;
            }
            catch (MiniDLException)
            {
                return false;
            }
        }
    }

    /// <summary>The GPU of another driver library than the system's.</summary>
    internal static Device OpenCuda(string? library = null, Precision precision = Precision.Tf32) => new(DeviceKind.Cuda,
        device => new CudaBackend(device, new CudaStream(new CudaContext(new CudaApi(library))), precision));

    /// <summary>The device with a name: cpu, cuda or reference.</summary>
    /// <exception cref="MiniDLException">There is no such device.</exception>
    public static Device Named(string name) => DeviceKind.Named(name).Open();

    /// <summary>The kind of device, which says what it can do.</summary>
    public DeviceKind Kind { get; }

    /// <summary>The name, as on the command line.</summary>
    public string Name => Kind.Name;

    /// <summary>The type in which its operators compute: <see cref="DType.F32"/>, on Reference <see cref="DType.F64"/>.</summary>
    public DType FloatType => Backend.FloatType;

    /// <summary>
    /// The precision of its convolutions, and of images between operators: on a GPU <see cref="Precision.Tf32"/>, as in
    /// PyTorch, unless <see cref="In">another one</see> was asked for; other devices always have <see cref="Precision.Fp32"/>.
    /// </summary>
    public Precision Precision => Backend.Precision;

    /// <summary>The primitives that operators are written in.</summary>
    public Backend Backend { get; }

    /// <summary>
    /// This device in another precision; the same precision always gives the same device. Both share a stream and its memory, but tensors
    /// belong to the one on which they were made; <see cref="Tensor.To(Device)"/> moves them.
    /// </summary>
    /// <exception cref="MiniDLException">The device does not support the precision.</exception>
    /// <example><code>
    /// var device = Device.Cuda.In(Precision.Bf16);
    /// var model = new ResNet(20, norm, random).To(device);
    /// </code></example>
    public Device In(Precision precision)
    {
        if (precision == Precision) return this;
        if (!Kind.Precisions.Contains(precision))
            throw new MiniDLException($"[device] {this} cannot compute in {Lower(precision)}: only GPUs have a choice of precisions.");
        if (precision == _origin.Precision) return _origin;
        lock (_origin._inOtherPrecisions)
        {
            if (!_origin._inOtherPrecisions.TryGetValue(precision, out var other))
                _origin._inOtherPrecisions[precision] = other = new Device(Kind, device => Backend.InPrecision(device, precision), _origin);
            return other;
        }
    }

    /// <summary>
    /// Another stream of the same GPU, in the same precision: a separate device whose work runs concurrently with that of the others, each
    /// in its own order. Small models and batches fill a GPU only together. Tensors belong to the device on which they were made;
    /// <see cref="Tensor.To(Device)"/> moves them. A device that is not a GPU has one stream and returns itself.
    /// </summary>
    /// <returns>The device. <see cref="Dispose"/> frees its memory; otherwise, after garbage collection, making the next stream does.</returns>
    /// <example><code>
    /// using var stream = Device.Cuda.NewStream();
    /// var model = new ResNet(20, norm, random).To(stream);
    /// </code></example>
    public Device NewStream() => Kind.IsAsynchronous ? new(Kind, device => Backend.NewStream(device, Precision)) { EndsWithDispose = true } : this;

    /// <summary>Whether the device belongs to whoever made it, rather than being shared by all.</summary>
    private bool EndsWithDispose { get; init; }

    /// <summary>
    /// Ends a device made by <see cref="NewStream"/>, in all its precisions, once its work is done: its memory goes back to the GPU, and its
    /// tensors can no longer be used. Other devices are not affected, and on a device that is shared by all this does nothing.
    /// </summary>
    public void Dispose()
    {
        if (EndsWithDispose) Backend.End();
    }

    /// <summary>A step to be run many times, which a GPU records and repeats as a whole; nothing runs yet.</summary>
    /// <param name="step">The step, all of it on this device; <see cref="RecordedStep.Run"/> returns its result.</param>
    public RecordedStep Record(Func<Tensor[]> step) => Backend.Record(step);

    /// <summary>The name; plus the precision if it is not the default, and a number for additional streams of a GPU.</summary>
    public override string ToString() =>
        $"{Name}{(Precision == Kind.Precisions[0] ? "" : $" in {Lower(Precision)}")}{(_origin.EndsWithDispose ? $" (stream {Backend.StreamNumber})" : "")}";

    private static string Lower(Precision precision) => precision.ToString().ToLowerInvariant();
}
