using MiniDL.Backends;

namespace MiniDL.Tests.Core.Backends;

/// <summary>The CPU's convolutions against the naive loop in double, at sizes around the edges of tiles and vectors.</summary>
[Collection(ThreadCounts.Collection)]
public class ConvolutionTests
{
    private const double Tolerance = 2e-6;

    public static TheoryData<Window2d> Shapes()
    {
        var shapes = new TheoryData<Window2d>();
        void Add(int n, int c, int h, int w, int k, int r, int s, int stride, int pad) =>
            shapes.Add(Window2d.Of("test", [n, c, h, w], k, (r, s), (stride, stride), (pad, pad)));

        int[] channels = [1, 3, 5, 15, 16, 17, 31, 32, 33, 48, 64];
        foreach (int c in channels) Add(2, c, 5, 9, 16, 3, 3, 1, 1);
        foreach (int k in channels) Add(2, 16, 9, 5, k, 3, 3, 1, 1);
        foreach (int c in channels) Add(1, c, 6, 7, channels[^1] + 1 - c, 3, 3, 2, 1);
        foreach (int r in (int[])[1, 2, 3, 5, 7])
            foreach (int stride in (int[])[1, 2, 3])
                for (int pad = 0; pad <= 3; pad++)
                    if (9 + 2 * pad >= r) Add(1, 5, 9, 11, 17, r, r, stride, pad);
        foreach (int width in (int[])[1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 17, 23, 24, 25, 31, 32, 33])
            Add(1, 16, 3, width, 16, 3, 3, 1, 1);
        foreach (int width in (int[])[1, 2, 7, 8, 9, 16, 17]) Add(1, 3, 17, width, 33, 3, 3, 1, 1);
        foreach (int batch in (int[])[0, 1, 2, 5]) Add(batch, 16, 8, 8, 32, 3, 3, 1, 1);
        Add(1, 1, 1, 1, 1, 1, 1, 1, 0);
        Add(2, 3, 1, 1, 5, 3, 3, 1, 1);
        Add(2, 3, 2, 3, 5, 3, 2, 2, 1);
        Add(2, 4, 2, 3, 16, 1, 1, 3, 0);
        Add(2, 3, 12, 5, 16, 5, 1, 1, 2);
        Add(2, 3, 5, 12, 16, 1, 4, 2, 1);
        Add(2, 16, 12, 20, 32, 3, 3, 1, 0);
        Add(2, 32, 7, 10, 16, 3, 3, 1, 2);
        foreach (int batch in (int[])[1, 2, 3, 8, 17, 33]) Add(batch, 64, 8, 8, 64, 3, 3, 1, 1);
        foreach (int batch in (int[])[2, 8, 9]) Add(batch, 32, 16, 16, 48, 3, 3, 1, 1);
        Add(2, 32, 16, 16, 64, 3, 3, 2, 1);
        Add(2, 24, 8, 8, 40, 3, 3, 1, 1);
        Add(5, 16, 4, 4, 16, 3, 3, 1, 1);
        Add(3, 16, 13, 17, 48, 3, 3, 1, 1);
        Add(2, 48, 21, 18, 16, 3, 3, 1, 0);
        Add(9, 32, 7, 6, 32, 3, 3, 1, 2);
        // Chunks of whole images, the last one not full: the sums of moments are taken as the images are computed.
        Add(4, 16, 32, 32, 16, 3, 3, 1, 1);
        Add(9, 16, 16, 16, 32, 3, 3, 1, 1);
        Add(18, 32, 8, 8, 64, 3, 3, 1, 1);
        Add(5, 3, 32, 32, 16, 3, 3, 1, 1);
        shapes.Add(Window2d.Of("test", [2, 5, 11, 13], 7, (3, 2), (2, 3), (0, 2)));
        shapes.Add(Window2d.Of("test", [1, 16, 9, 12], 16, (3, 3), (1, 1), (2, 0)));
        return shapes;
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Forward_matches_the_naive_loop(Window2d g)
    {
        var example = new Example(g);
        AssertClose(example.Forward(Device.Reference), example.Forward(Device.Cpu));
        AssertClose(example.Forward(Device.Reference, bias: false), example.Forward(Device.Cpu, bias: false));
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Input_gradient_matches_the_naive_loop(Window2d g)
    {
        var example = new Example(g);
        AssertClose(example.InputGradient(Device.Reference), example.InputGradient(Device.Cpu));
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Weight_gradient_matches_the_naive_loop(Window2d g)
    {
        var example = new Example(g);
        AssertClose(example.WeightGradient(Device.Reference), example.WeightGradient(Device.Cpu));
    }

    [Theory, MemberData(nameof(Shapes))]
    public void An_input_gradient_is_added_to_what_is_there(Window2d g)
    {
        var example = new Example(g);
        double[] alone = example.InputGradient(Device.Reference);
        foreach (var device in new[] { Device.Reference, Device.Cpu })
        {
            double[] sum = example.AddInputGradient(device, to: 3);
            AssertClose(alone, [.. sum.Select(value => value - 3)]);
        }
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Moments_of_the_output_are_those_of_its_channels(Window2d g)
    {
        var example = new Example(g);
        foreach (var device in new[] { Device.Reference, Device.Cpu })
        {
            var (y, mean, variance) = example.Moments(device);
            Assert.Equal(example.Forward(device), y);
            for (int channel = 0; channel < g.OutChannels && y.Length > 0; channel++)
            {
                double[] values = [.. y.Where((_, i) => i % g.OutChannels == channel)];
                double average = values.Average();
                double variation = values.Average(value => (value - average) * (value - average));
                Assert.Equal(average, mean[channel], 1e-6 * (1 + Math.Abs(average)));
                Assert.Equal(variation, variance[channel], 1e-6 * (1 + variation));
            }
        }
    }

    public static TheoryData<Window2d> ShapesForThreads() =>
    [
        Window2d.Of("test", [5, 16, 32, 32], 16, (3, 3), (1, 1), (1, 1)),
        Window2d.Of("test", [9, 32, 16, 16], 64, (3, 3), (2, 2), (1, 1)),
        Window2d.Of("test", [3, 3, 20, 12], 17, (5, 5), (1, 1), (2, 2)),
        // Few tiles: the output channels are shared out too.
        Window2d.Of("test", [2, 64, 8, 8], 64, (3, 3), (1, 1), (1, 1)),
        Window2d.Of("test", [2, 32, 16, 16], 48, (3, 3), (1, 1), (1, 1)),
        Window2d.Of("test", [17, 64, 8, 8], 64, (3, 3), (1, 1), (1, 1)),
    ];

    [Theory, MemberData(nameof(ShapesForThreads))]
    public void Results_are_the_same_bits_for_any_number_of_threads(Window2d g)
    {
        var example = new Example(g);
        var (y, dx, dw, moments) = Run(threads: 1);
        for (int threads = 2; threads <= 3; threads++)
        {
            var (otherY, otherDx, otherDw, otherMoments) = Run(threads);
            Assert.Equal(y, otherY);
            Assert.Equal(dx, otherDx);
            Assert.Equal(dw, otherDw);
            Assert.Equal(moments, otherMoments);
        }

        (double[] Y, double[] Dx, double[] Dw, double[] Moments) Run(int threads)
        {
            using var _ = new ThreadCounts(threads);
            var (_, mean, variance) = example.Moments(Device.Cpu);
            return (example.Forward(Device.Cpu), example.InputGradient(Device.Cpu), example.WeightGradient(Device.Cpu), [.. mean, .. variance]);
        }
    }

    private static void AssertClose(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double error = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            error += (expected[i] - actual[i]) * (expected[i] - actual[i]);
            norm += expected[i] * expected[i];
        }
        Assert.True(Math.Sqrt(error) <= Tolerance * Math.Sqrt(norm), $"relative error {Math.Sqrt(error / norm):E1}");
    }

    /// <summary>One convolution with random operands, on any device; results are as they lie in storage.</summary>
    internal sealed class Example(Window2d g)
    {
        private readonly Shape _weight = [g.OutChannels, g.InChannels, g.KernelHeight, g.KernelWidth];

        public double[] Forward(Device device, bool bias = true)
        {
            var y = Unset(g.Output, device, Layout.ChannelsLast);
            var offset = bias ? Random([g.OutChannels], 3, device, Layout.RowMajor) : null;
            device.Backend.Conv2d(Input(device), Weight(device), offset, y, g);
            return Values(y);
        }

        public double[] InputGradient(Device device)
        {
            var dx = Unset(g.Input, device, Layout.ChannelsLast);
            device.Backend.Conv2dInputGradient(OutputGradient(device), Weight(device), dx, g);
            return Values(dx);
        }

        public double[] AddInputGradient(Device device, double to)
        {
            var dx = Unset(g.Input, device, Layout.ChannelsLast);
            device.Backend.Fill(dx, to);
            device.Backend.AddConv2dInputGradient(OutputGradient(device), Weight(device), dx, g);
            return Values(dx);
        }

        public (double[] Y, double[] Mean, double[] Variance) Moments(Device device)
        {
            Tensor y = Unset(g.Output, device, Layout.ChannelsLast), mean = Unset([1, g.OutChannels], device, Layout.RowMajor);
            var variance = Unset(mean.Shape, device, Layout.RowMajor);
            var statistics = new ChannelStatistics(new NormGeometry(1, g.Batch * g.OutPixels, g.OutChannels, g.OutChannels), mean, variance);
            device.Backend.Conv2dMoments(Input(device), Weight(device), Random([g.OutChannels], 3, device, Layout.RowMajor), y, statistics, g);
            return (Values(y), Values(mean), Values(variance));
        }

        public double[] WeightGradient(Device device)
        {
            var dw = Unset(_weight, device, Layout.RowMajor);
            device.Backend.Conv2dWeightGradient(Input(device), OutputGradient(device), dw, g);
            return Values(dw);
        }

        private Tensor Input(Device device) => Random(g.Input, 1, device, Layout.ChannelsLast);

        private Tensor Weight(Device device) => Random(_weight, 2, device, Layout.RowMajor);

        private Tensor OutputGradient(Device device) => Random(g.Output, 4, device, Layout.ChannelsLast);

        private static Tensor Random(Shape shape, ulong seed, Device device, Layout layout)
        {
            var random = new RandomStream(seed);
            var tensor = Tensor.New(shape, device, device.FloatType, layout);
            // Drawn as float, so that both devices compute from the same numbers; not centred, as images and activations are not.
            var values = new float[shape.Count];
            foreach (ref float value in values.AsSpan()) value = random.NextFloat() - 0.25f;
            device.Backend.Upload<float>(values, tensor);
            return tensor;
        }

        /// <summary>A tensor whose every value must be written: what is left shows as NaN.</summary>
        private static Tensor Unset(Shape shape, Device device, Layout layout)
        {
            var tensor = Tensor.New(shape, device, device.FloatType, layout);
            device.Backend.Fill(tensor, double.NaN);
            return tensor;
        }

        private static double[] Values(Tensor x)
        {
            var values = new double[x.Count];
            x.Device.Backend.Download<double>(x, values);
            return values;
        }
    }
}
