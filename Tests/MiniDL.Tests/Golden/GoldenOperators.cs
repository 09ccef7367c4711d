using System.Globalization;
using MiniDL.Layers;

namespace MiniDL.Tests.Golden;

/// <summary>PyTorch's operators and layers by their names in a golden file, in terms of MiniDL's.</summary>
internal static class GoldenOperators
{
    private static readonly Dictionary<string, Func<GoldenRun, Tensor>> All = new()
    {
        ["add"] = r => r["a"] + r["b"],
        ["sub"] = r => r["a"] - r["b"],
        ["mul"] = r => r["a"] * r["b"],
        ["div"] = r => r["a"] / r["b"],
        ["relu"] = r => r["x"].Relu(),
        ["sigmoid"] = r => r["x"].Sigmoid(),
        ["tanh"] = r => r["x"].Tanh(),
        ["exp"] = r => r["x"].Exp(),
        ["log"] = r => r["x"].Log(),
        ["sqrt"] = r => r["x"].Sqrt(),
        ["neg"] = r => -r["x"],
        ["abs"] = r => r["x"].Abs(),
        ["square"] = r => r["x"].Square(),
        ["leaky_relu"] = r => r["x"].LeakyRelu(r.Case.Number("negative_slope", 0.01)),
        ["pow"] = r => r["x"].Pow(r.Case.Number("exponent")),

        ["sum"] = r => r["x"].Sum(r.Case.Ints("dim"), r.Case.Flag("keepdim", false)),
        ["mean"] = r => r["x"].Mean(r.Case.Ints("dim"), r.Case.Flag("keepdim", false)),
        ["max"] = r => r["x"].Max(r.Case.Ints("dim"), r.Case.Flag("keepdim", false)),
        ["transpose"] = r => r["x"].Transpose(r.Case.Int("dim0"), r.Case.Int("dim1")),
        ["concat"] = r => Tensor.Concat(r.Inputs, r.Case.Int("dim", 0)),

        ["matmul"] = r => r["a"].MatMul(r["b"]),
        ["linear"] = r => r.Through(new Linear(r.Case.Int("in_features"), r.Case.Int("out_features"), r.Case.Flag("bias", true))),
        ["conv2d"] = r => r.Through(Conv2d(r.Case)),
        ["max_pool2d"] = r => r["x"].MaxPool2d(Pair(r, "kernel_size"), Pair(r, "stride"), Pair(r, "padding", 0)),
        ["avg_pool2d"] = r => r["x"].AvgPool2d(Pair(r, "kernel_size"), Pair(r, "stride"), Pair(r, "padding", 0)),
        ["global_avg_pool2d"] = r => r["x"].GlobalAvgPool2d(),

        ["cross_entropy"] = r => Loss.CrossEntropy(r["x"], r["target"]),
        ["log_softmax"] = r => r["x"].LogSoftmax(r.Case.Int("dim")),
        ["mse_loss"] = r => Loss.Mse(r["x"], r["target"]),

        ["batch_norm1d"] = r => r.Through(Statistical(r.Case,
            (c, eps, momentum, affine, track) => new BatchNorm1d(c, eps, momentum, affine, track), true)),
        ["batch_norm2d"] = r => r.Through(Statistical(r.Case,
            (c, eps, momentum, affine, track) => new BatchNorm2d(c, eps, momentum, affine, track), true)),
        ["batch_norm3d"] = r => r.Through(Statistical(r.Case,
            (c, eps, momentum, affine, track) => new BatchNorm3d(c, eps, momentum, affine, track), true)),
        ["instance_norm1d"] = r => r.Through(Statistical(r.Case,
            (c, eps, momentum, affine, track) => new InstanceNorm1d(c, eps, momentum, affine, track), false)),
        ["instance_norm2d"] = r => r.Through(Statistical(r.Case,
            (c, eps, momentum, affine, track) => new InstanceNorm2d(c, eps, momentum, affine, track), false)),
        ["instance_norm3d"] = r => r.Through(Statistical(r.Case,
            (c, eps, momentum, affine, track) => new InstanceNorm3d(c, eps, momentum, affine, track), false)),
        ["group_norm"] = r => r.Through(new GroupNorm(r.Case.Int("num_groups"), r.Case.Int("num_channels"), Eps(r),
            r.Case.Flag("affine", true))),
        ["layer_norm"] = r => r.Through(new LayerNorm(Normalized(r), Eps(r), r.Case.Flag("elementwise_affine", true))),
        ["rms_norm"] = r => r.Through(new RmsNorm(Normalized(r), r.Case.NumberOrNull("eps", double.NaN),
            r.Case.Flag("elementwise_affine", true))),
        ["local_response_norm"] = r => r.Through(new LocalResponseNorm(
            r.Case.Int("size"), r.Case.Number("alpha", 1e-4), r.Case.Number("beta", 0.75), r.Case.Number("k", 1))),
        ["lp_batch_norm2d"] = r => r.Through(
            new LpBatchNorm2d(r.Case.Int("num_features"), Order(r), Eps(r), trackRunningStats: false)),
        ["weight_norm_linear"] = r => r.Through(WeightNormed(r.Case, new Linear(r.Case.Int("in_features"), r.Case.Int("out_features")))),
        ["weight_norm_conv2d"] = r => r.Through(WeightNormed(r.Case, Conv2d(r.Case))),
    };

    public static Tensor Run(GoldenRun run) =>
        All.TryGetValue(run.Case.Op, out var op) ? op(run) : throw new NotSupportedException($"no operator is known as {run.Case.Op}");

    private static Conv2d Conv2d(GoldenCase c) => new(c.Int("in_channels"), c.Int("out_channels"), c.Int("kernel_size"),
        c.Int("stride", 1), c.Int("padding", 0), c.Flag("bias", true));

    private static Module WeightNormed(GoldenCase c, Module module)
    {
        WeightNorm.Apply(module, "weight", c.Int("dim", 0));
        return module;
    }

    private static Module Statistical(GoldenCase c, Func<int, double, double?, bool, bool, Module> norm, bool batch) =>
        norm(c.Int("num_features"), c.Number("eps", 1e-5), c.NumberOrNull("momentum", 0.1), c.Flag("affine", batch),
            c.Flag("track_running_stats", batch))
            .Train(c.Flag("training", true));

    private static (int, int) Pair(GoldenRun r, string argument, int? absent = null)
    {
        int size = r.Case.Int(argument, absent ?? r.Case.Int("kernel_size"));
        return (size, size);
    }

    private static Shape Normalized(GoldenRun r) => [.. r.Case.Ints("normalized_shape")];

    private static double Eps(GoldenRun r) => r.Case.Number("eps", 1e-5);

    private static double Order(GoldenRun r) => r.Case.Text("p") is "inf" ? double.PositiveInfinity
        : double.Parse(r.Case.Text("p"), CultureInfo.InvariantCulture);
}
