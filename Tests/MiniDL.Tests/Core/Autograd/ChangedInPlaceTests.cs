using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Core;

public class ChangedInPlaceTests
{
    private static Tensor Input(params double[] values)
    {
        var x = Tensor.From(values, [values.Length], Device.Reference);
        x.RequiresGrad = true;
        return x;
    }

    [Fact]
    public void An_operator_may_give_one_tensor_to_two_inputs_of_which_one_has_a_gradient_already()
    {
        Tensor a = Input(1, 2), b = Input(3, 4), h = a * 1;
        var y = new AddTwice(h, b).Run();
        (y + h * 5).Sum().Backward();
        Assert.Equal([7.0, 7.0], a.Grad!.ToArray<double>());
        Assert.Equal([2.0, 2.0], b.Grad!.ToArray<double>());
    }

    [Fact]
    public void Backward_after_the_optimizers_step_throws_instead_of_using_the_new_weights()
    {
        var layer = new Linear(2, 1);
        var sgd = new Sgd(layer.Parameters(), learningRate: 0.1f);
        var x = Tensor.Ones([1, 2]);
        x.RequiresGrad = true;
        Tensor y = layer.Forward(x).Sum(), other = layer.Forward(x).Sum();
        other.Backward();
        sgd.Step();
        var error = Assert.Throws<MiniDLException>(() => y.Backward());
        Assert.Contains("changed in place", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Evaluation_statistics_are_those_of_the_forward_pass()
    {
        var norm = new BatchNorm1d(1);
        var x = Tensor.From([1f, 2f], [2, 1]);
        x.RequiresGrad = true;
        norm.Eval();
        var y = norm.Forward(x).Sum();
        norm.Train();
        norm.Forward(Tensor.From([100f, 300f], [2, 1]));
        y.Backward();
        // Running variance 1 and eps 1e-5 at the time of the forward pass.
        Assert.All(x.Grad!.ToArray(), g => Assert.Equal(1 / Math.Sqrt(1 + 1e-5), g, 1e-6));
    }

    [Fact]
    public void Moving_to_another_device_keeps_the_graph_the_layout_and_every_bit_of_an_integer()
    {
        var x = Tensor.Normal([2, 3, 2, 2], new RandomStream(1)).ToLayout(Layout.ChannelsLast);
        x.RequiresGrad = true;
        var there = (x * 2).To(Device.Reference);
        Assert.Equal(Layout.ChannelsLast, there.Layout);
        there.Square().Sum().Backward();
        Assert.Equal(x.ToArray().Select(v => 8 * v), x.Grad!.ToArray(), new Near(1e-5f));
        Assert.Equal(long.MaxValue - 1, Tensor.From([long.MaxValue - 1], [1]).To(Device.Reference).ToArray<long>()[0]);
    }

    [Fact]
    public void Gradients_with_respect_to_a_tensor_that_wants_none_are_an_error()
    {
        var x = Input(1);
        var forgotten = Tensor.From([1.0], [1], Device.Reference);
        var error = Assert.Throws<MiniDLException>(() => Autograd.Grad((x * forgotten).Sum(), [forgotten]));
        Assert.Contains("RequiresGrad", error.Message);
    }

    private sealed class AddTwice(Tensor a, Tensor b) : Operator("add_twice", a, b)
    {
        protected override Tensor Forward() => (a + b) * 2;

        protected override void Backward(Tensor dy, Gradients d)
        {
            var g = dy * 2;
            d[0] = g;
            d[1] = g;
        }
    }

    private sealed class Near(float limit) : IEqualityComparer<float>
    {
        public bool Equals(float a, float b) => Math.Abs(a - b) <= limit;

        public int GetHashCode(float value) => 0;
    }
}
