namespace MiniDL.Examples.Options;

/// <summary>
/// Guesses what was meant by a name that there is not: names that mean the same elsewhere, and those that are a slip or two of the keyboard
/// away. Case, dashes and underscores do not count.
/// </summary>
internal static class DidYouMean
{
    /// <summary>With more names equally near, none of them is a guess.</summary>
    private const int MaxGuesses = 2;

    /// <summary>What people call things who come from other programs, and what options with the same meaning are called in other verbs.</summary>
    private static readonly string[][] Synonyms =
    [
        ["lr", "base-lr", "learning-rate", "rate", "eta"], ["norm", "norms", "normalization", "normalisation"],
        ["batch-size", "batch-sizes", "batch", "bs", "batches"], ["seed", "seeds", "random-seed"], ["epochs", "num-epochs", "n-epochs", "passes"],
        ["weight-decay", "wd", "l2-penalty"], ["out", "output", "out-dir", "output-dir", "save-dir"], ["out", "resume"], ["data-dir", "data", "data-path", "root", "dir"],
        ["dataset", "data-set"], ["model", "arch", "architecture", "net", "network"], ["threads", "cpus", "num-threads"],
        ["parallel", "jobs", "workers", "num-workers"], ["augment", "augmentation"], ["schedule", "scheduler", "lr-schedule"],
        ["groups", "num-groups"], ["virtual-batch", "ghost-batch", "virtual-batch-size"], ["quiet", "silent", "q"],
        ["train-images", "num-train"], ["test-images", "num-test"], ["steps", "iterations", "repeat"], ["warm-up", "warmup"],
        ["detect-anomaly", "anomaly", "detect-nan", "check-nan"], ["train", "training", "fit"], ["compare", "comparison"], ["bench", "benchmark"], ["study", "studies", "experiment", "reproduce"],
        ["doctor", "check"], ["data", "datasets", "dataset", "download"],
        ["bn", "batch", "batch-norm", "batch-normalization"], ["gn", "group", "group-norm", "group-normalization"],
        ["ln", "layer", "layer-norm", "layer-normalization"], ["in", "instance", "instance-norm", "instance-normalization"],
        ["wn", "weight", "weight-norm", "weight-normalization"], ["none", "no", "off", "identity"], ["rms", "rms-norm"], ["lrn", "local-response-norm"],
        ["lp1", "l1"], ["lp2", "l2"], ["lpinf", "linf"], ["ghost", "gbn", "ghost-batch-norm"], ["brn", "batch-renorm", "batch-renormalization"],
        ["ws", "weight-standardization", "gn-ws"], ["frn", "filter-response-norm"], ["dyt", "dynamic-tanh", "tanh"],
        ["cuda", "gpu", "nvidia"], ["cpu", "host"], ["fp32", "float32", "float", "f32"], ["bf16", "bfloat16"], ["cosine", "cos"], ["cifar10", "cifar"],
    ];

    /// <summary>A sentence to add to a message, <c> Did you mean train?</c>; nothing where no name is near.</summary>
    /// <param name="before">Stands before every name, as the dashes of an option.</param>
    public static string Among(string given, IEnumerable<string> names, string before = "")
    {
        string[] guesses = Guesses(given, [.. names]);
        return guesses.Length == 0 ? "" : $" Did you mean {string.Join(" or ", guesses.Select(guess => before + guess))}?";
    }

    private static string[] Guesses(string given, string[] names)
    {
        // No name is near what is longer than two of them.
        if (given.Length > 60) return [];
        string bare = Bare(given);
        if (bare.Length == 0) return [];
        string[] same = [.. names.Where(name => Bare(name) == bare)];
        if (same.Length == 0) same = [.. names.Where(name => Array.Exists(Synonyms, group => Holds(group, bare) && Holds(group, Bare(name))))];
        if (same.Length is > 0 and <= MaxGuesses) return same;
        var near = names.Select(name => (Name: name, Distance: Distance(bare, Bare(name)))).Where(n => n.Distance <= (bare.Length + 1) / 3 && IsLikely(bare, Bare(n.Name))).ToArray();
        string[] nearest = [.. near.Where(n => n.Distance == near.Min(other => other.Distance)).Select(n => n.Name)];
        if (nearest.Length == 0 && bare.Length >= 3) nearest = [.. names.Where(name => Bare(name).StartsWith(bare, StringComparison.Ordinal))];
        return nearest.Length <= MaxGuesses ? nearest : [];
    }

    /// <summary>Short names are near many: a slip in their first letter is not likely, unless the letters have changed places.</summary>
    private static bool IsLikely(string given, string name) => given.Length > 3 || given[0] == name[0] || given.Order().SequenceEqual(name.Order());

    private static bool Holds(string[] group, string bare) => Array.Exists(group, word => Bare(word) == bare);

    private static string Bare(string name) => string.Concat(name.Where(c => c is not ('-' or '_' or ' '))).ToLowerInvariant();

    /// <summary>How many letters to add, leave out, change or swap with their neighbours (Damerau 1964, no letter touched twice).</summary>
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++) d[i, 0] = i;
        for (int j = 0; j <= b.Length; j++) d[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
            for (int j = 1; j <= b.Length; j++)
            {
                int changed = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                d[i, j] = Math.Min(changed, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        return d[a.Length, b.Length];
    }
}
