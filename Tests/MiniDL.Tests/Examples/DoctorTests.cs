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
    public void A_gpu_is_checked_in_each_precision_with_what_its_driver_made_of_the_kernels()
    {
        _ = Gpu.Device;
        Assert.Equal(0, _minidl.Run("doctor --device cuda --precision tf32,bf16 --batch 2 --repeat 0"));
        Assert.Contains("tf32: all 49 cases agree with the Reference device.", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("bf16: all 49 cases agree with the Reference device.", _minidl.Output, StringComparison.Ordinal);
        Assert.Matches(@"conv3x3_weight_gradient_32_32_tf32 +tf32 +32 +0 +74,752 ", _minidl.Output);
        Assert.Matches(@"\d+ kernels; modules were compiled, or found in the driver's cache, in: general \d+ ms, f32 \d+ ms, tf32 \d+ ms, bf16 \d+ ms. None uses local memory\.", _minidl.Output);
        Assert.Contains("The driver keeps compiled kernels in ", _minidl.Output, StringComparison.Ordinal);
    }

    [GpuFact]
    public void A_large_batch_is_held_to_the_cpu()
    {
        _ = Gpu.Device;
        Assert.Equal(0, _minidl.Run("doctor --device cuda --batch 2 --repeat 0 --against cpu"));
        Assert.Contains("relative errors against the CPU's float", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("fp32: all 49 cases agree with the CPU.", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(["reference", "reference", "cpu", "reference"], new[] { ("cuda", 2), ("cuda", 16), ("cuda", 17), ("cpu", 100) }
            .Select(of => new MiniDL.Examples.Options.DoctorOptions { Device = of.Item1, Batch = of.Item2 }.AgainstOrDefault));
    }

    [GpuFact]
    public void Steps_give_the_same_bits_however_they_run()
    {
        _ = Gpu.Device;
        Assert.Equal(0, _minidl.Run("doctor --device cuda --bits mlp --batch 2 --precision fp32"));
        Assert.Equal(2, System.Text.RegularExpressions.Regex.Count(_minidl.Output, @"(bn|gn) +fp32 +the same +the same +the same +the same"));
    }

    [Theory]
    [InlineData("doctor --bits mlp", "--bits mlp holds for --device cuda alone: the CPU records no steps. Leave it out.")]
    [InlineData("doctor --device cuda --bits mlp --repeat 2", "--repeat 2 holds for operators; leave it out with --bits.")]
    [InlineData("doctor --against cpu", "--against cpu compares the CPU with itself; leave it out.")]
    [InlineData("doctor --device cuda --precision fp16", "--precision fp16 must be fp32, tf32 or bf16.")]
    [InlineData("doctor --device cuda --bits resnet21", "resnet21")]
    public void What_makes_no_sense_is_refused(string command, string error)
    {
        Assert.Equal(2, _minidl.Run(command));
        Assert.Contains(error, _minidl.Error, StringComparison.Ordinal);
        Assert.Single(_minidl.Error.TrimEnd().Split('\n'));
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
