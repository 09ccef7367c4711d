namespace MiniDL.Backends.Cpu;

/// <summary>The CPU: float, SIMD, several threads; see <see cref="Workers"/> for why results don't depend on their number.</summary>
internal sealed partial class CpuBackend(Device device) : HostBackend(device)
{
    public override DType FloatType => DType.F32;

    private static Span<float> F(Tensor x) => x.Values<float>();
}
