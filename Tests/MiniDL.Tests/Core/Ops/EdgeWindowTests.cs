using MiniDL.Layers;
using MiniDL.Tests.Core.Backends.Cuda;
using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Core.Ops;

/// <summary>
/// Convolutions and pools of images without rows, columns, channels or images, with windows wholly in the padding, and with strides past
/// the image, against loops that are written here.
/// </summary>
public class EdgeWindowTests
{
    private static readonly (Shape X, int Outputs, (int H, int W) Kernel, (int H, int W) Stride, (int H, int W) Pad)[] Cases =
    [
        ([1, 2, 0, 4], 3, (2, 2), (1, 1), (1, 1)),
        ([2, 2, 4, 0], 3, (2, 2), (2, 2), (1, 1)),
        ([1, 2, 0, 0], 3, (2, 2), (1, 1), (1, 1)),
        ([1, 16, 0, 5], 16, (3, 3), (1, 1), (2, 1)),
        ([0, 2, 3, 4], 3, (2, 2), (1, 1), (1, 1)),
        ([0, 2, 0, 4], 3, (2, 2), (1, 1), (1, 1)),
        ([2, 0, 3, 4], 3, (2, 2), (1, 1), (1, 1)),
        ([2, 3, 3, 4], 0, (2, 2), (1, 1), (1, 1)),
        ([1, 2, 1, 1], 3, (2, 2), (1, 1), (1, 1)),
        ([2, 3, 4, 5], 4, (2, 3), (1, 1), (5, 7)),
        ([2, 16, 4, 4], 16, (3, 3), (1, 1), (4, 4)),
        ([1, 3, 4, 4], 2, (1, 1), (3, 3), (2, 2)),
        ([1, 2, 3, 3], 2, (2, 2), (7, 9), (1, 1)),
        ([1, 1, 2, 2], 1, (6, 6), (1, 1), (2, 2)),
        ([2, 16, 5, 6], 32, (3, 3), (1, 1), (2, 2)),
    ];

    public static TheoryData<int, string> Numbers
    {
        get
        {
            var all = new TheoryData<int, string>();
            for (int i = 0; i < Cases.Length; i++)
                foreach (string device in new[] { "cpu", "reference" }) all.Add(i, device);
            return all;
        }
    }

    public static TheoryData<int> GpuNumbers => [.. Enumerable.Range(0, Cases.Length)];

    private static double Value(ReadOnlySpan<double> x, Shape shape, int n, int c, int h, int w) =>
        h < 0 || w < 0 || h >= shape[2] || w >= shape[3] ? 0 : x[((n * shape[1] + c) * shape[2] + h) * shape[3] + w];

    private static Tensor Leaf(Shape shape, ulong seed, Device device) => NormCases.Leaf(NormCases.Input(shape, device, seed));

    private static void AssertNear(IEnumerable<double> expected, Tensor actual, double limit) =>
        Assert.Equal(expected, actual.ToArray<double>(), (a, b) => Math.Abs(a - b) <= limit);

    [Theory, MemberData(nameof(Numbers))]
    public void Convolutions_match_the_loops_of_the_definition(int number, string device) => CheckConvolution(number, Device.Named(device), 1e-5);

    [GpuTheory, MemberData(nameof(GpuNumbers))]
    public void Convolutions_on_the_gpu_match_the_loops_of_the_definition(int number)
    {
        using var device = Gpu.Open(Precision.Fp32);
        CheckConvolution(number, device, 1e-5);
    }

    private static void CheckConvolution(int number, Device device, double limit)
    {
        var (shape, outputs, kernel, stride, pad) = Cases[number];
        Tensor x = Leaf(shape, 1, device), weight = Leaf([outputs, shape[1], kernel.H, kernel.W], 2, device), bias = Leaf([outputs], 3, device);
        var y = x.Conv2d(weight, bias, stride, pad);
        var cotangent = NormCases.Input(y.Shape, device, seed: 4);
        y.Backward(cotangent);
        double[] xs = x.ToArray<double>(), ws = weight.ToArray<double>(), bs = bias.ToArray<double>(), dys = cotangent.ToArray<double>();
        double[] ys = new double[y.Count], dxs = new double[x.Count], dws = new double[weight.Count], dbs = new double[outputs];
        for (int i = 0; i < ys.Length; i++)
        {
            int q = i % y.Shape[3], p = i / y.Shape[3] % y.Shape[2], k = i / (y.Shape[2] * y.Shape[3]) % outputs, n = i / (y.Shape[2] * y.Shape[3] * outputs);
            ys[i] = bs[k];
            dbs[k] += dys[i];
            for (int j = 0; j < shape[1] * kernel.H * kernel.W; j++)
            {
                int s = j % kernel.W, r = j / kernel.W % kernel.H, c = j / (kernel.W * kernel.H);
                int h = p * stride.H + r - pad.H, w = q * stride.W + s - pad.W, at = k * shape[1] * kernel.H * kernel.W + j;
                double pixel = Value(xs, shape, n, c, h, w);
                ys[i] += pixel * ws[at];
                dws[at] += pixel * dys[i];
                if (h >= 0 && w >= 0 && h < shape[2] && w < shape[3]) dxs[((n * shape[1] + c) * shape[2] + h) * shape[3] + w] += ws[at] * dys[i];
            }
        }
        AssertNear(ys, y, limit * 10);
        AssertNear(dxs, x.Grad!, limit * 10);
        AssertNear(dws, weight.Grad!, limit * 10);
        AssertNear(dbs, bias.Grad!, limit * 10);
    }

    [Theory, MemberData(nameof(Numbers))]
    public void Average_pools_match_the_loops_of_the_definition(int number, string device) => CheckAveragePool(number, Device.Named(device));

    [GpuTheory, MemberData(nameof(GpuNumbers))]
    public void Average_pools_on_the_gpu_match_the_loops_of_the_definition(int number)
    {
        using var device = Gpu.Open(Precision.Fp32);
        CheckAveragePool(number, device);
    }

    private static void CheckAveragePool(int number, Device device)
    {
        var (shape, _, kernel, stride, pad) = Cases[number];
        if (2 * pad.H > kernel.H || 2 * pad.W > kernel.W) return;
        var x = Leaf(shape, 1, device);
        var y = x.AvgPool2d(kernel, stride, pad);
        var cotangent = NormCases.Input(y.Shape, device, seed: 4);
        y.Backward(cotangent);
        double[] xs = x.ToArray<double>(), dys = cotangent.ToArray<double>(), ys = new double[y.Count], dxs = new double[x.Count];
        for (int i = 0; i < ys.Length; i++)
        {
            int q = i % y.Shape[3], p = i / y.Shape[3] % y.Shape[2], c = i / (y.Shape[2] * y.Shape[3]) % shape[1], n = i / (y.Shape[2] * y.Shape[3] * shape[1]);
            for (int j = 0; j < kernel.H * kernel.W; j++)
            {
                int h = p * stride.H + j / kernel.W - pad.H, w = q * stride.W + j % kernel.W - pad.W;
                ys[i] += Value(xs, shape, n, c, h, w) / (kernel.H * kernel.W);
                if (h >= 0 && w >= 0 && h < shape[2] && w < shape[3]) dxs[((n * shape[1] + c) * shape[2] + h) * shape[3] + w] += dys[i] / (kernel.H * kernel.W);
            }
        }
        AssertNear(ys, y, 1e-5);
        AssertNear(dxs, x.Grad!, 1e-5);
    }

    [Theory, MemberData(nameof(Numbers))]
    public void Max_pools_match_the_loops_or_refuse_windows_of_padding_only(int number, string device)
    {
        var (shape, _, kernel, stride, pad) = Cases[number];
        if (2 * pad.H > kernel.H || 2 * pad.W > kernel.W) return;
        var x = Leaf(shape, 1, Device.Named(device));
        if (shape[2] * shape[3] == 0)
        {
            string message = Assert.Throws<ShapeException>(() => x.MaxPool2d(kernel, stride, pad)).Message;
            Assert.StartsWith($"[max_pool2d] input {shape} has no pixels, ", message);
            return;
        }
        var y = x.MaxPool2d(kernel, stride, pad);
        y.Sum().Backward();
        double[] xs = x.ToArray<double>(), ys = new double[y.Count];
        for (int i = 0; i < ys.Length; i++)
        {
            int q = i % y.Shape[3], p = i / y.Shape[3] % y.Shape[2], c = i / (y.Shape[2] * y.Shape[3]) % shape[1], n = i / (y.Shape[2] * y.Shape[3] * shape[1]);
            ys[i] = double.NegativeInfinity;
            for (int j = 0; j < kernel.H * kernel.W; j++)
            {
                int h = p * stride.H + j / kernel.W - pad.H, w = q * stride.W + j % kernel.W - pad.W;
                if (h >= 0 && w >= 0 && h < shape[2] && w < shape[3]) ys[i] = Math.Max(ys[i], Value(xs, shape, n, c, h, w));
            }
        }
        AssertNear(ys, y, 0);
        Assert.Equal(y.Count, x.Grad!.ToArray<double>().Sum(), 1e-9);
    }

    [Fact]
    public void The_mean_over_no_pixels_is_refused_and_over_no_images_is_empty()
    {
        foreach (var device in new[] { Device.Cpu, Device.Reference })
        {
            Assert.StartsWith("[global_avg_pool2d] input [1, 2, 0, 4] has no pixels, ",
                Assert.Throws<ShapeException>(() => Tensor.Zeros([1, 2, 0, 4], device).GlobalAvgPool2d()).Message);
            Assert.Equal<Shape>([0, 2], Tensor.Zeros([0, 2, 3, 4], device).GlobalAvgPool2d().Shape);
            Assert.Equal<Shape>([2, 0], Tensor.Zeros([2, 0, 3, 4], device).GlobalAvgPool2d().Shape);
        }
    }

    public static TheoryData<string> Norms => ["bn", "gn", "in", "ln"];

    /// <summary>In evaluation a norm may be computed with the convolution before it.</summary>
    [Theory, MemberData(nameof(Norms))]
    public void A_convolution_and_a_norm_in_evaluation_give_what_they_give_apart(string name)
    {
        foreach (var (shape, outputs, kernel, stride, pad) in Cases)
        {
            if (shape[1] == 0 || outputs == 0) continue;
            var conv = new Conv2d(shape[1], outputs, kernel, stride, pad, random: new RandomStream(1));
            var norm = NormCases.Randomized(NormChoice.Parse(name, groups: outputs % 2 == 0 ? 2 : 1).Create(outputs), Device.Cpu);
            conv.Eval();
            norm.Eval();
            var x = NormCases.Input(shape, Device.Cpu, seed: 1);
            using var _ = new NoGrad();
            Tensor? together = null, apart = null;
            var refused = Record.Exception(() => apart = norm.Forward(conv.Forward(x)));
            Assert.Equal(refused?.Message, Record.Exception(() => together = norm.Forward(conv, x))?.Message);
            if (refused is not null) Assert.IsAssignableFrom<MiniDLException>(refused);
            else NormCases.AssertClose(together!, apart!, 1e-5, $"{shape}");
        }
    }
}
