using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>What is printed of outputs and gradients, and what stops a pass.</summary>
public class WatchTests
{
    private static Sequential Net()
    {
        var net = new Sequential(new Linear(2, 2, bias: false), new Sequential(new Relu(), new Linear(2, 1, bias: false)));
        ((Linear)net[0]).Weight.Value.Assign([1, 2, -1, 3]);
        ((Linear)((Sequential)net[1])[1]).Weight.Value.Assign([-1, 1]);
        return net;
    }

    [Fact]
    public void Each_output_and_each_gradient_is_a_line_with_path_shape_range_and_mean()
    {
        var net = Net();
        using var text = new StringWriter { NewLine = "\n" };
        using (net.Watch(text)) net.Forward(Tensor.From([1f, 1], [1, 2])).Sum().Backward();
        Assert.Equal([
            "output of Linear 0 [1, 2]: 2 to 3, mean 2.5",
            "output of Relu 1.0 [1, 2]: 2 to 3, mean 2.5",
            "output of Linear 1.1 [1, 1]: -1 to -1, mean -1",
            "output of Sequential 1 [1, 1]: -1 to -1, mean -1",
            "output of Sequential [1, 1]: -1 to -1, mean -1",
            "gradient of the output of Linear 1.1 [1, 1]: 1 to 1, mean 1",
            "gradient of the output of Sequential 1 [1, 1]: 1 to 1, mean 1",
            "gradient of the output of Sequential [1, 1]: 1 to 1, mean 1",
            "gradient of the output of Relu 1.0 [1, 2]: -1 to 1, mean 0",
            "gradient of the output of Linear 0 [1, 2]: -1 to 1, mean 0",
            "gradient of 1.1.weight [1, 2]: 2 to 3, mean 2.5",
            "gradient of 0.weight [2, 2]: -1 to 1, mean 0",
        ], text.ToString().TrimEnd().Split('\n'));
    }

    [Fact]
    public void Values_that_are_not_finite_are_counted()
    {
        using var text = new StringWriter();
        var relu = new Sequential(new Relu());
        using (relu[0].Watch(text)) relu.Forward(Tensor.From([float.NaN, 2, float.PositiveInfinity, float.PositiveInfinity], [4]));
        Assert.Equal("output of Relu 0 [4]: 2 to 2, mean 2, 1 of 4 NaN, 2 of 4 infinite", text.ToString().TrimEnd());
    }

    [Fact]
    public void Nothing_is_left_of_it_and_nothing_changes()
    {
        var (net, other) = (Net(), Net());
        using var text = new StringWriter();
        var x = Tensor.From([1f, 1], [1, 2]);
        var watch = net.Watch(text);
        var loss = net.Forward(x).Sum();
        watch.Dispose();
        text.GetStringBuilder().Clear();
        loss.Backward();
        other.Forward(x).Sum().Backward();
        Assert.Empty(text.ToString());
        Assert.DoesNotContain(net.NamedModules(), m => m.Module.HasHooks);
        Assert.Equal(other.Parameters().SelectMany(p => p.Grad!.ToArray()), net.Parameters().SelectMany(p => p.Grad!.ToArray()));
    }

    [Fact]
    public void A_pass_stops_at_the_first_output_that_a_condition_holds_for()
    {
        var net = Net();
        using (net.StopWhen(y => y.Max().Item() > 2.5, "too large"))
            Assert.Equal("[stop_when] too large: output of Linear 0 [1, 2]: 2 to 3, mean 2.5.",
                Assert.Throws<MiniDLException>(() => net.Forward(Tensor.From([1f, 1], [1, 2]))).Message);
        using (net.StopWhen(y => (-y).Max().Item() > 0, "negative"))
            Assert.StartsWith("[stop_when] negative: output of Linear 1.1 [1, 1]",
                Assert.Throws<MiniDLException>(() => net.Forward(Tensor.From([1f, 1], [1, 2]))).Message);
        net.Forward(Tensor.From([1f, 1], [1, 2]));
    }

    [Fact]
    public void A_backward_pass_stops_at_the_first_gradient_and_not_at_an_output()
    {
        var net = Net();
        using var stop = net.StopWhen(g => (-g).Max().Item() > 0, "negative", inBackward: true);
        var loss = net.Forward(Tensor.From([1f, 1], [1, 2])).Sum();
        Assert.Equal("[stop_when] negative: gradient of the output of Relu 1.0 [1, 2]: -1 to 1, mean 0.",
            Assert.Throws<MiniDLException>(() => loss.Backward()).Message);
    }
}
