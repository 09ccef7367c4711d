using MiniDL.Backends;
using MiniDL.Backends.Cpu;
using MiniDL.Backends.Cuda;
using MiniDL.Backends.Reference;

namespace MiniDL;

/// <summary>Where tensors live and operators run.</summary>
public sealed class Device : IDisposable
{
    private static readonly Lazy<Device> OpenedCuda = new(() => OpenCuda());

    private Device(string name, Func<Device, Backend> backend)
    {
        Name = name;
        Backend = backend(this);
    }

    /// <summary>The CPU: float, SIMD, several threads.</summary>
    public static Device Cpu { get; } = new("cpu", CpuBackend.Widest);

    /// <summary>Naive loops in double precision on one thread: slow, and what every other device is held to.</summary>
    public static Device Reference { get; } = new("reference", device => new ReferenceBackend(device));

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
    internal static Device OpenCuda(string? library = null) =>
        new("cuda", device => new CudaBackend(device, new CudaStream(new CudaContext(new CudaApi(library)))));

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
    public Device NewStream() => Backend is not CudaBackend cuda ? this
        : new(Name, device => new CudaBackend(device, new CudaStream(cuda.Context), cuda.Home) { Precision = cuda.Precision });

    /// <summary>
    /// Ends a device that <see cref="NewStream"/> made, once its work is done: its memory goes back to the GPU, and its tensors can no
    /// longer be used. Other devices stay as they are.
    /// </summary>
    public void Dispose()
    {
        if (Backend is CudaBackend cuda && cuda.Home != this) cuda.Stream.Dispose();
    }

    /// <summary>The device of a name: cpu, cuda or reference.</summary>
    /// <exception cref="MiniDLException">There is no such device.</exception>
    public static Device Named(string name) => name switch
    {
        "cpu" => Cpu,
        "cuda" => Cuda,
        "reference" => Reference,
        _ => throw new MiniDLException($"[device] there is no device '{Quote.Text(name)}'; choose one of {string.Join(", ", Names)}."),
    };

    /// <summary>The names of all kinds of devices.</summary>
    public static IReadOnlyList<string> Names { get; } = ["cpu", "cuda", "reference"];

    /// <summary>The name, as on the command line.</summary>
    public string Name { get; }

    /// <summary>The type its operators compute in: <see cref="DType.F32"/>, on Reference <see cref="DType.F64"/>.</summary>
    public DType FloatType => Backend.FloatType;

    /// <summary>
    /// What a GPU's convolutions compute in, and what images are kept in between operators; <see cref="Precision.Tf32"/> by default,
    /// as in PyTorch. Other devices compute in <see cref="FloatType"/> whatever is set. Set it before a step is captured.
    /// </summary>
    public Precision Precision
    {
        get => Backend is CudaBackend cuda ? cuda.Precision : Precision.Fp32;
        set
        {
            if (Backend is CudaBackend cuda) cuda.Precision = value;
        }
    }

    /// <summary>A step to run again and again, which a GPU records and repeats as a whole; nothing runs yet.</summary>
    /// <param name="step">The step, all of it on this device; what it returns is handed out by <see cref="RecordedStep.Run"/>.</param>
    public RecordedStep Record(Func<Tensor[]> step) => Backend.Record(step);

    /// <summary>The primitives that operators are written in.</summary>
    public Backend Backend { get; }

    /// <summary>The name; of a GPU's further streams with a number.</summary>
    public override string ToString() => Backend is CudaBackend cuda && cuda.Home != this ? $"{Name} (stream {cuda.Stream.Number})" : Name;
}

/// <summary>What a GPU computes convolutions in. Sums, statistics, parameters and their gradients are float in all of them.</summary>
public enum Precision
{
    /// <summary>Float throughout.</summary>
    Fp32,

    /// <summary>Operands of convolutions rounded to 10 bits of mantissa, for tensor cores.</summary>
    Tf32,

    /// <summary>
    /// What convolutions give, and what is computed of it up to the classifier, is stored as <see cref="DType.BF16"/>, 7 bits of mantissa
    /// and half the memory; convolutions round their weights alike. Statistics, parameters and the optimizer stay float.
    /// </summary>
    Bf16,
}
