namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The mean squared error against a target of the same shape, <c>mean (x − target)²</c>.</summary>
    /// <exception cref="ShapeException">The shapes differ; there is no broadcasting here, because it would hide mistakes.</exception>
    public Tensor MseLoss(Tensor target)
    {
        Check.That(Shape == target.Shape, "mse_loss", $"x {Shape} and target {target.Shape} must have the same shape. Reshape one of them?");
        return (this - target).Square().Mean();
    }
}
