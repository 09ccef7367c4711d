namespace MiniDL.Tests.Core;

/// <summary>Autograd.Grad, hooks, and the buffers that gradients travel in.</summary>
public class GradAndHooksTests
{
    private static Tensor Leaf(params double[] values)
    {
        var x = Tensor.From(values, [values.Length], Device.Reference);
        x.RequiresGrad = true;
        return x;
    }

    private static Tensor Constant(params double[] values) => Tensor.From(values, [values.Length], Device.Reference);

    [Fact]
    public void Grad_is_with_respect_to_any_tensor_and_touches_no_Grad()
    {
        var (x, other) = (Leaf(2, 3), Leaf(1, 1));
        var middle = x.Square();
        var y = middle * 5 + other;
        var gradients = Autograd.Grad(y, [middle, x, y, Leaf(1, 2)], Constant(1, 2));
        Assert.Equal([5f, 10], gradients[0].ToArray());
        Assert.Equal([20f, 60], gradients[1].ToArray());
        Assert.Equal([1f, 2], gradients[2].ToArray());
        Assert.Equal([0f, 0], gradients[3].ToArray());
        Assert.Null(x.Grad);
        Assert.Null(other.Grad);
    }

    [Fact]
    public void Grad_runs_only_what_leads_to_its_targets()
    {
        var (x, target) = (Leaf(1, 2), Leaf(3, 4));
        var middle = x.Exp();
        middle.OnGradient(_ => throw new InvalidOperationException("This gradient is not needed."));
        var gradient = Autograd.Grad(middle * target, [target], Constant(1, 1))[0];
        Assert.Equal(middle.ToArray(), gradient.ToArray());
    }

    [Fact]
    public void Grad_inside_a_hook_leaves_the_outer_pass_alone()
    {
        var x = Leaf(3);
        var square = x.Square();
        Tensor? inner = null;
        var y = x * 2;
        y.OnGradient(_ =>
        {
            inner = Autograd.Grad(square, [x])[0];
            return null;
        });
        (y + x).Backward();
        Assert.Equal([6f], inner!.ToArray());
        Assert.Equal([3f], x.Grad!.ToArray());
    }

    [Fact]
    public void Hooks_see_the_whole_gradient_and_may_replace_it()
    {
        var x = Leaf(1, 2);
        var middle = x * 2;
        var seen = new List<float[]>();
        Tensor? kept = null, replacement = null;
        middle.OnGradient(g =>
        {
            seen.Add(g.ToArray());
            kept = g;
            return replacement = g * 10;
        });
        x.OnGradient(g => g + 1);
        (middle + middle.Square()).Backward(Constant(1, 1));
        // d(m + m²) = 1 + 2m at m = 2, 4.
        Assert.Equal([5f, 9], Assert.Single(seen));
        Assert.Equal([101f, 181], x.Grad!.ToArray());
        Assert.Equal([5f, 9], kept!.ToArray());
        Assert.Equal([50f, 90], replacement!.ToArray());
    }

    [Fact]
    public void A_removed_hook_is_not_called()
    {
        var x = Leaf(1);
        int calls = 0;
        Tensor? Hook(Tensor g)
        {
            calls++;
            return null;
        }
        var first = x.OnGradient(Hook);
        x.OnGradient(Hook);
        first.Dispose();
        first.Dispose();
        x.Exp().Backward();
        Assert.Equal(1, calls);
    }

    [Fact]
    public void A_hook_that_returns_another_shape_is_an_error()
    {
        var x = Leaf(1, 2);
        x.OnGradient(g => g.Sum());
        Assert.StartsWith("[hook]", Assert.Throws<ShapeException>(() => x.Exp().Sum().Backward()).Message);
    }

    [Fact]
    public void The_users_cotangent_is_never_written()
    {
        var (a, b) = (Leaf(1, 2), Leaf(3, 4));
        var cotangent = Constant(1, -1);
        (a + b + a + a).Backward(cotangent);
        Assert.Equal([1f, -1], cotangent.ToArray());
        Assert.Equal([3f, -3], a.Grad!.ToArray());
        Assert.Equal([1f, -1], b.Grad!.ToArray());
    }

    [Fact]
    public void Buffers_that_gradients_share_are_not_written_while_another_reads_them()
    {
        // Add hands one and the same gradient to both sides of every residual block; each side then adds its own part.
        const int Depth = 20;
        var x = Leaf(0.3, -0.7, 1.1);
        var y = x.Tanh();
        var watched = new List<(Tensor Gradient, float[] Seen)>();
        for (int i = 0; i < Depth; i++)
        {
            var branch = y * 0.5;
            branch.OnGradient(g =>
            {
                watched.Add((g, g.ToArray()));
                return null;
            });
            y = (branch.Tanh() + y) + (y.Reshape(3, 1).Reshape(3) * 0.25 + y);
        }
        y.Backward(Constant(1, 2, 3));
        foreach (var (gradient, seen) in watched) Assert.Equal(seen, gradient.ToArray());
        GradCheck.Run(leaves =>
        {
            var z = leaves[0].Tanh();
            for (int i = 0; i < Depth; i++) z = ((z * 0.5).Tanh() + z) + (z.Reshape(3, 1).Reshape(3) * 0.25 + z);
            return z;
        }, x).ShouldAgreeWithin(1e-8);
    }

    [Fact]
    public void A_gradient_that_Grad_gave_out_stays_as_it_is()
    {
        var (x, w) = (Leaf(1, 2), Leaf(3, 4));
        var y = x * w;
        var middle = Autograd.Grad(y + y + x, [y], Constant(1, 1), retainGraph: true)[0];
        float[] before = middle.ToArray();
        for (int i = 0; i < 5; i++) ((x * w) + (x * w) + x).Backward(Constant(7, 7));
        Assert.Equal([2f, 2], before);
        Assert.Equal(before, middle.ToArray());
    }

    [Fact]
    public void Graphs_made_on_two_threads_join_in_one_backward()
    {
        var x = Leaf(2);
        var parts = new Tensor[4];
        var threads = Enumerable.Range(0, 4).Select(i => new Thread(() =>
        {
            var y = x;
            for (int j = 0; j <= 50 * i; j++) y = y + 1;
            parts[i] = y * (i + 1);
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        (parts[0] + parts[1] + parts[2] + parts[3]).Square().Backward();
        double sum = Enumerable.Range(0, 4).Sum(i => (i + 1) * (3 + 50.0 * i));
        Assert.Equal([(float)(2 * sum * 10)], x.Grad!.ToArray());
    }
}
