using MiniDL.Backends;

namespace MiniDL;

/// <summary>
/// Every fused normalization: <c>y = act((x − mean) / √(variance + eps) · weight + bias + residual)</c>, the statistics taken
/// over the groups of <see cref="NormGeometry"/> or given as constants. One pass over memory for the statistics, one for the
/// output, one or two for the gradients; x̂ is computed again in backward rather than stored.
/// </summary>
/// <param name="x">Lies as [samples, positions, channels].</param>
/// <param name="weight">[channels] in storage, or null.</param>
/// <param name="bias">[channels] in storage, or null.</param>
/// <param name="residual">Of the shape, layout and type of x, or null.</param>
/// <param name="statistics">Mean and biased variance to use as constants; null takes them from x.</param>
/// <param name="known">x's own statistics, where they have been taken already.</param>
/// <param name="eps">Added to the variance.</param>
/// <param name="activation">Applied last.</param>
/// <param name="geometry">What is normalized over.</param>
internal sealed class NormalizeOp(Tensor x, Tensor? weight, Tensor? bias, Tensor? residual, (Tensor Mean, Tensor Variance)? statistics,
    double eps, Activation activation, NormGeometry geometry, ChannelStatistics? known = null) : Operator("normalize", x, weight, bias, residual)
{
    private Tensor? _y;

    /// <summary>The means used, [samples, groups].</summary>
    public Tensor Mean { get; private set; } = null!;

    /// <summary>The biased variances used, [samples, groups].</summary>
    public Tensor Variance { get; private set; } = null!;

    /// <summary>x and weight for the gradients, the bias too where the activation's mask is had from them, else the output's sign.</summary>
    protected override Saved BackwardReads => Saved.Input0 | Saved.Input1
        | (activation == Activation.None ? Saved.Nothing : Saved.Input2 | Saved.Result);

    protected override Tensor Forward()
    {
        Check.Float(Name, "input", x);
        _y = Tensor.NewLike(x);
        if ((statistics ?? (known is null ? null : (known.Mean, known.Variance))) is var (mean, variance))
        {
            (Mean, Variance) = (mean, variance);
            Backend.Normalize(x, Mean, Variance, eps, weight, bias, residual, activation, _y, geometry);
            return _y;
        }
        Shape statistic = [geometry.Samples, geometry.Groups];
        (Mean, Variance) = (New(statistic), New(statistic));
        Backend.MomentsAndNormalize(x, Mean, Variance, eps, weight, bias, residual, activation, _y, geometry);
        return _y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        Tensor? dx = d.Wanted(0, out var gx) ? gx : null, dw = d.Wanted(1, out var gw) ? gw : null;
        Tensor? db = d.Wanted(2, out var gb) ? gb : null, dr = d.Wanted(3, out var gr) ? gr : null;
        Backend.NormalizeGradient(dy.ToLayout(x.Layout), x, Mean, Variance, eps, weight, bias, residual is not null, _y!, activation,
            statistics is not null, dx, dw, db, dr, geometry);
    }
}
