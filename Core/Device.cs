using MiniDL.Backends;
using MiniDL.Backends.Cpu;
using MiniDL.Backends.Reference;

namespace MiniDL;

/// <summary>Where tensors live and operators run.</summary>
public sealed class Device
{
    private Device(string name, Func<Device, Backend> backend)
    {
        Name = name;
        Backend = backend(this);
    }

    /// <summary>The CPU: float, SIMD, several threads.</summary>
    public static Device Cpu { get; } = new("cpu", CpuBackend.Widest);

    /// <summary>Naive loops in double precision on one thread: slow, and what every other device is held to.</summary>
    public static Device Reference { get; } = new("reference", device => new ReferenceBackend(device));

    /// <summary>The name, as on the command line.</summary>
    public string Name { get; }

    /// <summary>The type its operators compute in: <see cref="DType.F32"/>, on Reference <see cref="DType.F64"/>.</summary>
    public DType FloatType => Backend.FloatType;

    /// <summary>The primitives that operators are written in.</summary>
    public Backend Backend { get; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
