using MiniDL.Tests.Core.Backends.Cuda;
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
    public void Every_case_agrees_with_PyTorch_on_the_cpu() => Walk(Device.Cpu, GoldenLimits.Float, "golden");

    [Fact]
    public void Every_case_agrees_with_PyTorch_on_the_reference_device() =>
        Walk(Device.Reference, GoldenLimits.Double, "golden on reference");

    [GpuTheory, InlineData(Precision.Fp32), InlineData(Precision.Tf32), InlineData(Precision.Bf16)]
    public void Every_case_agrees_with_PyTorch_on_the_gpu(Precision precision)
    {
        using var device = Gpu.Open(precision);
        Walk(device, GoldenLimits.Of(precision), $"golden on cuda in {precision.ToString().ToLowerInvariant()}");
    }

    /// <summary>Whether a tensor can lie in channels last too.</summary>
    internal static bool HasLayouts(Tensor x) => x.Rank is >= 3 and <= 5;

    private void Walk(Device device, GoldenLimits limits, string title)
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
            case "train_resnet" when device.Name == "cuda" && Gpu.IsEmulated:
                // All steps of the two norms that the rest is compared with; two show that a gradient arrived.
                GoldenTraining.CheckResNet(golden, device, scoped: true, report, limits, golden.Text("norm") is "bn" or "gn" ? null : 2);
                golden.Skip();
                break;
            case "train_resnet":
                GoldenTraining.CheckResNet(golden, device, scoped: true, report, limits);
                if (device != Device.Reference) GoldenTraining.CheckResNet(golden, device, scoped: false, report, limits);
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
        var run = new GoldenRun(golden, device, layout, fused: true);
        run.Check(report, limits);
        if (run.HasNorm) new GoldenRun(golden, device, layout, fused: false).Check(report, limits);
    }
}
