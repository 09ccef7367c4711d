namespace MiniDL.Layers;

/// <summary>Computes one parameter of a module from its own parameters: <see cref="Module.Reparametrize"/>.</summary>
public abstract class Reparametrization : Module
{
    /// <summary>The value of the computed parameter.</summary>
    public abstract Tensor Compute();

    /// <inheritdoc/>
    protected sealed override Tensor ForwardCore(Tensor x) =>
        throw new MiniDLException($"[reparametrization] {Path} computes a parameter; it has no forward pass of its own.");
}
