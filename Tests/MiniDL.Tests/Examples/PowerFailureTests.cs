using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
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
    public void Compare_loses_nothing_wherever_it_is_cut(bool allNames)
    {
        string[] whole = Compare("whole", new ForgetfulFiles());
        int steps = CountSteps(files => Compare("counted", files));
        Assert.InRange(steps, 40, 500);
        for (int step = 0; step < steps; step += allNames ? 7 : 4)
        {
            var files = new ForgetfulFiles(step);
            Assert.Throws<PowerFailure>(() => Compare($"cut{step}", files));
            files.Restore(_minidl.Folder($"cut{step}"), _minidl.Folder($"back{step}"), allNames);
            Assert.Equal(whole, Compare($"back{step}", new ForgetfulFiles()));
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

    private string[] Compare(string name, ForgetfulFiles files)
    {
        var options = new CompareOptions
        {
            Model = "resnet8",
            TrainImages = 12,
            TestImages = 6,
            BatchSizes = "6",
            Norms = "bn,ln",
            Epochs = 2,
            Parallel = 1,
            Out = _minidl.Folder(name),
        };
        Assert.Equal(0, new CompareVerb(options, Silent(), files).Run(CancellationToken.None));
        return [.. new[] { "runs.csv", "layers.csv", "evaluation.csv" }.SelectMany(file =>
            _minidl.Rows($"{name}/{file}").Select(row => string.Join(",", file == "runs.csv" ? [.. row[..8], .. row[9..]] : row)))];
    }

    private static Terminal Silent() => new(TextWriter.Null, TextWriter.Null, quiet: true);

    /// <summary>The rows, without times, and the weights.</summary>
    private string[] Results(string name) =>
    [
        .. _minidl.Rows($"{name}/metrics.csv").Select(row => string.Join(",", row[..7])),
        Convert.ToHexString(File.ReadAllBytes(_minidl.Folder($"{name}/checkpoint/model.safetensors"))),
    ];
}
