using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Core;

public class DeviceTests
{
    [GpuFact]
    public void A_precision_is_that_of_a_device_and_asking_for_it_changes_no_other()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var half = device.In(Precision.Bf16);
        Assert.Equal((Precision.Tf32, Precision.Bf16), (device.Precision, half.Precision));
        Assert.Same(device, device.In(Precision.Tf32));
        Assert.Same(half, device.In(Precision.Bf16));
        Assert.Same(device, half.In(Precision.Tf32));
        Assert.Same(device.In(Precision.Fp32), half.In(Precision.Fp32));
        Assert.Equal(("cuda", "cuda in bf16"), (device.ToString(), half.ToString()));
        using var stream = half.NewStream();
        Assert.Equal(Precision.Bf16, stream.Precision);
        Assert.StartsWith("cuda in bf16 (stream ", stream.ToString());
        Assert.StartsWith("cuda in fp32 (stream ", stream.In(Precision.Fp32).ToString());

        // Ending a device that all share would leave others without: only streams that somebody made end.
        half.Dispose();
        Assert.Equal(5, Tensor.Full([3], 5, half).ToArray()[2]);
        string mixed = Assert.Throws<ShapeException>(() => Tensor.Ones([2], device) + Tensor.Ones([2], half)).Message;
        Assert.Contains("cuda in bf16", mixed, StringComparison.Ordinal);
    }

    [GpuFact]
    public void Memory_that_one_precision_keeps_for_later_serves_another()
    {
        const int megabyte = 1 << 18;
        using var fake = Gpu.OwnFake();
        fake.Set("memory", 64 << 20);
        var device = fake.Open();
        for (int round = 0; round < 2; round++)
            foreach (var precision in new[] { Precision.Tf32, Precision.Fp32, Precision.Bf16 })
                using (Scope.Step())
                    for (int i = 0; i < 4; i++) Assert.Equal(1, Tensor.Ones([8 * megabyte + i * megabyte], device.In(precision)).Slice(0, 0, 1).Item());
    }

    [Fact]
    public void A_precision_that_a_device_does_not_have_is_refused()
    {
        Assert.Same(Device.Cpu, Device.Cpu.In(Precision.Fp32));
        string message = Assert.Throws<MiniDLException>(() => Device.Cpu.In(Precision.Bf16)).Message;
        Assert.Equal("[device] cpu cannot compute in bf16: only GPUs have a choice of precisions.", message);
    }

    [Fact]
    public void Kinds_are_known_before_a_device_is_opened()
    {
        Assert.Equal(["cpu", "cuda", "reference"], DeviceKind.All.Select(kind => kind.Name));
        Assert.Equal(Precision.Tf32, DeviceKind.Named("cuda").Precisions[0]);
        Assert.False(DeviceKind.Cpu.IsAsynchronous);
        Assert.Same(Device.Reference, DeviceKind.Named("reference").Open());
        Assert.Contains("choose one of cpu, cuda, reference", Assert.Throws<MiniDLException>(() => DeviceKind.Named("gpu")).Message);
    }
}
