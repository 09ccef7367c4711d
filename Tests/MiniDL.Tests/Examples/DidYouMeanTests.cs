using MiniDL.Examples.Options;

namespace MiniDL.Tests.Examples;

public sealed class DidYouMeanTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("trian", "train")]
    [InlineData("Train", "train")]
    [InlineData("trai", "train")]
    [InlineData("benchmark", "bench")]
    [InlineData("compar --norms bn", "compare")]
    [InlineData("studies", "study")]
    [InlineData("docter", "doctor")]
    [InlineData("help trian", "train")]
    [InlineData("compare --lr 0.1", "--base-lr")]
    [InlineData("train --base-lr 0.1", "--lr")]
    [InlineData("train --norms bn", "--norm")]
    [InlineData("compare --norm bn", "--norms")]
    [InlineData("compare --batch-size 8", "--batch-sizes")]
    [InlineData("doctor --batch-size 8", "--batch")]
    [InlineData("train --batchsize 8", "--batch-size")]
    [InlineData("train --batch_size 8", "--batch-size")]
    [InlineData("train --BATCH-SIZE 8", "--batch-size")]
    [InlineData("train --batchSize 8", "--batch-size")]
    [InlineData("train -epochs 8", "--epochs")]
    [InlineData("train --seeds 8", "--seed")]
    [InlineData("train --learning-rate 8", "--lr")]
    [InlineData("train --output x", "--out")]
    [InlineData("compare --resume x", "--out")]
    [InlineData("train --wieght-decay 0", "--weight-decay")]
    [InlineData("study vgg --ful", "--full")]
    [InlineData("study deepmlp", "deep-mlp")]
    [InlineData("study DEEP_MLP", "deep-mlp")]
    [InlineData("study lpnorm", "lp-norm")]
    [InlineData("train --norm BN", "bn")]
    [InlineData("train --norm batchnorm", "bn")]
    [InlineData("train --norm nb", "bn")]
    [InlineData("train --norm evonorm-so", "evonorm-s0")]
    [InlineData("compare --norms bn,GN", "gn")]
    [InlineData("bench --norms Bn", "bn")]
    [InlineData("train --model resnet-20", "resnet20")]
    [InlineData("train --model ResNet20", "resnet20")]
    [InlineData("bench --model vgg_16", "vgg16")]
    [InlineData("train --dataset cifar-10", "cifar10")]
    [InlineData("train --dataset FashionMNIST", "fashion-mnist")]
    [InlineData("data cifar-10", "cifar10")]
    [InlineData("data sinthetic", "synthetic")]
    [InlineData("train --device gpu", "cuda")]
    [InlineData("study vgg --device CPU", "cpu")]
    [InlineData("doctor --device cudda", "cuda")]
    [InlineData("train --device cuda --precision fp-32", "fp32")]
    [InlineData("bench --device cuda --precision TF32", "tf32")]
    [InlineData("train --schedule cosin", "cosine")]
    [InlineData("train --schedule Step:0.5", "step")]
    [InlineData("train resnet20", "--model resnet20")]
    [InlineData("train lr=0.1", "--lr")]
    public void A_name_that_is_nearly_right_is_answered_with_the_right_one(string arguments, string meant)
    {
        Assert.Equal(2, _minidl.Run(arguments));
        Assert.Contains($" Did you mean {meant}?", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("paint")]
    [InlineData("train --colour red")]
    [InlineData("train --norm xn")]
    [InlineData("train --norm quantum")]
    [InlineData("train --model transformer")]
    [InlineData("study depth")]
    [InlineData("data imagenet")]
    [InlineData("train --device tpu")]
    public void Where_nothing_or_too_much_is_near_there_is_no_guess(string arguments)
    {
        Assert.Equal(2, _minidl.Run(arguments));
        Assert.DoesNotContain("Did you mean", _minidl.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_names_equally_near_are_both_said()
    {
        Assert.Equal(" Did you mean --abcd or --abce?", DidYouMean.Among("abcf", ["abcd", "abce", "zzzz"], before: "--"));
        Assert.Equal("", DidYouMean.Among("abcf", ["abcd", "abce", "abcg"]));
    }
}
