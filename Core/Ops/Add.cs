namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Sum, elementwise with broadcasting: <c>c = a + b</c>.</summary>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public static Tensor operator +(Tensor a, Tensor b) => new AddOp(a, b).Run();

    /// <summary>Adds a number to every value.</summary>
    public static Tensor operator +(Tensor a, double b) => new AffineOp("add", a, 1, b).Run();

    /// <inheritdoc cref="op_Addition(Tensor, double)"/>
    public static Tensor operator +(double a, Tensor b) => b + a;
}

/// <summary>c = a + b; da = dc, db = dc, summed over broadcast dimensions.</summary>
internal sealed class AddOp(Tensor a, Tensor b) : BinaryOp<AddFunction>(default, a, b)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override void Backward(Tensor dc, Gradients d)
    {
        if (d.Wanted(0)) d[0] = SumOp.ToShape(dc, A.Shape);
        if (d.Wanted(1)) d[1] = SumOp.ToShape(dc, B.Shape);
    }
}

internal readonly struct AddFunction : IBinaryFunction
{
    public string Name => "add";

    public R Value<R>(R a, R b) where R : struct, IReal<R> => a + b;
}
