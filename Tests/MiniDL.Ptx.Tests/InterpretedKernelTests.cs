using MiniDL.Backends.Cuda;
using MiniDL.Ptx.Tests.Interpreter;
using Xunit.Abstractions;

namespace MiniDL.Ptx.Tests;

/// <summary>
/// The shipped PTX, launched as the CUDA backend does and run by an interpreter: its results, and that no kernel touches memory that is not
/// its own, at odd addresses, or in an order that is left open.
/// </summary>
/// <remarks>
/// Results are compared within tolerances: the two compilers that make PTX and the emulator join other multiplications and additions
/// to one rounding. What only moves values, and what draws random numbers, is compared exactly.
/// </remarks>
public class InterpretedKernelTests(ITestOutputHelper output)
{
    public static TheoryData<string> Workloads => new(KernelWorkloads.All.Select(w => w.Name));

    [Fact]
    public void Every_kernel_can_be_interpreted() =>
        Assert.All(PtxModule.AllKernels, kernel => Assert.NotEmpty(PtxGpu.Program(kernel.Name).Steps));

    [GpuTheory, MemberData(nameof(Workloads))]
    public void Results_are_right(string workload) => Assert.Null(KernelWorkloads.All.Single(w => w.Name == workload).Failure);

    [GpuFact]
    public void Every_kernel_is_run_and_nearly_every_instruction()
    {
        Assert.Empty(Kernels.All.Select(k => k.Name).Except(KernelWorkloads.All.SelectMany(w => w.Kernels)));
        var (total, ranOfAll) = (0, 0);
        foreach (var kernel in Kernels.All)
        {
            // Some never can: the backend gives the convolutions' gradients no bias, and a chunk always has a tile.
            var steps = PtxGpu.Program(kernel.Name).HasRun;
            var (instructions, ran) = (steps.Length, steps.Count(one => one));
            string line = $"{kernel.Name}: {ran} of {instructions} instructions";
            output.WriteLine(line);
            Assert.True(ran > 0.6 * instructions, $"{line}; a workload should go its other ways");
            (total, ranOfAll) = (total + instructions, ranOfAll + ran);
        }
        output.WriteLine($"all: {ranOfAll} of {total} instructions");
        Assert.InRange((double)ranOfAll / total, 0.95, 1);
    }
}
