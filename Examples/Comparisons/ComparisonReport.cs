using System.Globalization;
using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Comparisons;

/// <summary>The page of a comparison: <c>report.html</c>, the pictures, and <c>summary.csv</c>.</summary>
internal static class ComparisonReport
{
    private const string Distance = "How far the statistics that normalize a training batch, of the run's size, are from the "
        + "running ones that evaluation uses: root mean squares over channels and batches. Means: `(batch mean − running mean) "
        + "/ √(running variance + eps)`, in running standard deviations; variances: `ln((batch variance + eps) / (running "
        + "variance + eps))`. 0 would mean that training and evaluation compute the same; a mean distance of 0.1 shifts "
        + "normalized values by 0.1, a variance distance of 0.2 scales them by about 10 %. Norms without running statistics "
        + "have no distance.";

    /// <summary>Tells what finished runs have found.</summary>
    /// <param name="test">The images that errors are counted on.</param>
    /// <param name="command">The command line that does the comparison again.</param>
    public static Report Of(ComparisonSettings settings, string dataSource, Dataset test, string command, ComparedEpoch[] epochs,
        ComparedLayer[] layers, ComparedEvaluation[] evaluations)
    {
        var summary = SummaryRow.Of(epochs);
        var charts = new ComparisonCharts(summary, epochs, layers, evaluations);
        string title = $"{settings.Model} on {settings.Dataset}, {Counted.Of(settings.Epochs, "epoch")}";
        var report = new Report($"{string.Join(", ", charts.Norms.Select(n => n.ToUpperInvariant()))} over batch sizes: {title}")
        {
            Paper = "After Wu and He 2018, Group Normalization (arXiv:1803.08494), figures 1 and 5",
            Introduction = Introduction(settings, summary),
        };
        if (settings.Dataset == "synthetic")
            report.Notice("Synthetic images: they are drawn, not photographed. What is found here is about them; `--dataset` takes others.");
        foreach (var finding in ComparisonFindings.Of(settings, epochs, test.Count, test.Classes)) report.Add(finding);
        AddErrors(report, charts, title, summary);
        AddStatistics(report, charts, evaluations);
        AddGradients(report, charts);
        report.Section("The numbers", "`runs.csv` has a row for every epoch of every run, `layers.csv` for every layer after "
            + "it, `evaluation.csv` for every finished run, tested with three kinds of statistics; `summary.csv` is the table "
            + "above. Empty cells: there is nothing to measure.");
        AddSettings(report, settings, dataSource, epochs);
        report.Command("Does the comparison again; with `--out` and this folder it goes on with it:", command);
        return report;
    }

    private static string Introduction(ComparisonSettings settings, SummaryRow[] summary)
    {
        int seeds = summary.Max(row => row.Seeds);
        return string.Create(CultureInfo.InvariantCulture, $"The same net is trained for the same {Counted.Of(settings.Epochs, "epoch")} "
            + $"with each norm at each "
            + $"batch size, the learning rate proportional to {(settings.Optimizer == "sgd" ? "the batch" : "the square root of the batch")} ({settings.BaseLearningRate} at {Counted.Of(settings.BaseBatch, "image")}); ")
            + (seeds > 1 ? $"lines are means over {seeds} seeds, bands one standard deviation to either side." : "one seed each.")
            + " Batch normalization takes its statistics from the batch, so the smaller the batch, the noisier they are, and "
            + "the farther from the running averages that evaluation puts in their place; norms that look at one image at a "
            + "time do not know the batch.";
    }

    private static void AddErrors(Report report, ComparisonCharts charts, string title, SummaryRow[] summary)
    {
        report.Add(charts.ErrorVsBatchSize(title) with
        {
            Caption = $"Test error after the last epoch; the largest batch is on the left. {CurveCrossings.Describe(summary)}".TrimEnd(),
        });
        report.Add(new DataTable("summary", SummaryRow.Header.Split(','), [.. summary.Select(row => row.Cells())])
        {
            Caption = "After the last epoch, mean and standard deviation over the seeds; errors in percent. Training error and "
                + "loss are means over the epoch's batches as they were trained on.",
        });
        report.Section("Training", "Test error in evaluation mode, and the mean loss of each epoch's batches as they were "
            + "trained on.");
        Add(report, "training_curves", charts.Curves("test_error", "test error", "test error (%)", e => e.TestError, charts.Norms));
        Add(report, "training_loss", charts.Curves("train_loss", "training loss", "cross-entropy", e => e.TrainLoss, charts.Norms));
    }

    private static void AddStatistics(Report report, ComparisonCharts charts, ComparedEvaluation[] evaluations)
    {
        if (charts.NormsWithStatistics.Count == 0) return;
        const string gap = "loss, running − batch statistics";
        report.Section("Training mode against evaluation mode", "The loss of the same training images, without augmentation: "
            + "with running statistics, as in evaluation, less that with the statistics of batches of the run's size, as in "
            + "training. 0: both compute the same, as norms without running statistics do. Above 0 the net does not fit the "
            + "running statistics; below 0 the noise of the batch's costs more.");
        Add(report, "evaluation_gap", [charts.Gap(gap), .. charts.Curves("evaluation_gap", "over the epochs", gap,
            e => e.Probe.EvalLoss - e.Probe.BatchLoss, charts.NormsWithStatistics)]);
        if (charts.NormsWithDistance.Count > 0)
        {
            report.Section("Batch statistics against running statistics", Distance);
            bool Has(LayerProbe layer) => double.IsFinite(layer.Distance.Mean);
            Add(report, "statistics_distance", [
                .. charts.Layers("mean_distance", "means", "distance", Has, layer => layer.Distance.Mean, charts.NormsWithDistance),
                .. charts.Layers("variance_distance", "variances", "distance", Has, layer => layer.Distance.Variance,
                    charts.NormsWithDistance)]);
        }
        report.Section("Three kinds of statistics", "The finished models on the test images: `running` averages as training "
            + "left them; `precise` ones, computed anew from training images with the final weights (Wu and Johnson 2021, "
            + "arXiv:2105.07576); those of each test `batch`, of the run's size. Norms without running statistics give the "
            + "same for all three; norms whose running statistics are not a mean and a variance have no precise ones.");
        Add(report, "statistics", charts.ByStatistics());
        report.Add(new DataTable("statistics_mean",
            ["norm", "batch_size", "running_test_error", "precise_test_error", "batch_test_error"],
            [.. evaluations.GroupBy(e => (e.Run.Norm, e.Run.BatchSize)).Select(runs => (object[])[runs.Key.Norm, runs.Key.BatchSize,
                Mean(runs, r => r.Running), Mean(runs, r => r.Precise), Mean(runs, r => r.Batch)])])
        { Caption = "Test error in percent, mean over the seeds." });

        static object Mean(IEnumerable<ComparedEvaluation> runs, Func<EvaluationByStatistics, Score> kind) =>
            runs.Average(run => kind(run.Result).Error) is var mean && double.IsFinite(mean) ? Math.Round(mean, 4) : "";
    }

    private static void AddGradients(Report report, ComparisonCharts charts)
    {
        report.Section("Gradients", "ℓ2 norm of the gradient of a batch's loss, with the weights as the epoch left them: mean "
            + "over up to ten training batches of the run's size. By layer: of the weights of convolutions and linear layers, "
            + "after the last epoch.");
        Add(report, "gradient_norm", charts.Curves("gradient_norm", "whole gradient", "gradient norm",
            e => e.Probe.GradientNorm, charts.Norms, log: true));
        Add(report, "layer_gradient_norm", charts.Layers("layer_gradient_norm", "by layer", "gradient norm",
            layer => layer.Type is "Conv2d" or "Linear", layer => layer.GradientNorm, charts.Norms));
    }

    private static void Add(Report report, string name, IReadOnlyList<Chart> panels)
    {
        if (panels.Count > 0) report.AddPanels(name, panels);
    }

    private static void AddSettings(Report report, ComparisonSettings settings, string dataSource, ComparedEpoch[] epochs)
    {
        string Images(int? count, string what) => count is { } n ? $"the first {Counted.Of(n, what)}" : $"all {what}s";
        report.Setting("model", settings.Model);
        report.Setting("data", $"{settings.Dataset} ({dataSource}), {Images(settings.TrainImages, "training image")} and "
            + $"{Images(settings.TestImages, "test image")}");
        report.Setting("augmentation", settings.Augment ? "pad by 4, random crop, random flip" : "none");
        report.Setting("epochs", settings.Epochs);
        string kind = settings.Optimizer switch { "sgd" => FormattableString.Invariant($"SGD, momentum {settings.Momentum}"), "adam" => "Adam", _ => "AdamW" };
        report.Setting("optimizer", FormattableString.Invariant($"{kind}, weight decay {settings.WeightDecay} on every parameter")
            + (settings.ClipNorm is { } clip ? FormattableString.Invariant($", gradients clipped to the norm {clip}") : ""));
        report.Setting("learning rate", $"{OptimizerChoice.Named(settings.Optimizer).Rule(settings.BaseLearningRate, settings.BaseBatch)}, "
            + $"schedule {settings.Schedule}");
        report.Setting("groups of gn, ws, evonorm-s0", settings.Groups);
        report.Setting("virtual batch of ghost", settings.VirtualBatch);
        report.Setting("seeds", string.Join(", ", epochs.Select(e => e.Run.Seed).Distinct().Order()));
        report.Setting("device", settings.Precision is null ? settings.Device : $"{settings.Device}, {settings.Precision}");
        report.Setting("made with", $"MiniDL {typeof(Tensor).Assembly.GetName().Version!.ToString(3)}, "
            + $"{DateTime.Now:yyyy-MM-dd}");
    }
}
