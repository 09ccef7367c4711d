using System.Globalization;
using MiniDL.Examples.Doctor;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using Spectre.Console;

namespace MiniDL.Examples.Verbs;

/// <summary>
/// <c>doctor</c>: every operator on a device against the Reference device. The exit code is 1 if one is further off than float (or
/// TF32, or bf16) explains.
/// </summary>
internal sealed class DoctorVerb(DoctorOptions options, Terminal terminal)
{
    private const double ResultLimit = 1e-5, GradientLimit = 1e-4, Tf32Limit = 2e-3, Bf16Limit = 2e-2;

    public int Run(CancellationToken stop)
    {
        var device = Device.Named(options.Device);
        string precision = options.Precision ?? "fp32";
        device.Precision = Enum.Parse<Precision>(precision, ignoreCase: true);
        terminal.Line($"{device.Backend.Description}; batch {options.Batch}, {precision}; "
            + "relative errors against double precision, times of forward and backward together");
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("operator");
        foreach (string heading in new[] { "error", "of gradients", "limit", "µs" }) table.AddColumn(new TableColumn(heading).RightAligned());
        int failures = 0;
        var cases = OperatorCases.Of(options.Batch);
        terminal.WithProgress("doctor", cases.Count, progress =>
        {
            foreach (var (index, operation) in cases.Index()) Check(operation, () => progress(index, operation.Name));
        });
        terminal.Write(table);
        terminal.Line(failures == 0 ? $"all {cases.Count} cases agree with the Reference device."
            : $"{failures} of {cases.Count} cases {(failures == 1 ? "is further off than its limit" : "are further off than their limits")}: do not trust results of this device.");
        return failures == 0 ? 0 : 1;

        void Check(OperatorCase operation, Action begin)
        {
            stop.ThrowIfCancellationRequested();
            begin();
            var (error, gradientError) = Errors(operation, device);
            var (limit, gradientLimit) = Limits(operation, device.Precision);
            bool good = error <= limit && gradientError <= gradientLimit;
            if (!good) failures++;
            double time = options.Repeat > 0 ? operation.Microseconds(device, options.Repeat) : double.NaN;
            table.AddRow(Markup.Escape(operation.Name), Error(error), Error(gradientError), good ? "kept" : "[red]exceeded[/]",
                double.IsNaN(time) ? "" : time.ToString("F1", CultureInfo.InvariantCulture));
        }
    }

    private static (double Result, double Gradients) Limits(OperatorCase operation, Precision precision) => precision switch
    {
        Precision.Bf16 => (Bf16Limit, Bf16Limit),
        Precision.Tf32 when operation.Rounds => (Tf32Limit, Tf32Limit),
        _ => (ResultLimit, GradientLimit),
    };

    private static (double Result, double Gradients) Errors(OperatorCase operation, Device device)
    {
        var (result, gradients) = operation.On(device, device);
        var (expected, expectedGradients) = operation.On(Device.Reference, device);
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

    private static string Error(double error) => error.ToString("0.0E+0", CultureInfo.InvariantCulture);
}
