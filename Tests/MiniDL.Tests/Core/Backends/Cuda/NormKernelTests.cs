using MiniDL.Backends;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>
/// Normalization on the GPU against the Reference device, by each of its routes, of float and of bfloat16, and how many kernels a route
/// launches.
/// </summary>
public class NormKernelTests
{
    [GpuTheory]
    [InlineData(1, 5000, 16, 16, 2, 2)]     // BN: statistics in chunks
    [InlineData(1, 60, 32, 32, 2, 2)]       // BN of a small batch
    [InlineData(1, 700, 128, 128, 2, 2)]    // BN, a warp for the channels
    [InlineData(1, 300, 4, 4, 2, 2)]        // BN, a lane for the channels
    [InlineData(1, 300, 6, 6, 2, 2)]        // channels not in fours
    [InlineData(3, 50, 8, 8, 2, 3)]         // IN
    [InlineData(2, 1024, 16, 8, 1, 1)]      // GN: an image in the registers of a block
    [InlineData(3, 256, 32, 8, 1, 1)]
    [InlineData(70, 16, 64, 8, 1, 1)]       // many images to add up for the bias
    [InlineData(2, 49, 64, 1, 1, 1)]        // LN over a whole image, with threads that have nothing
    [InlineData(2, 2048, 16, 8, 2, 3)]      // too large for registers
    [InlineData(2, 30, 12, 3, 2, 3)]
    [InlineData(7, 1, 37, 1, 2, 3)]         // LN
    public void Every_route_agrees_with_reference(int samples, int positions, int channels, int groups, int forward, int backward)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var g = new NormGeometry(samples, positions, channels, groups);
        foreach (bool half in new[] { false, true })
            foreach (var (activation, added) in new[] { (Activation.None, false), (Activation.Relu, false), (Activation.Relu, true) })
            {
                var got = Run(device, g, activation, added, half, fake, out var launches);
                var expected = Run(Device.Reference, g, activation, added, half, null, out _);
                for (int i = 0; i < got.Length; i++)
                {
                    string what = $"{g} {activation}, residual {added}, bfloat16 {half}, output {i}";
                    // Images are rounded; statistics and the gradients of parameters are float in any case.
                    if (got[i].DType == DType.BF16) Bfloat16.AssertRounded(expected[i], got[i], what, Tolerance(expected[i]));
                    else AssertClose(expected[i], got[i], what);
                }
                Assert.Equal((forward, backward), launches);
            }
    }

    [GpuTheory, InlineData(1), InlineData(9)]
    public void Bits_do_not_depend_on_the_order_of_warps_and_blocks(int order)
    {
        foreach (var g in new[] { new NormGeometry(1, 3000, 16, 16), new NormGeometry(5, 64, 32, 8), new NormGeometry(3, 30, 12, 3) })
        {
            using FakeDriver first = Gpu.OwnFake(), second = Gpu.OwnFake().Set("order", order);
            foreach (bool half in new[] { false, true })
            {
                var one = Run(first.Open(), g, Activation.Relu, true, half, first, out _);
                var other = Run(second.Open(), g, Activation.Relu, true, half, second, out _);
                for (int i = 0; i < one.Length; i++) Assert.Equal(one[i].ToArray(), other[i].ToArray());
            }
        }
    }

    /// <summary>Mean, variance, y, dx, dweight, dbias and dresidual, and how many kernels ran forward and backward.</summary>
    private static Tensor[] Run(Device device, NormGeometry g, Activation activation, bool added, bool half, FakeDriver? fake, out (int Forward, int Backward) launches)
    {
        Shape all = [g.Samples, g.Positions, g.Channels], channels = [g.Channels], statistics = [g.Samples, g.Groups];
        Tensor Given(Shape shape, int seed, double mean = 0) => Agreement.Normal(device, shape, seed, mean);
        Tensor Unset(Shape shape) => Agreement.Unset(device, shape);
        Tensor Image(int seed, double mean = 0) => half ? Bfloat16.Normal(device, all, seed, mean) : Given(all, seed, mean);
        Tensor UnsetImage() => half ? Bfloat16.Unset(device, all) : Unset(all);
        Tensor x = Image(1, mean: 3), weight = Given(channels, 2, mean: 1), bias = Given(channels, 3), dy = Image(5);
        Tensor? residual = added ? Image(4) : null, dresidual = added ? UnsetImage() : null;
        Tensor mean = Unset(statistics), variance = Unset(statistics), y = UnsetImage();
        Tensor dx = UnsetImage(), dweight = Unset(channels), dbias = Unset(channels);
        var norm = new NormArguments(g, mean, variance, 1e-5, weight, bias, residual, activation);
        var gradients = new NormGradients(dx, dweight, dbias, dresidual);
        // What a first launch needs (counters that start as zeros) is made here.
        device.Backend.MomentsAndNormalize(x, norm, y);
        device.Backend.NormalizeGradient(dy, x, y, norm, gradients);
        long start = Launches(device, fake);
        device.Backend.MomentsAndNormalize(x, norm, y);
        long middle = Launches(device, fake);
        device.Backend.NormalizeGradient(dy, x, y, norm, gradients);
        launches = ((int)(middle - start), (int)(Launches(device, fake) - middle));
        return [mean, variance, y, dx, dweight, dbias, .. added ? [dresidual!] : Array.Empty<Tensor>()];
    }

    private static long Launches(Device device, FakeDriver? fake)
    {
        if (fake is null) return 0;
        ((MiniDL.Backends.Cuda.CudaBackend)device.Backend).Stream.Synchronize();
        return fake.Get("launches");
    }

    /// <summary>Against the largest value: where sums cancel, what is left of them has the error of their parts.</summary>
    private static double Tolerance(Tensor expected) => 3e-6 * (1 + expected.ToArray<double>().Max(Math.Abs));

    private static void AssertClose(Tensor expected, Tensor got, string what)
    {
        var (e, g) = (expected.ToArray<double>(), got.ToArray<double>());
        double tolerance = Tolerance(expected);
        for (int i = 0; i < e.Length; i++)
            if (!(Math.Abs(e[i] - g[i]) <= tolerance)) Assert.Fail($"{what}, value {i}: expected {e[i]:R}, got {g[i]:R}");
    }
}
