// A norm of your own: by the mean absolute value of each sample, in place of the variance of a batch. Does it need the batch, as BN does?
//   dotnet run Examples/Tour/15-own-norm.cs [-- folder for the picture]
// It uses the libraries alone, as a project of yours would; Examples, with its verb "compare", is a program and not a library.
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../../Optim/MiniDL.Optim.csproj
#:project ../../Data/MiniDL.Data.csproj
#:package ScottPlot
#:package SkiaSharp
#:package SkiaSharp.NativeAssets.Linux.NoDependencies
#:package HarfBuzzSharp.NativeAssets.Linux

using MiniDL;
using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using ScottPlot;

// Before training with it: are its gradients right? Autograd derives them from the formula. GradCheck compares them with differences
// of the function's values, in double precision, which is what the Reference device computes in.
var norm = new MeanAbsNorm(channels: 3);
norm.To(Device.Reference);
var x = Tensor.Normal([2, 3, 4, 4], new RandomStream(seed: 0), device: Device.Reference);
x.RequiresGrad = true;
var check = GradCheck.Of(() => norm.Forward(x), [("x", x), .. norm.NamedParameters().Select(p => (p.Path, p.Parameter.Value))]);
Console.WriteLine($"gradients agree: {(check.WorstError < 1e-6 ? "yes" : check)}");

// Which of two spirals is a point on? A factory makes the norms of a model: a named kind, or your own.
var (train, test) = (Spirals(count: 800, seed: 1), Spirals(count: 800, seed: 2));
int[] batchSizes = [2, 4, 8, 16, 32];
var batchNorm = batchSizes.Select(size => Error(NormFactory.Named("bn"), size)).ToArray();
var meanAbs = batchSizes.Select(size => Error(NormFactory.Of(channels => new MeanAbsNorm(channels)), size)).ToArray();
Console.WriteLine("test error in %, mean of three seeds");
Console.WriteLine($"  batch size  {string.Concat(batchSizes.Select(size => $"{size,7}"))}");
Console.WriteLine($"~ batch norm  {string.Concat(batchNorm.Select(error => $"{error,7:F1}"))}");
Console.WriteLine($"~ mean abs    {string.Concat(meanAbs.Select(error => $"{error,7:F1}"))}");
Console.WriteLine($"worse by more than 10 points at batch size 2: {(batchNorm[0] > meanAbs[0] + 10 ? "batch norm" : "neither")}");
// With two points in a batch BN makes +1 of the larger one and −1 of the smaller, in every channel: what a point is depends on the other.

Fonts.AddFontFile("Inter", Path.Combine((string)AppContext.GetData("EntryPointFileDirectoryPath")!, "../Fonts/Inter-Regular.ttf"));
var plot = new Plot();
double[] places = [.. batchSizes.Select(size => Math.Log2(size))];
foreach (var (name, errors) in new[] { ("batch norm", batchNorm), ("mean abs, each sample by itself", meanAbs) })
{
    var line = plot.Add.Scatter(places, errors);
    (line.LegendText, line.LineWidth, line.MarkerSize) = (name, 2.5f, 10);
}
plot.Axes.Bottom.SetTicks(places, [.. batchSizes.Select(size => $"{size}")]);
plot.Axes.SetLimitsY(0, 1.1 * batchNorm.Concat(meanAbs).Max());
plot.XLabel("batch size", size: 16);
plot.YLabel("test error (%)", size: 16);
plot.ShowLegend(Alignment.UpperRight).FontSize = 15;
plot.Font.Set("Inter");
string file = Path.Combine(args.Length > 0 ? Directory.CreateDirectory(args[0]).FullName : "", "own-norm.png");
plot.SavePng(file, width: 800, height: 500);
Console.WriteLine($"~ picture: {file}");

double Error(NormFactory norms, int batchSize) => Enumerable.Range(0, 3).Average(seed =>
{
    var random = new RandomStream((ulong)seed);
    var model = new Mlp([2, 32, 32, 2], norms, random);
    var sgd = new Sgd(model.Parameters(), learningRate: 0.02f * batchSize / 32, momentum: 0.9f);
    foreach (var batch in new DataLoader(train, batchSize, random).Epochs(25))
    {
        using var step = Scope.Step();
        var loss = Loss.CrossEntropy(model.Forward(batch.Images), batch.Labels);
        sgd.ZeroGrad();
        loss.Backward();
        sgd.Step();
    }
    model.Eval();
    var all = new DataLoader(test, test.Count, random).Epoch(0).Single();
    return Metrics.ErrorPercent(model.Forward(all.Images), all.Labels);
});

static ArrayDataset Spirals(int count, ulong seed)
{
    var random = new RandomStream(seed);
    var (points, labels) = (new float[2 * count], new long[count]);
    for (int i = 0; i < count; i++)
    {
        labels[i] = i % 2;
        double radius = random.NextDouble(), angle = 10 * radius + Math.PI * labels[i] + 0.1 * random.NextNormal();
        (points[2 * i], points[2 * i + 1]) = ((float)(radius * Math.Cos(angle)), (float)(radius * Math.Sin(angle)));
    }
    return new ArrayDataset(points, [2], labels);
}

/// <summary>
/// <c>y = (x − mean) / (mean |x − mean| · √(π/2) + eps) · weight + bias</c>, means over all values of a sample, which may be an image
/// [C, H, W] or features [C]. For normal values the factor √(π/2) makes the divisor their standard deviation.
/// </summary>
internal sealed class MeanAbsNorm : Norm
{
    private readonly Parameter _weight, _bias;

    public MeanAbsNorm(int channels)
    {
        _weight = RegisterParameter("weight", Tensor.Ones([channels]));
        _bias = RegisterParameter("bias", Tensor.Zeros([channels]));
    }

    // The definition is all that a norm must have. Nothing is taken over the batch: training and evaluation are the same.
    protected override Tensor ForwardPlain(Tensor x)
    {
        int[] dims = [.. Enumerable.Range(1, x.Rank - 1)];
        var centred = x - x.Mean(dims, keepDim: true);
        var size = centred.Abs().Mean(dims, keepDim: true) * Math.Sqrt(Math.PI / 2);
        int[] perChannel = [-1, .. Enumerable.Repeat(1, x.Rank - 2)];
        return centred / (size + 1e-5) * _weight.Value.Reshape(perChannel) + _bias.Value.Reshape(perChannel);
    }
}
