using MiniDL.Data;
using MiniDL.Examples.Reports;
using MiniDL.Layers;

namespace MiniDL.Examples.Studies;

/// <summary>
/// What the output of a normalized linear layer does not depend on: table 1 of the layer-norm paper, measured; and how much BN's
/// output for a fixed image depends on the rest of the batch.
/// </summary>
/// <remarks>
/// <para>A layer of 16 units on 32 cases of 20 numbers, without gain and bias. Weights or data are changed, and the change of
/// the output is measured: ‖y′ − y‖/‖y‖ over all cases and units. Rescaling is by 3; recentring adds one vector to every row of
/// the weight matrix, or to every case; of a single vector or case it is the first.</para>
/// <para>RMSNorm and GN are not in the paper's table; what the definitions say is.</para>
/// <para>The spread: a random convolution of images, one of which is fixed while the others are drawn anew; the standard
/// deviation of each of its normalized values over the draws, root mean square over the values.</para>
/// </remarks>
internal sealed class InvarianceStudy : Study
{
    /// <summary>A change below it is rounding.</summary>
    public const double Tolerance = 1e-4;

    private const int Cases = 32, Inputs = 20, Units = 16;
    private const double SmallestDrawn = 1e-8;

    public override string Name => "invariance";

    public override string Title => "What does a normalized layer not depend on?";

    public override string Paper => "Ba, Kiros and Hinton 2016, Layer Normalization, table 1 (arXiv:1607.06450)";

    public override string DataNote => "cifar10 for the second part";

    /// <inheritdoc/>
    public override bool Trains => false;

    public override Report Run(StudyContext context)
    {
        using var noGrad = new NoGrad();
        context.Progress(0, "invariance");
        var random = context.Random.Fork("layer");
        Cell[] cells = [.. from layer in Layers from change in Changes select Measure(layer, change, random)];
        var spreads = Spreads(context);

        var report = new Report(Title)
        {
            Introduction = $"A linear layer of {Units} units on {Cases} cases of {Inputs} numbers, normalized in one way or "
                + "another. The weights or the data are rescaled by 3 or shifted by a vector: by how much does the output "
                + "change, relative to its length? What is below 10⁻⁴ is rounding; the norms' ε of 10⁻⁵ alone changes some "
                + "10⁻⁶.",
        };
        report.Setting("layer", $"{Inputs} → {Units}, {Cases} cases; normal weights, inputs with mean 0.5 and deviation 1");
        var ofPaper = cells.Where(cell => cell.Layer.InPaper).ToArray();
        report.Add(new Finding("BN, WN and LN are invariant to what the paper's table says, and to nothing else of it",
            "18 cells, derived from the definitions", $"{ofPaper.Count(cell => cell.Agrees)} of {ofPaper.Length} cells agree",
            Clause.Holds(ofPaper.All(cell => cell.Agrees)))
        { Source = Source.Theory, Basis = Basis.Calculation });
        AddSpreadFinding(report, spreads);
        report.Add(Table(cells));
        report.Add(Changed(cells));
        report.Add(new DataTable("invariance", ["norm", "change", "relative_change", "invariant", "expected_invariant"],
            [.. cells.Select(cell => cell.Row)])
        { Hidden = true });
        report.Section("A fixed image in random batches", "BN's output for an image depends on the images beside it. The "
            + "smaller the batch, the more: that is the noise that costs BN its lead at small batches. The other norms look "
            + "at one image at a time.");
        report.Add(SpreadChart(spreads));
        report.Add(new DataTable("batch_spread", ["norm", "batch", "spread"],
            [.. spreads.Select(s => (IReadOnlyList<object>)[s.Norm, s.Batch, s.Value])])
        { Hidden = true });
        return report;
    }

    /// <summary>How a layer normalizes x · wᵀ.</summary>
    /// <param name="Invariant">The changes that the paper, or the definition, says leave the output as it is.</param>
    /// <param name="InPaper">Whether it is in the paper's table.</param>
    private sealed record Layer(string Name, Func<Tensor, Tensor, Tensor> Forward, Change[] Invariant, bool InPaper = false);

    private enum Change
    {
        WeightMatrixRescaled,
        WeightMatrixRecentred,
        WeightVectorRescaled,
        DataRescaled,
        DataRecentred,
        CaseRescaled,
    }

    private static readonly Change[] Changes = Enum.GetValues<Change>();

    private static readonly Layer[] Layers =
    [
        new("BN", (x, w) => new BatchNorm1d(Units).Forward(x.Linear(w)),
            [Change.WeightMatrixRescaled, Change.WeightVectorRescaled, Change.DataRescaled, Change.DataRecentred], InPaper: true),
        new("WN", WeightNormalized, [Change.WeightMatrixRescaled, Change.WeightVectorRescaled], InPaper: true),
        new("LN", (x, w) => new LayerNorm([Units]).Forward(x.Linear(w)),
            [Change.WeightMatrixRescaled, Change.WeightMatrixRecentred, Change.DataRescaled, Change.CaseRescaled], InPaper: true),
        new("RMS", (x, w) => new RmsNorm([Units]).Forward(x.Linear(w)),
            [Change.WeightMatrixRescaled, Change.DataRescaled, Change.CaseRescaled]),
        new("GN 4", (x, w) => new GroupNorm(4, Units).Forward(x.Linear(w)),
            [Change.WeightMatrixRescaled, Change.WeightMatrixRecentred, Change.DataRescaled, Change.CaseRescaled]),
        new("none", (x, w) => x.Linear(w), []),
    ];

    private static string NameOf(Change change) => change switch
    {
        Change.WeightMatrixRescaled => "weight matrix rescaled",
        Change.WeightMatrixRecentred => "weight matrix recentred",
        Change.WeightVectorRescaled => "weight vector rescaled",
        Change.DataRescaled => "data rescaled",
        Change.DataRecentred => "data recentred",
        _ => "single case rescaled",
    };

    /// <summary>Weight normalization with the length 1 that the paper's table takes as a gain apart from the weights.</summary>
    private static Tensor WeightNormalized(Tensor x, Tensor weight)
    {
        var layer = new Linear(Inputs, Units, bias: false, new RandomStream(0));
        layer.Weight.Value = weight.Clone();
        WeightNorm.Apply(layer);
        layer.Parameters().First(p => p.Name.EndsWith("original0", StringComparison.Ordinal)).Value = Tensor.Ones([Units, 1]);
        return layer.Forward(x);
    }

    private static Cell Measure(Layer layer, Change change, RandomStream random)
    {
        var x = Tensor.Normal([Cases, Inputs], random.Fork("inputs"), mean: 0.5);
        var weight = Tensor.Normal([Units, Inputs], random.Fork("weights"));
        var shift = Tensor.Normal([1, Inputs], random.Fork("shift"));
        var firstUnit = FirstRescaled(Units);
        var firstCase = FirstRescaled(Cases);
        var (changedX, changedWeight) = change switch
        {
            Change.WeightMatrixRescaled => (x, weight * 3),
            Change.WeightMatrixRecentred => (x, weight + shift),
            Change.WeightVectorRescaled => (x, weight * firstUnit),
            Change.DataRescaled => (x * 3, weight),
            Change.DataRecentred => (x + shift, weight),
            _ => (x * firstCase, weight),
        };
        double[] y = Values(layer.Forward(x, weight)), changed = Values(layer.Forward(changedX, changedWeight));
        return new Cell(layer, change, Length([.. changed.Zip(y, (a, b) => a - b)]) / Length(y));
    }

    /// <summary>[n, 1]: 3 for the first row, 1 for the others.</summary>
    private static Tensor FirstRescaled(int rows) =>
        Tensor.From([.. Enumerable.Range(0, rows).Select(row => row == 0 ? 3f : 1f)], [rows, 1]);

    private static double[] Values(Tensor x) => [.. x.ToArray().Select(value => (double)value)];

    private static double Length(double[] values) => Math.Sqrt(values.Sum(value => value * value));

    private sealed record Cell(Layer Layer, Change Change, double Value)
    {
        public bool Invariant => Value < Tolerance;

        public bool Expected => Layer.Invariant.Contains(Change);

        public bool Agrees => Invariant == Expected;

        public IReadOnlyList<object> Row => [Layer.Name, NameOf(Change), Value, YesOrNo(Invariant), YesOrNo(Expected)];

        public string Text => FormattableString.Invariant($"{YesOrNo(Invariant)} ({Value:0.0e0})");

        private static string YesOrNo(bool value) => value ? "yes" : "no";
    }

    private static DataTable Table(Cell[] cells) => new("invariance_table", ["invariant_to", .. Layers.Select(layer => layer.Name)],
        [.. cells.GroupBy(cell => cell.Change)
            .Select(row => (IReadOnlyList<object>)[NameOf(row.Key), .. row.Select(cell => cell.Text)])])
    {
        Caption = "Whether the output stays as it is, and by how much it changes. BN, WN and LN are the paper's table 1; "
            + "the others follow from their definitions (GN with 4 groups).",
    };

    private static Chart Changed(Cell[] cells) => new("invariance", "Change of the output, relative to its length",
        new Axis("relative change") { Log = true, Min = SmallestDrawn / 2, Max = 20, Ticks = Powers },
        new Axis("")
        {
            Min = -0.5,
            Max = Changes.Length - 0.5,
            Reversed = true,
            Ticks = [.. Changes.Select((change, place) => ((double)place, NameOf(change).Replace(" re", "\nre")))],
        },
        [
            .. Layers.Index().Select(layer => new Series(layer.Item.Name,
                [.. cells.Where(cell => cell.Layer == layer.Item).Select(cell => Math.Max(cell.Value, SmallestDrawn))],
                [.. Changes.Index().Select(change => change.Index + (layer.Index - 2.5) * 0.12)])
            { Style = SeriesStyle.Markers }),
            new Series("rounding is left of it", [Tolerance, Tolerance], [-0.5, Changes.Length - 0.5]) { Dashed = true },
        ])
    {
        Caption = "Right of the line the output has changed, left of it is rounding; what did not change at all is drawn at 10⁻⁸.",
    };

    private static readonly (double, string)[] Powers = [(1e-8, "10⁻⁸"), (1e-6, "10⁻⁶"), (1e-4, "10⁻⁴"), (0.01, "0.01"), (1, "1")];

    private sealed record Spread(string Norm, int Batch, double Value);

    private static Spread[] Spreads(StudyContext context)
    {
        const int channels = 16;
        int[] batches = context.Pick<int[]>([2, 8, 32], [2, 4, 8, 16, 32, 64, 128], [2, 4, 8, 16, 32, 64, 128, 256]);
        int draws = context.Pick(12, 100, 1000);
        var images = context.Load("cifar10", context.Pick(200, 2000, 10_000), 1).Train;
        var convolution = new Conv2d(images.InputShape[0], channels, 3, padding: 1, random: context.Random.Fork("convolution"));
        (string, Norm)[] norms = [("BN", new BatchNorm2d(channels)), ("GN", new GroupNorm(4, channels)),
            ("LN", new GroupNorm(1, channels)), ("IN", new InstanceNorm2d(channels))];
        List<Spread> spreads = [];
        foreach (int batch in batches)
        {
            var sums = norms.Select(_ => new Moments(channels * images.InputShape.Count / images.InputShape[0])).ToArray();
            for (int draw = 0; draw < draws; draw++)
            {
                context.Progress((spreads.Count / norms.Length + (double)draw / draws) / batches.Length, $"batches of {batch}");
                using var step = Scope.Step();
                var random = context.Random.Fork($"batch {batch}", (ulong)draw);
                var h = convolution.Forward(BatchOf(images, batch, random));
                foreach (var (index, (_, norm)) in norms.Index()) sums[index].Add(norm.Forward(h)[..1].ToArray());
            }
            spreads.AddRange(norms.Zip(sums, (norm, sum) => new Spread(norm.Item1, batch, sum.Spread)));
        }
        return [.. spreads];
    }

    /// <summary>The first image and others drawn at random, without drawing one twice.</summary>
    private static Tensor BatchOf(Dataset images, int count, RandomStream random)
    {
        int size = images.InputShape.Count;
        var x = new float[count * size];
        int[] others = [.. random.Permutation(images.Count - 1).Take(count - 1).Select(i => i + 1)];
        foreach (var (place, index) in others.Prepend(0).Index()) images.Read(index, x.AsSpan(place * size, size));
        return Tensor.From(x, [count, .. images.InputShape.Sizes]);
    }

    /// <summary>Sums for the variance of each of many values, around their first observation.</summary>
    private sealed class Moments(int values)
    {
        private readonly double[] _sums = new double[values], _squares = new double[values];
        private float[]? _first;
        private int _count;

        public void Add(float[] observation)
        {
            _first ??= observation;
            _count++;
            for (int i = 0; i < observation.Length; i++)
            {
                double value = (double)observation[i] - _first[i];
                (_sums[i], _squares[i]) = (_sums[i] + value, _squares[i] + value * value);
            }
        }

        /// <summary>The standard deviation, root mean square over the values.</summary>
        public double Spread => Math.Sqrt(Enumerable.Range(0, values).Average(i =>
            Math.Max(0, _squares[i] / _count - _sums[i] / _count * (_sums[i] / _count))));
    }

    private static void AddSpreadFinding(Report report, Spread[] spreads)
    {
        var bn = spreads.Where(s => s.Norm == "BN").OrderBy(s => s.Batch).ToArray();
        double others = spreads.Where(s => s.Norm != "BN").Max(s => s.Value);
        bool grows = bn.Zip(bn.Skip(1)).All(pair => pair.First.Value > pair.Second.Value);
        report.Add(new Finding("The spread of BN's output for a fixed image grows as the batch shrinks; it is zero for GN, "
            + "LN and IN",
            "by definition, about as 1/√batch; zero, since these look at one image at a time",
            $"BN {bn[^1].Value:F3} at batch {bn[^1].Batch}, {bn[0].Value:F3} at batch {bn[0].Batch}; the others {others:G2}",
            Clause.Holds(grows), Clause.Holds(others < Tolerance))
        { Source = Source.Theory });
    }

    private static Chart SpreadChart(Spread[] spreads)
    {
        double[] batches = [.. spreads.Select(s => (double)s.Batch).Distinct()];
        double atLargest = spreads.First(s => s.Norm == "BN" && s.Batch == (int)batches[^1]).Value;
        return new Chart("batch_spread", "Spread of a fixed image's normalized values over random batches",
            new Axis("batch size") { Log = true, Ticks = Axis.TicksAt(batches) }, new Axis("standard deviation") { Min = -0.02 },
            [
                .. spreads.GroupBy(s => s.Norm).Select(norm => new Series(norm.Key, batches, [.. norm.Select(s => s.Value)])
                { Style = SeriesStyle.LineAndMarkers }),
                new Series("as 1/√batch", batches, [.. batches.Select(n => atLargest * Math.Sqrt(batches[^1] / n))])
                {
                    Dashed = true,
                },
            ])
        {
            Caption = "The mean of n images strays from the mean of all by 1/√n: the dashed line. GN, LN and IN lie on "
                + "zero, on each other.",
        };
    }
}
