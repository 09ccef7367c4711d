using System.Globalization;

namespace MiniDL.Tests.Examples;

/// <summary><c>--device reference</c>, which help offers: the numbers of the CPU, up to the rounding of float.</summary>
public sealed class ReferenceDeviceTests : IDisposable
{
    private const string Few = "--model mlp --train-images 16 --test-images 8 --epochs 2 --threads 2";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("bn")]
    [InlineData("ghost")]
    [InlineData("wn-mbn")]
    [InlineData("none")]
    public void Train_gives_what_the_cpu_gives(string norm)
    {
        foreach (string device in new[] { "cpu", "reference" })
            Assert.Equal(0, _minidl.Run($"train {Few} --batch-size 8 --augment --norm {norm} --device {device} --out @{device}"));
        AssertClose("metrics.csv", columns: 7);
    }

    [Fact]
    public void A_residual_net_gives_what_the_cpu_gives()
    {
        foreach (string device in new[] { "cpu", "reference" })
            Assert.Equal(0, _minidl.Run($"train --model resnet8 --train-images 4 --test-images 2 --epochs 1 --batch-size 4 --device {device} --out @{device}"));
        AssertClose("metrics.csv", columns: 7);
    }

    [Fact]
    public void A_stopped_run_goes_on()
    {
        string train = $"train {Few} --batch-size 8 --device reference";
        Assert.Equal(0, _minidl.Run($"{train} --out @cpu"));
        Assert.Equal(130, _minidl.RunUntil("epoch   1/2", $"{train} --out @reference"));
        Assert.Equal(0, _minidl.Run("train --resume @reference"));
        AssertClose("metrics.csv", columns: 7);
    }

    [Fact]
    public void A_loss_that_is_not_finite_is_one_line()
    {
        Assert.Equal(1, _minidl.Run($"train {Few} --batch-size 8 --norm none --schedule none --lr 1e38 --device reference --out @r"));
        Assert.Matches("^error: the (test )?loss became [^\n]*--lr", _minidl.Error);
    }

    [Fact]
    public void Compare_gives_what_the_cpu_gives()
    {
        foreach (string device in new[] { "cpu", "reference" })
            Assert.Equal(0, _minidl.Run($"compare {Few} --norms bn,gn --batch-sizes 8 --device {device} --out @{device}"));
        AssertClose("summary.csv", columns: 4);
        AssertClose("evaluation.csv", columns: 9);
        Assert.Contains("--device reference", _minidl.Read("reference/report.html"), StringComparison.Ordinal);
    }

    private void AssertClose(string file, int columns)
    {
        var (expected, actual) = (_minidl.Rows($"cpu/{file}"), _minidl.Rows($"reference/{file}"));
        Assert.Equal(expected.Length, actual.Length);
        foreach (var (cpu, reference) in expected.Zip(actual))
            for (int column = 0; column < columns; column++)
                if (double.TryParse(cpu[column], CultureInfo.InvariantCulture, out double number))
                    Assert.Equal(number, double.Parse(reference[column], CultureInfo.InvariantCulture), 2e-3 * Math.Max(1, Math.Abs(number)));
                else Assert.Equal(cpu[column], reference[column]);
    }
}
