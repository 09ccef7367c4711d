namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The values in another floating-point type of the device; this tensor if it already has that type.</summary>
    /// <exception cref="MiniDLException">The device does not store that type, or one of the types is an integer type.</exception>
    public Tensor To(DType type)
    {
        if (type == DType) return this;
        Check.That(type.IsFloat() && DType.IsFloat(), "cast", $"{DType} cannot become {type}. Integers become floats with ToFloat().");
        return new CastOp(this, type).Run();
    }
}

/// <summary>
/// y = x in another floating-point type: bf16 is what a GPU may store between operators (<see cref="Precision.Bf16"/>), but it never
/// computes in it. The gradient has the type of x.
/// </summary>
internal sealed class CastOp(Tensor x, DType type) : Operator("cast", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        var y = Tensor.New(x.Shape, Device, type, x.Layout);
        Backend.Convert(x, y);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d) => d[0] = dy.To(x.DType);
}
