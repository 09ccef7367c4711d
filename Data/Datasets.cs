using MiniDL.Data.Files;

namespace MiniDL.Data;

/// <summary>The datasets that are known by name.</summary>
/// <example><code>var (train, test, source) = Datasets.Load("synthetic");</code></example>
public static class Datasets
{
    private const string Synthetic = "synthetic";

    /// <summary>The published datasets, which come in files.</summary>
    internal static IReadOnlyList<ImageSet> Published { get; } = [Cifar10.Set, Cifar100.Set, Mnist.Set, FashionMnist.Set];

    /// <summary>synthetic, cifar10, cifar100, mnist, fashion-mnist.</summary>
    public static IReadOnlyList<string> Names { get; } = [Synthetic, .. Published.Select(set => set.Name)];

    /// <summary>The name as written in text: Fashion-MNIST for fashion-mnist.</summary>
    public static string TitleOf(string name) => Published.FirstOrDefault(set => set.Name == name)?.Title ?? name;

    /// <summary>Loads a dataset by name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <exception cref="MissingDataException">The files are not there.</exception>
    /// <exception cref="MiniDLException">
    /// There is no such dataset, or its files are damaged, not the expected ones, or could not be fetched.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static DataSplit Load(string name, DatasetOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new DatasetOptions();
        if (name == Synthetic)
            return SyntheticImages.Load(options.Seed,
                options.TrainImages ?? SyntheticImages.DefaultTrain, options.TestImages ?? SyntheticImages.DefaultTest);
        var set = Published.FirstOrDefault(set => set.Name == name)
            ?? throw new MiniDLException($"[data] there is no dataset '{Quote.Text(name)}'. Use one of {string.Join(", ", Names)}.");
        return ImageFiles.Load(set, options, cancellation);
    }
}
