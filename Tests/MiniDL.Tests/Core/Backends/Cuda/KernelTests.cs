using System.Text;
using System.Text.RegularExpressions;
using MiniDL.Backends.Cuda;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>The PTX that is built in, against what the C# side says about it. Needs no GPU.</summary>
public partial class KernelTests
{
    [Theory, InlineData("sm_80"), InlineData("sm_90")]
    public void Every_kernel_is_in_the_ptx_and_takes_a_structure_of_the_size_of_its_arguments(string target)
    {
        var entries = Entries(Encoding.ASCII.GetString(CudaModules.Ptx(target)));
        Assert.Empty(Kernels.All.Select(k => $"{k.Name} {k.ArgumentBytes}").Except(entries.Select(e => $"{e.Name} {e.Bytes}")));
    }

    [Theory, InlineData("sm_80"), InlineData("sm_90")]
    public void The_ptx_is_of_the_version_that_the_oldest_driver_reads(string target)
    {
        string ptx = Encoding.ASCII.GetString(CudaModules.Ptx(target));
        Assert.Contains($".target {target}", ptx);
        Assert.Contains(".version 7.8", ptx);
    }

    [Theory, InlineData("sm_80"), InlineData("sm_90")]
    public void Kernels_keep_their_values_in_registers_and_know_which_memory_they_address(string target)
    {
        // Local memory is where registers spill to, and arrays whose address is taken; a call passes values through it. A load without
        // a space finds out at run time which memory the address is in.
        string ptx = Encoding.ASCII.GetString(CudaModules.Ptx(target));
        Assert.DoesNotContain(".local", ptx);
        Assert.DoesNotMatch(@"(?m)^\s*(@!?%p\d+ )?call", ptx);
        Assert.DoesNotMatch(@"(?m)^\s*(@!?%p\d+ )?(ld|st)(\.volatile)?\.(v[24]\.)?[fbus]\d", ptx);
    }

    [Theory, InlineData("sm_80"), InlineData("sm_90")]
    public void Every_kernel_says_how_large_its_blocks_are(string target)
    {
        string ptx = Encoding.ASCII.GetString(CudaModules.Ptx(target));
        Assert.Equal(Entries(ptx).Count, Regex.Count(ptx, @"(?m)^\.maxntid \d+, 1, 1"));
    }

    private static List<(string Name, int Bytes)> Entries(string ptx) =>
        [.. Entry().Matches(ptx).Select(m => (m.Groups[1].Value, int.Parse(m.Groups[2].Value)))];

    [GeneratedRegex(@"\.visible \.entry (\w+)\(\s*\.param \.align \d+ \.b8 \w+\[(\d+)\]")]
    private static partial Regex Entry();
}
