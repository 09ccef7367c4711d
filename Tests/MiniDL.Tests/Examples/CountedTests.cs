using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Output;

namespace MiniDL.Tests.Examples;

public sealed class CountedTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void One_thing_is_not_several()
    {
        Assert.Equal(["0 epochs", "1 epoch", "2 epochs", "2,000 epochs"], new[] { 0, 1, 2, 2000 }.Select(n => Counted.Of(n, "epoch")));
        Assert.Equal("2 batches", Counted.Of(2, "batch", "batches"));
    }

    [Theory]
    [InlineData("train --model mlp --train-images 1 --test-images 1 --epochs 1 --batch-size 1 --norm ln --threads 1 --out @r", "")]
    [InlineData("compare --model mlp --train-images 1 --test-images 1 --epochs 1 --batch-sizes 1 --norms ln --threads 1 --base-batch 1 --out @r", "report.html")]
    [InlineData("study deep-mlp --smallest --threads 1 --out @r", "report.html")]
    [InlineData("study learning-rate --smallest --threads 1 --out @r", "report.html")]
    [InlineData("study placement --smallest --threads 1 --out @r", "report.html")]
    [InlineData("study groups --smallest --threads 1 --out @r", "report.html")]
    [InlineData("study train-eval-gap --smallest --threads 1 --out @r", "report.html")]
    [InlineData("bench --model mlp --norms bn --batch-sizes 2 --steps 1 --warm-up 0 --threads 1 --profile", "")]
    public void Nowhere_is_one_thing_several(string arguments, string page)
    {
        Assert.Equal((0, ""), (_minidl.Run(arguments), _minidl.Error));
        const string wrong = @"(?<![\d.,/–-])\b1 (first |test |training )*(epochs|runs|images|threads|steps|pictures|tables|seeds|batches|rows|parameters|points)\b";
        Assert.DoesNotMatch(wrong, _minidl.Output);
        if (page.Length == 0) return;
        string html = _minidl.Read("r/" + page);
        Assert.DoesNotMatch(wrong, html[..html.IndexOf("<script", StringComparison.Ordinal)]);
    }

    [Fact]
    public void One_seed_has_no_deviation()
    {
        ComparedEpoch Last(ulong seed, double error) => new(new RunKey("bn", 8, seed), 3, 1, 10 * error, 0, error, 0);
        Assert.Equal("", Assert.Single(SummaryRow.From([Last(0, 1)])).Cells()[4]);
        Assert.Equal(1.4142, Assert.Single(SummaryRow.From([Last(0, 1), Last(1, 3)])).Cells()[4]);
    }
}
