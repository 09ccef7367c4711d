namespace MiniDL.Tests.Core;

/// <summary>What a backward pass does with graphs of every form; gradients against closed formulas.</summary>
public class BackwardTests
{
    private static Tensor Leaf(params double[] values)
    {
        var x = Tensor.From(values, [values.Length], Device.Reference);
        x.RequiresGrad = true;
        return x;
    }

    private static Tensor Constant(params double[] values) => Tensor.From(values, [values.Length], Device.Reference);

    [Fact]
    public void A_cotangent_weights_the_gradient()
    {
        var x = Leaf(1, 2, 3);
        x.Square().Backward(Constant(1, 10, 100));
        Assert.Equal([2f, 40, 600], x.Grad!.ToArray());
    }

    [Fact]
    public void One_value_needs_no_cotangent_and_several_do()
    {
        var x = Leaf(2, 3);
        x.Square().Sum().Backward();
        Assert.Equal([4f, 6], x.Grad!.ToArray());
        Assert.Contains("2 values", Assert.Throws<MiniDLException>(() => x.Square().Backward()).Message);
    }

    [Fact]
    public void A_cotangent_of_another_shape_is_refused() =>
        Assert.Contains("[3]", Assert.Throws<MiniDLException>(() => Leaf(1, 2).Exp().Backward(Constant(1, 2, 3))).Message);

    [Fact]
    public void Gradients_add_up_over_passes_until_they_are_zeroed()
    {
        var x = Leaf(1, 2);
        (x * 3).Backward(Constant(1, 1));
        (x * 4).Backward(Constant(1, 1));
        Assert.Equal([7f, 7], x.Grad!.ToArray());
        x.ZeroGrad();
        Assert.Null(x.Grad);
        (x * 5).Backward(Constant(1, 1));
        Assert.Equal([5f, 5], x.Grad!.ToArray());
    }

    [Fact]
    public void A_tensor_used_twice_in_one_operator_gets_both_gradients()
    {
        var x = Leaf(2, -3);
        (x * x).Backward(Constant(1, 10));
        Assert.Equal([4f, -60], x.Grad!.ToArray());

        var a = Tensor.From([1.0, 2, 3, 4], [2, 2], Device.Reference);
        a.RequiresGrad = true;
        a.MatMul(a).Sum().Backward();
        // d/dA Σ (A·A) = 1·Aᵀ + Aᵀ·1, that is rows of column sums plus columns of row sums, transposed: Σⱼ A[q,j] + Σᵢ A[i,p].
        Assert.Equal([3f + 4, 7 + 4, 3 + 6, 7 + 6], a.Grad!.ToArray());
    }

    [Fact]
    public void A_leaf_used_by_several_operators_gets_all_their_gradients()
    {
        var x = Leaf(0.5, 2);
        (x.Exp() + x * 3 + x.Square() + x).Backward(Constant(1, 1));
        double Derivative(double v) => Math.Exp(v) + 3 + 2 * v + 1;
        Assert.Equal([(float)Derivative(0.5), (float)Derivative(2)], x.Grad!.ToArray());
    }

    [Fact]
    public void A_diamond_is_walked_once()
    {
        int visits = 0;
        var x = Leaf(3);
        var middle = x * 2;
        middle.OnGradient(_ =>
        {
            visits++;
            return null;
        });
        var left = middle * 5;
        var right = middle.Square();
        (left * right).Backward();
        Assert.Equal(1, visits);
        // y = 5·2x·4x² = 40x³.
        Assert.Equal([120f * 9], x.Grad!.ToArray());
    }

    [Fact]
    public void Nested_diamonds_double_each_time_without_doubling_the_work()
    {
        var x = Leaf(1);
        var y = x;
        for (int i = 0; i < 100; i++) y = y + y;
        y.Backward();
        Assert.Equal(Math.Pow(2, 100), x.Grad!.ToArray<double>()[0]);
    }

    [Fact]
    public void A_graph_of_100_000_nodes_does_not_overflow_the_stack()
    {
        var x = Leaf(1);
        var y = x;
        for (int i = 0; i < 100_000; i++) y = y + 1;
        y.Backward();
        Assert.Equal([1f], x.Grad!.ToArray());
    }

    [Fact]
    public void A_second_backward_says_that_the_graph_was_freed()
    {
        var x = Leaf(1, 2);
        var middle = x.Exp();
        var loss = middle.Sum();
        loss.Backward();
        Assert.Contains("retainGraph", Assert.Throws<MiniDLException>(() => loss.Backward()).Message);
        Assert.Contains("retainGraph", Assert.Throws<MiniDLException>(() => (middle * 2).Sum().Backward()).Message);
    }

    [Fact]
    public void A_retained_graph_can_be_walked_again()
    {
        var x = Leaf(1, 2);
        var loss = x.Square().Sum();
        loss.Backward(retainGraph: true);
        loss.Backward();
        Assert.Equal([4f, 8], x.Grad!.ToArray());
    }

    [Fact]
    public void Nothing_to_differentiate_is_an_error()
    {
        var error = Assert.Throws<MiniDLException>(() => Constant(1).Exp().Backward());
        Assert.StartsWith("[backward]", error.Message);
        Assert.Contains("RequiresGrad", error.Message);
    }

    [Fact]
    public void A_leaf_can_be_its_own_loss()
    {
        var x = Leaf(7);
        x.Backward();
        Assert.Equal([1f], x.Grad!.ToArray());
    }

    [Fact]
    public void Nothing_is_recorded_under_NoGrad_and_Detach_cuts()
    {
        var x = Leaf(1, 2);
        using (new NoGrad())
        {
            using (new NoGrad()) Assert.False(x.Exp().RequiresGrad);
            Assert.False(x.Exp().RequiresGrad);
        }
        Assert.True(x.Exp().RequiresGrad);
        var cut = x.Square().Detach();
        Assert.False(cut.RequiresGrad);
        (cut * x).Sum().Backward();
        Assert.Equal([1f, 4], x.Grad!.ToArray());
    }

    [Fact]
    public void Results_of_operators_cannot_be_made_leaves() =>
        Assert.Contains("Detach", Assert.Throws<MiniDLException>(() => Leaf(1).Exp().RequiresGrad = false).Message);

    [Fact]
    public void An_operator_may_return_its_input_and_runs_once()
    {
        var x = Leaf(1, 2);
        var identity = new NoNorm(x);
        var y = identity.Run();
        y.Backward(Constant(3, 4));
        Assert.Equal([3f, 4], x.Grad!.ToArray());
        Assert.Null(x.Producer);
        Assert.Throws<InvalidOperationException>(identity.Run);
    }

    [Fact]
    public void A_gradient_of_the_wrong_shape_is_an_error_that_names_the_operator() =>
        Assert.StartsWith("[wrong]", Assert.Throws<ShapeException>(() => new Wrong(Leaf(1, 2)).Run().Sum().Backward()).Message);

    private sealed class NoNorm(Tensor x) : Operator("identity", x)
    {
        protected override Tensor Forward() => x;

        protected override void Backward(Tensor dy, Gradients d) => d[0] = dy;
    }

    private sealed class Wrong(Tensor x) : Operator("wrong", x)
    {
        protected override Tensor Forward() => x * 2;

        protected override void Backward(Tensor dy, Gradients d) => d[0] = dy.Sum();
    }
}
