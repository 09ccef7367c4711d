using System.Globalization;

namespace MiniDL.Tests.Golden;

/// <summary>The largest relative errors that a device may make.</summary>
/// <param name="Outputs">Outputs and buffers.</param>
/// <param name="Gradients">Gradients.</param>
/// <param name="HardOutputs">Outputs where float32 itself ends.</param>
/// <param name="HardGradients">Gradients there.</param>
/// <param name="Losses">Losses of training steps.</param>
/// <param name="State">State dictionary and logits after them.</param>
/// <param name="Biases">Biases after them, which start at 0 and whose gradients are sums that nearly cancel.</param>
internal sealed record GoldenLimits(double Outputs, double Gradients, double HardOutputs, double HardGradients, double Losses, double State,
    double Biases)
{
    public static GoldenLimits Float { get; } = new(1e-5, 1e-4, 1e-3, 2e-3, 1e-4, 1e-3, 1e-3);

    /// <summary>
    /// Convolutions round their operands to 11 bits: 2⁻¹² = 2.4e-4 at most, half of that on average, and a sum's errors are independent.
    /// </summary>
    public static GoldenLimits Tf32 { get; } = Float with { Outputs = 5e-4, Gradients = 1e-3, Losses = 3e-3, State = 5e-2, Biases = 0.3 };

    /// <summary>
    /// Inputs, outputs and the gradients of both are rounded to 8 bits: 2⁻⁹ = 2e-3 at most each, and there are a few of them. Hard cases
    /// get float inputs.
    /// </summary>
    public static GoldenLimits Bf16 { get; } = Float with { Outputs = 1e-2, Gradients = 1e-2, Losses = 1e-2, State = 0.1, Biases = 0.5 };

    public static GoldenLimits Of(Precision precision) => precision switch
    {
        Precision.Fp32 => Float,
        Precision.Tf32 => Tf32,
        _ => Bf16,
    };

    /// <summary>The file holds the results of float64 rounded to float32, so 6e-8 is all that double can differ.</summary>
    public static GoldenLimits Double { get; } = new(1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6);

    public (double Outputs, double Gradients) For(GoldenCase golden) =>
        IsHard(golden) ? (HardOutputs, HardGradients) : (Outputs, Gradients);

    /// <summary>Whether the result hangs on the last digits of the input.</summary>
    public static bool IsHard(GoldenCase golden) =>
        golden.Name.EndsWith("_large_mean", StringComparison.Ordinal) || ValuesPerStatistic(golden) == 2;

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

/// <summary>Collects what a walk finds, so that one run shows every failure.</summary>
internal sealed class GoldenReport
{
    private readonly List<string> _failures = [];
    private (double Error, string Where) _worst;

    public IReadOnlyList<string> Failures => _failures;

    public void Fail(string name, string why) => _failures.Add($"{name}: {why}");

    /// <summary>‖value − reference‖ / ‖reference‖ must be within the limit; absolute where the reference is 0.</summary>
    public void Compare(string name, string what, Tensor? value, Tensor reference, double limit)
    {
        if (value is null || value.Shape != reference.Shape)
        {
            Fail(name, $"{what} is {value?.Shape.ToString() ?? "missing"}, expected {reference.Shape}");
            return;
        }
        double error = RelativeError(value.ToArray<double>(), reference.ToArray<double>());
        if (error > _worst.Error) _worst = (error, name);
        if (!(error <= limit))
            Fail(name, string.Create(CultureInfo.InvariantCulture, $"{what} has the relative error {error:E2}, limit {limit:E0}"));
    }

    public string Summary(int cases) =>
        string.Create(CultureInfo.InvariantCulture, $"{cases} cases, worst relative error {_worst.Error:E2} ({_worst.Where})");

    private static double RelativeError(double[] value, double[] reference)
    {
        double difference = 0, norm = 0;
        for (int i = 0; i < value.Length; i++)
        {
            difference += (value[i] - reference[i]) * (value[i] - reference[i]);
            norm += reference[i] * reference[i];
        }
        return Math.Sqrt(norm == 0 ? difference : difference / norm);
    }
}
