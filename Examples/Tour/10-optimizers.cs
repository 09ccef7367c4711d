// Four optimizers in two narrow valleys: what momentum is for, and where it overshoots.
//   dotnet run Examples/Tour/10-optimizers.cs [-- folder for the picture]
#:project ../../Optim/MiniDL.Optim.csproj
#:package ScottPlot
#:package SkiaSharp
#:package SkiaSharp.NativeAssets.Linux.NoDependencies
#:package HarfBuzzSharp.NativeAssets.Linux

using MiniDL;
using MiniDL.Optim;
using ScottPlot;

// Along a valley with curvature 1 on its floor and 40 across it, a step may be no longer than 2/40, or it jumps from wall to wall, higher
// each time. With steps so short the floor, where the gradient is 40 times as small, takes forever. That is the trouble with plain SGD.
var curvatures = Tensor.From([1f, 40f], [2]);
Valley quadratic = new("x² / 2 + 20 y²", w => (w.Square() * curvatures).Sum() * 0.5, Start: [-4f, 1f], X: (-4.6, 1.6), Y: (-1.4, 1.4),
[
    ("SGD", p => new Sgd(p, learningRate: 0.045f)),
    ("momentum", p => new Sgd(p, learningRate: 0.02f, momentum: 0.8f)),
    ("Nesterov", p => new Sgd(p, learningRate: 0.02f, momentum: 0.8f, nesterov: true)),
    ("Adam", p => new Adam(p, learningRate: 0.2f)),
]);

// Rosenbrock's banana: the valley y = x² is bent, so that the direction which momentum has gathered keeps being wrong.
Valley banana = new("(1 − x)² + 100 (y − x²)²", w =>
{
    Tensor x = w[0..1], y = w[1..2];
    return ((1 - x).Square() + 100 * (y - x.Square()).Square()).Sum();
}, Start: [-1.2f, 1f], X: (-1.7, 1.5), Y: (-0.5, 2),
[
    ("SGD", p => new Sgd(p, learningRate: 0.0015f)),
    ("momentum", p => new Sgd(p, learningRate: 0.0007f, momentum: 0.9f)),
    ("Nesterov", p => new Sgd(p, learningRate: 0.0007f, momentum: 0.9f, nesterov: true)),
    ("Adam", p => new Adam(p, learningRate: 0.05f)),
]);

var picture = new Multiplot();
picture.AddPlots(2);
foreach (var (number, valley) in new[] { quadratic, banana }.Index())
{
    var plot = picture.GetPlot(number);
    DrawContours(valley, plot);
    Console.WriteLine($"{valley.Formula}: steps until it is below 0.01");
    float width = 6;
    foreach (var (name, make) in valley.Optimizers)
    {
        var path = Descend(valley, make, level: 0.01f);
        Console.WriteLine($"  {name,-10}{path.Count - 1,6}");
        // Each a little thinner than those below it, which it would hide.
        var line = plot.Add.Scatter(path);
        (line.LegendText, line.LineWidth, line.MarkerSize) = ($"{name}, {path.Count - 1} steps", width -= 1.2f, path.Count < 150 ? 6 : 0);
    }
    plot.ShowLegend(Alignment.UpperRight).FontSize = 14;
    plot.Font.Set("Inter");
}
picture.Layout = new ScottPlot.MultiplotLayouts.Columns();
// SGD zigzags and then creeps. Momentum adds up what gradients agree on, along the floor, and cancels what they do not, across it; it also
// overshoots. Nesterov's looks ahead and brakes in time. Adam divides by the size of recent gradients, so both directions look equally
// steep to it: it needs no rate fitted to the steepest one, and heads for the middle diagonally. No one of them wins in both valleys.

string file = Path.Combine(args.Length > 0 ? Directory.CreateDirectory(args[0]).FullName : "", "optimizers.png");
picture.SavePng(file, width: 1500, height: 620);
Console.WriteLine($"~ picture: {file}");

// The loop of every training, with two numbers in place of a net: gradient, step, and again.
static List<Coordinates> Descend(Valley valley, Func<Parameter[], Optimizer> make, float level)
{
    var w = new Parameter("w", Tensor.From(valley.Start, [2]));
    var optimizer = make([w]);
    var path = new List<Coordinates>();
    while (path.Count < 10_000)
    {
        using var step = Scope.Step();
        float[] at = w.Value.ToArray();
        path.Add(new Coordinates(at[0], at[1]));
        var height = valley.Function(w.Value);
        if (height.Item() < level) break;
        optimizer.ZeroGrad();
        height.Backward();
        optimizer.Step();
    }
    return path;
}

static void DrawContours(Valley valley, Plot plot)
{
    string fonts = Path.Combine((string)AppContext.GetData("EntryPointFileDirectoryPath")!, "../Fonts");
    Fonts.AddFontFile("Inter", Path.Combine(fonts, "Inter-Regular.ttf"));
    var heights = new Coordinates3d[201, 201];
    for (int row = 0; row <= 200; row++)
        for (int column = 0; column <= 200; column++)
        {
            double x = valley.X.Low + (valley.X.High - valley.X.Low) * column / 200;
            double y = valley.Y.Low + (valley.Y.High - valley.Y.Low) * row / 200;
            heights[row, column] = new Coordinates3d(x, y, valley.Function(Tensor.From([(float)x, (float)y], [2])).Item());
        }
    var contours = plot.Add.ContourLines(heights);
    contours.ContourLineLevels = [0.1, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256];
    contours.Update(heights);
    (contours.LineColor, contours.LabelStyle.IsVisible) = (Colors.LightGray, false);
    plot.HideGrid();
    plot.Axes.SetLimits(valley.X.Low, valley.X.High, valley.Y.Low, valley.Y.High);
    plot.Title(valley.Formula, size: 18);
    plot.XLabel("x", size: 15);
    plot.YLabel("y", size: 15);
}

internal sealed record Valley(string Formula, Func<Tensor, Tensor> Function, float[] Start, (double Low, double High) X,
    (double Low, double High) Y, (string Name, Func<Parameter[], Optimizer> Make)[] Optimizers);
