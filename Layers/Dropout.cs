namespace MiniDL.Layers;

/// <summary>
/// In training mode sets each value to 0 with the given probability and divides the others by 1 − probability, so that the mean
/// stays; in evaluation mode does nothing. Srivastava et al. 2014.
/// </summary>
public sealed class Dropout : Module
{
    private readonly double _probability;

    /// <summary>Makes the layer.</summary>
    /// <param name="probability">How likely a value is dropped, from 0 to 1.</param>
    /// <param name="random">Where it is drawn which values are dropped; by default a stream of this layer's own.</param>
    /// <exception cref="MiniDLException">The probability is not from 0 to 1.</exception>
    public Dropout(double probability = 0.5, RandomStream? random = null)
    {
        if (probability is not (>= 0 and <= 1))
            throw new MiniDLException(Check.Line("dropout", $"the probability {probability} should be from 0 to 1."));
        (_probability, Random) = (probability, Init.Stream(random));
    }

    /// <summary>Where it is drawn which values are dropped; a checkpoint that is to go on exactly stores its position.</summary>
    public RandomStream Random { get; }

    /// <inheritdoc/>
    protected override bool ChangesInTraining => true;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Training ? x.Dropout(_probability, Random) : x;
}
