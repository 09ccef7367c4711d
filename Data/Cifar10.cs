using MiniDL.Data.Files;

namespace MiniDL.Data;

/// <summary>
/// CIFAR-10: 50,000 training and 10,000 test photographs, 3×32×32, in 10 classes (Krizhevsky 2009, "Learning multiple layers of
/// features from tiny images").
/// </summary>
/// <example><code>var split = Cifar10.Load("data", download: true);</code></example>
public static class Cifar10
{
    private const int ImagesPerFile = 10_000;

    internal static ImageSet Set { get; } = new()
    {
        Name = "cifar10",
        Title = "CIFAR-10",
        InputShape = [3, 32, 32],
        ClassNames = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
        Mean = [0.4914f, 0.4822f, 0.4465f],
        Std = [0.2470f, 0.2435f, 0.2616f],
        Files =
        [
            .. Enumerable.Range(0, 5).Select(i => new DataFile(
                $"data_batch_{i + 1}.bin", Train: true, First: i * ImagesPerFile, ImagesPerFile, FileEncoding.CifarRecords)),
            new("test_batch.bin", Train: false, First: 0, ImagesPerFile, FileEncoding.CifarRecords),
        ],
        Folders = ["cifar-10-batches-bin", "."],
        Remote = [new("cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")],
        Mirrors = ["https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/", "https://www.cs.toronto.edu/~kriz/"],
    };

    /// <summary>
    /// Loads it from a folder that contains <c>cifar-10-binary.tar.gz</c>, <c>data_batch_1.bin</c> … or <c>cifar-10-batches-bin</c>.
    /// </summary>
    /// <param name="download">Whether to fetch the archive (170 MB) into the folder if the files are missing.</param>
    /// <exception cref="MiniDLException">Files are missing, damaged, not the expected ones, or could not be fetched.</exception>
    public static DataSplit Load(string directory = "data", bool download = false) =>
        Datasets.Load(Set.Name, new DatasetOptions { DataDirectory = directory, Download = download });
}
