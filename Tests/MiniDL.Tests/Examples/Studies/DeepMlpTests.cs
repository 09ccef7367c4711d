using System.Globalization;
using MiniDL.Examples.Studies;

namespace MiniDL.Tests.Examples.Studies;

public sealed class DeepMlpTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    // Of a simulation in another language.
    [Theory]
    [InlineData(8, 0.5737)]
    [InlineData(16, 0.5792)]
    [InlineData(32, 0.5816)]
    [InlineData(64, 0.5827)]
    [InlineData(256, 0.5836)]
    [InlineData(2, 0.5)]
    public void Theory_of_a_ReLU_behind_BN(int batch, double std) => Assert.Equal(std, DeepMlpStudy.StdBehindBatchNorm(batch), 4);

    [Fact]
    public void Deviations_are_those_of_theory()
    {
        Assert.Equal(0, _minidl.Run("study deep-mlp --smallest --out @s"));
        // A setup's name may have a comma: cells are counted from the end.
        var layers = _minidl.Rows("s/deep_mlp_std.csv").ToLookup(row => row[0], row => Number(row[^3]));
        Assert.All(layers["BN before ReLU"], std => Assert.InRange(std, 0.5792 - 0.03, 0.5792 + 0.03));
        Assert.All(layers["BN after ReLU"], std => Assert.Equal(1, std, 2));
        Assert.InRange(layers["Kaiming"].First(), 0.8256 - 0.04, 0.8256 + 0.04);
        Assert.InRange(layers["PyTorch's default"].Last(), Math.Pow(0.408, 20) / 3, Math.Pow(0.408, 20) * 3);
        foreach (string[] row in _minidl.Rows("s/deep_mlp_batch.csv"))
            Assert.Equal(Number(row[2]), Number(row[1]), 0.02);
        AssertPictures.ArePresent(_minidl.Folder("s/deep_mlp_std"), "Kaiming", "BN before ReLU", "layer", "standard deviation");
        Assert.Contains("agrees", _minidl.Output, StringComparison.Ordinal);
    }

    private static double Number(string cell) => double.Parse(cell, CultureInfo.InvariantCulture);
}
