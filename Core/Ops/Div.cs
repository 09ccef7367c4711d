namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Quotient, elementwise with broadcasting: <c>c = a / b</c>.</summary>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public static Tensor operator /(Tensor a, Tensor b) => new DivOp(a, b).Run();

    /// <summary>Divides every value by a number.</summary>
    public static Tensor operator /(Tensor a, double b) => a / Scalar(b, a.Device);

    /// <summary>Divides a number by every value.</summary>
    public static Tensor operator /(double a, Tensor b) => Scalar(a, b.Device) / b;
}

/// <summary>c = a / b; da = dc / b, db = −dc / b · c, summed over broadcast dimensions.</summary>
internal sealed class DivOp(Tensor a, Tensor b) : BinaryOp<DivFunction>(default, a, b)
{
    private Tensor? _c;

    protected override Saved BackwardReads => Wants(1) ? Saved.Input1 | Saved.Result : Saved.Input1;

    protected override Tensor Forward() => _c = base.Forward();

    protected override void Backward(Tensor dc, Gradients d)
    {
        var quotient = dc / B;
        if (d.Wanted(0)) d[0] = SumOp.ToShape(quotient, A.Shape);
        if (d.Wanted(1)) d[1] = -SumOp.ToShape(quotient * _c!, B.Shape);
    }
}

internal readonly struct DivFunction : IBinaryFunction
{
    public string Name => "div";

    public R Value<R>(R a, R b) where R : struct, IReal<R> => a / b;
}
