using System.Globalization;
using MiniDL.Diagnostics;
using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary><see cref="Module.Summary"/> against closed formulas, and that it leaves no trace.</summary>
public sealed class SummaryTests
{
    private const int Batch = 2;

    private static readonly RandomStream Random = new(11);

    /// <summary>
    /// ResNet-20 of He et al. 2016 on 32×32 images: 7, 6 and 6 convolutions with 16, 32 and 64 channels on 32², 16² and 8² pixels, the first
    /// of them from 3 channels, the first of the second and third from half as many; and one linear layer from 64 to 10.
    /// </summary>
    private const long FirstStage = 32 * 32 * 16, SecondStage = 16 * 16 * 32, ThirdStage = 8 * 8 * 64;

    [Fact]
    public void ResNet_20_has_the_papers_parameters_and_operations()
    {
        var summary = new ResNet(20, NormFactory.Named("bn"), Random).Summary(Tensor.Zeros([Batch, 3, 32, 32]));
        Assert.Equal(269_722, summary.Parameters);

        long taps = FirstStage * 9 * (3 + 6 * 16) + SecondStage * 9 * (16 + 5 * 32) + ThirdStage * 9 * (32 + 5 * 64);
        Assert.Equal(40.55e6, taps, 0.005e6);
        Assert.Equal(2.0 * Batch * taps, summary.Modules.Where(module => module.Type == "Conv2d").Sum(module => module.Operations));
        Assert.Equal(2.0 * Batch * 64 * 10, summary.Modules.Single(module => module.Path == "fc").Operations);
        Assert.Equal(2.0 * Batch * (taps + 64 * 10), summary.Operations);

        var conv = summary.Modules.Single(module => module.Path == "blocks.3.conv1");
        Assert.Equal(("Conv2d", 32 * 16 * 9, 2.0 * Batch * SecondStage * 16 * 9), (conv.Type, conv.Parameters, conv.Operations));
        Assert.Equal<Shape>([Batch, 32, 16, 16], conv.Output!.Value);
        Assert.Equal<Shape>([Batch, 10], summary.Modules[0].Output!.Value);
        Assert.Equal(("", "ResNet", 0), (summary.Modules[0].Path, summary.Modules[0].Type, summary.Modules[0].Parameters));
    }

    [Fact]
    public void Saved_for_backward_is_the_input_of_every_convolution_and_norm_with_its_statistics()
    {
        var summary = new ResNet(20, NormFactory.Named("bn"), Random).Summary(Tensor.Zeros([Batch, 3, 32, 32]));
        // What a norm gives is what the next convolution reads, or the average pooling, whose backward reads nothing but has it from the norm.
        long images = 3 * 32 * 32 + 2 * (7 * FirstStage + 6 * SecondStage + 6 * ThirdStage) + 64;
        const long statistics = 2 * (7 * 16 + 6 * 32 + 6 * 64);
        Assert.Equal(4 * (Batch * images + statistics), summary.SavedBytes);
        Assert.Equal(4 * Batch * 3 * 32 * 32, summary.Modules.Single(module => module.Path == "conv").SavedBytes);
        Assert.Equal(4 * (2 * Batch * FirstStage + 2 * 16), summary.Modules.Single(module => module.Path == "norm").SavedBytes);
    }

    [Fact]
    public void Outputs_in_evaluation_are_those_of_the_fused_operators()
    {
        var summary = new ResNet(20, NormFactory.Named("bn"), Random).Summary(Tensor.Zeros([Batch, 3, 32, 32]));
        // Images in channels last; each convolution with its norm; two shortcuts, sliced and padded; the average and the logits.
        long images = 3 * 32 * 32 + 7 * FirstStage + 6 * SecondStage + 6 * ThirdStage
            + FirstStage / 4 + SecondStage + SecondStage / 4 + ThirdStage + 64 + 10;
        Assert.Equal(4 * Batch * images, summary.EvaluationBytes);
        Assert.Equal(4 * Batch * SecondStage, summary.Modules.Single(module => module.Path == "blocks.3.conv2").EvaluationBytes);
    }

    [Fact]
    public void Indices_of_pooling_are_saved_and_a_fused_activation_has_no_output()
    {
        var model = new Sequential(new Conv2d(3, 4, 3, padding: 1), new BatchNorm2d(4), new Relu(), new MaxPool2d(2), new Flatten(), new Linear(4 * 4 * 4, 5));
        var summary = model.Summary(Tensor.Zeros([Batch, 3, 8, 8]));
        Assert.Equal(8 * Batch * 4 * 4 * 4, summary.Modules.Single(module => module.Type == "MaxPool2d").SavedBytes);
        Assert.Null(summary.Modules.Single(module => module.Type == "Relu").Output);
        Assert.Equal<Shape>([Batch, 64], summary.Modules.Single(module => module.Type == "Flatten").Output!.Value);
        Assert.Equal(4 * Batch * 64, summary.Modules.Single(module => module.Type == "Linear").SavedBytes);
    }

    [Fact]
    public void Frozen_layers_before_the_first_that_learns_save_nothing()
    {
        var model = new Sequential(new Linear(6, 6), new Linear(6, 6), new Linear(6, 2));
        model[0].Freeze();
        model[1].Freeze();
        Assert.Equal([0, 0, 0, 4 * Batch * 6], model.Summary(Tensor.Zeros([Batch, 6])).Modules.Select(module => module.SavedBytes));
    }

    /// <summary>Two models made alike are trained alike, and one of them is summed up in between.</summary>
    [Theory]
    [InlineData("bn")]
    [InlineData("brn")]
    [InlineData("evonorm-b0")]
    [InlineData("wn-mbn")]
    public void Nothing_changes_to_the_bit(string norm)
    {
        Sequential[] models = [.. Enumerable.Range(0, 2).Select(_ => new Sequential(
            new ResNet(8, NormFactory.Named(norm), new RandomStream(1)), new Dropout(0.5, new RandomStream(2)), new Linear(10, 3, random: new RandomStream(3))))];
        foreach (var model in models)
        {
            model[2].Eval();
            Step(model);
        }
        models[1].Summary(Tensor.Ones([Batch, 3, 16, 16]));

        Assert.Equal(models[0].NamedModules().Select(m => m.Module.Training), models[1].NamedModules().Select(m => m.Module.Training));
        Assert.Equal(((Dropout)models[0][1]).Random.Position, ((Dropout)models[1][1]).Random.Position);
        AssertEqual();
        foreach (var model in models) Step(model);
        AssertEqual();

        void AssertEqual()
        {
            Assert.All(models[0].StateDict().Zip(models[1].StateDict()), pair => Assert.Equal(pair.First.Value.ToArray(), pair.Second.Value.ToArray()));
            Assert.All(models[0].Parameters().Zip(models[1].Parameters()), pair => Assert.Equal(pair.First.Grad!.ToArray(), pair.Second.Grad!.ToArray()));
        }
        static void Step(Sequential model) => Loss.CrossEntropy(model.Forward(Tensor.Normal([4, 3, 16, 16], new RandomStream(4))),
            Tensor.From(new long[] { 0, 1, 2, 0 }, [4])).Backward();
    }

    [Fact]
    public void An_input_that_does_not_fit_leaves_the_model_as_it_was()
    {
        var model = new ResNet(8, NormFactory.Named("bn"), Random);
        model.Eval();
        float[] before = model.StateDict()["norm.running_mean"].ToArray();
        Assert.Throws<ShapeException>(() => model.Summary(Tensor.Zeros([Batch, 3, 32])));
        // Goes through the first norm in training mode, whose second stage finds one value for each channel.
        Assert.Throws<ShapeException>(() => model.Summary(Tensor.Ones([1, 3, 2, 2])));
        Assert.DoesNotContain(model.NamedModules(), m => m.Module.Training);
        Assert.Equal(before, model.StateDict()["norm.running_mean"].ToArray());
        Assert.Null(EngineObserver.Active);
    }

    [Fact]
    public void A_profiler_that_is_on_does_not_see_it_and_under_NoGrad_it_is_refused()
    {
        var model = new Linear(3, 2);
        using (var profiler = Profiler.Start())
        {
            model.Summary(Tensor.Zeros([Batch, 3]));
            Assert.DoesNotContain(profiler.Entries, entry => entry.Name == "linear");
            model.Forward(Tensor.Zeros([Batch, 3]));
            Assert.Single(profiler.Entries, entry => entry.Name == "linear");
        }
        using var noGrad = new NoGrad();
        MiniDLException? refused = null;
        try
        {
            model.Summary(Tensor.Zeros([Batch, 3]));
        }
        catch (MiniDLException e)
        {
            refused = e;
        }
        Assert.Contains("NoGrad", refused?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_has_a_row_for_each_module_and_the_totals()
    {
        var summary = new ResNet(20, NormFactory.Named("bn"), Random).Summary(Tensor.Zeros([Batch, 3, 32, 32]));
        string[] lines = summary.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(summary.Modules.Count + 4, lines.Length);
        Assert.Equal(["blocks.3.conv1", "Conv2d", "[2,", "32,", "16,", "16]", "4,608", "4.72", "M"], Words(lines, "blocks.3.conv1 ").Take(9));
        string megabytes = (summary.SavedBytes / 1e6).ToString("F2", CultureInfo.InvariantCulture);
        Assert.Equal(["total", "of", "[2,", "3,", "32,", "32]", "269,722", "162", "M", megabytes, "MB"], Words(lines, "total ").Take(11));

        static string[] Words(string[] lines, string start) =>
            lines.Single(line => line.StartsWith(start, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }
}
