using MiniDL.Backends.Cuda;

namespace MiniDL.Ptx.Tests;

/// <summary>What the C# side says about the kernels, against the PTX that is built in. Needs no GPU.</summary>
public class KernelTests
{
    [Fact]
    public void The_ptx_has_the_same_kernels_which_take_a_structure_of_the_size_of_their_arguments()
    {
        string[] ptx = [.. PtxModule.AllKernels.Select(k => k.Name)], known = [.. Kernels.All.Select(k => k.Name)];
        Assert.True(!ptx.Except(known).Any(), $"add to Kernels.All: {string.Join(", ", ptx.Except(known))}");
        Assert.True(!known.Except(ptx).Any(), $"include the .cu in a module and run compile.sh for: {string.Join(", ", known.Except(ptx))}");
        Assert.Equal(Kernels.All.Select(k => $"{k.Name} {k.ArgumentBytes}").Order(), PtxModule.AllKernels.Select(k => $"{k.Name} {k.ParameterBytes}").Order());
    }

    [Fact]
    public void Every_elementwise_function_has_its_kernels()
    {
        string[] Names(Type function) => [.. typeof(Tensor).Assembly.GetTypes().Where(type => type.IsValueType && function.IsAssignableFrom(type))
            .Select(type => (string)function.GetProperty("Name")!.GetValue(Activator.CreateInstance(type))!)];
        string[] kernels = [.. Kernels.All.Select(kernel => kernel.Name)];
        Assert.NotEmpty(Names(typeof(IUnaryFunction)));
        Assert.All(Names(typeof(IUnaryFunction)).SelectMany(name => new[] { $"map_{name}", $"map_{name}_gradient", $"map_{name}_bf16" }),
            kernel => Assert.Contains(kernel, kernels));
        Assert.All(Names(typeof(IBinaryFunction)).SelectMany(name => new[] { $"zip_{name}", $"zip_{name}_bf16" }),
            kernel => Assert.Contains(kernel, kernels));
    }

    [Fact]
    public void The_library_with_all_kernels_takes_a_megabyte() =>
        Assert.InRange(new FileInfo(typeof(Tensor).Assembly.Location).Length, 0, 1_000_000);
}
