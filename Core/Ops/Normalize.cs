using MiniDL.Backends;

namespace MiniDL;

/// <summary>
/// Every fused normalization: <c>y = act((x − mean) / √(variance + eps) · weight + bias + residual)</c>, the statistics taken
/// over the groups of <see cref="NormGeometry"/> or given as constants. One pass over memory for the statistics, one for the
/// output, one or two for the gradients; x̂ is computed again in backward rather than stored.
/// </summary>
/// <param name="x">Lies as [samples, positions, channels].</param>
/// <param name="norm">
/// What to do. Its mean and variance are constants; or room for those of x, which this takes unless they are
/// <paramref name="known"/>.
/// </param>
/// <param name="known">Whether mean and variance are those of x already.</param>
internal sealed class NormalizeOp(Tensor x, NormArguments norm, bool known = false)
    : Operator("normalize", x, norm.Weight, norm.Bias, norm.Residual)
{
    private Tensor? _y;

    /// <summary>x and weight for the gradients, the bias too where the activation's mask is had from them, else the output's sign.</summary>
    protected override Saved BackwardReads => Saved.Input0 | Saved.Input1
        | (norm.Activation == Activation.None ? Saved.Nothing : Saved.Input2 | Saved.Result);

    protected override Tensor Forward()
    {
        Check.Float(Name, "input", x);
        _y = Tensor.NewLike(x);
        if (known || norm.Constant) Backend.Normalize(x, norm, _y);
        else Backend.MomentsAndNormalize(x, norm, _y);
        return _y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        Tensor? dx = d.Wanted(0, out var gx) ? gx : null, dw = d.Wanted(1, out var gw) ? gw : null;
        Tensor? db = d.Wanted(2, out var gb) ? gb : null, dr = d.Wanted(3, out var gr) ? gr : null;
        Backend.NormalizeGradient(dy.ToLayout(x.Layout), x, _y!, norm, new NormGradients(dx, dw, db, dr));
    }
}
