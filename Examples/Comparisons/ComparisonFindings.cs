using MiniDL.Examples.Reports;
using MiniDL.Examples.Studies;

namespace MiniDL.Examples.Comparisons;

/// <summary>The GN paper's two claims, judged by a comparison that has BN and GN over a range of batch sizes.</summary>
internal static class ComparisonFindings
{
    /// <summary>From the smallest batch to the largest: with less between them a run says nothing about small batches.</summary>
    private const int Range = 8;

    /// <summary>GN stays as it is when its error moves by no more points than this; in the paper it moves by none.</summary>
    private const double Steady = 3;

    /// <summary>The findings; none where there are not both norms over a range of batch sizes.</summary>
    /// <param name="epochs">Of finished runs.</param>
    public static IEnumerable<Finding> Of(
        ComparisonSettings settings, IEnumerable<ComparedEpoch> epochs, int testImages, int classes)
    {
        ComparedEpoch[] last = [.. epochs.GroupBy(e => e.Run).Select(run => run.Last())];
        int[] sizes = [.. SizesOf("bn")];
        if (sizes.Length < 2 || sizes[0] < Range * sizes[^1] || !SizesOf("gn").Contains(sizes[0]) || !SizesOf("gn").Contains(sizes[^1]))
            yield break;
        int large = sizes[0], small = sizes[^1];
        Estimate bnLarge = Error("bn", large), bnSmall = Error("bn", small), gnLarge = Error("gn", large), gnSmall = Error("gn", small);
        double ahead = bnSmall.Value - gnSmall.Value;
        string here = $"{settings.Model} on {StudyContext.ImagesOf(settings.Dataset)}";
        yield return new Finding(
            FormattableString.Invariant($"With small batches BN gets worse, and GN stays within {Steady} points of where it was"),
            "ResNet-50 on ImageNet from 32 to 2 images: BN 23.6 → 34.7 %, GN 24.1 → 24.1 % error",
            FormattableString.Invariant($"{here} from {large} to {small}: BN {Text(bnLarge)} → {Text(bnSmall)} %, ")
                + FormattableString.Invariant($"GN {Text(gnLarge)} → {Text(gnSmall)} %"),
            Clause.Below(bnLarge, bnSmall), Clause.Same(gnLarge, gnSmall, Steady));
        yield return new Finding("At the smallest batch GN is ahead of BN", "by 10.6 points, after 100 epochs of ImageNet",
            double.IsNaN(ahead) ? $"{here}: a run diverged"
                : FormattableString.Invariant($"{here}: GN is {Math.Abs(ahead):F1} points {(ahead >= 0 ? "ahead" : "behind")}"),
            Clause.Below(gnSmall, bnSmall));

        IEnumerable<int> SizesOf(string norm) =>
            last.Where(e => e.Run.Norm == norm).Select(e => e.Run.BatchSize).Distinct().OrderDescending();
        Estimate Error(string norm, int size) => Estimate.Error(
            last.Where(e => e.Run.Norm == norm && e.Run.BatchSize == size).Select(e => e.Diverged ? double.NaN : e.TestError),
            testImages, classes);
        static string Text(Estimate error) => double.IsNaN(error.Value) ? "diverged" : FormattableString.Invariant($"{error.Value:F1}");
    }
}
