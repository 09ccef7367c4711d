// Trains a net on arrays of your own, and draws what it has learned: which of two spirals is a point on?
//   dotnet run Examples/Tour/07-spirals.cs              (spirals.png goes into the current folder)
//   dotnet run Examples/Tour/07-spirals.cs -- /tmp      (or into another one)
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../../Optim/MiniDL.Optim.csproj
#:project ../../Data/MiniDL.Data.csproj
#:package SkiaSharp
#:package SkiaSharp.NativeAssets.Linux.NoDependencies

using MiniDL;
using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using SkiaSharp;

var random = new RandomStream(seed: 0);
var (points, labels) = Spirals(count: 1000, random);
var data = new ArrayDataset(points, [2], labels);
var model = new Mlp([2, 32, 32, 2], NormFactory.Named("bn"), random);
var sgd = new Sgd(model.Parameters(), learningRate: 0.02f, momentum: 0.9f);

foreach (var batch in new DataLoader(data, batchSize: 50, random).Epochs(30))
{
    using var step = Scope.Step();                  // what is made below is recycled at its end
    var loss = Loss.CrossEntropy(model.Forward(batch.Images), batch.Labels);
    sgd.ZeroGrad();
    loss.Backward();
    sgd.Step();
    if (batch.Index == 0 && batch.Epoch % 5 == 0) Console.WriteLine($"epoch {batch.Epoch,2}: loss {loss.Item():F3}");
}

model.Eval();
var logits = model.Forward(Tensor.From(points, [1000, 2]));
Console.WriteLine($"error {Metrics.ErrorPercent(logits, Tensor.From(labels, [1000])):F1} %");

// A net with two inputs can be looked at as a whole: ask it about every place of the plane. No straight line separates the spirals; each
// hidden unit adds a bend to the boundary, and where the colours blend, the net is not sure. Far from all points it answers as firmly as near
// them, although it has never seen anything there.
string path = Path.Combine(args.FirstOrDefault(".")!, "spirals.png");
Draw(model, points, labels, path);
Console.WriteLine($"The boundary is in {Path.GetFileName(path)}.");
Console.WriteLine($"~ {Path.GetFullPath(path)}");

static (float[] Points, long[] Labels) Spirals(int count, RandomStream random)
{
    var (points, labels) = (new float[2 * count], new long[count]);
    for (int i = 0; i < count; i++)
    {
        labels[i] = i % 2;
        double radius = random.NextDouble(), angle = 10 * radius + Math.PI * labels[i] + 0.1 * random.NextNormal();
        points[2 * i] = (float)(radius * Math.Cos(angle));
        points[2 * i + 1] = (float)(radius * Math.Sin(angle));
    }
    return (points, labels);
}

static void Draw(Module model, float[] points, long[] labels, string path)
{
    const int size = 600;
    const float reach = 1.2f;                       // the picture shows −1.2 to 1.2 in both directions
    static float ToPlane(int pixel) => (pixel - size / 2) * 2 * reach / size;
    static float ToPixel(float place) => size / 2 + place * size / (2 * reach);

    var grid = new float[2 * size * size];
    for (int i = 0; i < size * size; i++) (grid[2 * i], grid[2 * i + 1]) = (ToPlane(i % size), -ToPlane(i / size));
    float[] probability = model.Forward(Tensor.From(grid, [size * size, 2])).LogSoftmax().Exp()[.., 1..].ToArray();

    SKColor blue = new(0x3B, 0x7D, 0xD8), orange = new(0xE8, 0x7A, 0x2C);
    using var bitmap = new SKBitmap(size, size);
    for (int i = 0; i < size * size; i++) bitmap.SetPixel(i % size, i / size, Pale(probability[i]));
    using var canvas = new SKCanvas(bitmap);
    using var ink = new SKPaint { IsAntialias = true };
    for (int i = 0; i < labels.Length; i++)
    {
        ink.Color = labels[i] == 1 ? orange : blue;
        canvas.DrawCircle(ToPixel(points[2 * i]), ToPixel(-points[2 * i + 1]), 3, ink);
    }
    using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
    using var file = File.Create(path);
    png.SaveTo(file);

    // From pale blue, surely class 0, by white to pale orange, surely class 1.
    SKColor Pale(float p)
    {
        var (colour, strength) = (p > 0.5f ? orange : blue, 0.5f * Math.Abs(2 * p - 1));
        byte Mix(byte channel) => (byte)(255 - strength * (255 - channel));
        return new SKColor(Mix(colour.Red), Mix(colour.Green), Mix(colour.Blue));
    }
}
