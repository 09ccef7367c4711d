using MiniDL.Backends.Cuda;
using MiniDL.Layers;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>Kernels come in modules, of which a program loads those that it needs.</summary>
public class ModuleTests
{
    [GpuFact]
    public void A_module_is_loaded_when_the_first_of_its_kernels_is_asked_for()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        Assert.Equal(0, fake.Get("modules"));
        Tensor x = Tensor.Ones([1, 2, 4, 4], device).ToLayout(Layout.ChannelsLast), narrow = x.To(DType.BF16);
        Assert.Equal(1, fake.Get("modules"));
        x.MaxPool2d((2, 2));
        Assert.Equal(2, fake.Get("modules"));
        narrow.MaxPool2d((2, 2));
        narrow.Relu();
        Assert.Equal(3, fake.Get("modules"));
    }

    [GpuTheory, InlineData(Precision.Fp32, "F32"), InlineData(Precision.Tf32, "F32 Tf32"), InlineData(Precision.Bf16, "Bf16")]
    public void A_convolutional_step_needs_the_modules_of_its_precision_only(Precision precision, string modules)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open(precision);
        var random = new RandomStream(1);
        var model = new ResNet(8, NormFactory.Named("bn"), random).To(device);
        Loss.CrossEntropy(model.Forward(Tensor.Normal([2, 3, 8, 8], random, device: device)), Tensor.From([1L, 2], [2], device)).Backward();
        Assert.Equal(1 + modules.Split(' ').Length, fake.Get("modules"));
    }

    [GpuFact]
    public void A_kernel_that_is_first_needed_in_a_recorded_step_is_named_with_the_remedy()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var x = Tensor.Ones([1, 2, 4, 4], device);
        int runs = 0;
        using var graph = device.Record(() => [runs++ < 2 ? x.Relu() : x.To(DType.BF16)]);
        graph.Run();
        graph.Run();
        string message = Assert.Throws<MiniDLException>(() => graph.Run()).Message;
        Assert.StartsWith("[record] the kernel convert_f32_bf16 was asked for first", message);
    }

    [Fact]
    public void Every_kernel_is_in_its_module()
    {
        foreach (var module in Enum.GetValues<KernelModule>())
        {
            string ptx = System.Text.Encoding.ASCII.GetString(CudaModules.Ptx(module));
            Assert.All(Kernels.All.Where(k => k.Module == module), kernel => Assert.Contains($".entry {kernel.Name}(", ptx));
        }
    }
}
