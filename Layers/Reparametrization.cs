namespace MiniDL.Layers;

/// <summary>Computes one parameter of a module from its own parameters: <see cref="Module.Reparametrize"/>.</summary>
/// <example><code>
/// sealed class Doubled : Reparametrization
/// {
///     private readonly Parameter _half;
///     public Doubled(Parameter weight) => _half = RegisterParameter("half", weight.Value.Detach() * 0.5);
///     public override Tensor Compute() => _half.Value * 2;
/// }
/// layer.Reparametrize("weight", new Doubled(layer.Weight));
/// </code></example>
public abstract class Reparametrization : Module
{
    /// <summary>The value of the computed parameter.</summary>
    public abstract Tensor Compute();

    /// <inheritdoc/>
    protected sealed override Tensor ForwardCore(Tensor x) =>
        throw new MiniDLException($"[reparametrization] {Path} computes a parameter; it has no forward pass of its own.");
}
