namespace MiniDL.Tests.Examples;

/// <summary>An option that was given and does nothing is refused in a line that names it; one that is only consistent is not.</summary>
public sealed class OptionWithoutEffectTests : IDisposable
{
    private const string Tiny = "--model mlp --train-images 8 --test-images 4 --epochs 1";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("train --precision tf32", "--precision tf32 holds for --device cuda alone")]
    [InlineData("train --device cpu --precision fp32", "--precision fp32")]
    [InlineData("train --device reference --precision bf16", "--precision bf16")]
    [InlineData("compare --precision tf32", "--precision tf32")]
    [InlineData("bench --precision fp32", "--precision fp32")]
    [InlineData("doctor --precision fp32", "--precision fp32")]
    [InlineData("study vgg --precision tf32", "--precision tf32")]
    [InlineData("study vgg --device cpu --precision tf32", "--precision tf32")]
    [InlineData("train --norm bn --groups 4", "--groups 4 is for gn, ws or evonorm-s0")]
    [InlineData("train --groups 8", "--groups 8")]
    [InlineData("compare --norms bn,ln --groups 4", "--norms bn, ln has no groups")]
    [InlineData("bench --norms bn,ghost --groups 4", "--groups 4")]
    [InlineData("train --norm gn --virtual-batch 4", "--virtual-batch 4 is for ghost")]
    [InlineData("compare --virtual-batch 4", "--virtual-batch 4")]
    [InlineData("bench --virtual-batch 4", "--virtual-batch 4")]
    [InlineData("train --norm ghost --virtual-batch 64 --batch-size 32", "--virtual-batch 64 is larger than --batch-size 32")]
    [InlineData("compare --norms ghost,bn --batch-sizes 2,4 --virtual-batch 8", "--virtual-batch 8 is larger than batch size 4 of --batch-sizes")]
    [InlineData("train --download", "--download is for datasets in files")]
    [InlineData("train --dataset synthetic --data-dir data", "--data-dir data is for datasets in files")]
    [InlineData("compare --download", "--download")]
    [InlineData("compare --data-dir x", "--data-dir x")]
    [InlineData("data --download", "--download is for one dataset")]
    [InlineData("data --seed 1", "--seed 1")]
    [InlineData("data --seed 0", "--seed 0")]
    [InlineData("data --out x", "--out x")]
    [InlineData("data --quiet", "--quiet")]
    [InlineData("data synthetic --download", "--download")]
    [InlineData("data synthetic --data-dir x", "--data-dir x")]
    [InlineData("data cifar10 --seed 1", "--seed 1 is for synthetic images")]
    [InlineData("study --full", "--full is for one study")]
    [InlineData("study --smallest", "--smallest")]
    [InlineData("study --seed 0", "--seed 0")]
    [InlineData("study --device cpu", "--device cpu")]
    [InlineData("study --precision tf32", "--precision tf32")]
    [InlineData("study --data-dir data", "--data-dir data")]
    [InlineData("study --out x", "--out x")]
    [InlineData("study --quiet", "--quiet")]
    [InlineData("study deep-mlp --data-dir data", "--data-dir data is for studies that read a dataset")]
    [InlineData("study feature-scaling --data-dir data", "--data-dir data")]
    [InlineData("study vgg --smallest --data-dir data", "--data-dir data has no effect beside --smallest")]
    [InlineData("study deep-mlp --device cuda", "--device cuda")]
    public void What_does_nothing_is_refused(string arguments, string named)
    {
        Assert.Equal(2, _minidl.Run(arguments));
        Assert.StartsWith("error: ", _minidl.Error, StringComparison.Ordinal);
        Assert.Contains(named, _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
        Assert.Empty(_minidl.Output);
    }

    [Theory]
    [InlineData($"train {Tiny} --batch-size 4 --device cpu --threads 1 --dataset synthetic --checkpoint-every 50 --out @r")]
    [InlineData($"train {Tiny} --batch-size 4 --norm gn --groups 8 --out @r")]
    [InlineData($"train {Tiny} --batch-size 4 --norm ghost --virtual-batch 4 --out @r")]
    [InlineData($"train {Tiny} --batch-size 4 --norm ghost --out @r")]
    [InlineData($"compare {Tiny} --batch-sizes 4 --norms bn,gn,ghost --groups 4 --virtual-batch 2 --parallel 8 --out @r")]
    [InlineData($"compare {Tiny} --batch-sizes 2,4 --norms ghost --virtual-batch 4 --out @r")]
    [InlineData("bench --model mlp --norms ghost,ws --batch-sizes 4 --steps 1 --warm-up 0 --virtual-batch 2 --groups 4 --device cpu --quiet")]
    [InlineData("study deep-mlp --smallest --device cpu --seed 0 --out @r")]
    [InlineData("data synthetic --seed 1 --threads 1 --quiet --out @r")]
    public void What_is_consistent_is_accepted(string arguments)
    {
        Assert.Equal((0, ""), (_minidl.Run(arguments), _minidl.Error));
    }

    [Fact]
    public void An_option_on_a_resumed_run_is_held_to_the_settings_of_the_run()
    {
        Assert.Equal(0, _minidl.Run($"train {Tiny} --batch-size 4 --norm ln --out @r"));
        Assert.Equal(2, _minidl.Run("train --resume @r --precision tf32"));
        Assert.Contains("--precision tf32", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(2, _minidl.Run("train --resume @r --groups 8"));
        Assert.Contains("--groups 8", _minidl.Error, StringComparison.Ordinal);
    }
}
