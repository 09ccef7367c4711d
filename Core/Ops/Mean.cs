namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// The mean over the given dimensions, or over all if none is given: <c>y = Σ x / n</c>. The mean of equal values is exactly that
    /// value. The mean of no values is NaN.
    /// </summary>
    /// <inheritdoc cref="Sum"/>
    public Tensor Mean(ReadOnlySpan<int> dims = default, bool keepDim = false)
    {
        Check.Float("mean", "x", this);
        return new MeanOp(ToFloat(), Reduction.Of("mean", Shape, dims, keepDim)).Run();
    }
}

/// <summary>y = Σ x / n over some dimensions; dx repeats dy / n along them.</summary>
internal sealed class MeanOp(Tensor x, Reduction reduction) : Operator("mean", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward() => Reduction.Over(x, reduction.Reduced, Run).Window(0, reduction.Result);

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (!d.Wanted(0, out var dx)) return;
        var share = Tensor.NewLike(dy);
        Backend.Affine(dy, (double)dy.Count / x.Count, 0, share);
        SumOp.Repeat(share, reduction.Kept, dx);
    }

    private static void Run(Tensor x, Tensor y, int outer, int reduced, int inner)
    {
        if (reduced == 0) x.Device.Backend.Fill(y, double.NaN);
        else if (y.Count > 0) x.Device.Backend.Mean(x, y, outer, reduced, inner);
    }
}
