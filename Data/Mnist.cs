using MiniDL.Data.Files;

namespace MiniDL.Data;

/// <summary>
/// MNIST: 60,000 training and 10,000 test images of handwritten digits, 1×28×28 (LeCun et al. 1998, "Gradient-based learning
/// applied to document recognition").
/// </summary>
public static class Mnist
{
    internal static ImageSet Set { get; } = new()
    {
        Name = "mnist",
        InputShape = [1, 28, 28],
        ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        MirrorKeepsClass = false,
        Mean = [0.1307f],
        Std = [0.3081f],
        Files = Files,
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

    /// <summary>What MNIST and the datasets in its image consist of.</summary>
    internal static IReadOnlyList<DataFile> Files =>
    [
        new("train-images-idx3-ubyte", Train: true, First: 0, Images: 60_000, FileEncoding.IdxImages),
        new("train-labels-idx1-ubyte", Train: true, First: 0, Images: 60_000, FileEncoding.IdxLabels),
        new("t10k-images-idx3-ubyte", Train: false, First: 0, Images: 10_000, FileEncoding.IdxImages),
        new("t10k-labels-idx1-ubyte", Train: false, First: 0, Images: 10_000, FileEncoding.IdxLabels),
    ];

    /// <summary>
    /// Loads it from a folder that has <c>train-images-idx3-ubyte</c> and the three others, compressed (<c>.gz</c>) or not, or has
    /// them in <c>mnist</c>.
    /// </summary>
    /// <inheritdoc cref="Cifar10.Load"/>
    public static DataSplit Load(string directory = "data", bool download = false) =>
        Datasets.Load(Set.Name, new DatasetOptions { DataDirectory = directory, Download = download });
}
