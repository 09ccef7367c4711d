namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The mean over each image, <c>y[n,c] = 1/(H·W) · Σ x[n,c,h,w]</c>: [N, C, H, W] becomes [N, C].</summary>
    /// <exception cref="ShapeException">The input is not [N, C, H, W], or its images have no pixels.</exception>
    public Tensor GlobalAvgPool2d()
    {
        Check.Rank("global_avg_pool2d", "input", this, 4, "Images go in as [N, C, H, W].");
        Check.Float("global_avg_pool2d", "input", this);
        CheckPixels("global_avg_pool2d", this);
        return new GlobalAvgPool2dOp(ToLayout(Layout.ChannelsLast)).Run();
    }
}

/// <summary>y = the mean over each image's pixels; dx repeats dy / (H·W) over them.</summary>
internal sealed class GlobalAvgPool2dOp(Tensor x) : Operator("global_avg_pool2d", x)
{
    private readonly int _batch = x.Shape[0], _channels = x.Shape[1], _pixels = x.Shape[2] * x.Shape[3];

    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        var y = New([_batch, _channels]);
        if (y.Count > 0) Backend.Mean(x, y, _batch, _pixels, _channels);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (!d.Wanted(0, out var dx)) return;
        var share = New(dy.Shape);
        Backend.Affine(dy, 1.0 / _pixels, 0, share);
        share = share.To(dx.DType);
        Backend.CopyStrided([_batch, _pixels, _channels], share, 0, [_channels, 0, 1], dx, 0, [_pixels * _channels, _channels, 1]);
    }
}
