namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The same values on another device, in its floating-point type and the same layout; this tensor if it is already there.</summary>
    public Tensor To(Device device) => device == Device ? this : new ToDeviceOp(this, device).Run();
}

/// <summary>y = x on another device; dx = dy, copied back.</summary>
internal sealed class ToDeviceOp(Tensor x, Device device) : Operator("to", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        var there = Tensor.New(x.Shape, device, x.DType.IsFloat() ? device.FloatType : x.DType, x.Layout);
        x.CopyTo(there);
        return there;
    }

    protected override void Backward(Tensor dy, Gradients d) => d[0] = dy.To(x.Device);
}
