using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// A convolution and the norm after it, <c>activation(norm(convolution(x)) + residual)</c>: the one place that knows both and fuses them
/// if that saves passes over memory. Otherwise, or if either has hooks, the two modules run one after the other; the results differ by
/// rounding at most. It is not a module itself: both belong to the model.
/// </summary>
internal readonly record struct ConvNorm(Conv2d Convolution, Norm Norm)
{
    /// <param name="x">The convolution's input.</param>
    /// <param name="residual">Added to the normalized values; has the shape of the convolution's output.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ShapeException">The input does not fit; the message names the module's path.</exception>
    public Tensor Forward(Tensor x, Tensor? residual = null, Activation activation = Activation.None)
    {
        bool alone = Norm.Fused && !Norm.HasHooks && !Convolution.HasHooks;
        if (alone && NoGrad.Active && !Norm.Training && OneOperator(x, residual, activation) is { } y) return y;
        return Norm.Forward(Convolve(x, out var statistics), statistics, residual, activation);
    }

    /// <summary>
    /// For evaluation: the norm processes each image right after the convolution, while it is still in the cache, or is folded into the
    /// weights. Null if the norm cannot normalize images one at a time.
    /// </summary>
    private Tensor? OneOperator(Tensor x, Tensor? residual, Activation activation)
    {
        var window = Convolution.Window(x);
        if (Norm.OfImages(window.Output, x.Device, residual, activation) is not { } normalization) return null;
        // Errors and profiles name the convolution, as they do in training.
        using var running = new Module.RunningModule(Convolution);
        return new Conv2dNormalizeOp(x.AsImages(), Convolution.Weight.Value.ToLayout(Layout.RowMajor), Convolution.Bias?.Value, window, normalization).Run();
    }

    /// <summary>The convolution; if the norm needs batch statistics, they are taken while the output is computed.</summary>
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
        // If a hook has replaced or changed the output, these are no longer its statistics.
        if (ReferenceEquals(seen, y) && version == y.Storage.Changes.Version) statistics = operation.Statistics;
        return seen;
    }
}
