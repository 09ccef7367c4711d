using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Training;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>How many kernels a training step is: where images are few, its time is that of the launches.</summary>
public class LaunchCountTests
{
    [GpuTheory]
    [InlineData("bn", Precision.Tf32, 84)]
    [InlineData("bn", Precision.Bf16, 86)]
    [InlineData("gn", Precision.Tf32, 69)]
    public void A_step_of_ResNet_8_launches_so_many_kernels_at_most(string norm, Precision precision, int most)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open(precision);
        var random = new RandomStream(1);
        var model = new ResNet(8, NormFactory.Named(norm), random).To(device);
        var sgd = new Sgd(model.Parameters(), 0.1f, momentum: 0.9f, weightDecay: 1e-4f);
        Tensor images = Tensor.Normal([2, 3, 8, 8], random, device: device), labels = Tensor.From([1L, 2], [2], device);
        long before = 0;
        for (int step = 0; step < 2; step++)
        {
            // The first step makes gradients and velocities.
            device.Backend.Synchronize();
            before = fake.Get("launches");
            SgdTraining.Step(model, sgd, images, labels);
        }
        device.Backend.Synchronize();
        Assert.InRange(fake.Get("launches") - before, most / 2, most);
    }

    [GpuFact]
    public void Running_statistics_take_one_launch_and_are_those_of_the_cpu()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        foreach (var make in new Func<Norm>[] { () => new BatchNorm2d(300), () => new BatchNorm2d(5, momentum: null),
            () => new InstanceNorm2d(5, trackRunningStats: true) })
        {
            Norm there = make(), here = make();
            there.To(device);
            int channels = there is BatchNorm { Momentum: not null } ? 300 : 5;
            for (int batch = 0; batch < 3; batch++)
            {
                Tensor On(Device on) => Agreement.Normal(on, [4, channels, 3, 2], batch, mean: 2);
                there.Forward(On(device));
                here.Forward(On(Device.Cpu));
            }
            foreach (var (name, value) in here.StateDict())
                foreach (var (a, b) in value.ToArray<double>().Zip(there.StateDict()[name].ToArray<double>())) Assert.Equal(a, b, 1e-5);
        }
        Tensor mean = Tensor.Zeros([9], device), variance = Tensor.Ones([9], device), count = Tensor.Zeros(Shape.Scalar, device, DType.I64);
        device.Backend.Synchronize();
        long before = fake.Get("launches");
        device.Backend.UpdateRunning(mean, variance, count, mean, variance, 1, 0.1, 1);
        device.Backend.Synchronize();
        Assert.Equal(1, fake.Get("launches") - before);
    }
}
