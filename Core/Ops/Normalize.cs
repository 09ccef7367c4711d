using System.Globalization;
using MiniDL.Backends;

namespace MiniDL;

/// <summary>
/// Every fused normalization: <c>y = act(x̂ · weight + bias + residual)</c> with <c>x̂ = (x − mean) / √(variance + eps)</c>, the statistics
/// taken over groups of x or given as constants. With g = dy where act let values through, else 0:
/// <c>dx = (g′ − mean(g′) − x̂ · mean(g′ · x̂)) / √(variance + eps)</c> for <c>g′ = g · weight</c>; of constant statistics only the first term.
/// <c>dweight = Σ g · x̂, dbias = Σ g, dresidual = g</c>.
/// </summary>
/// <remarks>
/// It takes one pass over memory for the statistics, one for the output, and one or two for the gradients; backward recomputes x̂ instead of
/// storing it.
/// </remarks>
/// <param name="x">Stored as [samples, positions, channels].</param>
/// <param name="norm">
/// The normalization. Its mean and variance are constants, or memory for those of x, which this operator computes unless they are
/// <paramref name="known"/>.
/// </param>
/// <param name="known">Whether mean and variance already are those of x.</param>
internal sealed class NormalizeOp(Tensor x, NormArguments norm, bool known = false)
    : Operator("normalize", x, norm.Weight, norm.Bias, norm.Residual)
{
    private Tensor? _y;

    /// <summary>For the gradients x and weight; for the activation's mask also the bias, or the output, for its sign.</summary>
    protected override Saved BackwardReads => Saved.Input0 | Saved.Input1
        | (norm.Activation == Activation.None ? Saved.Nothing : Saved.Input2 | Saved.Result);

    internal override IReadOnlyList<(string Name, Tensor? Value)> SavedBeside => [("mean", norm.Mean), ("variance", norm.Variance)];

    internal override string Details => $"fuses (x − mean) / √(variance + {norm.Eps.ToString(CultureInfo.InvariantCulture)})"
        + (norm.Weight is null ? "" : " · weight") + (norm.Bias is null ? "" : " + bias")
        + (norm.Residual is null ? "" : " + residual") + (norm.Activation == Activation.Relu ? ", then relu" : "")
        + (norm.Constant ? "; the statistics are constants" : "");

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
        dy = dy.ToLayout(x.Layout);
        Backend.NormalizeGradient(dy, x, _y!, norm, Destinations(dy, d));
    }

    /// <summary>
    /// Where the gradients go. That of the residual is dy with zeros, that of x can lie where x was if nobody needs it again, or dy: every place
    /// that is not fetched from memory saves time.
    /// </summary>
    private NormGradients Destinations(Tensor dy, Gradients d)
    {
        bool inPlace = Backend.NormalizesGradientInPlace, reusesDy = inPlace && d.MayReuse(dy);
        var residual = d.Wanted(3) ? reusesDy ? d[3] = dy : At(3, d) : null;
        var dx = inPlace && d.TryTakeOver(0, out var overX) ? overX : residual is null && reusesDy && d.Wanted(0) ? d[0] = dy : At(0, d);
        return new NormGradients(dx, At(1, d), At(2, d), residual);
    }

    private static Tensor? At(int input, Gradients d) => d.Wanted(input, out var gradient) ? gradient : null;
}
