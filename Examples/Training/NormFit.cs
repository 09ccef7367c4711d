using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>
/// Which norms go with which models, groups and batches: what making the model or its first step would refuse, said before there is either, in
/// the words of the command line.
/// </summary>
/// <param name="lists">Whether norms and batch sizes are given as lists: <c>--norms</c>, <c>--batch-sizes</c>.</param>
internal sealed class NormFit(bool lists)
{
    /// <summary>Checks all runs, which differ in norm, batch size and seed alone.</summary>
    /// <param name="groups">As given; null for the default.</param>
    /// <param name="virtualBatch">As given; null for the default.</param>
    /// <exception cref="UsageException">A run cannot be, or a given number has no effect on any.</exception>
    public static void Check(IReadOnlyList<TrainSettings> runs, int? groups, int? virtualBatch, bool lists)
    {
        var fit = new NormFit(lists);
        foreach (var run in runs.DistinctBy(run => (run.Norm, run.BatchSize))) fit.Check(run.Checked(lists));
        string norms = string.Join(", ", runs.Select(run => run.Norm).Distinct());
        if (groups is not null && !runs.Any(run => Kind(run).HasGroups))
            throw new UsageException(Listed.In($"--groups {groups} is for {{norms with groups}}, and {fit.Norm(norms)} has no groups. Leave it out."));
        if (virtualBatch is null) return;
        var ghosts = runs.Where(run => run.Norm == "ghost").ToArray();
        if (ghosts.Length == 0) throw new UsageException($"--virtual-batch {virtualBatch} is for ghost, not for {fit.Norm(norms)}. Leave it out.");
        int largest = ghosts.Max(run => run.BatchSize);
        if (virtualBatch > largest)
            throw new UsageException($"--virtual-batch {virtualBatch} is larger than {fit.Batch(largest)}: the whole batch would share statistics, as in bn. "
                + "Use a smaller one.");
    }

    /// <summary>Whether one image is too little for the statistics of a batch: of a linear layer's output it is one value per channel.</summary>
    public static bool NeedsSeveralImages(TrainSettings run) => Models.HasFeatures(run.Model) && Kind(run).IsOverBatch;

    private static NormFactory Kind(TrainSettings run) => NormFactory.Named(run.Norm);

    private void Check(TrainSettings run)
    {
        bool features = Models.HasFeatures(run.Model);
        if (features && !Kind(run).TakesFeatures) RefuseModel(run);
        int channels = Models.MinChannels(run.Model);
        if (Kind(run).HasGroups && channels % run.Groups != 0)
            throw new UsageException($"--groups {run.Groups} does not divide the {channels} channels that {run.Norm} normalizes in {run.Model}. "
                + $"Use {Divisors(channels, 1)}.");
        if (run.Norm == "ghost") CheckGhost(run, least: features ? 2 : 1);
        if (run.BatchSize == 1 && NeedsSeveralImages(run))
            throw new UsageException($"{Batch(1)} leaves {run.Norm} one value per channel in {run.Model}, and its statistics need two. Use 2 or more.");
        if (features && run.BatchSize == 1 && Kind(run).HasGroups && run.Groups == channels)
            throw new UsageException($"--groups {run.Groups} leaves {run.Norm} one value per group in {run.Model} at {Batch(1)}, and its statistics need two. "
                + "Use fewer.");
    }

    private void CheckGhost(TrainSettings run, int least)
    {
        bool divides = run.VirtualBatch >= run.BatchSize || run.BatchSize % run.VirtualBatch == 0;
        if (divides && Math.Min(run.VirtualBatch, run.BatchSize) >= least) return;
        string rule = divides ? $"leaves ghost one value per channel in {run.Model}, and its statistics need two" : $"does not divide {Batch(run.BatchSize)}, as ghost needs";
        string remedy = run.BatchSize > 1 ? $"Use {Divisors(run.BatchSize, least)}, or another batch size." : "Use a larger batch.";
        throw new UsageException($"--virtual-batch {run.VirtualBatch} {rule}. {remedy}");
    }

    private void RefuseModel(TrainSettings run)
    {
        string why = Kind(run).StartsBranches
            ? $"is a way to start residual branches, and {run.Model} has none"
            : $"normalizes over the pixels of images, and the linear layers of {run.Model} have none";
        throw new UsageException($"{Norm(run.Norm)} {why}. Use a resnet with it, or one of {string.Join(", ", NormFactory.Names.Where(norm => NormFactory.Named(norm).TakesFeatures))}.");
    }

    private string Norm(string norm) => lists ? $"--norms {norm}" : $"--norm {norm}";

    private string Batch(int size) => lists ? $"batch size {size} of --batch-sizes" : $"--batch-size {size}";

    private static string Divisors(int number, int least)
    {
        string[] divisors = [.. Enumerable.Range(least, number - least + 1).Where(divisor => number % divisor == 0).Select(divisor => $"{divisor}")];
        return divisors.Length == 1 ? divisors[0] : $"{string.Join(", ", divisors[..^1])} or {divisors[^1]}";
    }
}
