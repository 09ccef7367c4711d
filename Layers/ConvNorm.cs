using MiniDL.Backends;
using MiniDL.Diagnostics;

namespace MiniDL.Layers;

/// <summary>
/// A convolution and the norm after it, <c>activation(norm(convolution(x)) + residual)</c>: the one place that knows both and fuses them
/// if that saves passes over memory. Otherwise, or if either has hooks, the two modules run one after the other; in training the results are
/// the same bits, in evaluation they differ by rounding at most. It is not a module itself: both belong to the model.
/// </summary>
internal readonly record struct ConvNorm(Conv2d Convolution, Norm Norm)
{
    /// <param name="x">The convolution's input.</param>
    /// <param name="residual">Added to the normalized values; has the shape of the convolution's output.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ShapeException">The input does not fit; the message names the module's path.</exception>
    public Tensor Forward(ConvInput x, Tensor? residual = null, Activation activation = Activation.None)
    {
        bool alone = Norm.Fused && !Norm.HasHooks && !Convolution.HasHooks;
        if (alone && NoGrad.Active && !Norm.Training && OneOperator(x.Values, residual, activation) is { } y) return y;
        var z = Convolve(x, out var statistics);
        z.IsPrivate = alone && statistics is not null && EngineObserver.Active is null;
        return Norm.Forward(z, statistics, residual, activation);
    }

    /// <summary>
    /// <see cref="Forward"/> without a residual, for another convolution to read: where that saves time, the norm is left to it. Nobody gets to
    /// see the normalized values then, so not if there are hooks or an observer.
    /// </summary>
    public ConvInput ForwardTo(Conv2d next, Tensor x, Activation activation)
    {
        if (NoGrad.Active || !Norm.Fused || Norm.HasHooks || next.HasHooks || EngineObserver.Active is not null)
            return Forward(x, activation: activation);
        var y = Convolve(x, out var statistics);
        y.IsPrivate = statistics is not null && !Convolution.HasHooks;
        if (statistics is not null && y.Device.Backend.NormalizesInput(statistics.Geometry, next.Window(y)) && Norm.OnRead(y, statistics, activation) is { } norm)
            return new ConvInput(y, norm);
        return Norm.Forward(y, statistics, null, activation);
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

    /// <summary>The convolution; if the norm needs statistics that can be taken while the output is computed, they are.</summary>
    private Tensor Convolve(ConvInput input, out ChannelStatistics? statistics)
    {
        var x = input.Values;
        var window = Convolution.Window(x);
        var wanted = Norm.Fused && Norm.StatisticsOf(window.Output) is { } geometry && x.Device.Backend.TakesMoments(geometry) ? geometry : (NormGeometry?)null;
        statistics = null;
        if (wanted is null && input.Norm is null) return Convolution.Forward(x);
        using var running = new Module.RunningModule(Convolution);
        Tensor weight = Convolution.Weight.Value.ToFloat().ToLayout(Layout.RowMajor), y;
        var bias = Convolution.Bias?.Value.ToFloat();
        ChannelStatistics? taken;
        if (input.Norm is { } norm)
        {
            var operation = new NormalizeConv2dOp(x, norm, weight, bias, window, wanted);
            (y, taken) = (operation.Run(), operation.Statistics);
        }
        else
        {
            var operation = new Conv2dOp(x.AsImages(), weight, bias, window, wanted);
            (y, taken) = (operation.Run(), operation.Statistics);
        }
        int version = y.Storage.Changes.Version;
        var seen = Convolution.AfterForward(x, y);
        // If a hook has replaced or changed the output, these are no longer its statistics.
        if (ReferenceEquals(seen, y) && version == y.Storage.Changes.Version) statistics = taken;
        return seen;
    }
}

/// <summary>What a convolution reads: values as they are, or values that it normalizes as it reads them.</summary>
internal readonly record struct ConvInput(Tensor Values, NormArguments? Norm = null)
{
    public static implicit operator ConvInput(Tensor values) => new(values);
}
