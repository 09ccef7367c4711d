using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class StateDictTests
{
    private static Dictionary<string, Tensor> Copy(Module module) =>
        module.StateDict().ToDictionary(entry => entry.Key, entry => entry.Value.Clone());

    [Theory]
    [InlineData("bn")]
    [InlineData("wn")]
    public void What_was_saved_is_loaded_and_gives_the_same_outputs(string norm)
    {
        var source = new ResNet(8, NormFactory.Named(norm), new RandomStream(1));
        source.Forward(NormCases.Input([4, 3, 8, 8], Device.Cpu, seed: 1));
        var target = new ResNet(8, NormFactory.Named(norm), new RandomStream(2));
        target.LoadStateDict(source.StateDict());
        var x = NormCases.Input([2, 3, 8, 8], Device.Cpu, seed: 2);
        Assert.Equal(source.Eval().Forward(x).ToArray(), target.Eval().Forward(x).ToArray());
    }

    [Fact]
    public void Loading_keeps_the_parameters_memory()
    {
        var linear = new Linear(2, 2);
        var before = linear.Weight.Value;
        linear.LoadStateDict(new Linear(2, 2).StateDict());
        Assert.Same(before, linear.Weight.Value);
    }

    [Fact]
    public void Other_types_and_devices_are_converted()
    {
        var norm = new BatchNorm1d(2);
        norm.LoadStateDict(new Dictionary<string, Tensor>
        {
            ["weight"] = Tensor.From([1.5, 2.5], [2], Device.Reference),
            ["bias"] = Tensor.From([3L, 4], [2]),
            ["running_mean"] = Tensor.From([5f, 6], [2]),
            ["running_var"] = Tensor.From([7f, 8], [2]),
            ["num_batches_tracked"] = Tensor.Scalar(9),
        });
        Assert.Equal([1.5f, 2.5f], norm.Weight!.Value.ToArray());
        Assert.Equal([3f, 4f], norm.Bias!.Value.ToArray());
        Assert.Equal([9], norm.NumBatchesTracked!.Value.ToArray<long>());
    }

    [Fact]
    public void A_channels_last_value_is_loaded_by_its_logical_order()
    {
        var conv = new Conv2d(2, 2, 2, bias: false);
        var weight = NormCases.Input([2, 2, 2, 2], Device.Cpu, seed: 1);
        conv.LoadStateDict(new Dictionary<string, Tensor> { ["weight"] = weight.ToLayout(Layout.ChannelsLast) });
        Assert.Equal(weight.ToArray(), conv.Weight.Value.ToArray());
    }

    [Fact]
    public void One_error_lists_every_problem_and_nothing_has_changed()
    {
        var net = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
        var before = Copy(net);
        var state = Copy(new Sequential(new Linear(3, 2), new BatchNorm1d(2)));
        state["0.weight"] = Tensor.Ones([2, 4]);
        state["1.running_mean"] = Tensor.Ones([3]);
        state.Remove("0.bias");
        state.Remove("1.weight");
        state["fc.weight"] = Tensor.Ones([1]);
        state["fc.bias"] = Tensor.Ones([1]);
        var error = Assert.Throws<MiniDLException>(() => net.LoadStateDict(state));
        Assert.Equal("[load_state_dict] Sequential: missing: 0.bias, 1.weight; unexpected: fc.bias, fc.weight; "
            + "wrong shape: 0.weight is [2, 4], expected [2, 3], 1.running_mean is [3], expected [2]. Nothing was loaded. "
            + "Was it saved from a model with the same settings?", error.Message);
        foreach (var (key, value) in net.StateDict()) Assert.Equal(before[key].ToArray(), value.ToArray());
    }

    [Fact]
    public void Not_strictly_missing_and_unexpected_keys_are_skipped_but_wrong_shapes_are_not()
    {
        var linear = new Linear(2, 1);
        linear.LoadStateDict(new Dictionary<string, Tensor> { ["bias"] = Tensor.From([7f], [1]), ["other"] = Tensor.Ones([1]) },
            strict: false);
        Assert.Equal([7f], linear.Bias!.Value.ToArray());
        Assert.Throws<MiniDLException>(() =>
            linear.LoadStateDict(new Dictionary<string, Tensor> { ["bias"] = Tensor.Ones([2]) }, strict: false));
    }

    [Fact]
    public void Checkpoints_from_before_batches_were_counted_can_be_loaded()
    {
        var state = Copy(new BatchNorm2d(2));
        state.Remove("num_batches_tracked");
        new BatchNorm2d(2).LoadStateDict(state);
    }
}
