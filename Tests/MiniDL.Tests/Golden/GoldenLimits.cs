namespace MiniDL.Tests.Golden;

/// <summary>The largest relative errors that a device may make.</summary>
/// <param name="Outputs">Outputs and buffers.</param>
/// <param name="Gradients">Gradients.</param>
/// <param name="HardOutputs">Outputs where float32 itself ends.</param>
/// <param name="HardGradients">Gradients there.</param>
/// <param name="Losses">Losses of training steps.</param>
/// <param name="Updates">What training steps added to each part of the state, relative to what they should have added.</param>
/// <param name="Logits">Logits after them.</param>
/// <param name="StepGradients">Gradients of each parameter at every step, against those of double at the same parameters.</param>
/// <param name="StepFactors">How far these may be too large or too small as a whole.</param>
internal sealed record GoldenLimits(double Outputs, double Gradients, double HardOutputs, double HardGradients, double Losses,
    double Updates, double Logits, double StepGradients, double StepFactors)
{
    public static GoldenLimits Float { get; } = new(1e-5, 1e-4, 1e-3, 2e-3, 1e-4, 1e-3, 1e-3, 1e-5, 1e-6);

    /// <summary>
    /// Convolutions round their operands to 11 bits: 2⁻¹² = 2.4e-4 at most, half of that on average, and a sum's errors are independent.
    /// Training steps lose more: of values that rounding takes over 0, relu's gradient is gone, or comes.
    /// </summary>
    public static GoldenLimits Tf32 { get; } = Float with
    {
        Outputs = 5e-4,
        Gradients = 1e-3,
        Losses = 3e-3,
        Updates = 0.25,
        Logits = 5e-2,
        StepGradients = 0.08,
        StepFactors = 0.015,
    };

    /// <summary>
    /// Inputs, outputs and the gradients of both are rounded to 8 bits: 2⁻⁸ = 4e-3 at most each, and there are a few of them.
    /// </summary>
    public static GoldenLimits Bf16 { get; } = Float with
    {
        Outputs = 1e-2,
        Gradients = 1e-2,
        Losses = 1e-2,
        Updates = 0.5,
        Logits = 0.1,
        StepGradients = 0.3,
        StepFactors = 0.05,
    };

    public static GoldenLimits Of(Precision precision) => precision switch
    {
        Precision.Fp32 => Float,
        Precision.Tf32 => Tf32,
        _ => Bf16,
    };

    /// <summary>The file holds the results of float64 rounded to float32, so 6e-8 is all that double can differ.</summary>
    public static GoldenLimits Double { get; } = new(1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-5, 1e-6, 1e-6, 1e-6);

    public (double Outputs, double Gradients) For(GoldenCase golden) =>
        IsHard(golden) ? (HardOutputs, HardGradients) : (Outputs, Gradients);

    /// <summary>Whether float32 itself ends.</summary>
    public static bool IsHard(GoldenCase golden) =>
        golden.Name.EndsWith("_large_mean", StringComparison.Ordinal) || HasTwoValues(golden);

    /// <summary>Whether a norm takes its statistics over two values: ±1 whatever they are, but for eps.</summary>
    public static bool HasTwoValues(GoldenCase golden) => ValuesPerStatistic(golden) == 2;

    /// <summary>Whether rounding the inputs changes more than digits: also which of several near values is the largest.</summary>
    public static bool HangsOnDigits(GoldenCase golden) => IsHard(golden) || golden.Op is "max_pool2d" or "max";

    /// <summary>
    /// What bfloat16 may be off where inputs are rounded before: 8 bits round by 2⁻⁸ at most, weights of a convolution and its result, or
    /// what lies between two operators and the last result. A result in float has lost nothing, but in operators that are written in
    /// terms of others.
    /// </summary>
    public static double OfRounded(GoldenCase golden, bool storedRounded)
    {
        const double rounding = 1.0 / 256;
        bool written = golden.Op is "mse_loss" or "rms_norm" or "local_response_norm" or "lp_batch_norm2d";
        return storedRounded ? 2 * rounding : written ? rounding : Float.Outputs;
    }

    /// <summary>Over how many values a norm takes a mean; 0 for other operators.</summary>
    private static int ValuesPerStatistic(GoldenCase golden)
    {
        if (!golden.Inputs.Contains("x")) return 0;
        var x = golden["in/x"].Shape;
        int pixels = x.Rank < 2 ? 1 : x.Product(2, x.Rank);
        return golden.Op.TrimEnd('1', '2', '3', 'd') switch
        {
            "batch_norm" => x[0] * pixels,
            "instance_norm" => pixels,
            "group_norm" => x[1] / golden.Int("num_groups") * pixels,
            "layer_norm" => golden.Ints("normalized_shape").Aggregate(1, (a, b) => a * b),
            _ => 0,
        };
    }
}
