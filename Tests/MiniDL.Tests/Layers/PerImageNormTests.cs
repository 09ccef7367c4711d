using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>InstanceNorm, GroupNorm, LayerNorm and RMSNorm look at one image at a time.</summary>
public class PerImageNormTests
{
    public static TheoryData<string, int> Norms =>
        new() { { "in affine", 4 }, { "gn", 4 }, { "gn one", 4 }, { "ln two", 4 }, { "ln", 2 }, { "rms channels", 4 },
            { "rms", 2 }, { "lrn", 4 } };

    [Theory, MemberData(nameof(Norms))]
    public void Output_and_gradient_of_an_image_do_not_depend_on_the_others(string name, int rank)
    {
        foreach (bool fused in new[] { true, false })
        {
            var norm = NormCases.Create(name, rank, Device.Cpu);
            norm.Fused = fused;
            var shape = NormCases.Shape(rank);
            var batch = NormCases.Leaf(NormCases.Input(shape, Device.Cpu, seed: 1));
            var cotangent = NormCases.Input(shape, Device.Cpu, seed: 2);
            var alone = NormCases.Leaf(batch.Detach()[1..2].Clone());
            Tensor all = norm.Forward(batch), one = norm.Forward(alone);
            all.Backward(cotangent);
            one.Backward(cotangent[1..2]);
            NormCases.AssertClose(one, all.Detach()[1..2], 1e-7, "output");
            NormCases.AssertClose(alone.Grad!, batch.Grad![1..2], 1e-6, "gradient");
        }
    }

    [Fact]
    public void Group_norm_of_one_group_is_layer_norm_of_the_image_and_of_as_many_as_channels_instance_norm()
    {
        var x = NormCases.Input([3, 4, 5, 6], Device.Cpu, seed: 3, mean: 1);
        NormCases.AssertClose(new GroupNorm(1, 4).Forward(x), new LayerNorm([4, 5, 6]).Forward(x), 1e-6, "one group");
        NormCases.AssertClose(new GroupNorm(4, 4).Forward(x), new InstanceNorm2d(4).Forward(x), 1e-6, "a group for each channel");
    }

    [Fact]
    public void Instance_norm_takes_one_image_without_a_batch_dimension()
    {
        var x = NormCases.Input([4, 5, 6], Device.Cpu, seed: 3);
        var residual = NormCases.Input([4, 5, 6], Device.Cpu, seed: 4);
        foreach (bool fused in new[] { true, false })
        {
            var norm = new InstanceNorm2d(4, affine: true) { Fused = fused };
            var one = norm.Forward(x, residual, Activation.Relu);
            var batch = norm.Forward(x.Reshape(1, 4, 5, 6), residual.Reshape(1, 4, 5, 6), Activation.Relu);
            Assert.Equal<Shape>([4, 5, 6], one.Shape);
            Assert.Equal(batch.ToArray(), one.ToArray());
        }
    }

    [Theory, InlineData(true), InlineData(false)]
    public void Instance_norm_tracks_the_mean_of_the_images_own_statistics(bool fused)
    {
        // Channel means 1, 3 in the first image and 5, 11 in the second; unbiased variances 2, 8 and 32, 2.
        var x = Tensor.From([0f, 2, 1, 5, 1, 9, 10, 12], [2, 2, 2]);
        var norm = new InstanceNorm1d(2, trackRunningStats: true) { Fused = fused };
        norm.Forward(x);
        Assert.Equal([0.3f, 0.7f], norm.RunningMean!.Value.ToArray());
        Assert.Equal([0.9f + 0.1f * 17, 0.9f + 0.1f * 5], norm.RunningVar!.Value.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal([0], norm.StateDict()["num_batches_tracked"].ToArray<long>());

        norm.Eval();
        float expected = (float)((4 - 0.3) / Math.Sqrt(2.6 + 1e-5));
        Assert.Equal(expected, norm.Forward(Tensor.Full([1, 2, 1], 4)).ToArray()[0], 1e-6f);
    }

    [Fact]
    public void Instance_norm_without_momentum_leaves_its_running_statistics()
    {
        var norm = new InstanceNorm1d(2, momentum: null, trackRunningStats: true);
        norm.Forward(NormCases.Input([2, 2, 5], Device.Cpu, seed: 1, mean: 7));
        Assert.Equal([0f, 0f], norm.RunningMean!.Value.ToArray());
    }

    [Fact]
    public void Instance_norm_without_running_statistics_is_the_same_in_evaluation()
    {
        var norm = new InstanceNorm2d(4);
        Assert.Empty(norm.StateDict());
        var x = NormCases.Input([3, 4, 5, 6], Device.Cpu, seed: 3);
        var trained = norm.Forward(x).ToArray();
        Assert.Equal(trained, norm.Eval().Forward(x).ToArray());
    }

    [Fact]
    public void An_empty_batch_stays_empty()
    {
        foreach (var norm in new Norm[] { new GroupNorm(2, 4), new InstanceNorm2d(4, affine: true), new LayerNorm([4, 3, 3]),
            new ChannelRmsNorm(4) })
        {
            var x = NormCases.Leaf(Tensor.Zeros([0, 4, 3, 3]));
            var y = norm.Forward(x);
            Assert.Equal<Shape>([0, 4, 3, 3], y.Shape);
            y.Backward(Tensor.Zeros([0, 4, 3, 3]));
            Assert.All(norm.Parameters(), p => Assert.All(p.Grad!.ToArray(), g => Assert.Equal(0, g)));
        }
    }

    [Fact]
    public void Layer_norm_by_hand()
    {
        // Row 1, 2, 3, 6: mean 3, biased variance 3.5.
        var norm = new LayerNorm([4], eps: 0.5);
        Init.Constant(norm.Weight!, 2);
        Init.Constant(norm.Bias!, 1);
        Assert.Equal([-1f, 0f, 1f, 4f], norm.Forward(Tensor.From([1f, 2, 3, 6], [1, 4])).ToArray());
    }

    [Fact]
    public void Rms_norm_by_hand()
    {
        // Mean square of 1, 7: 25; of 3, 3: 9.
        Assert.Equal([0.2f, 1.4f, 1f, 1f], new RmsNorm([2], eps: 0).Forward(Tensor.From([1f, 7, 3, 3], [2, 2])).ToArray());
        // Over the whole image: mean square of 1, 7, 5, 5 is 25.
        Assert.Equal([0.2f, 1.4f, 1f, 1f], new ChannelRmsNorm(2, eps: 0).Forward(Tensor.From([1f, 7, 5, 5], [1, 2, 1, 2])).ToArray());
    }

    [Fact]
    public void Rms_norms_default_eps_is_that_of_the_type()
    {
        float tiny = 1e-4f;
        float expected = (float)(tiny / Math.Sqrt(tiny * (double)tiny + 1.1920928955078125e-07));
        Assert.Equal(expected, new RmsNorm([1]).Forward(Tensor.From([tiny], [1, 1])).Item(), 1e-6f);
    }

    [Fact]
    public void Local_response_norm_by_hand()
    {
        // Squares 1, 4, 9, 16; with size 3 the sums are 5, 14, 29, 25; the average divides by 3 at the edges too.
        var y = new LocalResponseNorm(3, alpha: 3, beta: 1, k: 1).Forward(Tensor.From([1f, 2, 3, 4], [1, 4, 1]));
        Assert.Equal([1 / 6f, 2 / 15f, 3 / 30f, 4 / 26f], y.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
        // An even size looks one channel further back: size 2 sums 1, 5, 13, 25.
        y = new LocalResponseNorm(2, alpha: 2, beta: 1, k: 0).Forward(Tensor.From([1f, 2, 3, 4], [1, 4, 1]));
        Assert.Equal([1 / 1f, 2 / 5f, 3 / 13f, 4 / 25f], y.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }
}
