namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Negation, <c>y = −x</c>.</summary>
    public static Tensor operator -(Tensor x) => new AffineOp("neg", x, -1, 0).Run();
}
