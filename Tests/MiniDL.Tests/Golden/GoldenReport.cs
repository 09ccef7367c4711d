using System.Globalization;

namespace MiniDL.Tests.Golden;

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
        Require(name, what, RelativeError(value.ToArray<double>(), reference.ToArray<double>()), limit);
    }

    /// <summary>A relative error must be within the limit.</summary>
    public void Require(string name, string what, double error, double limit)
    {
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
