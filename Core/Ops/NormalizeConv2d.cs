using MiniDL.Backends;
using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// A convolution that normalizes its input as it reads it, <c>y = act(norm(x)) ∗ w + b</c>: bit by bit the same as <see cref="NormalizeOp"/> and
/// then <see cref="Conv2dOp"/>, but the normalized values are never stored. Forward saves a pass over memory; backward computes them again
/// from x, and takes the sums for the norm's gradients of dz, the gradient of the normalized values, image by image as it is computed.
/// </summary>
/// <param name="x">[N, C, H, W], channels last.</param>
/// <param name="norm">How x is normalized, its statistics included; there is no residual.</param>
/// <param name="weight">[K, C, R, S], row-major.</param>
/// <param name="bias">[K], or null.</param>
/// <param name="geometry">The sizes of the convolution.</param>
/// <param name="statistics">Which values of y share a statistic, if they are asked for.</param>
internal sealed class NormalizeConv2dOp(Tensor x, NormArguments norm, Tensor weight, Tensor? bias, Window2d geometry, NormGeometry? statistics)
    : Operator("normalize_conv2d", x, norm.Weight, norm.Bias, weight, bias)
{
    /// <summary>Statistics of y, if they were asked for.</summary>
    public ChannelStatistics? Statistics { get; private set; }

    internal override double Operations => geometry.Operations;

    protected override Saved BackwardReads => Saved.Input0 | Saved.Input1 | Saved.Input2 | Saved.Input3;

    internal override IReadOnlyList<(string Name, Tensor? Value)> SavedBeside => [("mean", norm.Mean), ("variance", norm.Variance)];

    protected override Tensor Forward()
    {
        var y = Tensor.New(geometry.Output, Device, x.DType, Layout.ChannelsLast);
        Statistics = ChannelStatistics.Of(statistics, Device);
        Backend.NormalizeConv2d(x, norm, weight, bias, y, Statistics, geometry);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        dy = dy.ToLayout(Layout.ChannelsLast);
        // First, since the gradient of x may be written over x.
        if (d.Wanted(3, out var dw))
            using (Profiler.Time(Name, "weight gradient", Operations)) Backend.NormalizeConv2dWeightGradient(dy, x, norm, dw, geometry);
        if (d.Wanted(4, out var db)) Backend.Sum(dy, db, 1, geometry.Batch * geometry.OutPixels, geometry.OutChannels);
        Tensor? scale = d.Wanted(1, out var gs) ? gs : null, shift = d.Wanted(2, out var gb) ? gb : null, dx = null;
        if (Backend.NormalizesConv2dGradientInPlace(norm.Geometry, geometry) && d.TryTakeOver(0, out var overX)) dx = overX;
        else if (d.Wanted(0, out var gx)) dx = gx;
        if (dx is not null || scale is not null || shift is not null)
            using (Profiler.Time(Name, "input gradient", Operations))
                Backend.NormalizeConv2dInputGradient(dy, x, norm, weight, new NormGradients(dx, scale, shift), geometry);
    }
}
