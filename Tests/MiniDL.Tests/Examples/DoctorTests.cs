using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Examples;

public sealed class DoctorTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void The_cpu_is_healthy()
    {
        Assert.Equal(0, _minidl.Run("doctor --batch 2 --repeat 0"));
        Assert.Contains("conv2d 64→64", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("all 49 cases agree with the Reference device.", _minidl.Output, StringComparison.Ordinal);
    }

    [GpuFact]
    public void Training_on_the_gpu_writes_what_training_on_the_cpu_writes()
    {
        _ = Gpu.Device;
        const string run = "train --model mlp --train-images 40 --test-images 10 --epochs 2 --batch-size 8 --augment";
        Assert.Equal(0, _minidl.Run($"{run} --device cuda --precision fp32 --out @gpu"));
        Assert.Equal(0, _minidl.Run($"{run} --out @cpu"));
        foreach (var (gpu, cpu) in _minidl.Rows("gpu/metrics.csv").Zip(_minidl.Rows("cpu/metrics.csv")))
            for (int column = 0; column < 7; column++) Assert.Equal(Number(cpu[column]), Number(gpu[column]), 1e-4);
    }

    private static double Number(string cell) => double.Parse(cell, System.Globalization.CultureInfo.InvariantCulture);
}
