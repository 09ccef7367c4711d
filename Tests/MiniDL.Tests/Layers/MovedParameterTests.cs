using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Layers;

/// <summary>A tensor taken from a parameter goes on being that parameter's, wherever an optimizer or a device puts it.</summary>
public class MovedParameterTests
{
    [Fact]
    public void A_handle_from_before_the_optimizer_sees_values_and_gradients_of_training()
    {
        var linear = new Linear(2, 1, bias: false, random: new RandomStream(1));
        var weight = linear.Weight.Value;
        var sgd = new Sgd(linear.Parameters(), learningRate: 1);
        float[] before = weight.ToArray();
        linear.Forward(Tensor.From([3f, 5], [1, 2])).Backward(Tensor.Ones([1, 1]));
        Assert.Equal([3f, 5], weight.Grad!.ToArray());
        sgd.Step();
        Assert.Equal([before[0] - 3, before[1] - 5], weight.ToArray());
        Assert.Same(weight, linear.Weight.Value);
    }

    [Fact]
    public void Handles_of_parameters_and_buffers_go_along_to_another_device()
    {
        var norm = new BatchNorm1d(2);
        Tensor weight = norm.Weight!.Value, running = norm.RunningMean!.Value;
        norm.To(Device.Reference);
        Assert.Equal((Device.Reference, Device.Reference), (weight.Device, running.Device));
        norm.Forward(Tensor.From([1.0, 2, 3, 6], [2, 2], Device.Reference));
        Assert.Equal([0.2, 0.4], running.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void What_shares_the_memory_of_before_says_so_when_it_is_touched()
    {
        var linear = new Linear(2, 1);
        var state = linear.StateDict();
        Tensor detached = linear.Weight.Value.Detach(), reshaped = linear.Weight.Value.Reshape(2);
        _ = new Sgd(linear.Parameters(), learningRate: 1);
        Assert.Contains("StateDict()", Assert.Throws<MiniDLException>(() => state["weight"].ToArray()).Message);
        Assert.Contains("parameter has left", Assert.Throws<MiniDLException>(() => detached.Span[0]).Message);
        Assert.Contains("parameter has left", Assert.Throws<MiniDLException>(() => reshaped * 2).Message);
        Assert.Equal(linear.Weight.Value.ToArray(), linear.StateDict()["weight"].ToArray());
    }

    [Fact]
    public void A_graph_from_before_cannot_run_backward_into_the_void()
    {
        var linear = new Linear(2, 1, bias: false);
        var x = NormCases.Leaf(Tensor.Ones([1, 2]));
        var y = linear.Forward(x);
        var sgd = new Sgd(linear.Parameters(), learningRate: 1);
        Assert.Contains("changed in place", Assert.Throws<MiniDLException>(() => y.Backward(Tensor.Ones([1, 1]))).Message);
        linear.Forward(x).Sum().Backward();
        sgd.Step();
    }

    [Fact]
    public void Tied_parameters_stay_tied()
    {
        Linear a = new(2, 2, bias: false), b = new(2, 2, bias: false);
        b.Weight.Value = a.Weight.Value;
        a.To(Device.Reference);
        b.To(Device.Reference);
        Assert.Same(a.Weight.Value, b.Weight.Value);
        Assert.Contains("appears twice", Assert.Throws<MiniDLException>(() => new Sgd(a.Parameters().Concat(b.Parameters()), 1)).Message);
    }
}
