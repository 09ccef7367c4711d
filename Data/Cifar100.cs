using MiniDL.Data.Files;

namespace MiniDL.Data;

/// <summary>
/// CIFAR-100: 50,000 training and 10,000 test photographs, 3×32×32, in 100 classes (Krizhevsky 2009); the 20 coarse classes of
/// the files are not used.
/// </summary>
/// <example><code>var split = Cifar100.Load("data", download: true);</code></example>
public static class Cifar100
{
    internal static ImageSet Set { get; } = new()
    {
        Name = "cifar100",
        Title = "CIFAR-100",
        InputShape = [3, 32, 32],
        ClassNames =
        [
            "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy", "bridge",
            "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud",
            "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl",
            "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man",
            "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear",
            "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
            "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel",
            "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train",
            "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
        ],
        Mean = [0.5071f, 0.4865f, 0.4409f],
        Std = [0.2673f, 0.2564f, 0.2762f],
        LabelBytes = 2,
        Files =
        [
            new("train.bin", Train: true, First: 0, Images: 50_000, FileEncoding.CifarRecords),
            new("test.bin", Train: false, First: 0, Images: 10_000, FileEncoding.CifarRecords),
        ],
        Folders = ["cifar-100-binary", "."],
        Remote = [new("cifar-100-binary.tar.gz", 168_513_733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec")],
        Mirrors = ["https://www.cs.toronto.edu/~kriz/"],
    };

    /// <summary>Loads it from a folder that contains <c>cifar-100-binary.tar.gz</c>, or <c>train.bin</c> and <c>test.bin</c>.</summary>
    /// <inheritdoc cref="Cifar10.Load"/>
    public static DataSplit Load(string directory = "data", bool download = false) =>
        Datasets.Load(Set.Name, new DatasetOptions { DataDirectory = directory, Download = download });
}
