using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Examples.Training;
using MiniDL.Layers;

namespace MiniDL.Examples.Studies;

/// <summary>
/// BN before the activation, as its paper has it, against BN after the activation: a residual net and an MLP, trained
/// the same way.
/// </summary>
/// <remarks>
/// Ioffe and Szegedy 2015 put BN before the activation, because "the sum is more likely to have a symmetric, non-sparse
/// distribution" (§3.2); practitioners report that after is as good or better. Open choices: in the residual net every norm
/// moves, so that a branch ends in <c>norm(relu(conv))</c> and the ReLU after the sum stays; settings are the defaults of
/// <c>train</c>. The MLP has 256-256 hidden units and is trained on the same images. The full size is ResNet-20 and the MLP on
/// all of CIFAR-10 for 100 epochs, three seeds.
/// </remarks>
internal sealed class PlacementStudy : Study
{
    public override string Name => "placement";

    public override string Title => "Does BN belong before or after the activation?";

    public override string Paper => "Ioffe and Szegedy 2015, Batch Normalization, §3.2 (arXiv:1502.03167)";

    public override string DataNote => "cifar10";

    private static readonly (string Name, Func<Norm, Norm> Order)[] Orders =
        [("before", norm => norm), ("after", norm => new AfterActivation(norm))];

    public override Report Run(StudyContext context)
    {
        var tasks = Tasks(context);
        var curves = new List<Curve>();
        foreach (var task in tasks)
            foreach (var (order, place) in Orders)
                curves.Add(Train(task, order, place, curves.Count / 4.0, context));

        var report = new Report(Title)
        {
            Introduction = "The paper normalizes what goes into the activation. After it, BN sees half of the values at "
                + "zero, but hands the next layer inputs of mean 0 and deviation 1. Both nets are trained with the same "
                + "settings, data, order and initial weights. Lines are means over seeds, bands go from the lowest to the "
                + "highest.",
        };
        foreach (var task in tasks) report.Setting(task.Title, task.Description);
        report.Setting("seeds", context.Pick(1, 2, 3));
        foreach (var task in tasks) AddFinding(report, task, curves);
        report.AddPanels("placement", [.. tasks.Select(task => ErrorOf(task, curves))]);
        report.AddPanels("placement_loss", [.. tasks.Select(task => LossOf(task, curves))]);
        report.Add(new DataTable("placement",
            ["model", "bn", "seed", "epoch", "train_loss", "train_error", "test_loss", "test_error"],
            [.. curves.SelectMany(curve => curve.Rows())])
        { Hidden = true });
        return report;
    }

    private sealed record Task(string Title, TrainSettings Settings, DataSplit Data, Func<int, Norm> Norm)
    {
        public string Description => $"{Counted.Of(Data.Train.Count, "image")}, {Counted.Of(Settings.Epochs, "epoch")}, batch {Settings.BatchSize}, "
            + $"learning rate {Settings.LearningRate}, {Settings.Schedule}, weight decay {Settings.WeightDecay}";
    }

    private static Task[] Tasks(StudyContext context)
    {
        var images = context.Load("cifar10", context.Pick(120, 4000, 50_000), context.Pick(50, 1000, 10_000));
        var common = new TrainSettings
        {
            Device = context.Device.Name,
            Precision = DeviceChoice.NameOf(context.Device.Precision),
            BatchSize = context.Pick(20, 64, 128),
            LearningRate = context.Pick(0.05, 0.05, 0.1),
            Epochs = context.Pick(2, 8, 100),
            Augment = context.Size == StudySize.Full,
        };
        return
        [
            new Task("ResNet", common with { Model = context.Pick("resnet8", "resnet8", "resnet20") }, images,
                channels => new BatchNorm2d(channels)),
            new Task("MLP", common with { Model = "mlp" }, images, features => new BatchNorm1d(features)),
        ];
    }

    private static Curve Train(Task task, string order, Func<Norm, Norm> place, double done, StudyContext context)
    {
        int seeds = context.Pick(1, 2, 3);
        var runs = new List<EpochRecord[]>();
        for (int seed = 0; seed < seeds; seed++)
        {
            var settings = task.Settings with { Seed = context.Seed + (ulong)seed };
            var norm = NormFactory.Of(channels => place(task.Norm(channels)));
            var trainer = new Trainer(settings, task.Data.Train, task.Data.Test, norm);
            double before = done + seed / (4.0 * seeds);
            string name = $"{task.Title}, BN {order}, seed {settings.Seed}";
            void Show(StepReport step) =>
                context.Progress(before + (double)step.Step / trainer.TotalSteps / (4 * seeds), $"{name}  {step}");
            runs.Add([.. trainer.Run(Show, context.Stop)]);
        }
        return new Curve(task, order, [.. runs]);
    }

    /// <summary>The runs of one net with BN in one place.</summary>
    private sealed record Curve(Task Task, string Order, EpochRecord[][] Runs)
    {
        /// <summary>The last test error from each seed.</summary>
        public double[] Last => [.. Runs.Select(run => run[^1].TestError)];

        public Series Of(Func<EpochRecord, double> value, int color) =>
            Series.Over($"BN {Order}", [.. Runs[0].Select(r => (double)r.Epoch)], OverSeeds.OfEpochs(Runs, value)) with { Color = color };

        public IEnumerable<IReadOnlyList<object>> Rows() => Runs.SelectMany((run, seed) => run.Select(r =>
            (IReadOnlyList<object>)[Task.Title, Order, seed, r.Epoch, r.TrainLoss, r.TrainError, r.TestLoss, r.TestError]));
    }

    private static void AddFinding(Report report, Task task, List<Curve> curves)
    {
        double[] ErrorsOf(string order) => curves.First(c => c.Task == task && c.Order == order).Last;
        Estimate Of(string order) => Estimate.Error(ErrorsOf(order), task.Data.Test.Count, task.Data.Test.Classes);
        OverSeeds before = OverSeeds.Of(ErrorsOf("before")), after = OverSeeds.Of(ErrorsOf("after"));
        string seeds = before.Seeds < 2 ? "; one seed"
            : FormattableString.Invariant($"; seeds differ by up to {Math.Max(before.Range, after.Range):F1} points");
        report.Add(new Finding($"{task.Title}: before the activation is the better place",
            "chosen for its reasoning, not measured",
            FormattableString.Invariant($"test error {before.Mean:F1} % before, {after.Mean:F1} % after{seeds}"),
            Clause.Below(Of("before"), Of("after"))));
    }

    private static Chart ErrorOf(Task task, List<Curve> curves) =>
        Panel(task, curves, "error", "test error (%)", r => r.TestError) with
        {
            Caption = $"{task.Title} on {StudyContext.ImagesOf(task.Data.Train.Name)}: error on the test images after each epoch.",
        };

    private static Chart LossOf(Task task, List<Curve> curves) =>
        Panel(task, curves, "loss", "training loss", r => r.TrainLoss) with
        {
            Caption = "Mean cross-entropy of the epoch's batches.",
        };

    private static Chart Panel(Task task, List<Curve> curves, string name, string label, Func<EpochRecord, double> value) => new(
        $"placement_{task.Title.ToLowerInvariant()}_{name}", $"{task.Title}: {label.Replace(" (%)", "")}",
        new Axis("epoch") { Whole = true }, new Axis(label),
        [.. curves.Where(curve => curve.Task == task).Select((curve, index) => curve.Of(value, index))]);

    /// <summary>A norm that stands after the ReLU which the net asks for after its norms: <c>norm(relu(x))</c>.</summary>
    private sealed class AfterActivation : Norm
    {
        private readonly Norm _norm;

        public AfterActivation(Norm norm) => _norm = Register("norm", norm);

        public override bool IncludesActivation => true;

        protected override Tensor ForwardPlain(Tensor x) => _norm.Forward(x.Relu());
    }
}
