using System.Security.Cryptography;
using MiniDL.Data;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Training;

/// <summary>Loads datasets, with a progress bar where a download takes time.</summary>
internal static class TrainingData
{
    /// <param name="announce">Whether to say at once what is loaded; not where it is yet to be seen whether it is there.</param>
    /// <exception cref="MiniDLException">It is not there, is damaged, or has fewer images than were asked for.</exception>
    public static DataSplit Load(string dataset, DatasetOptions options, Terminal terminal, CancellationToken stop, bool announce = true)
    {
        DataSplit? data = null;
        if (announce && dataset != "synthetic" && !terminal.IsInteractive) terminal.Line($"loading {dataset}, from {options.DataDirectory}");
        terminal.WithProgress($"loading {dataset}", 1, report =>
        {
            var progress = new Relay(p => report(p.Total > 0 ? (double)p.Bytes / p.Total : 0, p.Activity));
            data = Datasets.Load(dataset, options with { Progress = progress }, stop);
        });
        return data!;
    }

    /// <summary>Where the images came from, and a hash by which a run that goes on knows them again, wherever they lie by then.</summary>
    public static DataIdentity Identify(DataSplit data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var images in new[] { data.Train, data.Test }.Cast<ImageDataset>())
        {
            for (int i = 0; i < images.Count; i++) hash.AppendData(images.Pixels(i));
            hash.AppendData(Enumerable.Range(0, images.Count).Select(i => (byte)images.Label(i)).ToArray());
        }
        return new DataIdentity(data.Source, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Refuses other images than a run began with.</summary>
    /// <param name="began">The hash of those; null where it is not known.</param>
    /// <exception cref="MiniDLException">They are others.</exception>
    public static void RequireSame(string folder, string? began, DataIdentity data)
    {
        if (began is not null && began != data.Sha256)
            throw new MiniDLException($"the images of {data.Source} are not those that {folder} was begun with (SHA-256 of pixels and labels "
                + $"{began[..Math.Min(16, began.Length)]}… there, {data.Sha256[..16]}… here). Name those with --data-dir, or choose another --out.");
    }

    /// <summary>Takes the last images off the training set, to choose the best epoch by.</summary>
    /// <exception cref="MiniDLException">Nothing would be left to train on.</exception>
    public static (Dataset Train, Dataset? Validation) Split(Dataset train, int? validation)
    {
        if (validation is not { } count) return (train, null);
        if (count >= train.Count)
            throw new MiniDLException($"--validation {count} leaves none of {train.Count} training images to train on. Hold out fewer.");
        return (train.Take(train.Count - count), train.Skip(train.Count - count));
    }

    /// <summary>Unlike <see cref="Progress{T}"/>, reports on the thread that makes progress.</summary>
    private sealed class Relay(Action<DataProgress> report) : IProgress<DataProgress>
    {
        public void Report(DataProgress value) => report(value);
    }
}
