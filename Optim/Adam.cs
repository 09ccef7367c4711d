namespace MiniDL.Optim;

/// <summary>
/// Kingma and Ba 2015, "Adam: a method for stochastic optimization", as in PyTorch. With parameter p, its gradient g, the running mean m of
/// the gradients and v of their squares, after t steps:
/// <code>
/// g ← g + weightDecay · p
/// m ← β₁ · m + (1 − β₁) · g
/// v ← β₂ · v + (1 − β₂) · g²
/// p ← p − learningRate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
/// </code>
/// m and v start at 0; the factors 1 − βᵗ correct for that. ε is outside the root.
/// </summary>
/// <remarks>State, by PyTorch's names: <c>step</c> (t), <c>exp_avg</c> (m) and <c>exp_avg_sq</c> (v).</remarks>
/// <inheritdoc cref="Optimizer"/>
/// <example><code>var adam = new Adam(model.Parameters(), learningRate: 1e-3f);</code></example>
public class Adam : Optimizer
{
    private readonly double _beta1, _beta2, _eps;

    /// <summary>Makes an optimizer with the same settings for all parameters.</summary>
    /// <param name="parameters">The parameters, each once, all on one device.</param>
    /// <param name="learningRate">About how far a parameter moves in a step, at least 0; may be changed later.</param>
    /// <param name="beta1">The decay rate of the mean of the gradients, from 0 to less than 1.</param>
    /// <param name="beta2">The decay rate of the mean of their squares, from 0 to less than 1.</param>
    /// <param name="eps">Keeps the step finite where gradients are 0, at least 0.</param>
    /// <param name="weightDecay">The factor of the ℓ2 penalty's gradient, at least 0; for decoupled decay see <see cref="AdamW"/>.</param>
    /// <exception cref="MiniDLException">There are no parameters, one appears twice or is computed, or a setting is out of range.</exception>
    public Adam(IEnumerable<Parameter> parameters, float learningRate = 1e-3f, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
        float weightDecay = 0)
        : this([new ParameterGroup(parameters, learningRate, weightDecay)], beta1, beta2, eps)
    {
    }

    /// <summary>Makes an optimizer for groups of parameters, each with its own learning rate and weight decay.</summary>
    /// <inheritdoc cref="Adam(IEnumerable{Parameter}, float, double, double, double, float)"/>
    public Adam(IEnumerable<ParameterGroup> groups, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8)
        : this("adam", groups, beta1, beta2, eps)
    {
    }

    private protected Adam(string name, IEnumerable<ParameterGroup> groups, double beta1, double beta2, double eps)
        : base(name, groups, _ => ["exp_avg", "exp_avg_sq"], countsSteps: true)
    {
        (_beta1, _beta2) = (Fraction("beta1", beta1), Fraction("beta2", beta2));
        _eps = eps >= 0 && double.IsFinite(eps) ? eps : throw new MiniDLException($"[{Name}] the eps {eps} must be finite and not negative.");
    }

    /// <inheritdoc/>
    protected override void Update(ParameterGroup group, ParameterSlice slice)
    {
        Tensor p = slice.Values, g = slice.Gradients, m = slice.State(0), v = slice.State(1);
        Tensor rate = slice.Scalar(() => group.LearningRate / (1 - Math.Pow(_beta1, slice.Steps)));
        Tensor correction = slice.Scalar(() => 1 / Math.Sqrt(1 - Math.Pow(_beta2, slice.Steps)));
        if (group.WeightDecay != 0) (p, g) = Decay(group, slice, p, g);
        slice.Set(m, m * _beta1 + g * (1 - _beta1));
        slice.Set(v, v * _beta2 + g.Square() * (1 - _beta2));
        slice.Set(slice.Values, p - m * rate / (v.Sqrt() * correction + _eps));
    }

    /// <summary>Applies weight decay to values and gradients before the step.</summary>
    private protected virtual (Tensor Values, Tensor Gradients) Decay(ParameterGroup group, ParameterSlice slice, Tensor p, Tensor g) =>
        (p, g + p * group.WeightDecay);

    private double Fraction(string name, double value) =>
        value is >= 0 and < 1 ? value : throw new MiniDLException($"[{Name}] {name} {value} must be from 0 to less than 1.");
}

/// <summary>
/// <see cref="Adam"/> with weight decay decoupled from the gradient, so that it is not part of the running means:
/// <c>p ← p · (1 − learningRate · weightDecay)</c>, then Adam's step without decay. Loshchilov and Hutter 2019, "Decoupled weight decay
/// regularization".
/// </summary>
/// <inheritdoc cref="Adam"/>
/// <example><code>var adamw = new AdamW(model.Parameters(), learningRate: 1e-3f, weightDecay: 0.05f);</code></example>
public sealed class AdamW : Adam
{
    /// <summary>Makes an optimizer with the same settings for all parameters.</summary>
    /// <param name="weightDecay">Each step multiplies the parameters by 1 − learningRate · weightDecay; at least 0.</param>
    /// <inheritdoc cref="Adam(IEnumerable{Parameter}, float, double, double, double, float)"/>
    public AdamW(IEnumerable<Parameter> parameters, float learningRate = 1e-3f, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
        float weightDecay = 0.01f)
        : this([new ParameterGroup(parameters, learningRate, weightDecay)], beta1, beta2, eps)
    {
    }

    /// <inheritdoc cref="Adam(IEnumerable{ParameterGroup}, double, double, double)"/>
    public AdamW(IEnumerable<ParameterGroup> groups, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8)
        : base("adamw", groups, beta1, beta2, eps)
    {
    }

    private protected override (Tensor Values, Tensor Gradients) Decay(ParameterGroup group, ParameterSlice slice, Tensor p, Tensor g) =>
        (p * slice.Scalar(() => 1 - (double)group.LearningRate * group.WeightDecay), g);
}
