using MiniDL.Data.Files;

namespace MiniDL.Data;

/// <summary>
/// Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 1×28×28, in MNIST's file format (Xiao et al. 2017,
/// arXiv 1708.07747).
/// </summary>
/// <example><code>var split = FashionMnist.Load("data", download: true);</code></example>
public static class FashionMnist
{
    internal static ImageSet Set { get; } = new()
    {
        Name = "fashion-mnist",
        Title = "Fashion-MNIST",
        InputShape = [1, 28, 28],
        ClassNames = ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"],
        Mean = [0.2860f],
        Std = [0.3530f],
        Files = Mnist.Files(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
        Folders = ["fashion-mnist", ".", "FashionMNIST/raw"],
        Remote =
        [
            new("train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            new("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            new("t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            new("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ],
        Mirrors =
        [
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ],
    };

    /// <summary>Loads it like <see cref="Mnist.Load"/>, or from the subfolder <c>fashion-mnist</c>.</summary>
    /// <inheritdoc cref="Cifar10.Load"/>
    public static DataSplit Load(string directory = "data", bool download = false) =>
        Datasets.Load(Set.Name, new DatasetOptions { DataDirectory = directory, Download = download });
}
