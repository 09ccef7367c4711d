using System.Runtime.CompilerServices;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>What a user reads where there is not a GPU, or it fails: one line that says what to do.</summary>
public class CudaErrorTests
{
    private static string Message(Action action)
    {
        string message = Assert.Throws<MiniDLException>(action).Message;
        Assert.StartsWith("[cuda] ", message);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Fact]
    public void A_library_that_is_not_there() =>
        Assert.Contains("/nowhere/libcuda.so.1", Message(() => Device.OpenCuda("/nowhere/libcuda.so.1")));

    [GpuFact]
    public void A_library_that_is_no_driver() => Assert.Contains("lacks the function cuInit", Message(() => Device.OpenCuda("libm.so.6")));

    [GpuFact]
    public void A_driver_without_a_GPU()
    {
        using var fake = Gpu.OwnFake().Set("devices", 0);
        Assert.Contains("finds no GPU", Message(() => fake.Open()));
    }

    [GpuFact]
    public void A_driver_that_is_too_old()
    {
        using var fake = Gpu.OwnFake().Set("driver", 11040);
        string message = Message(() => fake.Open());
        Assert.Contains("CUDA 11.4", message);
        Assert.Contains("Update the NVIDIA driver", message);
    }

    [GpuFact]
    public void A_GPU_that_is_too_old()
    {
        using var fake = Gpu.OwnFake().Set("capability", 75);
        Assert.Contains("compute capability 7.5", Message(() => fake.Open()));
    }

    [GpuFact]
    public void Kernels_that_the_driver_cannot_compile()
    {
        using var fake = Gpu.OwnFake().Set("fail_load", 1);
        var device = fake.Open();
        string message = Message(() => Tensor.Ones([2], device));
        Assert.Contains("cuModuleLoadDataEx of general.ptx", message);
        Assert.Contains("CUDA_ERROR_INVALID_PTX", message);
    }

    [GpuFact]
    public void An_older_architecture_gets_kernels_of_its_own()
    {
        using var fake = Gpu.OwnFake().Set("capability", 86);
        Assert.Equal([1, 1], Tensor.Ones([2], fake.Open()).ToArray());
    }

    [GpuFact]
    public void Memory_that_is_full()
    {
        using var fake = Gpu.OwnFake().Set("memory", 1 << 20);
        var device = fake.Open();
        var kept = new List<Tensor>();
        string message = Message(() =>
        {
            while (kept.Count < 1000) kept.Add(Tensor.Zeros([10_000], device));
        });
        Assert.Contains("out of memory", message);
        Assert.Contains("smaller batch", message);
        Assert.InRange(kept.Count, 10, 26);
        kept.Clear();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(0, Tensor.Zeros([200_000], device).ToArray().Sum());
    }

    [GpuFact]
    public void Memory_that_is_full_of_what_earlier_steps_left_for_others_of_their_size()
    {
        using var fake = Gpu.OwnFake().Set("memory", 1 << 20);
        var device = fake.Open();
        foreach (int count in new[] { 100_000, 150_000, 200_000, 120_000 }) Assert.Equal(count, SumOfOnes(count, device));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float SumOfOnes(int count, Device device)
    {
        using var step = MiniDL.Scope.Step();
        return Tensor.Ones([count], device).Sum().Item();
    }

    [GpuFact]
    public void A_kernel_that_crashes_is_named_and_the_device_stays_unusable()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var x = Tensor.Ones([2, 3], device);
        x.ToArray();
        fake.Set("fail_launch", 1);
        string message = Message(() => x.Relu().ToArray());
        Assert.Contains("CUDA_ERROR", message);
        Assert.Contains("start the program again", Message(() => Tensor.Ones([2], device).ToArray()));
    }
}
