using Xunit.Abstractions;

namespace MiniDL.Tests.Golden;

/// <summary>Every case of the golden file, or of the file that MINIDL_GOLDEN names; see README.md beside this file.</summary>
public class GoldenTests(ITestOutputHelper output)
{
    /// <summary>What the file beside these tests holds: fewer would pass unseen.</summary>
    private const int OwnCases = 87;

    private static readonly string? OtherFile = Environment.GetEnvironmentVariable("MINIDL_GOLDEN") is { Length: > 0 } path ? path : null;

    private static string Path => OtherFile ?? System.IO.Path.Combine(AppContext.BaseDirectory, "Golden", "golden.safetensors");

    [Fact]
    public void Every_case_agrees_with_PyTorch_on_the_cpu() => Walk(Device.Cpu, GoldenLimits.Float, "golden", output);

    [Fact]
    public void Every_case_agrees_with_PyTorch_on_the_reference_device() =>
        Walk(Device.Reference, GoldenLimits.Double, "golden on reference", output);

    /// <summary>Whether a tensor can lie in channels last too.</summary>
    internal static bool HasLayouts(Tensor x) => x.Rank is >= 3 and <= 5;

    /// <summary>Runs every case on a device.</summary>
    internal static void Walk(Device device, GoldenLimits limits, string title, ITestOutputHelper output)
    {
        var report = new GoldenReport();
        var cases = GoldenCase.Load(Path);
        foreach (var golden in cases)
        {
            try
            {
                Check(golden, device, report, limits);
                if (golden.Unread.Count > 0) report.Fail(golden.Name, $"unknown: {string.Join(", ", golden.Unread)}");
            }
            catch (Exception e) when (e is MiniDLException or NotSupportedException or InvalidDataException or InvalidOperationException)
            {
                report.Fail(golden.Name, e.Message);
            }
        }
        string summary = $"{title}: {report.Summary(cases.Count)}";
        output.WriteLine(summary);
        Console.WriteLine(summary);
        if (OtherFile is null) Assert.Equal(OwnCases, cases.Count);
        else Assert.NotEmpty(cases);
        Assert.True(report.Failures.Count == 0, $"{summary}\n{string.Join('\n', report.Failures)}");
    }

    private static void Check(GoldenCase golden, Device device, GoldenReport report, GoldenLimits limits)
    {
        switch (golden.Op)
        {
            case "sgd":
                GoldenTraining.CheckSgd(golden, device, report, limits);
                break;
            case "train_resnet":
                bool gpu = device.Name == "cuda";
                GoldenTraining.CheckResNet(golden, device, scoped: true, gradients: gpu, report, limits);
                // Without scopes memory lives longer and nothing else differs, which the CPU shows.
                if (device == Device.Cpu) GoldenTraining.CheckResNet(golden, device, scoped: false, gradients: false, report, limits);
                break;
            default:
                CheckOperator(golden, device, Layout.RowMajor, report, limits);
                if (golden.Inputs.Any(name => HasLayouts(golden[$"in/{name}"])))
                    CheckOperator(golden, device, Layout.ChannelsLast, report, limits);
                break;
        }
    }

    private static void CheckOperator(GoldenCase golden, Device device, Layout layout, GoldenReport report, GoldenLimits limits)
    {
        bool rounded = device.Precision == Precision.Bf16;
        var run = new GoldenRun(golden, device, layout, fused: true, rounded);
        run.Check(report, limits);
        if (!run.HasNorm) return;
        // A norm of two values that is not fused stores x − mean, and its gradient hangs on the digits that bfloat16 has not: it is
        // float's.
        new GoldenRun(golden, device, layout, fused: false, rounded && !GoldenLimits.HasTwoValues(golden)).Check(report, limits);
    }
}
