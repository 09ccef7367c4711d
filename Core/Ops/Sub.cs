namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Difference, elementwise with broadcasting: <c>c = a − b</c>.</summary>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public static Tensor operator -(Tensor a, Tensor b) => new SubOp(a, b).Run();

    /// <summary>Subtracts a number from every value.</summary>
    public static Tensor operator -(Tensor a, double b) => new AffineOp("sub", a, 1, -b).Run();

    /// <summary>Subtracts every value from a number.</summary>
    public static Tensor operator -(double a, Tensor b) => new AffineOp("sub", b, -1, a).Run();
}

/// <summary>c = a − b; da = dc, db = −dc, summed over broadcast dimensions.</summary>
internal sealed class SubOp(Tensor a, Tensor b) : BinaryOp<SubFunction>(default, a, b)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override void Backward(Tensor dc, Gradients d)
    {
        if (d.Wanted(0)) d[0] = SumOp.ToShape(dc, A.Shape);
        if (d.Wanted(1)) d[1] = -SumOp.ToShape(dc, B.Shape);
    }
}

internal readonly struct SubFunction : IBinaryFunction
{
    public string Name => "sub";

    public R Value<R>(R a, R b) where R : struct, IReal<R> => a - b;
}
