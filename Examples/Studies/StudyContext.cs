using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Studies;

/// <summary>How much a study does.</summary>
internal enum StudySize
{
    /// <summary>The least that runs, on synthetic images: for tests.</summary>
    Smallest,

    /// <summary>Ends within three minutes on two cores.</summary>
    Preset,

    /// <summary>The paper's settings.</summary>
    Full,
}

/// <summary>A dataset in place of the one that was wanted.</summary>
/// <param name="Why">Why it is: in words that go on after a comma.</param>
internal sealed record StandIn(string Used, string Wanted, string Why)
{
    /// <summary>In a line.</summary>
    public override string ToString() => $"stand-in data: {StudyContext.ImagesOf(Used)} in place of {StudyContext.TitleOf(Wanted)}, {Why}";
}

/// <summary>What a study is told: how much to do, from which seed, with which data.</summary>
internal sealed record StudyContext(StudySize Size, ulong Seed, Terminal Terminal, CancellationToken Stop)
{
    private readonly List<string> _dataUsed = [];
    private readonly List<StandIn> _standIns = [];

    /// <summary>Where nets are trained.</summary>
    public Device Device { get; init; } = Device.Cpu;

    /// <summary>Where datasets are.</summary>
    public string DataDirectory { get; init; } = "data";

    /// <summary>Shows how far the study has come, from 0 to 1; set by whoever has a progress bar.</summary>
    public Action<double, string> Report { get; init; } = (_, _) => { };

    /// <summary>Which data was loaded, and in place of what: a setting on the page.</summary>
    public IReadOnlyList<string> DataUsed => _dataUsed;

    /// <summary>The datasets in place of others: what was seen on their images says nothing about those.</summary>
    public IReadOnlyList<StandIn> StandIns => _standIns;

    /// <summary>Where random numbers come from; fork it for each purpose.</summary>
    public RandomStream Random => new(Seed);

    /// <summary>The setting for the size that runs.</summary>
    public T Pick<T>(T smallest, T preset, T full) => Size switch
    {
        StudySize.Smallest => smallest,
        StudySize.Preset => preset,
        _ => full,
    };

    /// <summary>Says how far the study has come. Called every few steps: here a study ends when Ctrl-C was pressed.</summary>
    /// <param name="done">From 0 to 1.</param>
    /// <param name="text">What is being done.</param>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public void Progress(double done, string text)
    {
        Stop.ThrowIfCancellationRequested();
        Report(done, text);
    }

    /// <summary>Trains one net after the other, and says how far the study has come.</summary>
    /// <param name="plan">What is to be trained.</param>
    /// <param name="label">What is being done.</param>
    /// <param name="train">Trains one; it is given what to tell the part to that is done, from 0 to 1.</param>
    public TResult[] Each<TItem, TResult>(IReadOnlyList<TItem> plan, Func<TItem, string> label, Func<TItem, Action<double>, TResult> train)
    {
        return [.. plan.Select((item, index) => train(item, done => Progress((index + done) / plan.Count, label(item))))];
    }

    /// <summary>
    /// Loads a dataset or what comes nearest: fashion-mnist for an absent mnist, synthetic images for any other that is absent.
    /// The console and the report say which one it was. The smallest size always takes synthetic images.
    /// </summary>
    /// <param name="wanted">The dataset that the paper uses.</param>
    /// <param name="trainImages">So many of the first training images; null for all.</param>
    /// <param name="testImages">So many of the first test images; null for all.</param>
    /// <exception cref="MiniDLException">Its files are there, but damaged.</exception>
    public DataSplit Load(string wanted, int? trainImages = null, int? testImages = null)
    {
        string[] candidates = Size == StudySize.Smallest ? ["synthetic"]
            : wanted == "mnist" ? [wanted, "fashion-mnist", "synthetic"]
            : [wanted, "synthetic"];
        var options = new DatasetOptions { DataDirectory = DataDirectory, TrainImages = trainImages, TestImages = testImages };
        foreach (string name in candidates[..^1])
            if (TryLoad(name, options) is { } data) return Note(name, data);
        return Note(candidates[^1], TrainingData.Load(candidates[^1], options, Terminal, Stop));

        DataSplit Note(string name, DataSplit data)
        {
            string instead = name == wanted ? "" : $" in place of {wanted}, which is not in {DataDirectory}";
            string counts = $"{data.Train.Count:N0} training and {Counted.Of(data.Test.Count, "test image")}";
            string note = $"{name}{(Size == StudySize.Smallest ? "" : instead)}: {counts} ({data.Source})";
            if (_dataUsed.Contains(note)) return data;
            _dataUsed.Add(note);
            if (name != wanted) Announce(new StandIn(name, wanted,
                Size == StudySize.Smallest ? "as --smallest has it" : $"which is not in {DataDirectory}"));
            return data;
        }
    }

    /// <summary>The name of a dataset, or of a part of it such as <c>mnist train</c>, as a text has it: MNIST.</summary>
    public static string TitleOf(string dataset) => Datasets.TitleOf(dataset.Split(' ')[0]);

    /// <summary>What is shown to a net, in a text: images of MNIST, synthetic images.</summary>
    public static string ImagesOf(string dataset) =>
        TitleOf(dataset) is var title && title == "synthetic" ? "synthetic images" : $"images of {title}";

    private void Announce(StandIn standIn)
    {
        if (_standIns.Contains(standIn)) return;
        _standIns.Add(standIn);
        Terminal.Line($"{standIn}; findings about images are inconclusive");
    }

    /// <summary>The dataset; null where its files are not in the data folder.</summary>
    private DataSplit? TryLoad(string name, DatasetOptions options)
    {
        try
        {
            return TrainingData.Load(name, options, Terminal, Stop, announce: false);
        }
        catch (MissingDataException)
        {
            return null;
        }
    }
}
