using MiniDL.Tests.Core.Backends;

namespace MiniDL.Tests.Examples;

[Collection(ThreadCounts.Collection)]
public sealed class ThreadedTrainTests : IDisposable
{
    private readonly Minidl _minidl = new();
    private readonly ThreadCounts _threads = new(CpuThreads.Count);

    public void Dispose()
    {
        _threads.Dispose();
        _minidl.Dispose();
    }

    [Theory]
    [InlineData("resnet8", "bn")]
    [InlineData("resnet8", "gn")]
    [InlineData("mlp", "ln")]
    public void The_same_seed_gives_the_same_bits_with_one_and_two_threads(string model, string norm)
    {
        string arguments = $"train --model {model} --norm {norm} --train-images 24 --test-images 10 --epochs 2 --batch-size 8 ";
        Assert.Equal(0, _minidl.Run(arguments + "--threads 1 --out @one"));
        Assert.Equal(0, _minidl.Run(arguments + "--threads 2 --out @two"));
        Assert.Equal(0, _minidl.Run(arguments + "--threads 2 --seed 1 --out @other"));
        Assert.Equal(Losses("one"), Losses("two"));
        Assert.NotEqual(Losses("one"), Losses("other"));
    }

    private string[] Losses(string run) => [.. _minidl.Rows($"{run}/metrics.csv").Select(row => string.Join(" ", row[..6]))];
}
