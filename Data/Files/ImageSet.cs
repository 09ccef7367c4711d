namespace MiniDL.Data.Files;

/// <summary>How a file holds images or labels.</summary>
internal enum FileEncoding
{
    /// <summary>Records of label bytes (the last one counts) followed by the pixels [C, H, W].</summary>
    CifarRecords,

    /// <summary>The IDX format of MNIST with unsigned bytes in three dimensions: images.</summary>
    IdxImages,

    /// <summary>The IDX format of MNIST with unsigned bytes in one dimension: labels.</summary>
    IdxLabels,
}

/// <summary>
/// A file of a published dataset, with images or labels First to First + Images − 1 of either its training or its test set.
/// </summary>
internal sealed record DataFile(string Name, bool Train, int First, int Images, FileEncoding Encoding)
{
    /// <summary>The checksum of the uncompressed file; null if none is published.</summary>
    public string? Sha256 { get; init; }
}

/// <summary>A file as it is offered for download.</summary>
internal sealed record RemoteFile(string Name, long Bytes, string Sha256);

/// <summary>The description of a published dataset: what it is, its files, where to get them.</summary>
internal sealed record ImageSet
{
    public required string Name { get; init; }

    /// <summary>The name as written in text.</summary>
    public required string Title { get; init; }
    public required Shape InputShape { get; init; }
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <inheritdoc cref="Dataset.MirrorKeepsClass"/>
    public bool MirrorKeepsClass { get; init; } = true;

    /// <summary>The published mean of each channel, for bytes scaled to 0 to 1.</summary>
    public required float[] Mean { get; init; }

    /// <summary>The published standard deviation of each channel, for bytes scaled to 0 to 1.</summary>
    public required float[] Std { get; init; }

    public required IReadOnlyList<DataFile> Files { get; init; }

    /// <summary>Label bytes before each image, for <see cref="FileEncoding.CifarRecords"/>.</summary>
    public int LabelBytes { get; init; } = 1;

    /// <summary>The subfolders of the data folder to search, in order of preference; files downloaded singly go to the first.</summary>
    public required IReadOnlyList<string> Folders { get; init; }

    /// <summary>What is published: either one tar.gz archive with all files, or each file by itself, compressed.</summary>
    public required IReadOnlyList<RemoteFile> Remote { get; init; }

    /// <summary>Addresses of folders with the published files, tried in this order.</summary>
    public required IReadOnlyList<string> Mirrors { get; init; }

    /// <summary>The SHA-256 of all its files, both as published and unpacked.</summary>
    public IEnumerable<string?> Checksums => [.. Remote.Select(file => file.Sha256), .. Files.Select(file => file.Sha256)];

    /// <summary>The archive, if the dataset is published as one.</summary>
    public RemoteFile? Archive => Remote.Count == 1 ? Remote[0] : null;

    public int Count(bool train) => Files.Where(file => file.Train == train).Max(file => file.First + file.Images);

    /// <summary>The size of a file after unpacking.</summary>
    public long Bytes(DataFile file) => file.Encoding switch
    {
        FileEncoding.CifarRecords => (long)file.Images * (LabelBytes + InputShape.Count),
        FileEncoding.IdxImages => IdxFile.HeaderBytes(3) + (long)file.Images * InputShape.Count,
        _ => IdxFile.HeaderBytes(1) + (long)file.Images,
    };

    public MiniDLException Error(string message, Exception? inner = null) => new($"[data] {Name}: {message}", inner);
}
