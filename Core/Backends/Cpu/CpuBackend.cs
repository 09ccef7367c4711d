using System.Runtime.Intrinsics;

namespace MiniDL.Backends.Cpu;

/// <summary>Makes the backend for this machine's processor.</summary>
internal static class CpuBackend
{
    /// <summary>The width in bits of the widest registers that the runtime uses here: 512, 256, 128, or 32 for single floats.</summary>
    public static int Width { get; } =
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 32;

    /// <summary>The backend for registers of that width; kernels are compiled only for it.</summary>
    public static Backend Widest(Device device) => Width switch
    {
        512 => new CpuBackend<Simd512>(device),
        256 => new CpuBackend<Simd256>(device),
        128 => new CpuBackend<Simd128>(device),
        _ => new CpuBackend<SimdScalar>(device),
    };
}

/// <summary>
/// The CPU: float, SIMD with registers <typeparamref name="V"/>, several threads; <see cref="Workers"/> explains why results do not
/// depend on their number.
/// </summary>
internal sealed partial class CpuBackend<V>(Device device) : HostBackend(device) where V : unmanaged, ISimd<V>
{
    public override DType FloatType => DType.F32;

    private static Span<float> F(Tensor x) => x.Raw<float>();
}
