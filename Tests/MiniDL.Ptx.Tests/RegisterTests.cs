using Xunit.Abstractions;

namespace MiniDL.Ptx.Tests;

/// <summary>Whether kernels fit the registers that a thread can have when blocks are as large as they say.</summary>
public class RegisterTests(ITestOutputHelper output)
{
    private const int OfMultiprocessor = 65536, MaxOfThread = 255, Granule = 8;

    /// <summary>
    /// What the assembler may want beside the values. ptxas 11.8 takes up to 18 more where there are enough; near the limit it makes do
    /// (group_norm_gradient: 118 values, 113 registers of 128). Whether it spills, registers.sh says where it is installed.
    /// </summary>
    private const int Spare = 8;

    [Fact]
    public void Values_that_live_at_once_fit()
    {
        var over = new List<string>();
        foreach (var kernel in PtxModule.AllKernels)
        {
            int limit = Math.Min(MaxOfThread, OfMultiprocessor / kernel.MaxThreads / Granule * Granule);
            var (words, at) = PtxLiveness.Max(kernel);
            string line = $"{kernel.Name}: {words} of {limit} registers, at {at}";
            output.WriteLine(line);
            if (words + Spare > limit) over.Add(line);
        }
        Assert.Empty(over);
    }
}
