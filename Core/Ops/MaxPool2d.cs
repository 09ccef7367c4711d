using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// The largest value of each window, <c>y[n,c,p,q] = max x[n, c, p·stride + r − padding, q·stride + s − padding]</c>; padding
    /// never wins, NaN always does.
    /// </summary>
    /// <param name="kernel">Rows and columns of a window.</param>
    /// <param name="stride">Rows and columns between neighbouring windows; the kernel's size by default.</param>
    /// <param name="padding">Rows and columns added on each side, at most half the kernel.</param>
    /// <returns>[N, C, P, Q], channels last.</returns>
    /// <exception cref="ShapeException">The input is not [N, C, H, W] with H and W at least 1, or the window does not fit.</exception>
    public Tensor MaxPool2d((int H, int W) kernel, (int H, int W)? stride = null, (int H, int W)? padding = null)
    {
        var window = PoolWindow("max_pool2d", this, kernel, stride, padding);
        CheckPixels("max_pool2d", this);
        return new MaxPool2dOp(ToLayout(Layout.ChannelsLast), window).Run();
    }

    /// <summary>Images without pixels have no largest value and no mean.</summary>
    private static void CheckPixels(string operation, Tensor x) =>
        Check.That(x.Shape[2] > 0 && x.Shape[3] > 0, operation,
            $"input {x.Shape} has no pixels, so it has neither a maximum nor a mean. Check the sizes of the layers before.");

    private static Window2d PoolWindow(string operation, Tensor x, (int H, int W) kernel, (int H, int W)? stride, (int H, int W)? padding)
    {
        Check.Rank(operation, "input", x, 4, "Images go in as [N, C, H, W].");
        Check.Float(operation, "input", x);
        var pad = padding ?? (0, 0);
        var window = Window2d.Of(operation, x.Shape, x.Shape[1], kernel, stride ?? kernel, pad);
        Check.That(2 * pad.H <= kernel.H && 2 * pad.W <= kernel.W, operation,
            $"padding {pad} is more than half the kernel {kernel}, so some windows would contain only padding. Use less padding.");
        return window;
    }
}

/// <summary>y = the largest value of each window; dx = Σ dy over the windows in which the value was the largest.</summary>
internal sealed class MaxPool2dOp(Tensor x, Window2d geometry) : Operator("max_pool2d", x)
{
    private Tensor? _index;

    protected override Saved BackwardReads => Saved.Nothing;

    internal override IReadOnlyList<(string Name, Tensor? Value)> SavedBeside => [("index of each maximum", _index)];

    protected override Tensor Forward()
    {
        var y = Tensor.New(geometry.Output, Device, x.DType, Layout.ChannelsLast);
        _index = Tensor.New(y.Shape, Device, DType.I64, Layout.ChannelsLast);
        Backend.MaxPool2d(x, y, _index, geometry);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0, out var dx)) Backend.MaxPool2dGradient(dy.ToLayout(Layout.ChannelsLast), _index!, dx, geometry);
    }
}
