using System.Runtime.Intrinsics;

namespace MiniDL.Backends.Cpu;

/// <summary>Makes the backend for the processor at hand.</summary>
internal static class CpuBackend
{
    /// <summary>The backend with the widest registers that the processor has; 128 bits the runtime imitates where it must.</summary>
    public static Backend Widest(Device device) =>
        Vector512.IsHardwareAccelerated ? new CpuBackend<Simd512>(device)
        : Vector256.IsHardwareAccelerated ? new CpuBackend<Simd256>(device)
        : new CpuBackend<Simd128>(device);
}

/// <summary>
/// The CPU: float, SIMD with registers <typeparamref name="V"/>, several threads; see <see cref="Workers"/> for why results don't
/// depend on their number.
/// </summary>
internal sealed partial class CpuBackend<V>(Device device) : HostBackend(device) where V : unmanaged, ISimd<V>
{
    public override DType FloatType => DType.F32;

    private static Span<float> F(Tensor x) => x.Values<float>();
}
