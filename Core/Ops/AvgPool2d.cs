using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// The mean of each window, <c>y[n,c,p,q] = 1/(R·S) · Σ x[n, c, p·stride + r − padding, q·stride + s − padding]</c>; padding
    /// counts as zeros.
    /// </summary>
    /// <param name="kernel">Rows and columns of a window.</param>
    /// <param name="stride">Rows and columns between neighbouring windows; the kernel's size by default.</param>
    /// <param name="padding">Rows and columns added on each side, at most half the kernel.</param>
    /// <returns>[N, C, P, Q], channels last.</returns>
    /// <exception cref="ShapeException">The input is not [N, C, H, W], or the window does not fit.</exception>
    public Tensor AvgPool2d((int H, int W) kernel, (int H, int W)? stride = null, (int H, int W)? padding = null)
    {
        var window = PoolWindow("avg_pool2d", this, kernel, stride, padding);
        return new AvgPool2dOp(ToLayout(Layout.ChannelsLast), window).Run();
    }
}

/// <summary>y = the mean of each window; dx = Σ dy / (R·S) over the windows that contain the value.</summary>
internal sealed class AvgPool2dOp(Tensor x, Window2d geometry) : Operator("avg_pool2d", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        var y = Tensor.New(geometry.Output, Device, x.DType, Layout.ChannelsLast);
        Backend.AvgPool2d(x, y, geometry);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0, out var dx)) Backend.AvgPool2dGradient(dy.ToLayout(Layout.ChannelsLast), dx, geometry);
    }
}
