using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class BatchNormTests
{
    private const double Eps = 1e-5;

    /// <summary>The definition, value by value in double: a batch [N, C, positions] and running statistics of C channels.</summary>
    private sealed class ByHand(int channels, double? momentum)
    {
        public double[] Mean { get; } = new double[channels];

        public double[] Var { get; } = [.. Enumerable.Repeat(1.0, channels)];

        public int Batches { get; private set; }

        public double[] Train(double[] x, int batch, int positions)
        {
            Batches++;
            double m = momentum ?? 1.0 / Batches;
            var y = new double[x.Length];
            for (int c = 0; c < channels; c++)
            {
                int[] places = Places(c, batch, positions);
                double n = places.Length, mean = places.Sum(i => x[i]) / n, squares = places.Sum(i => (x[i] - mean) * (x[i] - mean));
                foreach (int i in places) y[i] = (x[i] - mean) / Math.Sqrt(squares / n + Eps);
                Mean[c] = (1 - m) * Mean[c] + m * mean;
                Var[c] = (1 - m) * Var[c] + m * squares / (n - 1);
            }
            return y;
        }

        public double[] Evaluate(double[] x, int batch, int positions)
        {
            var y = new double[x.Length];
            for (int c = 0; c < channels; c++)
                foreach (int i in Places(c, batch, positions)) y[i] = (x[i] - Mean[c]) / Math.Sqrt(Var[c] + Eps);
            return y;
        }

        private int[] Places(int channel, int batch, int positions) =>
            [.. from n in Enumerable.Range(0, batch)
                from p in Enumerable.Range(0, positions)
                select (n * channels + channel) * positions + p];
    }

    [Theory]
    [InlineData(0.1, true)]
    [InlineData(0.75, true)]
    [InlineData(null, true)]
    [InlineData(0.1, false)]
    [InlineData(null, false)]
    public void Called_repeatedly_in_training_and_then_in_evaluation_it_follows_the_definition(double? momentum, bool fused)
    {
        foreach (var device in new[] { Device.Reference, Device.Cpu })
        {
            double limit = device == Device.Reference ? 1e-13 : 1e-6;
            var norm = new BatchNorm2d(3, momentum: momentum) { Fused = fused };
            norm.To(device);
            var hand = new ByHand(3, momentum);
            int step = 0;
            foreach (int batch in new[] { 4, 2, 7, 1, 4, 4 })
            {
                var x = NormCases.Input([batch, 3, 2, 3], device, seed: (ulong)step, mean: 2 - step++);
                Agree(norm.Forward(x), hand.Train(x.ToArray<double>(), batch, 6), limit);
                Agree(norm.RunningMean!.Value, hand.Mean, limit);
                Agree(norm.RunningVar!.Value, hand.Var, limit);
                Assert.Equal([hand.Batches], norm.NumBatchesTracked!.Value.ToArray<long>());
            }
            norm.Eval();
            foreach (int batch in new[] { 5, 1 })
            {
                var x = NormCases.Input([batch, 3, 2, 3], device, seed: 99);
                Agree(norm.Forward(x), hand.Evaluate(x.ToArray<double>(), batch, 6), limit);
            }
            Agree(norm.RunningMean!.Value, hand.Mean, limit);
            Assert.Equal([6], norm.NumBatchesTracked!.Value.ToArray<long>());
        }
    }

    private static void Agree(Tensor actual, double[] expected, double limit) =>
        NormCases.AssertClose(actual, Tensor.From(expected, actual.Shape, Device.Reference), limit, "by hand");

    [Fact]
    public void Evaluation_takes_single_values_since_its_statistics_are_constants()
    {
        var norm = new BatchNorm2d(2);
        norm.Eval();
        float expected = (float)(3 / Math.Sqrt(1 + Eps));
        Assert.Equal([expected, -expected], norm.Forward(Tensor.From([3f, -3f], [1, 2, 1, 1])).ToArray());
    }

    [Theory, InlineData(true), InlineData(false)]
    public void One_value_per_channel_in_training_is_an_error_that_changes_nothing(bool fused)
    {
        var norm = new BatchNorm2d(2) { Fused = fused };
        var error = Assert.Throws<ShapeException>(() => norm.Forward(Tensor.Ones([1, 2, 1, 1])));
        Assert.Equal("[batch_norm] training needs more than one value per channel, got input [1, 2, 1, 1]. Use a larger batch, "
            + "drop the last incomplete batch (dropLast: true), or another norm (GroupNorm does not average over the batch).",
            error.Message);
        Assert.Equal([0], norm.NumBatchesTracked!.Value.ToArray<long>());
        Assert.Equal([1f, 1f], norm.RunningVar!.Value.ToArray());
    }

    [Fact]
    public void Two_values_per_channel_become_plus_and_minus_one()
    {
        var y = new BatchNorm1d(1, eps: 0).Forward(Tensor.From([1000f, 1001f], [2, 1]));
        Assert.Equal([-1f, 1f], y.ToArray());
    }

    [Fact]
    public void Without_running_statistics_it_has_no_buffers_and_evaluates_with_the_batchs_own()
    {
        var norm = new BatchNorm2d(3, trackRunningStats: false);
        Assert.Equal(["weight", "bias"], norm.StateDict().Keys);
        Assert.Null(norm.RunningMean);
        var x = NormCases.Input([4, 3, 2, 2], Device.Cpu, seed: 1, mean: 5);
        var trained = norm.Forward(x).ToArray();
        norm.Eval();
        Assert.Equal(trained, norm.Forward(x).ToArray());
        Assert.Throws<ShapeException>(() => norm.Forward(Tensor.Ones([1, 3, 1, 1])));
    }

    [Fact]
    public void A_large_mean_costs_no_accuracy_but_that_of_the_input()
    {
        var x = NormCases.Input([8, 5, 8, 8], Device.Cpu, seed: 4, mean: 10_000);
        var exact = new BatchNorm2d(5).To(Device.Reference).Forward(x.To(Device.Reference));
        // Squares of 10⁴ have an ulp of 8 in float: a one-pass variance would be off by several times the variance itself.
        NormCases.AssertClose(new BatchNorm2d(5).Forward(x), exact, 1e-3, "mean 10,000");
    }

    [Fact]
    public void Momentum_zero_leaves_the_running_statistics_alone()
    {
        var norm = new BatchNorm1d(2, momentum: 0);
        norm.Forward(NormCases.Input([6, 2], Device.Cpu, seed: 1, mean: 3));
        Assert.Equal([0f, 0f], norm.RunningMean!.Value.ToArray());
        Assert.Equal([1], norm.NumBatchesTracked!.Value.ToArray<long>());
    }

    [Fact]
    public void Running_statistics_stay_in_their_memory_and_survive_step_scopes()
    {
        var norm = new BatchNorm2d(2);
        var state = norm.StateDict();
        for (int i = 0; i < 3; i++)
        {
            using var step = Scope.Step();
            norm.Forward(NormCases.Input([2, 2, 3, 3], Device.Cpu, seed: (ulong)i, mean: 4)).Sum().Backward();
        }
        Assert.Equal([3], state["num_batches_tracked"].ToArray<long>());
        Assert.InRange(state["running_mean"].ToArray()[0], 0.8f, 1.4f);
    }

    [Fact]
    public void Evaluation_gradient_treats_the_statistics_as_constants()
    {
        var norm = new BatchNorm1d(2);
        norm.Eval();
        Init.Constant(norm.Weight!, 3);
        var x = NormCases.Leaf(Tensor.From([1f, 2, 3, 4], [2, 2]));
        norm.Forward(x).Backward(Tensor.From([1f, -2, 5, 0], [2, 2]));
        float slope = (float)(3 / Math.Sqrt(1 + Eps));
        Assert.Equal([slope, -2 * slope, 5 * slope, 0f], x.Grad!.ToArray());
    }

    [Theory]
    [InlineData(typeof(BatchNorm1d), new[] { 2, 3, 4, 4 }, "expected [N, C] or [N, C, L].")]
    [InlineData(typeof(BatchNorm2d), new[] { 2, 3, 4 }, "expected [N, C, H, W].")]
    [InlineData(typeof(BatchNorm3d), new[] { 2, 3, 4, 4 }, "expected [N, C, D, H, W].")]
    public void Each_takes_the_ranks_of_its_name(Type type, int[] shape, string rule)
    {
        Norm norm = type == typeof(BatchNorm1d) ? new BatchNorm1d(3) : type == typeof(BatchNorm2d) ? new BatchNorm2d(3)
            : new BatchNorm3d(3);
        var error = Assert.Throws<ShapeException>(() => norm.Forward(Tensor.Ones(new Shape(shape))));
        Assert.EndsWith(rule, error.Message);
    }
}
