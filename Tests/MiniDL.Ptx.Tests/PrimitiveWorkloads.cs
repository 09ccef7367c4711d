using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Ptx.Tests;

/// <summary>The ways through kernels that the usual sizes and values do not take.</summary>
internal static class PrimitiveWorkloads
{
    /// <summary>Every function of one value, at zeros, infinities, NaN and far out; counts and places do not come in fours.</summary>
    public static void Functions(Device device, DType type)
    {
        Check(device, type, default(AbsFunction));
        Check(device, type, default(ExpFunction));
        Check(device, type, new LeakyReluFunction(0.125));
        Check(device, type, default(LogFunction));
        Check(device, type, default(ReluFunction));
        Check(device, type, default(SigmoidFunction));
        Check(device, type, default(SqrtFunction));
        Check(device, type, default(SquareFunction));
        Check(device, type, default(TanhFunction));
        foreach (double exponent in new[] { 2.5, 3, 2, -1, -0.5, 0, 1e6 }) Check(device, type, new PowFunction(exponent));
    }

    private static void Check<TFunction>(Device device, DType type, TFunction function) where TFunction : struct, IUnaryFunction
    {
        float[] values =
        [
            0, -0f, 1, -1, 0.25f, -0.25f, 0.625f, 1.5f, -1.5f, 3, -3, 12, -12, 80, -80, 150, -150,
            MathF.ScaleB(1, -100), MathF.ScaleB(1, 100), MathF.ScaleB(-1, 100), float.PositiveInfinity, float.NegativeInfinity, float.NaN,
        ];
        foreach (int place in new[] { 0, 1 })
        {
            double[][] Run(Device on)
            {
                Tensor Made(float[] of) => KernelWorkloads.At(place, KernelWorkloads.Stored(Tensor.From(of, [of.Length], on), type));
                Tensor x = Made(values), dy = Made([.. values.Select((_, i) => i % 3 - 1.5f)]), y = Made(values), dx = Made(values);
                on.Backend.Map(function, x, y);
                on.Backend.MapGradient(function, dy, x, y, dx);
                return [y.ToArray<double>(), dx.ToArray<double>()];
            }
            double[][] got = Run(device), expected = Run(Device.Reference);
            for (int i = 0; i < values.Length; i++)
                for (int output = 0; output < 2; output++)
                    Assert.True(IsRounded(expected[output][i], got[output][i], type == DType.BF16 ? 8e-3 : 2e-6),
                        $"{function.Name}{(output == 1 ? "'" : "")}({values[i]:R}) is {expected[output][i]:R}, got {got[output][i]:R}");
        }
    }

    /// <summary>Whether x is what a float, or less, makes of the expected value: beyond its range infinity, below it zero.</summary>
    private static bool IsRounded(double expected, double x, double tolerance) =>
        double.IsNaN(expected) ? double.IsNaN(x)
        : Math.Abs(expected) > 3.3e38 ? double.IsInfinity(x) && x > 0 == expected > 0
        : Math.Abs(expected - x) <= tolerance * (1 + Math.Abs(expected)) || Math.Abs(expected - x) < 1e-37;

    /// <summary>Functions of two values with operands that are repeated along some of four dimensions.</summary>
    public static void Broadcasts(Device device, DType type, double limit)
    {
        double[][] Run(Device on)
        {
            var leaves = new List<Tensor>();
            Tensor Given(Shape shape, int seed)
            {
                var x = KernelWorkloads.Stored(KernelWorkloads.Exact(on, shape, seed), type);
                leaves.Add(x);
                x.RequiresGrad = true;
                return x;
            }
            var results = new List<Tensor>();
            var shapes = new (Shape, Shape, Shape)[] { ([3, 4, 5, 6], [3, 1, 5, 1], [1, 4, 1, 6]), ([3, 4, 5], [3, 1, 5], [1, 4, 1]) };
            foreach (var (whole, one, other) in shapes)
            {
                Tensor a = Given(whole, 1), b = Given(one, 2), c = Given(other, 3);
                results.AddRange([a + b, a - c, b - a, a * b, c * a, a / (c.Square() + 1), b / (a.Square() + 1)]);
                results.AddRange([a.Maximum(b), c.Maximum(a), a.Maximum(-a), a - a.Abs(), a * a, a / (a.Square() + 1)]);
            }
            foreach (var y in results) y.Backward(KernelWorkloads.Stored(KernelWorkloads.Exact(on, y.Shape, 4), type));
            return [.. results.Concat(leaves.Select(x => x.Grad!)).Select(y => y.ToArray<double>())];
        }
        double[][] got = Run(device), expected = Run(Device.Reference);
        for (int i = 0; i < got.Length; i++) KernelWorkloads.Near($"output {i}", expected[i], got[i], limit);
    }

    /// <summary>Products of either transpose, with tiles that hang over.</summary>
    public static void Products(Device device)
    {
        foreach (var (rows, inner, columns) in new[] { (70, 19, 67), (3, 40, 5) })
            foreach (var (left, right) in new[] { (false, false), (false, true), (true, false), (true, true) })
            {
                double[] Run(Device on)
                {
                    Tensor a = KernelWorkloads.Exact(on, [rows, inner], 1), b = KernelWorkloads.Exact(on, [inner, columns], 2);
                    var c = Agreement.Unset(on, [rows, columns]);
                    on.Backend.MatMul(a, b, c, rows, inner, columns, left, right);
                    return c.ToArray<double>();
                }
                KernelWorkloads.Near($"{rows}×{inner}×{columns} {left} {right}", Run(Device.Reference), Run(device), 1e-6);
            }
    }

    /// <summary>Windows that overlap, hang over, and are wider than one turn of an unrolled loop; convolutions with one channel.</summary>
    public static void Windows(Device device, DType type, double limit)
    {
        double[][] Run(Device on)
        {
            Tensor x = KernelWorkloads.Stored(KernelWorkloads.Exact(on, [2, 3, 13, 11], 1), type);
            var weight = KernelWorkloads.Exact(on, [2, 3, 7, 2], 2);
            x.RequiresGrad = weight.RequiresGrad = true;
            Tensor[] results =
            [
                x.MaxPool2d((7, 6), (1, 1), (3, 2)), x.MaxPool2d((2, 3), (3, 4), (0, 1)), x.AvgPool2d((7, 6), (1, 1), (3, 2)),
                x.AvgPool2d((1, 9), (2, 1), (0, 4)), x.GlobalAvgPool2d(), x.Conv2d(weight, null, (2, 3), (3, 1)),
            ];
            foreach (var y in results) y.Backward(KernelWorkloads.Stored(KernelWorkloads.Exact(on, y.Shape, 4), type));
            return [.. results.Concat([x.Grad!, weight.Grad!]).Select(y => y.ToArray<double>())];
        }
        double[][] got = Run(device), expected = Run(Device.Reference);
        for (int i = 0; i < got.Length; i++) KernelWorkloads.Near($"output {i}", expected[i], got[i], limit);
    }

    /// <summary>Steps of SGD with each of its settings, and running statistics of several samples and as plain averages.</summary>
    public static void Training(Device device)
    {
        var settings = new[] { (0f, 0f, 0f, false), (0.9f, 0.5f, 0f, false), (0.9f, 0, 0.1f, true) };
        foreach (var (momentum, dampening, decay, nesterov) in settings)
        {
            double[] Run(Device on)
            {
                var random = new RandomStream(5);
                var model = new Sequential(new Conv2d(3, 30, 3, random: random), new BatchNorm2d(30, momentum: null),
                    new InstanceNorm2d(30, affine: true, trackRunningStats: true)).To(on);
                var sgd = new Sgd(model.Parameters(), 0.1f, momentum, dampening, decay, nesterov);
                for (int step = 0; step < 3; step++)
                {
                    sgd.ZeroGrad();
                    var y = model.Forward(KernelWorkloads.Exact(on, [5, 3, 4, 4], step));
                    y.Backward(KernelWorkloads.Exact(on, y.Shape, 9));
                    sgd.Step();
                }
                return [.. model.StateDict().OrderBy(s => s.Key).SelectMany(s => s.Value.ToArray<double>())];
            }
            KernelWorkloads.Near($"momentum {momentum}, nesterov {nesterov}", Run(Device.Cpu), Run(device), 1e-4);
        }
    }
}
