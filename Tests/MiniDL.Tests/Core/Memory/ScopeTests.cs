namespace MiniDL.Tests.Core;

/// <summary>What survives the end of a step scope, and what touching the rest says.</summary>
public class ScopeTests
{
    private static Tensor Leaf(params double[] values)
    {
        var x = Tensor.From(values, [values.Length], Device.Reference);
        x.RequiresGrad = true;
        return x;
    }

    [Fact]
    public void A_recycled_tensor_throws_and_names_its_operator()
    {
        var x = Leaf(1, 2);
        Tensor y;
        using (Scope.Step()) y = x.Exp();
        foreach (Action touch in (Action[])[() => y.ToArray(), () => _ = y + 1, () => y.Sum(), () => y.Reshape(2, 1),
            () => y.Clone(), () => y.Keep()])
        {
            var error = Assert.Throws<MiniDLException>(touch);
            Assert.StartsWith("[scope]", error.Message);
            Assert.Contains("from exp", error.Message);
            Assert.Contains("Keep()", error.Message);
        }
        Assert.Contains("f64[2]", y.ToString());
    }

    [Fact]
    public void Views_of_a_recycled_tensor_throw_too()
    {
        Tensor view, detached;
        using (Scope.Step())
        {
            var y = Leaf(1, 2).Exp();
            (view, detached) = (y.Reshape(2, 1), y.Detach());
        }
        Assert.Throws<MiniDLException>(() => view.ToArray());
        Assert.Throws<MiniDLException>(() => detached.ToArray());
    }

    [Fact]
    public void Gradients_of_leaves_survive_and_hold_their_values()
    {
        var x = Leaf(1, 2);
        using (Scope.Step()) x.Square().Sum().Backward();
        using (Scope.Step())
            for (int i = 0; i < 10; i++) _ = Leaf(9, 9).Exp();
        Assert.Equal([2f, 4], x.Grad!.ToArray());
    }

    [Fact]
    public void Kept_tensors_survive_with_all_their_views()
    {
        Tensor y, view;
        using (Scope.Step())
        {
            y = Leaf(0, 0).Exp();
            view = y.Reshape(2, 1);
            y.Keep();
        }
        using (Scope.Step())
            for (int i = 0; i < 10; i++) _ = Leaf(9, 9).Exp();
        Assert.Equal([1f, 1], y.ToArray());
        Assert.Equal([1f, 1], view.ToArray());
    }

    [Fact]
    public void Scopes_nest_and_close_those_left_open_inside()
    {
        var outer = Scope.Step();
        var a = Leaf(1);
        Tensor b;
        using (Scope.Step()) b = Leaf(2);
        Assert.Throws<MiniDLException>(() => b.ToArray());
        Assert.Equal([1f], a.ToArray());
        Scope.Step();
        var c = Leaf(3);
        outer.Dispose();
        outer.Dispose();
        Assert.Throws<MiniDLException>(() => a.ToArray());
        Assert.Throws<MiniDLException>(() => c.ToArray());
        Assert.False(Scope.Active);
    }

    [Fact]
    public void A_tensor_made_outside_is_left_alone()
    {
        var x = Leaf(1);
        var y = x * 2;
        using (Scope.Step()) _ = y * 3;
        Assert.Equal([2f], y.ToArray());
    }

    [Fact]
    public void An_exception_in_backward_leaves_leaves_usable()
    {
        var x = Leaf(1, 2);
        var y = x * 3;
        y.OnGradient(_ => throw new InvalidOperationException());
        Assert.Throws<InvalidOperationException>(() => (y + x).Sum().Backward());
        Assert.Null(x.Grad);
        x.Square().Sum().Backward();
        Assert.Equal([2f, 4], x.Grad!.ToArray());
    }
}
