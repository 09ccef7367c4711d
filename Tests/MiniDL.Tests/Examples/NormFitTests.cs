using MiniDL.Examples.Training;
using MiniDL.Layers;

namespace MiniDL.Tests.Examples;

/// <summary>Whether norm, model, groups and batch go together is known from the options alone, and is what the layers say.</summary>
public sealed class NormFitTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    public static TheoryData<string> Norms => [.. NormFactory.Names];

    /// <summary>A step of training is the judge: what it refuses the check refuses, and nothing else.</summary>
    [Theory, MemberData(nameof(Norms))]
    public void What_the_check_refuses_is_what_a_step_refuses(string norm)
    {
        foreach (string model in new[] { "resnet8", "mlp" })
            foreach (int[] shape in new[] { new[] { 1, 28, 28 }, [3, 32, 32] })
                foreach (int groups in norm is "gn" or "ws" or "evonorm-s0" or "bn" ? new[] { 1, 7, 8, 16, 32, 256 } : [8])
                    foreach (var (batch, virtualBatch) in new[] { (1, 16), (2, 16), (4, 16), (4, 1), (4, 2), (4, 3), (6, 4) })
                        if (virtualBatch == 16 || norm == "ghost")
                            AssertAgree(new TrainSettings { Norm = norm, Model = model, Groups = groups, BatchSize = batch, VirtualBatch = virtualBatch }, shape);
    }

    [Fact]
    public void Vgg_is_judged_as_it_judges_itself()
    {
        foreach (string norm in NormFactory.Names)
            foreach (int groups in norm == "gn" ? new[] { 7, 8, 128 } : [8])
                AssertAgree(new TrainSettings { Norm = norm, Model = "vgg11", Groups = groups, BatchSize = norm == "bn" ? 1 : 2 }, [1, 28, 28]);
    }

    [Theory]
    [InlineData("train --norm ghost --virtual-batch 3 --batch-size 32", "--virtual-batch 3 does not divide --batch-size 32, as ghost needs. Use 1, 2, 4, 8, 16 or 32")]
    [InlineData("train --norm ghost --batch-size 24", "--virtual-batch 16 does not divide --batch-size 24")]
    [InlineData("compare --norms bn,ghost --virtual-batch 3 --batch-sizes 6,32", "--virtual-batch 3 does not divide batch size 32 of --batch-sizes")]
    [InlineData("bench --norms ghost --batch-sizes 24", "--virtual-batch 16 does not divide batch size 24 of --batch-sizes")]
    [InlineData("train --norm ghost --model mlp --virtual-batch 1 --batch-size 8", "--virtual-batch 1 leaves ghost one value per channel in mlp")]
    [InlineData("train --norm gn --groups 7", "--groups 7 does not divide the 16 channels that gn normalizes in resnet20. Use 1, 2, 4, 8 or 16")]
    [InlineData("compare --norms bn,ws --groups 32", "--groups 32 does not divide the 16 channels that ws normalizes in resnet8")]
    [InlineData("bench --norms evonorm-s0 --groups 3", "--groups 3 does not divide the 16 channels")]
    [InlineData("train --model vgg11 --norm gn --groups 128", "--groups 128 does not divide the 64 channels that gn normalizes in vgg11")]
    [InlineData("train --model mlp --norm fixup", "--norm fixup is a way to start residual branches, and mlp has none")]
    [InlineData("compare --model vgg13 --norms bn,skipinit", "--norms skipinit is a way to start residual branches, and vgg13 has none")]
    [InlineData("train --model mlp --norm in", "--norm in normalizes over the pixels of images, and the linear layers of mlp have none")]
    [InlineData("bench --model vgg11 --norms frn", "--norms frn normalizes over the pixels")]
    [InlineData("train --model mlp --batch-size 1", "--batch-size 1 leaves bn one value per channel in mlp")]
    [InlineData("compare --model vgg11 --batch-sizes 1,2", "batch size 1 of --batch-sizes leaves bn one value")]
    [InlineData("compare --model mlp --norms bn --batch-sizes 4 --test-images 1", "--test-images 1")]
    public void What_does_not_fit_is_refused_in_words_of_the_command_line_before_there_is_a_folder(string arguments, string named)
    {
        string[] out_ = arguments.StartsWith("bench", StringComparison.Ordinal) ? [] : ["--out", _minidl.Folder("out")];
        Assert.Equal(2, _minidl.Run([.. arguments.Split(' '), .. out_]));
        Assert.Contains(named, _minidl.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("[", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
        Assert.False(Directory.Exists(_minidl.Folder("out")));
        Assert.Empty(_minidl.Output);
    }

    private static void AssertAgree(TrainSettings settings, int[] shape)
    {
        bool refused = Refuses(() => NormFit.Check([settings], null, null, lists: false));
        Assert.True(refused == StepRefuses(settings, shape), $"{settings} on {string.Join('×', shape)}: the check {(refused ? "refuses" : "accepts")} it");
    }

    private static bool StepRefuses(TrainSettings settings, int[] shape) => Refuses(() =>
    {
        var random = new RandomStream(0);
        var norm = NormFactory.Named(settings.Norm, settings.Groups, settings.VirtualBatch);
        using var scope = Scope.Step();
        var model = Models.Create(settings.Model, norm, random, new Shape(shape), classes: 10);
        var images = Tensor.Normal([settings.BatchSize, .. shape], random);
        Loss.CrossEntropy(model.Forward(images), Tensor.From(new long[settings.BatchSize], [settings.BatchSize])).Backward();
    });

    private static bool Refuses(Action action)
    {
        try
        {
            action();
            return false;
        }
        catch (MiniDLException)
        {
            return true;
        }
    }
}
