namespace MiniDL.Data;

/// <summary>A training and a test set.</summary>
/// <param name="Source">Where the data came from: a path, with a remark if a checksum differs from the official one.</param>
/// <example><code>var (train, test, source) = SyntheticImages.Load();</code></example>
public sealed record DataSplit(Dataset Train, Dataset Test, string Source)
{
    /// <summary>Allows <c>var (train, test) = Cifar10.Load("data")</c>.</summary>
    public void Deconstruct(out Dataset train, out Dataset test) => (train, test) = (Train, Test);
}

/// <summary>The progress of a download or of reading a file.</summary>
/// <param name="Activity">What is being done: <c>download cifar-10-binary.tar.gz</c>.</param>
/// <param name="Bytes">Bytes so far.</param>
/// <param name="Total">Bytes in all; 0 while unknown.</param>
/// <example><code>
/// var options = new DatasetOptions { Progress = new Progress&lt;DataProgress>(p => Console.WriteLine($"{p.Activity} {p.Bytes} of {p.Total}")) };
/// </code></example>
public readonly record struct DataProgress(string Activity, long Bytes, long Total);

/// <summary>Where <see cref="Datasets.Load"/> looks, whether it may download, and how much of a dataset is wanted.</summary>
/// <example><code>
/// var split = Datasets.Load("mnist", new DatasetOptions { DataDirectory = "data", Download = true, TrainImages = 10000 });
/// </code></example>
public sealed record DatasetOptions
{
    /// <summary>The folder that contains the files or the archive and receives downloads; "data" by default.</summary>
    public string DataDirectory { get; init; } = "data";

    /// <summary>Whether missing files may be downloaded; false by default.</summary>
    public bool Download { get; init; }

    /// <summary>Addresses of folders to try before the built-in ones when downloading.</summary>
    public IReadOnlyList<string> Mirrors { get; init; } = [];

    /// <summary>The seed of the synthetic images.</summary>
    public ulong Seed { get; init; }

    /// <summary>How many training images to use, counted from the first; all by default.</summary>
    public int? TrainImages { get; init; }

    /// <summary>How many test images to use, counted from the first; all by default.</summary>
    public int? TestImages { get; init; }

    /// <summary>Receives the progress of downloads.</summary>
    public IProgress<DataProgress>? Progress { get; init; }
}
