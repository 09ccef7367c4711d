using MiniDL.Data.Files;

namespace MiniDL.Data;

/// <summary>
/// MNIST: 60,000 training and 10,000 test images of handwritten digits, 1×28×28 (LeCun et al. 1998, "Gradient-based learning
/// applied to document recognition").
/// </summary>
/// <example><code>var split = Mnist.Load("data", download: true);</code></example>
public static class Mnist
{
    internal static ImageSet Set { get; } = new()
    {
        Name = "mnist",
        Title = "MNIST",
        InputShape = [1, 28, 28],
        ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        MirrorKeepsClass = false,
        Mean = [0.1307f],
        Std = [0.3081f],
        Files = Files(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        Folders = ["mnist", ".", "MNIST/raw"],
        Remote =
        [
            new("train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            new("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            new("t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            new("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ],
        Mirrors = ["https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"],
    };

    /// <summary>The files of MNIST and of datasets modelled on it, with the checksums of the unpacked files.</summary>
    internal static IReadOnlyList<DataFile> Files(string trainImages, string trainLabels, string testImages, string testLabels) =>
    [
        new("train-images-idx3-ubyte", Train: true, First: 0, Images: 60_000, FileEncoding.IdxImages) { Sha256 = trainImages },
        new("train-labels-idx1-ubyte", Train: true, First: 0, Images: 60_000, FileEncoding.IdxLabels) { Sha256 = trainLabels },
        new("t10k-images-idx3-ubyte", Train: false, First: 0, Images: 10_000, FileEncoding.IdxImages) { Sha256 = testImages },
        new("t10k-labels-idx1-ubyte", Train: false, First: 0, Images: 10_000, FileEncoding.IdxLabels) { Sha256 = testLabels },
    ];

    /// <summary>
    /// Loads it from a folder that contains <c>train-images-idx3-ubyte</c> and the three others, compressed (<c>.gz</c>) or not, directly
    /// or in a subfolder <c>mnist</c>.
    /// </summary>
    /// <inheritdoc cref="Cifar10.Load"/>
    public static DataSplit Load(string directory = "data", bool download = false) =>
        Datasets.Load(Set.Name, new DatasetOptions { DataDirectory = directory, Download = download });
}
