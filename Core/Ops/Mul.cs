namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Product, elementwise with broadcasting: <c>c = a · b</c>.</summary>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public static Tensor operator *(Tensor a, Tensor b) => new MulOp(a, b).Run();

    /// <summary>Multiplies every value by a number.</summary>
    public static Tensor operator *(Tensor a, double b) => new AffineOp("mul", a, b, 0).Run();

    /// <inheritdoc cref="op_Multiply(Tensor, double)"/>
    public static Tensor operator *(double a, Tensor b) => b * a;
}

/// <summary>c = a · b; da = dc · b, db = dc · a, summed over broadcast dimensions.</summary>
internal sealed class MulOp(Tensor a, Tensor b) : BinaryOp<MulFunction>(default, a, b)
{
    protected override Saved BackwardReads => OtherFactors;

    protected override void Backward(Tensor dc, Gradients d)
    {
        if (d.Wanted(0)) d[0] = SumOp.ToShape(Zip(default, dc, B), A.Shape);
        if (d.Wanted(1)) d[1] = SumOp.ToShape(Zip(default, dc, A), B.Shape);
    }
}

internal readonly struct MulFunction : IBinaryFunction
{
    public string Name => "mul";

    public R Value<R>(R a, R b) where R : struct, IReal<R> => a * b;
}
