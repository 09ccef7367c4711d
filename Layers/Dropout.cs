namespace MiniDL.Layers;

/// <summary>
/// In training mode, sets each value to 0 with the given probability and divides the others by 1 − probability, which keeps the
/// mean; in evaluation mode, does nothing. Srivastava et al. 2014.
/// </summary>
/// <example><code>var model = new Sequential(new Linear(2, 16), new Dropout(0.5, random), new Linear(16, 2));</code></example>
public sealed class Dropout : Module
{
    private readonly double _probability;

    /// <summary>Makes the layer.</summary>
    /// <param name="probability">The probability that a value is dropped, from 0 to 1.</param>
    /// <param name="random">The random stream that decides which values are dropped; by default one made for this layer.</param>
    /// <exception cref="MiniDLException">The probability is outside 0 to 1.</exception>
    public Dropout(double probability = 0.5, RandomStream? random = null)
    {
        if (probability is not (>= 0 and <= 1))
            throw new MiniDLException(Check.Line("dropout", $"the probability {probability} should be from 0 to 1."));
        (_probability, Random) = (probability, Init.Stream(random));
    }

    /// <summary>The random stream that decides which values are dropped; to resume exactly, a checkpoint must store its position.</summary>
    public RandomStream Random { get; }

    /// <inheritdoc/>
    protected override bool ChangesInTraining => true;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Training ? x.Dropout(_probability, Random) : x;
}
