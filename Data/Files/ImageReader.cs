namespace MiniDL.Data.Files;

/// <summary>
/// Takes in the files of a published dataset, in any order, and makes the training and the test set of them. Only the files with
/// images that were asked for are needed; each is read to its end and checked.
/// </summary>
internal sealed class ImageReader
{
    private readonly ImageSet _set;
    private readonly (int Train, int Test) _wanted;
    private readonly Images _train, _test;

    /// <param name="trainImages">How many of the first training images are wanted; null for all.</param>
    /// <param name="testImages">How many of the first test images are wanted; null for all.</param>
    /// <exception cref="MiniDLException">There are fewer, or the number is below one.</exception>
    public ImageReader(ImageSet set, int? trainImages, int? testImages)
    {
        _set = set;
        _wanted = (Wanted(trainImages, train: true), Wanted(testImages, train: false));
        Needed = set.Files.Where(file => file.First < (file.Train ? _wanted.Train : _wanted.Test)).ToArray();
        (_train, _test) = (new Images(set, Held(train: true)), new Images(set, Held(train: false)));
    }

    /// <summary>The files that have the wanted images and labels.</summary>
    public IReadOnlyList<DataFile> Needed { get; }

    /// <summary>Reads one file to its end.</summary>
    /// <param name="source">What messages call the file.</param>
    /// <exception cref="MiniDLException">It is truncated, too large, another kind of file, or has a label out of range.</exception>
    public void Read(DataFile file, Stream stream, string source)
    {
        var images = file.Train ? _train : _test;
        var pixels = images.Pixels.AsSpan(file.First * _set.InputShape.Count, file.Images * _set.InputShape.Count);
        var labels = images.Labels.AsSpan(file.First, file.Images);
        try
        {
            if (file.Encoding == FileEncoding.CifarRecords) ReadCifar(stream, pixels, labels);
            else if (file.Encoding == FileEncoding.IdxImages) IdxFile.ReadImages(_set, file, stream, source, pixels);
            else IdxFile.ReadLabels(_set, file, stream, source, labels);
            if (stream.ReadByte() >= 0)
                throw _set.Error($"{source} is too large: more than the {_set.Bytes(file)} bytes of {file.Images} images. "
                    + "It is not the official file; delete it and download it again.");
        }
        catch (EndOfStreamException e)
        {
            throw _set.Error($"{source} is truncated: it has fewer than the {_set.Bytes(file)} bytes of {file.Images} images. "
                + "Delete it and download it again.", e);
        }
        if (file.Encoding != FileEncoding.IdxImages) CheckLabels(labels, source);
    }

    /// <summary>The two sets, once every needed file has been read.</summary>
    public DataSplit Finish(string source) => new(
        _train.Dataset($"{_set.Name} train").Take(_wanted.Train), _test.Dataset($"{_set.Name} test").Take(_wanted.Test), source);

    private int Wanted(int? images, bool train)
    {
        int all = _set.Count(train);
        return images is null or >= 1 && !(images > all)
            ? images ?? all
            : throw _set.Error($"{images} {(train ? "training" : "test")} images were asked for; it has {all}. Ask for 1 to {all}.");
    }

    private int Held(bool train) => Needed.Where(file => file.Train == train).Max(file => file.First + file.Images);

    private void ReadCifar(Stream stream, Span<byte> pixels, Span<long> labels)
    {
        int size = _set.InputShape.Count;
        byte[] record = new byte[_set.LabelBytes + size];
        for (int i = 0; i < labels.Length; i++)
        {
            stream.ReadExactly(record);
            labels[i] = record[_set.LabelBytes - 1];
            record.AsSpan(_set.LabelBytes).CopyTo(pixels.Slice(i * size, size));
        }
    }

    private void CheckLabels(ReadOnlySpan<long> labels, string source)
    {
        for (int i = 0; i < labels.Length; i++)
            if (labels[i] >= _set.ClassNames.Count)
                throw _set.Error($"{source}: image {i} has label {labels[i]}, expected 0 to {_set.ClassNames.Count - 1}. "
                    + "It is damaged, or another kind of file; delete it and download it again.");
    }

    private sealed class Images(ImageSet set, int count)
    {
        public byte[] Pixels { get; } = new byte[(long)count * set.InputShape.Count];

        public long[] Labels { get; } = new long[count];

        public ImageDataset Dataset(string name) => new(name, Pixels, set.InputShape, Labels, set.ClassNames, set.Mean, set.Std)
        {
            MirrorKeepsClass = set.MirrorKeepsClass,
        };
    }
}
