using MiniDL.Backends.Cuda;
using MiniDL.Tests.Core.Backends.Cuda.Ptx;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>What the C# side says about the kernels, against the PTX that is built in. Needs no GPU.</summary>
public class KernelTests
{
    [Theory, InlineData("sm_80"), InlineData("sm_90")]
    public void The_ptx_has_the_same_kernels_which_take_a_structure_of_the_size_of_their_arguments(string target)
    {
        var entries = PtxModule.KernelsOf(target).Select(k => $"{k.Name} {k.ParameterBytes}").Order();
        Assert.Equal(Kernels.All.Select(k => $"{k.Name} {k.ArgumentBytes}").Order(), entries);
    }
}
