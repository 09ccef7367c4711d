using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Examples;

/// <summary>What is said of a loss that is not finite, and what refuses such values.</summary>
[Collection(Core.Backends.ThreadCounts.Collection)]
public class NotFiniteTests
{
    private static Sequential Net() => new(new Conv2d(16, 16, 3, padding: 1, random: new RandomStream(1)), new BatchNorm2d(16), new Relu(),
        new Conv2d(16, 16, 3, padding: 1, random: new RandomStream(2)), new GlobalAvgPool2d(), new Linear(16, 3, random: new RandomStream(3)));

    private static Tensor Images(double scale = 1) => Tensor.Normal([2, 16, 8, 8], new RandomStream(4), std: scale);

    [Fact]
    public void Finite_values_have_no_cause() => Assert.Null(NotFinite.Find(Net(), Images()));

    [Fact]
    public void Images_are_blamed_before_anything_else_and_not_the_learning_rate()
    {
        var images = Images();
        images.MutableSpan()[5] = float.NaN;
        var cause = NotFinite.Find(Net(), images)!;
        Assert.Equal("the images themselves are not finite, NaN at [0, 0, 0, 5]", cause.What);
        Assert.StartsWith("Check the data", cause.Remedy);
    }

    [Fact]
    public void A_weight_that_is_not_finite_is_named()
    {
        var net = Net();
        ((Linear)net[5]).Bias!.Value.MutableSpan()[2] = float.PositiveInfinity;
        Assert.Equal("5.bias is not finite any more, Infinity at [2]: the update before this batch overflowed", NotFinite.Find(net, Images())!.What);
    }

    [Fact]
    public void The_first_module_whose_output_is_not_finite_is_named_and_the_models_state_stays()
    {
        var net = Net();
        Init.Constant(((Conv2d)net[3]).Weight, 3e38);
        float[] before = [.. net.NamedBuffers().SelectMany(b => b.Buffer.Value.ToArray())];
        string what = NotFinite.Find(net, Images())!.What;
        Assert.StartsWith("the first output that is not finite is that of 3 (Conv2d), ", what);
        Assert.Contains("weight to 3E+38", what);
        Assert.Equal(before, net.NamedBuffers().SelectMany(b => b.Buffer.Value.ToArray()));
        Assert.DoesNotContain(net.NamedModules(), m => m.Module.HasHooks);
        Assert.Equal(ConvAlgorithm.Fastest, ConvDefaults.Algorithm);
    }

    [Fact]
    public void Running_statistics_count_where_they_are_used()
    {
        var net = Net();
        ((BatchNorm2d)net[1]).RunningVar!.Value.MutableSpan()[3] = float.NaN;
        Assert.Null(NotFinite.Find(net, Images()));
        net.Eval();
        Assert.StartsWith("1.running_var is not finite, NaN at [3]", NotFinite.Find(net, Images())!.What);
    }

    /// <summary>3·10³⁸ in each pixel: a direct sum of the one tap that is not 0 is finite, the sums of a Winograd tile are not.</summary>
    [Fact]
    public void An_overflow_of_the_fast_convolution_alone_is_told_apart()
    {
        var conv = new Conv2d(16, 16, 3, padding: 1, bias: false);
        double[] weight = new double[conv.Weight.Shape.Count];
        for (int k = 0; k < 16; k++) weight[(k * 16 + k) * 9 + 4] = 1;
        conv.Weight.Value.Assign(weight);
        var cause = NotFinite.Find(new Sequential(conv), Tensor.Full([1, 16, 8, 8], 3e38))!;
        Assert.Contains("with exact convolutions every output is finite", cause.What);
        Assert.Contains("MINIDL_CONV_ALGORITHM=exact", cause.Remedy);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void State_dictionaries_refuse_what_is_not_finite_by_name_and_change_nothing(float value)
    {
        var net = Net();
        var state = net.StateDict().ToDictionary(e => e.Key, e => e.Value.Clone());
        state["1.running_var"].MutableSpan()[7] = value;
        state["5.weight"].MutableSpan()[20] = value;
        Init.Constant(((Linear)net[5]).Weight, 0);
        string message = Assert.Throws<MiniDLException>(() => net.LoadStateDict(state)).Message;
        Assert.Contains(FormattableString.Invariant($"not finite: 1.running_var ({value} at [7]), 5.weight ({value} at [1, 4])"), message);
        Assert.Throws<MiniDLException>(() => net.LoadStateDict(state, strict: false));
        Assert.All(((Linear)net[5]).Weight.Value.ToArray(), w => Assert.Equal(0, w));
    }

    [Fact]
    public void An_optimizers_state_is_refused_too()
    {
        var net = Net();
        var sgd = new Sgd(net.Parameters(), learningRate: 0.1f, momentum: 0.9f);
        net.Forward(Images()).Square().Sum().Backward();
        sgd.Step();
        var state = sgd.StateDict().ToDictionary(e => e.Key, e => e.Value.Clone());
        state["state.2.momentum_buffer"].MutableSpan()[1] = float.NaN;
        Assert.Contains("not finite: state.2.momentum_buffer (NaN at [1])", Assert.Throws<MiniDLException>(() => sgd.LoadStateDict(state)).Message);
    }

    [Fact]
    public void A_file_with_a_value_that_is_not_finite_can_be_read_to_find_it()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            MiniDL.Serialization.SafeTensors.Save(path, new Dictionary<string, Tensor> { ["w"] = Tensor.From([1f, float.NaN], [2]) });
            Assert.Equal("NaN at [1]", MiniDL.Serialization.SafeTensors.Load(path).Tensors["w"].FirstNotFinite());
        }
        finally
        {
            File.Delete(path);
        }
    }
}
