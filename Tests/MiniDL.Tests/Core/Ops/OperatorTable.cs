using CsCheck;

namespace MiniDL.Tests.Core.Ops;

/// <summary>Every operator, one row each: what it is called, and random problems for it with sizes drawn from a generator.</summary>
public static class OperatorTable
{
    public static readonly Dictionary<string, Func<Gen<int>, Gen<Problem>>> Rows = new()
    {
        ["add"] = Binary((a, b) => a + b),
        ["add number"] = Unary(x => x + 1.5),
        ["sub"] = Binary((a, b) => a - b),
        ["sub number"] = Unary(x => x - 1.5),
        ["number sub"] = Unary(x => 1.5 - x),
        ["mul"] = Binary((a, b) => a * b),
        ["mul number"] = Unary(x => x * -2.5),
        ["div"] = Binary((a, b) => a / b),
        ["div number"] = Unary(x => x / 3),
        ["number div"] = Unary(x => 3 / x, Values.Positive),
        ["maximum"] = Binary((a, b) => a.Maximum(b), Values.Distinct, Values.BetweenDistinct),
        ["neg"] = Unary(x => -x),
        ["abs"] = Unary(x => x.Abs(), Values.AwayFromZero),
        ["square"] = Unary(x => x.Square()),
        ["pow 3"] = Unary(x => x.Pow(3)),
        ["pow 0"] = Unary(x => x.Pow(0)),
        ["pow -1.5"] = Unary(x => x.Pow(-1.5), Values.Positive),
        ["exp"] = Unary(x => x.Exp()),
        ["log"] = Unary(x => x.Log(), Values.Positive),
        ["sqrt"] = Unary(x => x.Sqrt(), Values.Positive),
        ["relu"] = Unary(x => x.Relu(), Values.AwayFromZero),
        ["leaky_relu"] = Unary(x => x.LeakyRelu(0.2), Values.AwayFromZero),
        ["sigmoid"] = Unary(x => x.Sigmoid()),
        ["tanh"] = Unary(x => x.Tanh()),
        ["sum"] = Reduction((x, dims, keep) => x.Sum(dims, keep), Values.Positive, Empty.Allowed),
        ["mean"] = Reduction((x, dims, keep) => x.Mean(dims, keep), Values.Positive, Empty.Not),
        ["max"] = Reduction((x, dims, keep) => x.Max(dims, keep), Values.Distinct, Empty.Not),
        ["reshape"] = Unary(x => x.Reshape(1, x.Count, 1)),
        ["flatten"] = size => One(Draw.Shapes(size, 1, 5), Values.Normal, x => x.Flatten(Math.Min(1, x.Rank - 1))),
        ["to_layout"] = size => One(Draw.Shapes(size, 3, 5), Values.Normal,
            x => x.ToLayout(x.Layout == Layout.RowMajor ? Layout.ChannelsLast : Layout.RowMajor) * x),
        ["transpose"] = size => Gen.Select(Draw.Shapes(size, 4, 4), Gen.Int[-4, 3], Gen.Int[-4, 3]).SelectMany((shape, i, j) =>
            One(Gen.Const(shape), Values.Normal, x => x.Transpose(i, j))),
        ["concat"] = Concat,
        ["pad"] = size => Gen.Select(Draw.Shapes(size, 2, 5), Gen.Int[0, 2].Array[4]).SelectMany((shape, n) =>
            One(Gen.Const(shape), Values.Normal, x => x.Pad((n[0], n[1]), (n[2], n[3])))),
        ["slice"] = Slice,
        ["matmul"] = size => Gen.Select(size, size, size).SelectMany((n, k, m) => Gen.Select(
            Draw.Operand([n, k], Values.Positive), Draw.Operand([k, m], Values.Positive),
            (a, b) => new Problem(x => x[0].MatMul(x[1]), [a, b]))),
        ["linear"] = size => Gen.Select(Draw.Shapes(size, 1, 4), size).SelectMany((shape, m) => Gen.Select(
            Draw.Operand(shape, Values.Positive), Draw.Operand([m, shape[-1]], Values.Positive), Draw.Operand([m]),
            (a, w, b) => new Problem(x => x[0].Linear(x[1], x[2]), [a, w, b]))),
        ["conv2d"] = size => Gen.Select(Window(size), Gen.Int[0, 5], Gen.Bool).SelectMany((w, k, bias) => Gen.Select(
            Draw.Operand(w.Shape, Values.Positive),
            Draw.Operand([k, w.Shape[1], w.Kernel.H, w.Kernel.W], Values.Positive),
            Draw.Operand([k]),
            (x, weight, b) => bias
                ? new Problem(o => o[0].Conv2d(o[1], o[2], w.Stride, w.Pad), [x, weight, b])
                : new Problem(o => o[0].Conv2d(o[1], null, w.Stride, w.Pad), [x, weight]))),
        ["max_pool2d"] = size => Window(size).SelectMany(w =>
            One(Gen.Const(w.Shape), Values.Distinct, x => x.MaxPool2d(w.Kernel, w.Stride, w.PoolPad))),
        ["avg_pool2d"] = size => Window(size).SelectMany(w =>
            One(Gen.Const(w.Shape), Values.Positive, x => x.AvgPool2d(w.Kernel, w.Stride, w.PoolPad))),
        ["global_avg_pool2d"] = size => One(Window(size).Select(w => w.Shape), Values.Positive, x => x.GlobalAvgPool2d()),
        ["log_softmax"] = size => Gen.Select(Draw.Shapes(size, 3, 3), Gen.Int[-3, 2]).SelectMany((shape, dim) =>
            One(Gen.Const(shape), Values.Normal, x => x.LogSoftmax(dim))),
        ["cross_entropy"] = size => Gen.Select(size, size).SelectMany((n, classes) => Gen.Select(
            Draw.Operand([Math.Max(1, n), Math.Max(3, classes)]), Draw.Operand([Math.Max(1, n)], Values.Labels),
            (logits, labels) => new Problem(x => x[0].CrossEntropy(x[1]), [logits, labels]))),
        ["mse_loss"] = size => Draw.Shapes(size.Select(s => Math.Max(1, s)), 0, 4).SelectMany(shape => Gen.Select(
            Draw.Operand(shape), Draw.Operand(shape), (a, b) => new Problem(x => x[0].MseLoss(x[1]), [a, b]))),
        ["dropout"] = Unary(x => x.Dropout(0.2, new RandomStream(5))),
    };

    private enum Empty
    {
        Allowed,
        Not,
    }

    private sealed record WindowSettings(Shape Shape, (int H, int W) Kernel, (int H, int W) Stride, (int H, int W) Pad)
    {
        public (int H, int W) PoolPad => (Math.Min(Pad.H, Kernel.H / 2), Math.Min(Pad.W, Kernel.W / 2));
    }

    private static Gen<Problem> One(Gen<Shape> shape, Values values, Func<Tensor, Tensor> f) =>
        Draw.Operand(shape, values).Select(x => new Problem(operands => f(operands[0]), [x]));

    private static Func<Gen<int>, Gen<Problem>> Unary(Func<Tensor, Tensor> f, Values values = Values.Normal) =>
        size => One(Draw.Shapes(size, 0, 5), values, f);

    private static Func<Gen<int>, Gen<Problem>> Binary(Func<Tensor, Tensor, Tensor> f, Values values = Values.Positive,
        Values? second = null) => size =>
        Draw.Shapes(size, 0, 5)
            .SelectMany(shape => Gen.Select(Draw.BroadcastsTo(shape), Draw.BroadcastsTo(shape)))
            .SelectMany((a, b) => Gen.Select(Draw.Operand(a, values), Draw.Operand(b, second ?? values)))
            .Select((a, b) => new Problem(x => f(x[0], x[1]), [a, b]));

    private static Func<Gen<int>, Gen<Problem>> Reduction(Func<Tensor, int[], bool, Tensor> f, Values values, Empty empty) => size =>
        Gen.Select(Draw.Shapes(empty == Empty.Allowed ? size : size.Select(s => Math.Max(1, s)), 0, 5), Gen.Int[0, 31], Gen.Bool)
            .SelectMany((shape, mask, keep) =>
            {
                int[] dims = [.. Enumerable.Range(0, shape.Rank).Where(dim => (mask >> dim & 1) != 0)];
                return One(Gen.Const(shape), values, x => f(x, dims, keep));
            });

    private static Gen<Problem> Concat(Gen<int> size) =>
        Gen.Select(Draw.Shapes(size, 1, 5), Gen.Int[0, 4], Gen.Int[0, 3].Array[1, 10]).SelectMany((shape, at, sizes) =>
        {
            int dim = at % shape.Rank;
            return Draw.Operand(shape).Array[sizes.Length].Select(xs =>
                new Problem(x => Tensor.Concat(x, dim), [.. xs.Zip(sizes, (x, n) => x with { Shape = x.Shape.With(dim, n) })]));
        });

    private static Gen<Problem> Slice(Gen<int> size) =>
        Gen.Select(Draw.Shapes(size, 1, 5), Gen.Int[0, 100].Array[5], Gen.Int[0, 100].Array[5], Gen.Int[1, 3].Array[5])
            .SelectMany((shape, from, to, step) => One(Gen.Const(shape), Values.Normal, x =>
            {
                var slices = new Slice[shape.Rank];
                for (int i = 0; i < slices.Length; i++)
                {
                    int start = from[i] % (shape[i] + 1), stop = start + to[i] % (shape[i] - start + 1);
                    slices[i] = new Slice(start..stop, step[i]);
                }
                return x[slices];
            }));

    private static Gen<WindowSettings> Window(Gen<int> size)
    {
        var small = Gen.Select(Gen.Int[1, 3], Gen.Int[1, 3]);
        return Gen.Select(Draw.Shapes(size, 4, 4), small, small, Gen.Select(Gen.Int[0, 2], Gen.Int[0, 2]))
            .Select((shape, kernel, stride, pad) =>
            {
                int height = Math.Clamp(shape[2], kernel.Item1, 9), width = Math.Clamp(shape[3], kernel.Item2, 17);
                return new WindowSettings([shape[0] % 4, shape[1], height, width], kernel, stride, pad);
            });
    }
}
