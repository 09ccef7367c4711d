using System.Globalization;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using Spectre.Console;

namespace MiniDL.Examples.Doctor;

/// <summary>Every operator on a device against another one that is trusted, in one precision.</summary>
internal sealed class OperatorCheck(Device device, Device trusted, int batch, int repeat)
{
    private const double ResultLimit = 1e-5, GradientLimit = 1e-4, Tf32Limit = 2e-3, Bf16Limit = 2e-2;

    private readonly string _precision = DeviceChoice.NameOf(device.Precision);
    private int _failures;

    /// <summary>Prints the table.</summary>
    /// <returns>How many operators are further off than their limits.</returns>
    public int Run(Terminal terminal, CancellationToken stop)
    {
        terminal.Line($"{device.Backend.Description}; batch {batch}, {_precision}; relative errors against "
            + $"{(trusted == Device.Reference ? "double precision" : "the CPU's float")}, times of forward and backward together");
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("operator");
        foreach (string heading in new[] { "error", "of gradients", "limit", "µs" }) table.AddColumn(new TableColumn(heading).RightAligned());
        var cases = OperatorCases.Of(batch);
        terminal.WithProgress("doctor", cases.Count, progress =>
        {
            foreach (var (index, operation) in cases.Index())
            {
                stop.ThrowIfCancellationRequested();
                progress(index, $"{_precision}, {operation.Name}");
                table.AddRow(Row(operation));
            }
        });
        terminal.Write(table);
        terminal.Line(_failures == 0 ? $"{_precision}: all {cases.Count} cases agree with the {(trusted == Device.Reference ? "Reference device" : "CPU")}."
            : $"{_precision}: {_failures} of {cases.Count} cases {(_failures == 1 ? "is further off than its limit" : "are further off than their limits")}: do not trust results of this device.");
        return _failures;
    }

    private string[] Row(OperatorCase operation)
    {
        var (error, gradientError) = Errors(operation);
        var (limit, gradientLimit) = Limits(operation);
        bool good = error <= limit && gradientError <= gradientLimit;
        if (!good) _failures++;
        string time = repeat > 0 ? operation.Microseconds(device, repeat).ToString("F1", CultureInfo.InvariantCulture) : "";
        return [Markup.Escape(operation.Name), Text(error), Text(gradientError), good ? "kept" : "[red]exceeded[/]", time];
    }

    private (double Result, double Gradients) Limits(OperatorCase operation) => device.Precision switch
    {
        Precision.Bf16 => (Bf16Limit, Bf16Limit),
        Precision.Tf32 when operation.Rounds => (Tf32Limit, Tf32Limit),
        _ => (ResultLimit, GradientLimit),
    };

    private (double Result, double Gradients) Errors(OperatorCase operation)
    {
        var (result, gradients) = operation.On(device, device);
        var (expected, expectedGradients) = operation.On(trusted, device);
        return (Distance(result, expected), gradients.Zip(expectedGradients, Distance).DefaultIfEmpty().Max());
    }

    /// <summary>‖x − expected‖ / ‖expected‖; NaN and different lengths are infinitely far.</summary>
    private static double Distance(double[] x, double[] expected)
    {
        if (x.Length != expected.Length) return double.PositiveInfinity;
        double difference = 0, norm = 0;
        for (int i = 0; i < x.Length; i++)
        {
            difference += (x[i] - expected[i]) * (x[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        double distance = difference == 0 ? 0 : Math.Sqrt(difference / Math.Max(norm, 0.01 * x.Length));
        return double.IsNaN(distance) ? double.PositiveInfinity : distance;
    }

    private static string Text(double error) => error.ToString("0.0E+0", CultureInfo.InvariantCulture);
}
