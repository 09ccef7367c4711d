using MiniDL.Backends;
using MiniDL.Backends.Cpu;
using MiniDL.Backends.Cuda;
using MiniDL.Backends.Reference;

namespace MiniDL;

/// <summary>Where tensors live and operators run.</summary>
public sealed class Device : IDisposable
{
    private static readonly Lazy<Device> OpenedCuda = new(() => OpenCuda());

    /// <summary>The device that this one was asked of for another precision; itself otherwise.</summary>
    private readonly Device _origin;

    private readonly Dictionary<Precision, Device> _inOtherPrecisions = [];

    private Device(DeviceKind kind, Func<Device, Backend> backend, Device? origin = null)
    {
        (Kind, _origin) = (kind, origin ?? this);
        Backend = backend(this);
    }

    /// <summary>The CPU: float, SIMD, several threads.</summary>
    public static Device Cpu { get; } = new(DeviceKind.Cpu, CpuBackend.Widest);

    /// <summary>Naive loops in double precision on one thread: slow, and what every other device is held to.</summary>
    public static Device Reference { get; } = new(DeviceKind.Reference, device => new ReferenceBackend(device));

    /// <summary>The first NVIDIA GPU: float, through the display driver's library (or that which MINIDL_CUDA_LIB names).</summary>
    /// <exception cref="MiniDLException">There is none that can be used; the message says why, and what to do.</exception>
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

    /// <summary>The GPU of a driver library that is not the system's.</summary>
    internal static Device OpenCuda(string? library = null, Precision precision = Precision.Tf32) => new(DeviceKind.Cuda,
        device => new CudaBackend(device, new CudaStream(new CudaContext(new CudaApi(library))), precision));

    /// <summary>The device of a name: cpu, cuda or reference.</summary>
    /// <exception cref="MiniDLException">There is no such device.</exception>
    public static Device Named(string name) => DeviceKind.Named(name).Open();

    /// <summary>What it can do.</summary>
    public DeviceKind Kind { get; }

    /// <summary>The name, as on the command line.</summary>
    public string Name => Kind.Name;

    /// <summary>The type its operators compute in: <see cref="DType.F32"/>, on Reference <see cref="DType.F64"/>.</summary>
    public DType FloatType => Backend.FloatType;

    /// <summary>
    /// What its convolutions compute in, and what images are kept in between operators: on a GPU <see cref="Precision.Tf32"/>, as in
    /// PyTorch, unless it was asked for <see cref="In">in another</see>; <see cref="Precision.Fp32"/> on other devices, which ignore it.
    /// </summary>
    public Precision Precision => Backend.Precision;

    /// <summary>The primitives that operators are written in.</summary>
    public Backend Backend { get; }

    /// <summary>
    /// This device in another precision: asked for again, it is the same one. Both share a stream and its memory, but tensors belong to the one
    /// that they were made on; <see cref="Tensor.To(Device)"/> moves them.
    /// </summary>
    /// <exception cref="MiniDLException">It has no such precision.</exception>
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
    /// Another stream of the same GPU, of the same precision: a device of its own, whose work runs beside that of the others, each in its
    /// order. Small models and batches fill a GPU only together. Tensors belong to the device they were made on;
    /// <see cref="Tensor.To(Device)"/> moves them. Devices that are no GPU have one stream: themselves.
    /// </summary>
    /// <returns>The device. <see cref="Dispose"/> gives its memory back; forgotten, it goes when the next one is made.</returns>
    /// <example><code>
    /// using var stream = Device.Cuda.NewStream();
    /// var model = new ResNet(20, norm, random).To(stream);
    /// </code></example>
    public Device NewStream() => Kind.IsAsynchronous ? new(Kind, device => Backend.NewStream(device, Precision)) { EndsWithDispose = true } : this;

    /// <summary>Whether it is one of its own, rather than one that all share.</summary>
    private bool EndsWithDispose { get; init; }

    /// <summary>
    /// Ends a device that <see cref="NewStream"/> made, once its work is done, in all its precisions: its memory goes back to the GPU, and its
    /// tensors can no longer be used. Other devices stay as they are, and nothing happens to one that all share.
    /// </summary>
    public void Dispose()
    {
        if (EndsWithDispose) Backend.End();
    }

    /// <summary>A step to run again and again, which a GPU records and repeats as a whole; nothing runs yet.</summary>
    /// <param name="step">The step, all of it on this device; what it returns is handed out by <see cref="RecordedStep.Run"/>.</param>
    public RecordedStep Record(Func<Tensor[]> step) => Backend.Record(step);

    /// <summary>The name; with the precision where that is not the default, and of a GPU's further streams with a number.</summary>
    public override string ToString() =>
        $"{Name}{(Precision == Kind.Precisions[0] ? "" : $" in {Lower(Precision)}")}{(_origin.EndsWithDispose ? $" (stream {Backend.StreamNumber})" : "")}";

    private static string Lower(Precision precision) => precision.ToString().ToLowerInvariant();
}
