using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Core;

/// <summary>What users ask of gradients beyond those of leaves: results' gradients, and second derivatives, which there are none of.</summary>
public class RetainedGradientTests
{
    private static Tensor X => NormCases.Leaf(Tensor.From([1f, 2], [2]));

    [Fact]
    public void The_gradient_of_a_result_is_refused_with_the_remedy_before_and_after_backward()
    {
        var y = X.Square();
        Assert.Contains("RetainGrad()", Assert.Throws<MiniDLException>(() => y.Grad).Message);
        y.Sum().Backward();
        Assert.Contains("RetainGrad()", Assert.Throws<MiniDLException>(() => y.Grad).Message);
    }

    /// <summary>L = Σ 3·y², y = x²: dL/dy = 6y, dL/dx = 12·x³.</summary>
    [Fact]
    public void A_result_that_retains_its_gradient_has_it_as_leaves_do()
    {
        var x = X;
        var y = x.Square().RetainGrad();
        Assert.Null(y.Grad);
        (y.Square() * 3).Sum().Backward();
        Assert.Equal([6f, 24], y.Grad!.ToArray());
        Assert.Equal([12f, 96], x.Grad!.ToArray());
        y.ZeroGrad();
        Assert.Null(y.Grad);
    }

    [Fact]
    public void Retained_gradients_add_up_over_paths_and_passes_and_come_after_hooks()
    {
        var x = X;
        var y = (x * 2).RetainGrad();
        y.OnGradient(dy => dy * 10);
        var loss = (y + y * 4).Sum();
        loss.Backward(retainGraph: true);
        Assert.Equal([50f, 50], y.Grad!.ToArray());
        loss.Backward();
        Assert.Equal([100f, 100], y.Grad!.ToArray());
        Assert.Equal([200f, 200], x.Grad!.ToArray());
    }

    [Fact]
    public void Gradients_that_can_never_come_are_not_retained()
    {
        Assert.Contains("RequiresGrad", Assert.Throws<MiniDLException>(() => Tensor.Ones([2]).RetainGrad()).Message);
        var y = X.Square();
        y.Sum().Backward();
        Assert.Contains("freed", Assert.Throws<MiniDLException>(() => y.RetainGrad()).Message);
    }

    public static TheoryData<string> WaysToAGradient => ["grad", "leaf", "hook", "clone"];

    /// <summary>A penalty on the gradient would be a constant to autograd, silently.</summary>
    [Theory, MemberData(nameof(WaysToAGradient))]
    public void A_gradient_in_a_graph_is_refused_since_second_derivatives_would_be_missing(string way)
    {
        var x = X;
        Tensor g = null!;
        if (way == "hook") x.OnGradient(dx => { g = dx; return null; });
        if (way == "grad") g = Autograd.Grad(x.Pow(3).Sum(), [x])[0];
        else x.Pow(3).Sum().Backward();
        g = way switch { "leaf" => x.Grad!, "clone" => x.Grad!.Clone(), _ => g };
        var penalty = g.Square().Sum();
        Assert.Contains("second derivatives are not supported", Assert.Throws<MiniDLException>(() => x.Sum() + penalty * 0.1).Message);
        Assert.Contains("second derivatives are not supported", Assert.Throws<MiniDLException>(() => penalty.Backward()).Message);
        (x.Sum() + penalty.Detach() * 0.1).Backward();
        using var _ = new NoGrad();
        Assert.Equal(x.Sum().Item() + penalty.Item(), (x.Sum() + penalty).Item());
    }

    /// <summary>x ← x − 0.1·2x, by hand: its results are variables again.</summary>
    [Fact]
    public void A_step_of_descent_written_by_hand_is_no_second_derivative()
    {
        var x = X;
        for (int i = 0; i < 3; i++)
        {
            x.Square().Sum().Backward();
            using (new NoGrad()) x = x - x.Grad! * 0.1;
            x.RequiresGrad = true;
        }
        Assert.Equal([0.512f, 1.024f], x.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
        var y = X;
        y.Square().Sum().Backward();
        y = y - y.Grad!.Detach() * 0.1;
        Assert.Equal(0.8f, y.ToArray()[0], 1e-6f);
    }
}
