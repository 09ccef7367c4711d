using MiniDL.Backends;
using MiniDL.Diagnostics;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// Two-dimensional convolution (cross-correlation, as in PyTorch):
    /// <c>y[n,k,p,q] = bias[k] + Σ x[n, c, p·stride + r − padding, q·stride + s − padding] · weight[k,c,r,s]</c>.
    /// </summary>
    /// <param name="weight">[K, C, R, S].</param>
    /// <param name="bias">[K], or null.</param>
    /// <param name="stride">Rows and columns between neighbouring windows.</param>
    /// <param name="padding">Rows and columns of zeros on each side.</param>
    /// <param name="algorithm">How forward and backward are computed; by default according to <see cref="ConvDefaults"/>.</param>
    /// <returns>[N, K, P, Q], channels last.</returns>
    /// <remarks>
    /// On the CPU, <see cref="ConvAlgorithm.Fastest"/> uses Winograd's F(4×4, 3×3) for 3×3 kernels of stride 1 with multiples of 16 channels.
    /// It computes 4×4 outputs together from a tile of 6×6 inputs, so its error is relative to the largest value of the tile, not of the
    /// window. The error is about twice that of the direct sum if values are of similar size, but values next to ones 10⁶ times as large lose
    /// all their digits. Outputs that should be 0 or positive may be slightly negative, and an Inf, NaN or value near the end of float's
    /// range affects all outputs of its tiles. <see cref="ConvAlgorithm.Exact"/> avoids all of this; with it a training step of ResNet-20
    /// takes 1.8 times as long.
    /// </remarks>
    /// <exception cref="ShapeException">A rank or the number of channels is wrong, or the kernel does not fit.</exception>
    public Tensor Conv2d(Tensor weight, Tensor? bias = null, (int H, int W)? stride = null, (int H, int W)? padding = null,
        ConvAlgorithm? algorithm = null)
    {
        var geometry = Conv2dWindow(weight, bias, stride, padding, algorithm);
        return new Conv2dOp(AsImages(), weight.ToFloat().ToLayout(Layout.RowMajor), bias?.ToFloat(), geometry).Run();
    }

    /// <summary>In the form that convolutions take: channels last, in the type in which the device stores images.</summary>
    internal Tensor AsImages() => To(Device.Backend.ActivationType).ToLayout(Layout.ChannelsLast);

    /// <summary>The sizes of <see cref="Conv2d"/>.</summary>
    /// <exception cref="ShapeException">The operands do not fit.</exception>
    internal Window2d Conv2dWindow(Tensor weight, Tensor? bias, (int H, int W)? stride, (int H, int W)? padding, ConvAlgorithm? algorithm)
    {
        Check.Rank("conv2d", "input", this, 4, "An image goes in as [N, C, H, W].");
        Check.Rank("conv2d", "weight", weight, 4, "It should be [out channels, in channels, height, width].");
        Check.Float("conv2d", "input", this);
        Check.Float("conv2d", "weight", weight);
        Check.That(Shape[1] == weight.Shape[1], "conv2d",
            $"input {Shape} has {Shape[1]} channels, weight {weight.Shape} expects {weight.Shape[1]}. Match inChannels to its input.");
        Check.That(bias is null || bias.Shape == [weight.Shape[0]], "conv2d",
            $"bias {bias?.Shape} should be [{weight.Shape[0]}], one value per output channel of weight {weight.Shape}.");
        var window = Window2d.Of("conv2d", Shape, weight.Shape[0], (weight.Shape[2], weight.Shape[3]), stride ?? (1, 1), padding ?? (0, 0));
        return window with { Exact = (algorithm ?? ConvDefaults.Current) == ConvAlgorithm.Exact };
    }
}

/// <summary>y = x ∗ w + b, in the type of x; dx is the transposed convolution of dy, dw correlates x with dy, db sums dy over images and pixels.</summary>
internal sealed class Conv2dOp(Tensor x, Tensor weight, Tensor? bias, Window2d geometry, NormGeometry? statistics = null)
    : Operator("conv2d", x, weight, bias)
{
    /// <summary>Statistics of y, if they were asked for.</summary>
    public ChannelStatistics? Statistics { get; private set; }

    internal override double Operations => geometry.Operations;

    protected override Saved BackwardReads => OtherFactors;

    internal override string Details => $"{geometry.KernelHeight}×{geometry.KernelWidth} kernel, stride {geometry.StrideHeight}, padding {geometry.PadHeight}"
        + (statistics is not null ? "; on the way it takes mean and variance of its output, for the norm after it" : "");

    protected override Tensor Forward()
    {
        var y = Tensor.New(geometry.Output, Device, x.DType, Layout.ChannelsLast);
        Statistics = ChannelStatistics.Of(statistics, Device);
        if (Statistics is null) Backend.Conv2d(x, weight, bias, y, geometry);
        else Backend.Conv2dMoments(x, weight, bias, y, Statistics, geometry);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        dy = dy.ToLayout(Layout.ChannelsLast);
        if (d.Wanted(0))
            using (Profiler.Time(Name, "input gradient", Operations)) InputGradient(dy, d);
        if (d.Wanted(1, out var dw))
            using (Profiler.Time(Name, "weight gradient", Operations)) Backend.Conv2dWeightGradient(x, dy, dw, geometry);
        if (d.Wanted(2, out var db)) Backend.Sum(dy, db, 1, geometry.Batch * geometry.OutPixels, geometry.OutChannels);
    }

    private void InputGradient(Tensor dy, Gradients d)
    {
        if (d.SumSoFar(0) is { } sum) Backend.AddConv2dInputGradient(dy, weight, sum, geometry);
        else if (d.Wanted(0, out var dx)) Backend.Conv2dInputGradient(dy, weight, dx, geometry);
    }
}
