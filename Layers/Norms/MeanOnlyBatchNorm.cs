namespace MiniDL.Layers;

/// <summary>
/// Mean-only batch normalization of [N, C, …]: <c>y = x − mean + bias</c>, with the mean of each channel taken over the batch and all
/// positions; evaluation uses its running average. Meant to be combined with <see cref="WeightNorm"/>, which controls the scale.
/// Salimans and Kingma 2016, §4.
/// </summary>
/// <remarks>State, named as in <see cref="BatchNorm"/>: <c>bias</c>, <c>running_mean</c>, [C] each.</remarks>
/// <example><code>
/// var conv = WeightNorm.Apply(new Conv2d(3, 16, 3));
/// var norm = new MeanOnlyBatchNorm(channels: 16);      // after conv
/// </code></example>
public sealed class MeanOnlyBatchNorm : Norm
{
    private const string Operation = "mean_only_batch_norm";

    private readonly double _momentum;

    /// <summary>Makes the layer: bias 0, running mean 0.</summary>
    /// <param name="channels">C, the number of channels.</param>
    /// <param name="momentum">The weight of the newest batch in the running mean.</param>
    /// <exception cref="ShapeException">The number of channels is not positive.</exception>
    public MeanOnlyBatchNorm(int channels, double momentum = 0.1)
    {
        Check.That(channels > 0, Operation, $"channels {channels} must be positive.");
        _momentum = momentum;
        Bias = RegisterParameter("bias", Tensor.Zeros([channels]));
        RunningMean = RegisterBuffer("running_mean", Tensor.Zeros([channels]));
    }

    /// <summary>The shift β.</summary>
    public Parameter Bias { get; }

    /// <summary>The running mean, [C].</summary>
    public ModuleBuffer RunningMean { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        CheckChannels(Operation, x, Bias.Shape[0]);
        return x - (Training ? BatchMean(x) : AlongChannels(RunningMean.Value, x)) + AlongChannels(Bias.Value, x);
    }

    private Tensor BatchMean(Tensor x)
    {
        Check.That(x.Count / x.Shape[1] != 1, Operation,
            $"training needs more than one value per channel, got input {x.Shape}. Use a larger batch.");
        var mean = x.Mean([0, .. From(2, x)], keepDim: true);
        if (x.Count > 0) RunningStatistics.Blend(RunningMean.Value, mean.Detach(), _momentum, _momentum);
        return mean;
    }
}
