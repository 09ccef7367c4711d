using MiniDL.Tests.Core.Backends.Cuda;
using Xunit.Abstractions;

namespace MiniDL.Tests.Golden;

/// <summary>Every case of the golden file on the GPU in one of its precisions: a class each, since classes run side by side.</summary>
public abstract class GoldenGpuTests(Precision precision, ITestOutputHelper output)
{
    [GpuFact]
    public void Every_case_agrees_with_PyTorch_on_the_gpu()
    {
        using var gpu = Gpu.Own(precision);
        GoldenTests.Walk(gpu.Device, GoldenLimits.Of(precision), $"golden on cuda in {precision.ToString().ToLowerInvariant()}", output);
    }
}

public class GoldenFp32Tests(ITestOutputHelper output) : GoldenGpuTests(Precision.Fp32, output);

public class GoldenTf32Tests(ITestOutputHelper output) : GoldenGpuTests(Precision.Tf32, output);

public class GoldenBf16Tests(ITestOutputHelper output) : GoldenGpuTests(Precision.Bf16, output);
