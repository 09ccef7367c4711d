using System.Text.Json;
using System.Text.Json.Nodes;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Tests.Examples;

/// <summary>The optimizers of the command line: their rates, how batch sizes scale them, and that runs with them go on.</summary>
public sealed class OptimizerOptionTests : IDisposable
{
    private const string Tiny = "train --model mlp --train-images 24 --test-images 8 --batch-size 8 --schedule none";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData(null, null, 0.1, 1e-4)]
    [InlineData(null, 32, 0.025, 1e-4)]
    [InlineData("adam", null, 1e-3, 1e-4)]
    [InlineData("adam", 32, 5e-4, 1e-4)]
    [InlineData("adamw", 2, 1.25e-4, 0.01)]
    public void Train_starts_from_the_optimizer_s_own_rate(string? optimizer, int? batchSize, double rate, double weightDecay)
    {
        var settings = new TrainOptions { Optimizer = optimizer, BatchSize = batchSize }.ApplyTo(new TrainSettings());
        Assert.Equal(rate, settings.LearningRate, 1e-15);
        Assert.Equal(weightDecay, settings.WeightDecay);
        settings = new TrainOptions { Optimizer = optimizer, BatchSize = batchSize, LearningRate = 0.5, WeightDecay = 0 }.ApplyTo(new TrainSettings());
        Assert.Equal((0.5, 0), (settings.LearningRate, settings.WeightDecay));
    }

    [Theory]
    [InlineData(null, null, 8, 0.1 * 8 / 128)]
    [InlineData("adam", null, 8, 2.5e-4)]
    [InlineData("adamw", 0.01, 512, 0.02)]
    public void Compare_scales_the_rate_by_the_optimizer_s_rule(string? optimizer, double? baseRate, int batchSize, double rate) =>
        Assert.Equal(rate, new CompareOptions { Optimizer = optimizer, BaseRate = baseRate }.SettingsOf("bn", batchSize, 0).LearningRate, 1e-15);

    [Theory]
    [InlineData("--optimizer sdg", "--optimizer sdg is unknown; choose one of sgd, adam, adamw. Did you mean sgd?")]
    [InlineData("--optimizer adam --momentum 0.9", "--momentum 0.9 is for --optimizer sgd; leave it out.")]
    [InlineData("--clip-norm 0", "--clip-norm 0 must be above 0, and a float.")]
    public void What_makes_no_sense_is_refused(string options, string error)
    {
        Assert.Equal(2, _minidl.Run($"{Tiny} {options}"));
        Assert.Contains(error, _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(2, _minidl.Run($"compare {options}"));
        Assert.Contains(error, _minidl.Error, StringComparison.Ordinal);
    }

    /// <summary>Four epochs in one go, and two after two.</summary>
    [Theory]
    [InlineData("--optimizer adam")]
    [InlineData("--optimizer adamw --clip-norm 0.5")]
    public void A_run_goes_on_with_the_optimizer_s_state(string options)
    {
        Assert.Equal(0, _minidl.Run($"{Tiny} {options} --epochs 4 --out @whole"));
        Assert.Equal(0, _minidl.Run($"{Tiny} {options} --epochs 2 --out @part"));
        Assert.Equal(0, _minidl.Run("train --resume @part --epochs 4"));
        Assert.Equal(File.ReadAllBytes(_minidl.Folder("whole/checkpoint/model.safetensors")), File.ReadAllBytes(_minidl.Folder("part/checkpoint/model.safetensors")));
    }

    [Fact]
    public void Clipping_changes_a_run_where_gradients_are_long()
    {
        foreach (var (name, options) in new[] { ("free", ""), ("far", "--clip-norm 1e6"), ("near", "--clip-norm 0.01") })
            Assert.Equal(0, _minidl.Run($"{Tiny} --epochs 1 --out @{name} {options}"));
        byte[] Weights(string name) => File.ReadAllBytes(_minidl.Folder($"{name}/checkpoint/model.safetensors"));
        Assert.Equal(Weights("free"), Weights("far"));
        Assert.NotEqual(Weights("free"), Weights("near"));
    }

    [Fact]
    public void Compare_s_page_says_which_optimizer_and_rule()
    {
        Assert.Equal(0, _minidl.Run("compare --model mlp --train-images 24 --test-images 8 --epochs 1 --norms bn --batch-sizes 4 --optimizer adam --clip-norm 2 --out @adam"));
        string page = System.Net.WebUtility.HtmlDecode(_minidl.Read("adam/report.html"));
        Assert.Contains("Adam, weight decay 0.0001 on every parameter, gradients clipped to the norm 2", page, StringComparison.Ordinal);
        Assert.Contains("0.001 · √(batch / 128)", page, StringComparison.Ordinal);
        Assert.Contains("proportional to the square root of the batch", page, StringComparison.Ordinal);
    }

    /// <summary>Settings that were written before there was a choice are those of SGD.</summary>
    [Fact]
    public void Settings_of_earlier_versions_are_sgd_s()
    {
        var settings = new TrainSettings { BatchSize = 32, LearningRate = 0.025 };
        var json = JsonNode.Parse(JsonSerializer.Serialize(settings, Json.Compact))!.AsObject();
        string[] added = [.. json.Select(member => member.Key).Where(key => key.Replace("_", "").ToLowerInvariant() is "optimizer" or "clipnorm")];
        Assert.Equal(2, added.Length);
        foreach (string key in added) json.Remove(key);
        Assert.Equal(settings, JsonSerializer.Deserialize<TrainSettings>(json.ToJsonString(), Json.Compact));
    }
}
