namespace MiniDL;

/// <summary>A kind of device and what it can do, whether or not this machine has one.</summary>
/// <example><code>foreach (var kind in DeviceKind.All) Console.WriteLine(kind.Name);</code></example>
public sealed class DeviceKind
{
    private readonly Func<Device> _open;

    private DeviceKind(string name, Func<Device> open) => (Name, _open) = (name, open);

    /// <summary>The machine's processor: float, SIMD, several threads.</summary>
    public static DeviceKind Cpu { get; } = new("cpu", () => Device.Cpu) { IsMultithreaded = true };

    /// <summary>An NVIDIA GPU.</summary>
    public static DeviceKind Cuda { get; } = new("cuda", () => Device.Cuda)
    {
        Precisions = [Precision.Tf32, Precision.Fp32, Precision.Bf16],
        IsAsynchronous = true,
    };

    /// <summary>Naive loops in double precision.</summary>
    public static DeviceKind Reference { get; } = new("reference", () => Device.Reference);

    /// <summary>All kinds.</summary>
    public static IReadOnlyList<DeviceKind> All { get; } = [Cpu, Cuda, Reference];

    /// <summary>The name, as on the command line.</summary>
    public string Name { get; }

    /// <summary>The precisions that its convolutions support; the first is the default.</summary>
    public IReadOnlyList<Precision> Precisions { get; private init; } = [Precision.Fp32];

    /// <summary>Whether there is a choice of precisions.</summary>
    public bool HasPrecisions => Precisions.Count > 1;

    /// <summary>
    /// Whether calls return before their work is done, so that only reading values waits. If so, the host can look at one step
    /// while the device works on the next, steps can be recorded (<see cref="Device.Record"/>), and streams run concurrently
    /// (<see cref="Device.NewStream"/>).
    /// </summary>
    public bool IsAsynchronous { get; private init; }

    /// <summary>Whether the work of one operator is shared among the processor's threads.</summary>
    public bool IsMultithreaded { get; private init; }

    /// <summary>The kind with a name: cpu, cuda or reference.</summary>
    /// <exception cref="MiniDLException">There is none.</exception>
    public static DeviceKind Named(string name) => All.FirstOrDefault(kind => kind.Name == name)
        ?? throw new MiniDLException($"[device] there is no device '{Quote.Text(name)}'; choose one of {string.Join(", ", All)}.");

    /// <summary>This machine's device of this kind.</summary>
    /// <exception cref="MiniDLException">There is no usable one; the message says why, and what to do.</exception>
    public Device Open() => _open();

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
