namespace MiniDL.Data.Files;

/// <summary>How messages describe a file of a dataset.</summary>
/// <param name="Name">What they call it.</param>
/// <param name="Remedy">What to do if it is damaged: a sentence.</param>
/// <param name="Bytes">Its size on disk, where it may be compressed or an archive.</param>
internal readonly record struct FileSource(string Name, string Remedy, long Bytes = 0);

/// <summary>
/// Reads the files of a published dataset, in any order, and makes the training and the test set from them. Only files with
/// images that were asked for are needed; each is read to its end and checked. Memory is allocated by the actual size on disk and
/// as content arrives, never by the size that a file of that name should have.
/// </summary>
internal sealed class ImageReader
{
    private const int FirstBuffer = 1 << 16;

    private readonly ImageSet _set;
    private readonly (int Train, int Test) _wanted;
    private readonly Dictionary<DataFile, byte[]> _contents = [];

    /// <param name="trainImages">How many of the first training images are wanted; null for all.</param>
    /// <param name="testImages">How many of the first test images are wanted; null for all.</param>
    /// <exception cref="MiniDLException">There are fewer, or the number is below one.</exception>
    public ImageReader(ImageSet set, int? trainImages, int? testImages)
    {
        _set = set;
        _wanted = (Wanted(trainImages, train: true), Wanted(testImages, train: false));
        Needed = set.Files.Where(file => file.First < (file.Train ? _wanted.Train : _wanted.Test)).ToArray();
    }

    /// <summary>The files that contain the wanted images and labels.</summary>
    public IReadOnlyList<DataFile> Needed { get; }

    /// <summary>Reads one file to its end.</summary>
    /// <param name="length">The length of the file, if it is known beforehand.</param>
    /// <returns>Its content.</returns>
    /// <exception cref="MiniDLException">It is truncated, too large, another kind of file, or has a label out of range.</exception>
    public ReadOnlySpan<byte> Read(DataFile file, Stream stream, long? length, FileSource source)
    {
        int expected = checked((int)_set.Bytes(file));
        if (length is { } known && known != expected) throw WrongSize(file, $"{known}", known < expected, source);
        byte[] content = new byte[(int)Math.Min(expected, Math.Max(FirstBuffer, source.Bytes))];
        int count = 0;
        for (int read; (read = stream.Read(content, count, content.Length - count)) > 0;)
        {
            count += read;
            if (count == content.Length) Array.Resize(ref content, (int)Math.Min(expected, 4L * count));
        }
        if (count < expected) throw WrongSize(file, $"{count}", truncated: true, source);
        if (stream.ReadByte() >= 0) throw WrongSize(file, $"more than {expected}", truncated: false, source);
        CheckValues(file, content, source);
        _contents[file] = content;
        return content;
    }

    /// <summary>The two sets, once every needed file has been read.</summary>
    public DataSplit Finish(string source) => new(
        Dataset("train", train: true).Take(_wanted.Train), Dataset("test", train: false).Take(_wanted.Test), source);

    private int Wanted(int? images, bool train)
    {
        int all = _set.Count(train);
        return images is null or >= 1 && !(images > all)
            ? images ?? all
            : throw _set.Error($"{images} {(train ? "training" : "test")} images were asked for; it has {all}. Ask for 1 to {all}.");
    }

    private MiniDLException WrongSize(DataFile file, string bytes, bool truncated, FileSource source) => _set.Error(
        $"{source.Name} is {(truncated ? "truncated" : "too large")}: it has {bytes} bytes, expected {_set.Bytes(file)} for "
        + $"{file.Images} images. {source.Remedy}");

    private void CheckValues(DataFile file, ReadOnlySpan<byte> content, FileSource source)
    {
        if (file.Encoding == FileEncoding.IdxImages)
        {
            IdxFile.CheckHeader(_set, content, source, [file.Images, _set.InputShape[1], _set.InputShape[2]]);
            return;
        }
        if (file.Encoding == FileEncoding.IdxLabels) IdxFile.CheckHeader(_set, content, source, [file.Images]);
        for (int i = 0; i < file.Images; i++)
            if (Label(file, content, i) is var label && label >= _set.ClassNames.Count)
                throw _set.Error($"{source.Name}: image {i} has label {label}, expected 0 to {_set.ClassNames.Count - 1}. "
                    + $"It is damaged, or another kind of file. {source.Remedy}");
    }

    private ImageDataset Dataset(string name, bool train)
    {
        var files = Needed.Where(file => file.Train == train).ToArray();
        int count = files.Max(file => file.First + file.Images), size = _set.InputShape.Count;
        byte[] pixels = new byte[(long)count * size];
        long[] labels = new long[count];
        foreach (var file in files)
        {
            var content = _contents[file];
            for (int i = 0; i < file.Images; i++)
            {
                if (file.Encoding != FileEncoding.IdxLabels)
                    content.AsSpan(PlaceOfImage(file, i), size).CopyTo(pixels.AsSpan((file.First + i) * size));
                if (file.Encoding != FileEncoding.IdxImages) labels[file.First + i] = Label(file, content, i);
            }
            _contents.Remove(file);
        }
        return new ImageDataset($"{_set.Name} {name}", pixels, _set.InputShape, labels, _set.ClassNames, _set.Mean, _set.Std)
        {
            MirrorKeepsClass = _set.MirrorKeepsClass,
        };
    }

    private int PlaceOfImage(DataFile file, int image) => file.Encoding == FileEncoding.CifarRecords
        ? image * (_set.LabelBytes + _set.InputShape.Count) + _set.LabelBytes
        : IdxFile.HeaderBytes(3) + image * _set.InputShape.Count;

    /// <summary>The label of an image; if a record has several label bytes, the last one counts.</summary>
    private byte Label(DataFile file, ReadOnlySpan<byte> content, int image) => file.Encoding == FileEncoding.CifarRecords
        ? content[PlaceOfImage(file, image) - 1]
        : content[IdxFile.HeaderBytes(1) + image];
}
