using MiniDL.Data;
using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies;

/// <summary>
/// Gradient descent for the price of a house from its size and number of rooms, with the features as they are, and scaled in the
/// three usual ways: the path on the contours of the loss, and the steps to converge.
/// </summary>
/// <remarks>
/// <para>Of textbooks; after LeCun et al. 1998, "Efficient BackProp", §4.3. The loss is <c>½ mean (w · x + b − y)²</c>, a
/// parabola, so all of it is exact: a step multiplies the error along an eigenvector of the Hessian by <c>1 − rate · λ</c>. The
/// rate is 1/λ_max, the largest that never overshoots; then the excess loss is down to ε of what it was after at most
/// <c>κ/2 · ln(1/ε)</c> steps, κ = λ_max/λ_min. Everything starts at 0 and is computed in double.</para>
/// <para>The plot's plane is that of the two weights, with the bias that is best for them.</para>
/// </remarks>
internal sealed class FeatureScalingStudy : Study
{
    private const double Converged = 1e-6;
    private const int Grid = 61;

    public override string Name => "feature-scaling";

    public override string Title => "What does scaling the inputs do for gradient descent?";

    public override string Paper => "LeCun, Bottou, Orr and Müller 1998, Efficient BackProp, §4.3";

    public override string DataNote => "none: drawn houses";

    /// <inheritdoc/>
    public override bool Trains => false;

    public override Report Run(StudyContext context)
    {
        int houses = context.Pick(100, 500, 500);
        var (features, prices) = Houses(houses, context.Random.Fork("houses"));
        var descents = new List<QuadraticDescent>();
        foreach (var (name, scale) in Scalings)
        {
            context.Progress((double)descents.Count / Scalings.Length, name);
            descents.Add(QuadraticDescent.Run(name, scale(features), prices, Converged, context));
        }

        var report = new Report(Title)
        {
            Introduction = $"The price of {houses} houses is fitted to their size (30 to 250 m²) and number of rooms (1 to "
                + "8), by gradient descent on the mean squared error. Each way of scaling the features makes another "
                + "landscape of the same problem. The rate is the largest that never overshoots, 1/λ for the largest "
                + "eigenvalue λ of the Hessian. What is left is κ, the ratio of the largest to the smallest. A run has "
                + "converged when 10⁻⁶ of the excess loss is left.",
        };
        report.Setting("model", "price = w₁ · size + w₂ · rooms + b, mean squared error, from 0");
        report.Setting("learning rate", "1 / largest eigenvalue of the Hessian");
        AddFindings(report, descents);
        report.AddPanels("feature_scaling_paths", [.. descents.Select(PathOf)]);
        report.Add(Losses(descents));
        report.Add(new DataTable("feature_scaling", ["scaling", "condition_number", "learning_rate", "steps"],
            [.. descents.Select(d => (IReadOnlyList<object>)[d.Name, d.Condition, d.Rate, d.Steps])])
        { Caption = "Steps to converge." });
        return report;
    }

    private static readonly (string Name, Func<float[], float[]> Scale)[] Scalings =
    [
        ("raw", x => x),
        ("min-max", x => FeatureScaling.MinMax(x, 2).Transform(x)),
        ("mean", x => FeatureScaling.MeanNormalization(x, 2).Transform(x)),
        ("z-score", x => FeatureScaling.Standardize(x, 2).Transform(x)),
    ];

    /// <summary>Larger houses have more rooms, not strictly; prices in thousands.</summary>
    private static (float[] Features, double[] Prices) Houses(int count, RandomStream random)
    {
        var (features, prices) = (new float[2 * count], new double[count]);
        for (int i = 0; i < count; i++)
        {
            double size = 30 + 220 * random.NextDouble();
            double rooms = Math.Clamp(Math.Round(1 + size / 50 + 1.2 * random.NextNormal()), 1, 8);
            (features[2 * i], features[2 * i + 1]) = ((float)size, (float)rooms);
            prices[i] = 40 + 2.5 * size + 25 * rooms + 30 * random.NextNormal();
        }
        return (features, prices);
    }

    private static void AddFindings(Report report, List<QuadraticDescent> descents)
    {
        var (raw, minMax, mean, zScore) = (descents[0], descents[1], descents[2], descents[3]);
        report.Add(new Finding("Features of like scale need fewer steps, centred ones fewer still",
            "shift inputs to mean 0, scale them to like variance: fastest convergence",
            string.Join(", ", descents.Select(d => FormattableString.Invariant($"{d.Name} {d.Steps:N0} steps"))),
            Clause.Holds(minMax.Steps < raw.Steps), Clause.Holds(mean.Steps < minMax.Steps), Clause.Holds(zScore.Steps < minMax.Steps))
        { Basis = Basis.Calculation });
        report.Add(new Finding("Steps stay within the bound that the condition number κ gives", "at most κ/2 · ln(1/ε)",
            string.Join(", ", descents.Select(d => $"{d.Name} {d.Steps / d.MaxSteps(Converged):P0} of it")),
            Clause.Holds(descents.All(d => d.Steps <= d.MaxSteps(Converged) + 1)))
        { Source = Source.Theory, Basis = Basis.Calculation });
    }

    private static Chart PathOf(QuadraticDescent descent)
    {
        double[] xs = [.. descent.Path.Select(p => p.W1)], ys = [.. descent.Path.Select(p => p.W2)];
        var (left, right) = Padded([.. xs, descent.Best[0]]);
        var (bottom, top) = Padded([.. ys, descent.Best[1]]);
        double[] columns = Spaced(left, right), rows = Spaced(bottom, top);
        double[][] excess = [.. rows.Select(w2 => columns.Select(w1 => Math.Round(descent.RootExcess(w1, w2), 5)).ToArray())];
        return new Chart($"path_{descent.Name.Replace('-', '_')}",
            $"{descent.Name}: κ = {descent.Condition.ToString(descent.Condition < 1000 ? "G3" : "N0")}, {descent.Steps:N0} steps",
            new Axis("weight of size") { Min = left, Max = right }, new Axis("weight of rooms") { Min = bottom, Max = top },
            [
                new Series("path", xs, ys) { Style = SeriesStyle.LineAndMarkers, Color = 1 },
                new Series("best", [descent.Best[0]], [descent.Best[1]]) { Style = SeriesStyle.Markers, Color = 0 },
            ])
        {
            Contour = new Contour("√ of the excess loss, of that at the start", columns, rows, excess,
                [.. Enumerable.Range(1, 20).Select(i => 0.1 * i)]),
            Caption = descent.Name switch
            {
                "raw" => "The first step finds what a price per square metre explains. After it there is almost no slope: "
                    + "points are steps 0, 1, 2, 4, 8, … and most of them lie in the corner.",
                "min-max" => "Features in [0, 1] have a mean that is not 0, so weights and bias still pull on each other.",
                "mean" => "Centred, and of like range: the bias no longer matters for the weights.",
                _ => "Mean 0 and deviation 1: what is left is the correlation of the features.",
            },
        };
    }

    private static (double Low, double High) Padded(double[] values)
    {
        double margin = 0.3 * (values.Max() - values.Min());
        return (values.Min() - margin, values.Max() + margin);
    }

    private static double[] Spaced(double low, double high) =>
        [.. Enumerable.Range(0, Grid).Select(i => low + (high - low) * i / (Grid - 1))];

    private static Chart Losses(List<QuadraticDescent> descents) => new("feature_scaling_loss", "Excess loss over the steps",
        new Axis("step") { Log = true, Min = 1 },
        new Axis("excess loss, of that at the start") { Log = true, Min = Converged / 3, Max = 1.5 },
        [
            .. descents.Select(d => new Series(d.Name,
                [.. d.Path.Skip(1).Select(p => (double)p.Step)], [.. d.Path.Skip(1).Select(p => p.Excess)])),
            Series.Level("converged", Converged, 1, descents.Max(d => d.Steps)),
        ])
    {
        Caption = "The same model and the same houses: scaled by mean and deviation it is done in tens of steps, with raw "
            + "features in hundreds of thousands.",
    };
}
