using MiniDL.Backends;
using MiniDL.Layers;
using MiniDL.Tests.Core.Backends;
using MiniDL.Tests.Core.Backends.Cuda;
using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Core.Ops;

/// <summary>
/// Windows over images without pixels, channels or images, and windows that lie in the padding: every device gives the definition's values
/// and gradients, or one line that says why there are none.
/// </summary>
public class WindowEdgeTests
{
    private static readonly string[] Norms = ["bn", "gn", "ln", "in", "ghost", "brn"];

    /// <summary>No rows, no columns, neither.</summary>
    private static readonly (int H, int W)[] WithoutPixels = [(0, 4), (4, 0), (0, 0)];

    private static IEnumerable<Window2d> Convolutions()
    {
        foreach (int channels in new[] { 0, 2, 3, 16, 33 })
            foreach (int outputs in new[] { 0, 3, 16, 32 })
                foreach (var (h, w) in WithoutPixels)
                    foreach (var (kernel, stride, pad) in new[] { (2, 1, 1), (3, 1, 2), (3, 2, 2), (1, 1, 1), (2, 7, 3) })
                        yield return Window([2, channels, h, w], outputs, kernel, (stride, stride), (pad, pad));
        yield return Window2d.Of("conv2d", [1, 2, 0, 4], 3, (2, 1), (1, 1), (1, 0));
        yield return Window2d.Of("conv2d", [1, 2, 4, 0], 3, (1, 2), (1, 1), (0, 1));
        // Kernels and strides of two sizes, and a kernel beyond the image.
        yield return Window2d.Of("conv2d", [2, 3, 4, 5], 4, (2, 3), (1, 1), (5, 7));
        yield return Window2d.Of("conv2d", [1, 2, 3, 3], 2, (2, 2), (7, 9), (1, 1));
        yield return Window2d.Of("conv2d", [2, 2, 2, 2], 2, (6, 6), (1, 1), (2, 2));
        // No images, no channels in, none out.
        foreach (Shape x in new Shape[] { [2, 0, 5, 6], [0, 3, 5, 6], [0, 16, 8, 8], [0, 3, 0, 8], [0, 16, 0, 8], [0, 0, 5, 6], [2, 16, 8, 8] })
            foreach (int outputs in new[] { 0, 3, 16 })
                foreach (int stride in new[] { 1, 2 })
                    foreach (int pad in new[] { 1, 2 })
                        if (x[2] + 2 * pad >= 3) yield return Window(x, outputs, 3, (stride, stride), (pad, pad));
        // More padding than kernel: windows wholly in it, above, below, to the left and to the right.
        foreach (int channels in new[] { 2, 16 })
            foreach (int outputs in new[] { 3, 16 })
                foreach (var (h, w) in new[] { (1, 1), (4, 5) })
                    foreach (var pad in new[] { (3, 0), (0, 3), (3, 3), (9, 2), (2, 9) })
                        foreach (int stride in new[] { 1, 2, 11 })
                            foreach (int kernel in new[] { 1, 2, 3 })
                                if (h + 2 * pad.Item1 >= kernel && w + 2 * pad.Item2 >= kernel)
                                    yield return Window([2, channels, h, w], outputs, kernel, (stride, stride), pad);
        // A stride beyond the image.
        foreach (int channels in new[] { 3, 16 })
            foreach (var stride in new[] { (40, 40), (40, 1), (1, 40), (100_000, 100_000) })
                foreach (int pad in new[] { 0, 1, 4 })
                    yield return Window([2, channels, 5, 6], 16, 3, stride, (pad, pad));
    }

    private static IEnumerable<Window2d> Pools()
    {
        foreach (int channels in new[] { 0, 1, 3, 16, 33 })
            foreach (int batch in new[] { 0, 2 })
                foreach (var (h, w) in WithoutPixels.Concat([(1, 1), (5, 6)]))
                    foreach (var stride in new[] { (1, 1), (2, 3), (40, 1), (40, 40) })
                        foreach (var (kernel, pad) in new[] { (2, 1), (4, 2), (3, 1), (1, 0) })
                            if (h + 2 * pad >= kernel && w + 2 * pad >= kernel)
                                yield return Window([batch, channels, h, w], channels, kernel, stride, (pad, pad));
        yield return Window2d.Of("avg_pool2d", [1, 1, 2, 2], 1, (6, 6), (1, 1), (2, 2));
        yield return Window2d.Of("avg_pool2d", [1, 2, 0, 4], 2, (2, 1), (1, 1), (1, 0));
        yield return Window2d.Of("avg_pool2d", [1, 2, 4, 0], 2, (1, 2), (1, 1), (0, 1));
    }

    public static TheoryData<string> Hosts => new("cpu", "reference");

    [Theory, MemberData(nameof(Hosts))]
    public void Convolution_and_its_gradients_are_the_definition(string device) => ForAll(Convolutions(), Host(device), CheckConvolution);

    [GpuTheory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Tf32)]
    [InlineData(Precision.Bf16)]
    public void Cuda_convolution_and_its_gradients_are_the_definition(Precision precision) =>
        OnGpu(Convolutions(), CheckConvolution, precision);

    [Theory, MemberData(nameof(Hosts))]
    public void A_norm_fused_behind_the_convolution_is_the_definition(string device) =>
        ForAll(Convolutions().Where(IsALayer), Host(device), CheckNorms);

    [GpuTheory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Tf32)]
    public void Cuda_norms_behind_the_convolution_are_the_definition(Precision precision) =>
        OnGpu(Convolutions().Where(IsALayer), CheckNorms, precision);

    [Theory, MemberData(nameof(Hosts))]
    public void Average_pooling_and_its_gradient_are_the_definition(string device) => ForAll(Pools(), Host(device), CheckAverage);

    [GpuFact]
    public void Cuda_average_pooling_and_its_gradient_are_the_definition() => OnGpu(Pools(), CheckAverage);

    [Theory, MemberData(nameof(Hosts))]
    public void Largest_values_are_the_definition_or_refused_where_windows_hold_padding_only(string device) =>
        ForAll(Pools(), Host(device), CheckMax);

    [GpuFact]
    public void Cuda_largest_values_are_the_definition_or_refused() => OnGpu(Pools(), CheckMax);

    [Theory, MemberData(nameof(Hosts))]
    public void The_mean_over_no_pixels_is_refused(string device) => CheckGlobalAverage(Host(device));

    [GpuFact]
    public void Cuda_refuses_the_mean_over_no_pixels() => CheckGlobalAverage(Gpu.Device);

    private static void CheckConvolution(Device device, Window2d g)
    {
        Tensor x = Leaf(device, g.Input, 1), weight = Leaf(device, WeightShape(g), 2), bias = Leaf(device, [g.OutChannels], 3);
        var dy = Agreement.Normal(device, g.Output, 4);
        var (y, dx, dw, db) = NaiveWindows.Convolution(x.ToArray<double>(), weight.ToArray<double>(), bias.ToArray<double>(), dy.ToArray<double>(), g);
        var result = x.Conv2d(weight, bias, (g.StrideHeight, g.StrideWidth), (g.PadHeight, g.PadWidth));
        Assert.Equal(g.Output, result.Shape);
        result.Backward(dy);
        AssertClose(y, result, "y");
        AssertClose(dx, x.Grad!, "dx");
        AssertClose(dw, weight.Grad!, "dw");
        AssertClose(db, bias.Grad!, "db");
        using var noGrad = new NoGrad();
        var withoutBias = x.Conv2d(weight, null, (g.StrideHeight, g.StrideWidth), (g.PadHeight, g.PadWidth));
        double[] offsets = bias.ToArray<double>();
        AssertClose([.. y.Select((v, i) => v - offsets[i / g.OutPixels % g.OutChannels])], withoutBias, "y without bias");
    }

    private static void CheckNorms(Device device, Window2d g)
    {
        var conv = (Conv2d)new Conv2d(g.InChannels, g.OutChannels, g.KernelHeight, g.StrideHeight, (g.PadHeight, g.PadWidth),
            random: new RandomStream(1)).To(device);
        Tensor x = Agreement.Normal(device, g.Input, 1), added = Agreement.Normal(device, g.Output, 2);
        var convolved = NaiveWindows.Convolution(x.ToArray<double>(), conv.Weight.Value.ToArray<double>(), conv.Bias!.Value.ToArray<double>(),
            new double[g.Output.Count], g).Y;
        using var noGrad = new NoGrad();
        foreach (string name in Norms)
        {
            int groups = g.OutChannels % 4 == 0 ? 4 : 1;
            var norm = (MeanVarianceNorm)NormCases.Randomized(NormFactory.Named(name, groups).Create(g.OutChannels), device).Eval();
            if (name == "in" && g.OutPixels == 1)
            {
                AssertRefused(() => new ConvNorm(conv, norm).Forward(x), "instance_norm");
                continue;
            }
            groups = name switch { "gn" => groups, "ln" => 1, _ => g.OutChannels };
            var expected = Normalized(convolved, norm, name is "bn" or "ghost" or "brn", groups, g);
            AssertClose(expected, new ConvNorm(conv, norm).Forward(x), name);
            double[] residual = added.ToArray<double>();
            AssertClose([.. expected.Select((v, i) => Math.Max(0, v + residual[i]))], new ConvNorm(conv, norm).Forward(x, added, Activation.Relu), $"{name} added");
        }
    }

    /// <summary>(z − mean) / √(variance + eps) · weight + bias, with running statistics, or an image's own over each group of channels.</summary>
    private static double[] Normalized(double[] z, MeanVarianceNorm norm, bool running, int groups, Window2d g)
    {
        double[] Buffer(string name) => norm.NamedBuffers().Single(b => b.Path == name).Buffer.Value.ToArray<double>();
        double[] means = running ? Buffer("running_mean") : [], variances = running ? Buffer("running_var") : [];
        double[] weight = norm.Weight!.Value.ToArray<double>(), bias = norm.Bias!.Value.ToArray<double>(), y = new double[z.Length];
        int values = g.OutChannels / groups * g.OutPixels;
        for (int first = 0; first < z.Length; first += values)
        {
            double[] group = z[first..(first + values)];
            double ownMean = group.Average(), ownVariance = group.Average(v => (v - ownMean) * (v - ownMean));
            for (int i = first; i < first + values; i++)
            {
                int k = i / g.OutPixels % g.OutChannels;
                var (mean, variance) = running ? (means[k], variances[k]) : (ownMean, ownVariance);
                y[i] = (z[i] - mean) / Math.Sqrt(variance + norm.Eps) * weight[k] + bias[k];
            }
        }
        return y;
    }

    private static void CheckAverage(Device device, Window2d g)
    {
        Tensor x = Leaf(device, g.Input, 1), dy = Agreement.Normal(device, g.Output, 2);
        var (y, dx) = NaiveWindows.Average(x.ToArray<double>(), dy.ToArray<double>(), g);
        var result = x.AvgPool2d((g.KernelHeight, g.KernelWidth), (g.StrideHeight, g.StrideWidth), (g.PadHeight, g.PadWidth));
        result.Backward(dy);
        AssertClose(y, result, "y");
        AssertClose(dx, x.Grad!, "dx");
    }

    private static void CheckMax(Device device, Window2d g)
    {
        Tensor x = Leaf(device, g.Input, 1), dy = Agreement.Normal(device, g.Output, 2);
        Tensor Pooled() => x.MaxPool2d((g.KernelHeight, g.KernelWidth), (g.StrideHeight, g.StrideWidth), (g.PadHeight, g.PadWidth));
        if (g.InHeight * g.InWidth == 0)
        {
            AssertRefused(() => Pooled(), "max_pool2d");
            return;
        }
        var (y, dx) = NaiveWindows.Max(x.ToArray<double>(), dy.ToArray<double>(), g);
        var result = Pooled();
        result.Backward(dy);
        AssertClose(y, result, "y");
        AssertClose(dx, x.Grad!, "dx");
    }

    private static void CheckGlobalAverage(Device device)
    {
        foreach (int batch in new[] { 0, 2 })
            foreach (int channels in new[] { 0, 3 })
            {
                foreach (var (h, w) in WithoutPixels)
                    AssertRefused(() => Tensor.Zeros([batch, channels, h, w], device).GlobalAvgPool2d(), "global_avg_pool2d");
                var x = Leaf(device, [batch, channels, 2, 3], 1);
                var y = x.GlobalAvgPool2d();
                double[] values = x.ToArray<double>();
                AssertClose([.. Enumerable.Range(0, batch * channels).Select(i => values.AsSpan(6 * i, 6).ToArray().Average())], y, "y");
                y.Backward(Tensor.Full(y.Shape, 12, device));
                AssertClose([.. values.Select(_ => 2.0)], x.Grad!, "dx");
            }
    }

    private static void AssertRefused(Action call, string operation)
    {
        string message = Assert.Throws<ShapeException>(call).Message;
        Assert.StartsWith($"[{operation}] ", message);
        Assert.DoesNotContain('\n', message);
    }

    private static void AssertClose(double[] expected, Tensor actual, string what)
    {
        double[] values = actual.ToArray<double>();
        // By the bits of the operands: sums of up to a few hundred products.
        double tolerance = actual.Device.Precision switch
        {
            Precision.Fp32 => 2e-5,
            Precision.Tf32 => 2e-2,
            _ => 0.2,
        };
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < values.Length; i++)
            Assert.True(Math.Abs(values[i] - expected[i]) <= tolerance * (1 + Math.Abs(expected[i])),
                $"{what}, value {i} of {values.Length}: expected {expected[i]:R}, got {values[i]:R}");
    }

    private static void OnGpu(IEnumerable<Window2d> windows, Action<Device, Window2d> check, Precision precision = Precision.Fp32)
    {
        using var gpu = Gpu.Own(precision);
        // Where it is emulated, blocks that have much to do take long.
        const int most = 400_000;
        ForAll(windows.Where(g => !Gpu.IsEmulated || Math.Max(g.Operations, g.Output.Count) <= most), gpu.Device, check);
    }

    /// <summary>Checks every window, and lists those that fail: one that does tells little about the others.</summary>
    private static void ForAll(IEnumerable<Window2d> windows, Device device, Action<Device, Window2d> check)
    {
        var failures = new List<string>();
        foreach (var g in windows)
            try
            {
                using var step = Scope.Step();
                check(device, g);
            }
            catch (Exception e)
            {
                failures.Add($"{g.Input} to {g.Output}, kernel {g.KernelHeight}×{g.KernelWidth}, stride {g.StrideHeight}×{g.StrideWidth}, "
                    + $"padding {g.PadHeight}×{g.PadWidth}: {e.GetType().Name}: {e.Message}");
            }
        Assert.True(failures.Count == 0, $"{failures.Count} failed:\n{string.Join('\n', failures.Take(40))}");
    }

    private static Device Host(string name) => name == "cpu" ? Device.Cpu : Device.Reference;

    private static Tensor Leaf(Device device, Shape shape, int seed) => NormCases.Leaf(Agreement.Normal(device, shape, seed));

    private static Shape WeightShape(Window2d g) => [g.OutChannels, g.InChannels, g.KernelHeight, g.KernelWidth];

    /// <summary>Whether there is a layer for it: with channels and one number for the kernel and for the stride.</summary>
    private static bool IsALayer(Window2d g) =>
        g.InChannels > 0 && g.OutChannels > 0 && g.KernelHeight == g.KernelWidth && g.StrideHeight == g.StrideWidth;

    private static Window2d Window(Shape x, int outputs, int kernel, (int, int) stride, (int, int) pad) =>
        Window2d.Of("window", x, outputs, (kernel, kernel), stride, pad);
}
