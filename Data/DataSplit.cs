namespace MiniDL.Data;

/// <summary>A training and a test set.</summary>
/// <param name="Source">Where they came from, for the record: a path, with a remark where a checksum is not the official one.</param>
public sealed record DataSplit(Dataset Train, Dataset Test, string Source)
{
    /// <summary>Lets one write <c>var (train, test) = Cifar10.Load("data")</c>.</summary>
    public void Deconstruct(out Dataset train, out Dataset test) => (train, test) = (Train, Test);
}

/// <summary>How far a download or the reading of a file has come.</summary>
/// <param name="Activity">What is being done: <c>download cifar-10-binary.tar.gz</c>.</param>
/// <param name="Bytes">Bytes so far.</param>
/// <param name="Total">Bytes in all, 0 while unknown.</param>
public readonly record struct DataProgress(string Activity, long Bytes, long Total);

/// <summary>What <see cref="Datasets.Load"/> may do and how much of a dataset is wanted.</summary>
public sealed record DatasetOptions
{
    /// <summary>The folder with the files or the archive, and where downloads go; "data" by default.</summary>
    public string DataDirectory { get; init; } = "data";

    /// <summary>Whether files that are not there may be fetched from the network; no by default.</summary>
    public bool Download { get; init; }

    /// <summary>Addresses of folders to download from before the known ones.</summary>
    public IReadOnlyList<string> Mirrors { get; init; } = [];

    /// <summary>What the synthetic images are drawn from.</summary>
    public ulong Seed { get; init; }

    /// <summary>Use only so many of the first training images; all by default.</summary>
    public int? TrainImages { get; init; }

    /// <summary>Use only so many of the first test images; all by default.</summary>
    public int? TestImages { get; init; }

    /// <summary>Is told how far a download has come.</summary>
    public IProgress<DataProgress>? Progress { get; init; }
}
