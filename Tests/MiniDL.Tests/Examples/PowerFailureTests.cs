using MiniDL.Data;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using MiniDL.Examples.Verbs;

namespace MiniDL.Tests.Examples;

/// <summary>The power is cut at every step of writing in turn; with the same command, or --resume, the run ends with the same bits.</summary>
public sealed class PowerFailureTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("1", false, 1)]
    [InlineData("1", true, 2)]
    [InlineData("0.0000001m", false, 3)]
    public void Train_loses_nothing_wherever_it_is_cut(string checkpointEvery, bool allNames, int stride)
    {
        string[] whole = Train("whole", new ForgetfulFiles(), checkpointEvery);
        int steps = CountSteps(files => Train("counted", files, checkpointEvery));
        Assert.InRange(steps, 20, 500);
        for (int step = 0; step < steps; step += stride)
        {
            var files = new ForgetfulFiles(step);
            Assert.Throws<PowerFailure>(() => Train($"cut{step}", files, checkpointEvery));
            files.Restore(_minidl.Folder($"cut{step}"), _minidl.Folder($"back{step}"), allNames);

            bool hasCheckpoint = Directory.Exists(_minidl.Folder($"back{step}/checkpoint"))
                && Directory.GetFiles(_minidl.Folder($"back{step}/checkpoint"), "last*.safetensors").Length > 0;
            if (hasCheckpoint) Assert.True(_minidl.Run($"train --resume @back{step}") == 0, $"step {step}: {_minidl.Error}");
            else Train($"back{step}", new ForgetfulFiles(), checkpointEvery);
            Assert.Equal(whole, Results($"back{step}"));
            foreach (string used in new[] { "cut", "back" }) Directory.Delete(_minidl.Folder($"{used}{step}"), recursive: true);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_comparisons_folder_loses_nothing_wherever_it_is_cut(bool allNames) => AssertCompare(Work, allNames, stride: allNames ? 3 : 1);

    [Fact]
    public void Compare_loses_nothing_wherever_it_is_cut() => AssertCompare(Compare, allNames: false, stride: 9);

    private void AssertCompare(Func<string, ForgetfulFiles, string[]> run, bool allNames, int stride)
    {
        string[] whole = run("whole", new ForgetfulFiles());
        int steps = CountSteps(files => run("counted", files));
        Assert.InRange(steps, 40, 500);
        for (int step = 0; step < steps; step += stride)
        {
            var files = new ForgetfulFiles(step);
            Assert.Throws<PowerFailure>(() => run($"cut{step}", files));
            files.Restore(_minidl.Folder($"cut{step}"), _minidl.Folder($"back{step}"), allNames);
            Assert.Equal(whole, run($"back{step}", new ForgetfulFiles()));
            foreach (string used in new[] { "cut", "back" }) Directory.Delete(_minidl.Folder($"{used}{step}"), recursive: true);
        }
    }

    private static int CountSteps(Action<ForgetfulFiles> run)
    {
        var files = new ForgetfulFiles();
        run(files);
        return files.Steps;
    }

    private string[] Train(string name, ForgetfulFiles files, string checkpointEvery)
    {
        var options = new TrainOptions
        {
            Model = "resnet8",
            TrainImages = 12,
            TestImages = 6,
            BatchSize = 6,
            Epochs = 2,
            CheckpointEvery = checkpointEvery,
            Out = _minidl.Folder(name),
        };
        Assert.Equal(0, new TrainVerb(options, Silent(), files).Run(CancellationToken.None));
        return Results(name);
    }

    private static CompareOptions Comparison(string path) => new()
    {
        Model = "resnet8",
        TrainImages = 12,
        TestImages = 6,
        BatchSizes = "6",
        Norms = "bn,ln",
        Epochs = 2,
        Parallel = 1,
        Out = path,
    };

    private string[] Compare(string name, ForgetfulFiles files)
    {
        Assert.Equal(0, new CompareVerb(Comparison(_minidl.Folder(name)), Silent(), files).Run(CancellationToken.None));
        return Tables(name);
    }

    /// <summary>What the verb does with its folder, without a report, which takes longer than the rest.</summary>
    private string[] Work(string name, ForgetfulFiles files)
    {
        var options = Comparison(_minidl.Folder(name));
        TrainSettings[] plan = [.. new[] { "bn", "ln" }.Select(norm => options.SettingsOf(norm, 6, seed: 0))];
        var data = SyntheticImages.Load(0, 12, 6);
        using var folder = new ComparisonFolder(
            options.Out, ComparisonSettings.Of(plan[0], 0.1, 128), TrainingData.Identify(data), plan, files);
        foreach (var run in folder.ToDo())
        {
            var trainer = new Trainer(run, data.Train, data.Test);
            folder.Resume(trainer);
            var probe = new Probe(trainer, data.Train, data.Test);
            foreach (var epoch in trainer.Run())
            {
                var evaluation = epoch.Epoch == run.Epochs ? probe.Evaluate(new Score(epoch.TestLoss, epoch.TestError)) : null;
                folder.Add(ComparedEpoch.Of(RunKey.Of(run), epoch) with { Probe = probe.Measure() }, evaluation);
                folder.Save(trainer);
            }
        }
        folder.Sort();
        return Tables(name);
    }

    /// <summary>All rows, without times.</summary>
    private string[] Tables(string name) => [.. new[] { "runs.csv", "layers.csv", "evaluation.csv" }.SelectMany(file =>
        _minidl.Rows($"{name}/{file}").Select(row => string.Join(",", file == "runs.csv" ? [.. row[..8], .. row[9..]] : row)))];

    private static Terminal Silent() => new(TextWriter.Null, TextWriter.Null, quiet: true);

    /// <summary>The rows, without times, and the weights.</summary>
    private string[] Results(string name) =>
    [
        .. _minidl.Rows($"{name}/metrics.csv").Select(row => string.Join(",", row[..7])),
        Convert.ToHexString(File.ReadAllBytes(_minidl.Folder($"{name}/checkpoint/model.safetensors"))),
    ];
}
