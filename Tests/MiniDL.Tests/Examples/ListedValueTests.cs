using System.Text.RegularExpressions;
using MiniDL.Data;
using MiniDL.Examples.Training;
using MiniDL.Layers;

namespace MiniDL.Tests.Examples;

/// <summary>What help lists for an option is what the option takes, neither more nor less.</summary>
public sealed class ListedValueTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("train", "--norm", "norm")]
    [InlineData("compare", "--norms", "norm")]
    [InlineData("train", "--model", "model")]
    [InlineData("compare", "--model", "model")]
    [InlineData("train", "--dataset", "dataset")]
    [InlineData("compare", "--dataset", "dataset")]
    [InlineData("data", "DATASET", "dataset")]
    [InlineData("train", "--device", "device")]
    [InlineData("compare", "--device", "device")]
    public void Help_lists_every_value_and_no_other(string verb, string option, string kind)
    {
        var known = kind switch
        {
            "norm" => NormFactory.Names,
            "model" => Models.Names,
            "dataset" => Datasets.Names,
            _ => [.. DeviceKind.All.Select(kind => kind.Name)],
        };
        string listed = Regex.Replace(HelpOf(verb, option), @" \([^)]*\)|; all when left out", "").Replace(", or ", ", ", StringComparison.Ordinal);
        Assert.Equal(known.Order(), listed.Replace(" or ", ", ", StringComparison.Ordinal).Split(", ").Select(name => name.Trim()).Where(name => name.Length > 0).Order());
    }

    [Theory]
    [InlineData("none")]
    [InlineData("step:0.5,0.8")]
    [InlineData("cosine")]
    [InlineData("warmup:0.05,cosine")]
    public void Schedules_that_help_shows_train(string schedule)
    {
        Assert.Contains(schedule, HelpOf("train", "--schedule"), StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run($"train --model mlp --train-images 8 --test-images 4 --epochs 2 --batch-size 4 --schedule {schedule} --out @r"));
    }

    [Fact]
    public void Every_norm_trains_a_small_residual_net()
    {
        foreach (string norm in NormFactory.Names)
            Assert.Equal((0, ""), (_minidl.Run($"train --model resnet8 --train-images 4 --test-images 2 --epochs 1 --batch-size 4 --norm {norm} --out @{norm}"),
                _minidl.Error));
    }

    [Fact]
    public void Every_device_is_one_that_there_is_or_says_what_is_missing()
    {
        foreach (var device in DeviceKind.All)
        {
            int code = _minidl.Run($"train --model mlp --train-images 4 --test-images 2 --epochs 1 --batch-size 4 --device {device} --out @{device}");
            Assert.True(code == 0 || (device == DeviceKind.Cuda && !Device.HasCuda), _minidl.Error);
        }
    }

    private string HelpOf(string verb, string option)
    {
        Assert.Equal(0, _minidl.Run($"{verb} --help"));
        string line = Assert.Single(_minidl.Output.Split('\n'), line => line.StartsWith($"  {option} ", StringComparison.Ordinal));
        return line[26..];
    }
}
