using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>How convolutions and their gradients are computed.</summary>
/// <example><code>var y = images.Conv2d(conv.Weight.Value, algorithm: ConvAlgorithm.Exact);</code></example>
public enum ConvAlgorithm
{
    /// <summary>
    /// The fastest algorithm for the shape. On the CPU, 3×3 kernels of stride 1 with multiples of 16 channels use Winograd's F(4×4, 3×3), whose
    /// errors are relative to the largest values of a 6×6 tile; on a GPU, operands are rounded according to its <see cref="Precision"/>.
    /// </summary>
    Fastest,

    /// <summary>
    /// The sum in the definition, in float: an output depends only on the values in its window, and its error is relative to them. A GPU
    /// that stores images in bfloat16 still rounds what it stores.
    /// </summary>
    Exact,
}

/// <summary>The default algorithm of convolutions.</summary>
/// <example><code>using (ConvDefaults.OnThisThread(ConvAlgorithm.Exact)) model.Forward(images);</code></example>
public static class ConvDefaults
{
    private const string Variable = "MINIDL_CONV_ALGORITHM";

    private static ConvAlgorithm? _algorithm;

    [ThreadStatic]
    private static ConvAlgorithm? _onThisThread;

    /// <summary>
    /// The algorithm of convolutions that specify none, in the whole process. Try <see cref="ConvAlgorithm.Exact"/> to find out whether rounding
    /// or an overflow comes from the fast one. Initially set by the environment variable MINIDL_CONV_ALGORITHM, fastest or exact; without it,
    /// <see cref="ConvAlgorithm.Fastest"/>. Backward uses the algorithm of the forward pass.
    /// </summary>
    /// <exception cref="MiniDLException">The variable has another value.</exception>
    public static ConvAlgorithm Algorithm
    {
        get => _algorithm ??= FromEnvironment();
        set => _algorithm = value;
    }

    /// <summary>
    /// Sets the default for this thread only, until the result is disposed of: <c>using (ConvDefaults.OnThisThread(ConvAlgorithm.Exact)) …</c>.
    /// </summary>
    public static Scoped OnThisThread(ConvAlgorithm algorithm) => new(algorithm);

    /// <summary>The algorithm in effect on this thread.</summary>
    internal static ConvAlgorithm Current => EngineObserver.Active?.Convolutions ?? _onThisThread ?? Algorithm;

    /// <summary>Ends what <see cref="OnThisThread"/> began.</summary>
    public readonly ref struct Scoped
    {
        private readonly ConvAlgorithm? _outer;

        internal Scoped(ConvAlgorithm algorithm)
        {
            _outer = _onThisThread;
            _onThisThread = algorithm;
        }

        /// <summary>Restores the previous default.</summary>
        public void Dispose() => _onThisThread = _outer;
    }

    private static ConvAlgorithm FromEnvironment() => Environment.GetEnvironmentVariable(Variable) switch
    {
        null or "" or "fastest" => ConvAlgorithm.Fastest,
        "exact" => ConvAlgorithm.Exact,
        var other => throw new MiniDLException($"[conv2d] {Variable} is '{Quote.Text(other)}'; use fastest or exact."),
    };
}
