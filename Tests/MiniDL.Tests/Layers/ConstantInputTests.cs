using MiniDL.Layers;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Layers;

/// <summary>Equal values have exactly their value as mean, so that norms give exactly 0 of them, whatever their level and number.</summary>
public class ConstantInputTests
{
    private static readonly float[] Levels = [1e5f, -1000, 0.1f, 1 / 3f, 123.456f, 3e7f, 1e-20f, 16777217];

    private static readonly int[] Counts = [2, 3, 5, 7, 10, 17, 49, 63, 64, 65, 100, 343, 999, 1024, 1999, 2000];

    private static readonly Device[] Hosts = [Device.Cpu, Device.Reference];

    [Fact]
    public void The_mean_of_equal_values_is_that_value()
    {
        foreach (var device in Hosts)
            foreach (float level in Levels)
                foreach (int n in Counts)
                    foreach (var (shape, dims) in new (Shape, int[])[] { ([n], []), ([n, 3], [0]), ([2, n], [1]), ([n, 2, 3], [0, 2]), ([3, 2, n, 2], [0, 2, 3]) })
                        Assert.All(Tensor.Full(shape, level, device).Mean(dims).ToArray(), mean => Assert.Equal(level, mean));
    }

    [Fact]
    public void A_long_mean_is_exact_too() => Assert.Equal(0.1f, Tensor.Full([300, 1000], 0.1f).Mean().Item());

    [Fact]
    public void Global_average_pooling_of_equal_pixels_gives_them()
    {
        foreach (var device in Hosts)
            foreach (float level in Levels)
                foreach (int side in new[] { 1, 3, 7, 8, 31 })
                    Assert.All(Tensor.Full([2, 5, side, side], level, device).GlobalAvgPool2d().ToArray(), mean => Assert.Equal(level, mean));
    }

    [Fact]
    public void The_mean_of_no_values_is_not_a_number_and_of_no_rows_is_empty()
    {
        foreach (var device in Hosts)
        {
            Assert.All(Tensor.Zeros([0, 3], device).Mean([0]).ToArray(), mean => Assert.Equal(float.NaN, mean));
            Assert.Equal<Shape>([0], Tensor.Zeros([0, 3], device).Mean([1]).Shape);
            Assert.Equal(float.NaN, Tensor.Zeros([0], device).Mean().Item());
        }
    }

    public static TheoryData<string, bool> CentringNorms
    {
        get
        {
            var cases = new TheoryData<string, bool>();
            foreach (string name in new[] { "bn", "in", "gn", "gn of features", "ln", "ln all", "ghost", "lp1", "lp2", "lp3", "lpinf", "mean only" })
                foreach (bool fused in new[] { true, false }) cases.Add(name, fused);
            return cases;
        }
    }

    [Theory, MemberData(nameof(CentringNorms))]
    public void Norms_of_equal_values_give_zeros(string name, bool fused)
    {
        foreach (var device in Hosts)
            foreach (float level in Levels)
                foreach (int n in Counts)
                {
                    var (norm, shape) = Case(name, n);
                    norm.Fused = fused;
                    norm.To(device);
                    Assert.All(norm.Forward(Tensor.Full(shape, level, device)).ToArray(), y => Assert.Equal(0, y));
                }
    }

    [Fact]
    public void Plain_norms_of_100000_give_zeros_for_every_count_to_2000()
    {
        for (int n = 2; n <= 2000; n++)
            foreach (string name in new[] { "bn", "in", "gn of features", "ln" })
            {
                var (norm, shape) = Case(name, n);
                norm.Fused = false;
                Assert.All(norm.Forward(Tensor.Full(shape, 1e5)).ToArray(), y => Assert.Equal(0, y));
            }
    }

    [GpuTheory, MemberData(nameof(CentringNorms))]
    public void Norms_of_equal_values_give_zeros_on_the_gpu(string name, bool fused)
    {
        foreach (float level in Levels)
            foreach (int n in Counts)
            {
                var (norm, shape) = Case(name, n);
                norm.Fused = fused;
                norm.To(Gpu.Device);
                { var w = norm.Forward(Tensor.Full(shape, level, Gpu.Device)).ToArray().Max(Math.Abs); Assert.True(w == 0, $"{level} {n} {w}"); }
            }
    }

    private static (Norm, Shape) Case(string name, int n) => name switch
    {
        "bn" => (new BatchNorm1d(2), [n, 2]),
        "in" => (new InstanceNorm1d(2), [2, 2, n]),
        "gn" => (new GroupNorm(2, 4), [2, 4, n]),
        "gn of features" => (new GroupNorm(2, 2 * n), [2, 2 * n]),
        "ln" => (new LayerNorm([n]), [3, n]),
        "ln all" => (new LayerNorm([2, n]), [2, 2, n]),
        "ghost" => (new GhostBatchNorm1d(3, 2), [4, 3, n]),
        "lp1" => (new LpBatchNorm1d(2, 1), [n, 2]),
        "lp2" => (new LpBatchNorm1d(2, 2), [n, 2]),
        "lp3" => (new LpBatchNorm1d(2, 3), [n, 2]),
        "lpinf" => (new LpBatchNorm1d(2, double.PositiveInfinity), [n, 2]),
        _ => (new MeanOnlyBatchNorm(2), [n, 2]),
    };

    [Fact]
    public void Weight_standardization_of_equal_weights_gives_zeros()
    {
        foreach (float level in Levels)
        {
            var conv = new Conv2d(7, 2, 3);
            Init.Constant(conv.Weight, level);
            WeightStandardization.Apply(conv);
            Assert.All(conv.Weight.Value.ToArray(), w => Assert.Equal(0, w));
        }
    }
}
