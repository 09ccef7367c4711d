using MiniDL.Backends.Cuda;
using MiniDL.Tests.Core.Backends.Cuda.Ptx.Interpreter;

namespace MiniDL.Tests.Core.Backends.Cuda.Ptx;

/// <summary>
/// The shipped PTX, launched as the CUDA backend does and run by an interpreter: its results, and that no kernel touches memory that is not
/// its own, at odd addresses, or in an order that is left open.
/// </summary>
/// <remarks>
/// Results are compared within tolerances: the two compilers that make PTX and the emulator join other multiplications and additions
/// to one rounding. What only moves values, and what draws random numbers, is compared exactly.
/// </remarks>
public class InterpretedKernelTests
{
    public static TheoryData<string> Workloads => new(KernelWorkloads.All.Select(w => w.Name));

    [Theory, InlineData("sm_80"), InlineData("sm_90")]
    public void Every_kernel_can_be_interpreted(string target) =>
        Assert.All(PtxModule.KernelsOf(target), kernel => Assert.NotEmpty(PtxGpu.Program(target, kernel.Name).Steps));

    [GpuTheory, MemberData(nameof(Workloads))]
    public void Results_are_right(string workload) => Assert.Null(KernelWorkloads.All.Single(w => w.Name == workload).Failure);

    [GpuFact]
    public void Every_kernel_is_run() =>
        Assert.Empty(Kernels.All.Select(k => k.Name).Except(KernelWorkloads.All.SelectMany(w => w.Kernels)));
}
