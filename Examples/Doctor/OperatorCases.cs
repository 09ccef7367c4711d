using MiniDL.Layers;

namespace MiniDL.Examples.Doctor;

/// <summary>Every operator and the layers that have kernels of their own, in sizes of ResNet-20's on a batch of so many images.</summary>
internal static class OperatorCases
{
    public static IReadOnlyList<OperatorCase> Of(int batch) =>
        [.. Elementwise(batch), .. Structural(batch), .. Linear(batch), .. Windows(batch), .. Norms(batch), .. Losses(batch)];

    private static Operand Image(int batch, int channels, int size, double low = -2) =>
        new([batch, channels, size, size], low, 2, Layout.ChannelsLast);

    private static OperatorCase Unary(string name, Func<Tensor, Tensor> f, Operand x) => new(name, (_, o) => f(o[0]), x);

    private static OperatorCase Binary(string name, Func<Tensor, Tensor, Tensor> f, Operand a, Operand b) =>
        new(name, (_, o) => f(o[0], o[1]), a, b);

    private static IEnumerable<OperatorCase> Elementwise(int batch)
    {
        Operand any = Image(batch, 16, 16), positive = Image(batch, 16, 16, 0.1), channels = new([1, 16, 1, 1], 0.5);
        return
        [
            Unary("abs", x => x.Abs(), any), Unary("exp", x => x.Exp(), any), Unary("leaky_relu", x => x.LeakyRelu(0.1), any),
            Unary("log", x => x.Log(), positive), Unary("pow", x => x.Pow(2.5), positive), Unary("relu", x => x.Relu(), any),
            Unary("sigmoid", x => x.Sigmoid(), any), Unary("sqrt", x => x.Sqrt(), positive), Unary("square", x => x.Square(), any),
            Unary("tanh", x => x.Tanh(), any), Unary("scale and shift", x => x * 3 + 1, any),
            Binary("add", (a, b) => a + b, any, any), Binary("sub, broadcast", (a, b) => a - b, any, channels),
            Binary("mul, broadcast", (a, b) => a * b, any, channels), Binary("div, broadcast", (a, b) => a / b, any, channels),
            Binary("maximum", (a, b) => a.Maximum(b), any, any),
            Unary("dropout", x => x.Dropout(0.5, new RandomStream(1)), any),
        ];
    }

    private static IEnumerable<OperatorCase> Structural(int batch)
    {
        var x = new Operand([batch, 16, 16, 16]);
        return
        [
            Unary("sum over all", x => x.Sum(), x with { Low = 0.5 }), Unary("mean over pixels", x => x.Mean([2, 3]), x),
            Unary("sum over images", x => x.Sum([0]), x), Unary("max over channels", x => x.Max([1]), x),
            Unary("transpose", x => x.Transpose(1, 3), x), Unary("to channels last", x => x.ToLayout(Layout.ChannelsLast), x),
            Unary("slice", x => x[.., 2..9, ..], x), Binary("concat", (a, b) => Tensor.Concat([a, b], 1), x, x),
        ];
    }

    private static IEnumerable<OperatorCase> Linear(int batch) =>
    [
        Binary("matmul", (a, b) => a.MatMul(b), new([batch, 256]), new([256, 128])),
        new("linear", (layer, o) => layer!.Forward(o[0]), new Operand([batch, 64])) { Layer = random => new Linear(64, 10, random: random) },
    ];

    private static IEnumerable<OperatorCase> Windows(int batch) =>
    [
        Convolution(batch, 3, 16, 32, 3, 1), Convolution(batch, 16, 16, 32, 3, 1), Convolution(batch, 16, 32, 32, 3, 2),
        Convolution(batch, 32, 32, 16, 3, 1), Convolution(batch, 32, 64, 16, 3, 2), Convolution(batch, 64, 64, 8, 3, 1),
        Convolution(batch, 16, 32, 32, 1, 2), Convolution(batch, 5, 7, 9, 5, 1),
        Unary("max_pool2d 2", x => x.MaxPool2d((2, 2), (2, 2), (0, 0)), Image(batch, 16, 16)),
        Unary("max_pool2d 3/2, padded", x => x.MaxPool2d((3, 3), (2, 2), (1, 1)), Image(batch, 16, 15)),
        Unary("avg_pool2d 3/2, padded", x => x.AvgPool2d((3, 3), (2, 2), (1, 1)), Image(batch, 16, 15)),
        Unary("global_avg_pool2d", x => x.GlobalAvgPool2d(), Image(batch, 64, 8)),
    ];

    private static OperatorCase Convolution(int batch, int channels, int outputs, int size, int kernel, int stride) =>
        new($"conv2d {channels}→{outputs}, {size}×{size}, {kernel}×{kernel}/{stride}", (layer, o) => layer!.Forward(o[0]),
            Image(batch, channels, size))
        {
            Layer = random => new Conv2d(channels, outputs, kernel, stride, kernel / 2, random: random),
            Rounds = true,
        };

    private static IEnumerable<OperatorCase> Norms(int batch)
    {
        var x = Image(batch, 16, 16);
        return
        [
            Norm("batch_norm + relu", () => new BatchNorm2d(16), x), Norm("group_norm + relu", () => new GroupNorm(8, 16), x),
            Norm("instance_norm + relu", () => new InstanceNorm2d(16, affine: true), x),
            Norm("layer_norm + relu", () => new LayerNorm([200]), new Operand([batch, 200])),
            Norm("rms_norm + relu", () => new RmsNorm([200]), new Operand([batch, 200])),
            Norm("batch_norm of constants", () => new BatchNorm2d(16), x, training: false),
            Norm("batch_norm, mean 10", () => new BatchNorm2d(16), new Operand([batch, 16, 16, 16], 9, 11, Layout.ChannelsLast)),
        ];
    }

    private static OperatorCase Norm(string name, Func<Norm> make, Operand x, bool training = true) =>
        new(name, (layer, o) => ((Norm)layer!).Forward(o[0], o[1], Activation.Relu), x, x with { Low = -2, High = 2 })
        {
            Layer = random =>
            {
                var norm = make();
                norm.Train(training);
                foreach (var parameter in norm.Parameters()) Tensor.Uniform(parameter.Shape, random, 0.5, 1.5).CopyTo(parameter.Value);
                return norm;
            },
        };

    private static IEnumerable<OperatorCase> Losses(int batch)
    {
        Operand logits = new([batch, 10]), labels = new([batch], Classes: 10);
        return
        [
            Unary("log_softmax", x => x.LogSoftmax(1), logits), Binary("cross_entropy", (x, y) => x.CrossEntropy(y), logits, labels),
            Binary("mse_loss", (a, b) => a.MseLoss(b), logits, logits),
        ];
    }
}
