using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>Every norm with the shapes it takes, and what tests of norms share.</summary>
internal static class NormCases
{
    private static readonly (string Name, Func<int, Norm> Create, int[] Ranks)[] Norms =
    [
        ("bn", c => new BatchNorm1d(c), [2, 3]),
        ("bn", c => new BatchNorm2d(c), [4]),
        ("bn", c => new BatchNorm3d(c), [5]),
        ("bn cumulative", c => new BatchNorm2d(c, momentum: null), [4]),
        ("bn plain", c => new BatchNorm2d(c, affine: false, trackRunningStats: false), [4]),
        ("in", c => new InstanceNorm1d(c), [3]),
        ("in affine", c => new InstanceNorm2d(c, affine: true), [4]),
        ("in track", c => new InstanceNorm2d(c, affine: true, trackRunningStats: true), [4]),
        ("in", c => new InstanceNorm3d(c, affine: true), [5]),
        ("gn", c => new GroupNorm(3, c), [3, 4, 5, 6]),
        ("gn two", c => new GroupNorm(2, c), [2]),
        ("gn one", c => new GroupNorm(1, c), [4]),
        ("gn channels", c => new GroupNorm(c, c, affine: false), [4]),
        ("ln", c => new LayerNorm([c]), [2]),
        ("ln no bias", c => new LayerNorm([5], bias: false), [3]),
        ("ln two", c => new LayerNorm([4, 5]), [4]),
        ("ln all", c => new LayerNorm([c, 1, 2, 3]), [5]),
        ("rms", c => new RmsNorm([c]), [2]),
        ("rms two", c => new RmsNorm([4, 5], eps: 1e-6), [4]),
        ("rms channels", c => new ChannelRmsNorm(c), [2, 4]),
        ("lrn", c => new LocalResponseNorm(3, alpha: 0.1, k: 2), [3, 4]),
        ("lrn even", c => new LocalResponseNorm(4, alpha: 0.1), [4]),
        ("lp1", c => new LpBatchNorm2d(c, 1), [4]),
        ("lp2", c => new LpBatchNorm1d(c, 2), [2, 3]),
        ("lp3", c => new LpBatchNorm2d(c, 3), [4]),
        ("lpinf", c => new LpBatchNorm2d(c, double.PositiveInfinity), [4]),
        ("ghost", c => new GhostBatchNorm1d(c, 1), [3]),
        ("ghost", c => new GhostBatchNorm2d(c, 1), [4]),
        ("ghost large", c => new GhostBatchNorm1d(c, 16), [2]),
        ("brn as bn", c => new BatchRenorm2d(c, rMax: 1, dMax: 0), [4]),
        ("mean only", c => new MeanOnlyBatchNorm(c), [2, 4]),
        ("frn", c => new FilterResponseNorm2d(c), [4]),
        ("frn linear", c => new FilterResponseNorm2d(c, activation: false), [4]),
        ("evonorm s0", c => new EvoNormS0(3, c), [4]),
        ("evonorm b0", c => new EvoNormB0(c), [4]),
        ("evonorm linear", c => new EvoNormB0(c, activation: false), [4]),
        ("dyt", c => new DynamicTanh(c), [2, 4]),
        ("skipinit", c => new SkipInit(), [2, 4]),
        ("scalar bias", c => new ScalarBias(), [4]),
        ("identity", c => new NoNorm(), [2, 4]),
    ];

    private const int Channels = 6;

    /// <summary>A small input of each rank from 2 to 6.</summary>
    private static readonly Shape[] Shapes =
        [[7, Channels], [3, Channels, 5], [2, Channels, 4, 5], [3, Channels, 1, 2, 3], [1, Channels, 2, 1, 2, 2]];

    /// <summary>The name and rank of every case.</summary>
    public static TheoryData<string, int> All
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (var (name, _, ranks) in Norms)
                foreach (int rank in ranks) cases.Add(name, rank);
            return cases;
        }
    }

    public static Shape Shape(int rank) => Shapes[rank - 2];

    /// <summary>The norm of a case, its weights, biases and running statistics random, the same each time.</summary>
    public static Norm Create(string name, int rank, Device device)
    {
        return Randomized(Norms.Single(c => c.Name == name && c.Ranks.Contains(rank)).Create(Channels), device);
    }

    /// <summary>The norm on a device, with weights, biases and running statistics that no initial value hides behind.</summary>
    public static Norm Randomized(Norm norm, Device device)
    {
        var random = new RandomStream(5);
        foreach (var (path, parameter) in norm.NamedParameters())
            Init.Normal(parameter, random, mean: path.EndsWith("weight", StringComparison.Ordinal) ? 1 : 0, std: 0.3);
        foreach (var (path, buffer) in norm.NamedBuffers())
            if (path != "num_batches_tracked")
                Device.Cpu.Backend.Upload<double>([.. Enumerable.Range(0, buffer.Value.Count).Select(i => 0.5 + 0.1 * (i % 7))],
                    buffer.Value);
        norm.To(device);
        return norm;
    }

    /// <summary>Output, gradients (d…) and buffers of one forward and backward pass.</summary>
    public static Dictionary<string, Tensor> Differentiate(Norm norm, Tensor x, Tensor? residual, Activation activation, Tensor cotangent)
    {
        var y = norm.Forward(x, residual, activation);
        (y * 1).Backward(cotangent);
        var results = new Dictionary<string, Tensor> { ["y"] = y, ["dx"] = x.Grad! };
        if (residual is not null) results["dresidual"] = residual.Grad!;
        foreach (var (path, parameter) in norm.NamedParameters()) results[$"d{path}"] = parameter.Grad!;
        foreach (var (path, buffer) in norm.NamedBuffers()) results[path] = buffer.Value;
        return results;
    }

    public static Tensor Input(Shape shape, Device device, ulong seed, double mean = 0) =>
        Tensor.Normal(shape, new RandomStream(seed), mean, device: device);

    public static Tensor Leaf(Tensor x)
    {
        x.RequiresGrad = true;
        return x;
    }

    /// <summary>‖a − b‖ / ‖b‖, or ‖a‖ where b is 0.</summary>
    public static double RelativeError(Tensor a, Tensor b)
    {
        Assert.Equal(b.Shape, a.Shape);
        double difference = 0, size = 0;
        foreach (var (p, q) in a.ToArray<double>().Zip(b.ToArray<double>()))
        {
            difference += (p - q) * (p - q);
            size += q * q;
        }
        return Math.Sqrt(difference) / (size == 0 ? 1 : Math.Sqrt(size));
    }

    public static void AssertClose(Tensor actual, Tensor expected, double limit, string what)
    {
        double error = RelativeError(actual, expected);
        Assert.True(error <= limit, $"{what}: relative error {error:E1}, at most {limit:E1} allowed.");
    }
}
