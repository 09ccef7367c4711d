using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// A convolution and the norm after it, <c>activation(norm(convolution(x)) + residual)</c>: the one place that knows both, and runs them
/// together where that saves passes over memory. As with hooks on either, where nothing is saved the two modules run one after the other, with
/// results that differ by rounding at most. It is no module: both have their places in the model.
/// </summary>
internal readonly record struct ConvNorm(Conv2d Convolution, Norm Norm)
{
    /// <param name="x">The convolution's input.</param>
    /// <param name="residual">Added to the normalized values; of the convolution's output shape.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ShapeException">The input does not fit; the message names the module's path.</exception>
    public Tensor Forward(Tensor x, Tensor? residual = null, Activation activation = Activation.None)
    {
        bool alone = Norm.Fused && !Norm.HasHooks && !Convolution.HasHooks;
        if (alone && NoGrad.Active && !Norm.Training && OneOperator(x, residual, activation) is { } y) return y;
        return Norm.Forward(Convolve(x, out var statistics), statistics, residual, activation);
    }

    /// <summary>
    /// For evaluation: the norm works through the images as they come out of the convolution, while they are in a cache, or goes into its
    /// weights; null where an image does not suffice to normalize it.
    /// </summary>
    private Tensor? OneOperator(Tensor x, Tensor? residual, Activation activation)
    {
        var window = Convolution.Window(x);
        return Norm.OfImages(window.Output, x.Device, residual, activation) is { } normalization
            ? new Conv2dNormalizeOp(x.AsImages(), Convolution.Weight.Value.ToLayout(Layout.RowMajor), Convolution.Bias?.Value, window, normalization).Run()
            : null;
    }

    /// <summary>The convolution, which takes statistics of its output on the way where the norm wants them.</summary>
    private Tensor Convolve(Tensor x, out ChannelStatistics? statistics)
    {
        statistics = null;
        if (!Norm.Fused || !Norm.TakesBatchStatistics) return Convolution.Forward(x);
        using var running = new Module.RunningModule(Convolution);
        var window = Convolution.Window(x);
        var operation = new Conv2dOp(x.AsImages(), Convolution.Weight.Value.ToFloat().ToLayout(Layout.RowMajor), Convolution.Bias?.Value.ToFloat(),
            window, withStatistics: true);
        var y = operation.Run();
        int version = y.Storage.Changes.Version;
        var seen = Convolution.AfterForward(x, y);
        // They are no longer those of the output where a hook has put another in its place, or has changed it.
        if (ReferenceEquals(seen, y) && version == y.Storage.Changes.Version) statistics = operation.Statistics;
        return seen;
    }
}
