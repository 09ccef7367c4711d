// What a norm averages over is what tells it from the others: found out by poking at it, and drawn as cubes.
//   dotnet run Examples/Tour/09-norms.cs [-- folder for the picture]
#:project ../../Layers/MiniDL.Layers.csproj
#:package SkiaSharp
#:package SkiaSharp.NativeAssets.Linux.NoDependencies

using MiniDL;
using MiniDL.Layers;
using SkiaSharp;

const int N = 6, C = 6, H = 2, W = 2;
var x = Tensor.Normal([N, C, H, W], new RandomStream(seed: 0), mean: 2, std: 3);

// A poke: one value of the input is changed. Whatever else changes in the output shares statistics with that value, so the poke finds
// out what a norm averages over without being told. The value is the front one of the cubes: last image, last channel, first pixel.
var bump = new float[x.Count];
bump[((N - 1) * C + C - 1) * H * W] = 5;
var poked = x + Tensor.From(bump, x.Shape);

Console.WriteLine("norm        a value shares statistics over    mean over these     variance over these");
var cubes = new Dictionary<Box, List<string>>();
foreach (string name in NormFactory.Names)
{
    // A new norm each time, since some carry running statistics on from call to call.
    Tensor Run(Tensor input) => NormFactory.Named(name, groups: 2, virtualBatch: 3).Create(C).Forward(input);
    var y = Run(x);
    var box = Extent((Run(poked) - y).ToArray());

    // Each axis is cut into parts as long as the box: [N, C, H·W] becomes [N/n, n, C/c, c, HW/p, p], and 1, 3 and 5 are inside.
    var boxes = y.Reshape(N / box.Images, box.Images, C / box.Channels, box.Channels, H * W / box.Pixels, box.Pixels);
    var mean = boxes.Mean([1, 3, 5], keepDim: true);
    var variance = (boxes - mean).Square().Mean([1, 3, 5]);
    Console.WriteLine($"{name,-12}{Axes(box),-34}{(box == new Box(1, 1, 1) ? "" : $"{Range(mean),-20}{Range(variance)}")}".TrimEnd());

    if (!cubes.TryGetValue(box, out var names)) cubes[box] = names = [];
    names.Add(name);
}
// Mean 0 and variance 1, as promised: bn, gn, ln, in, ghost, ws. The others do less, or something else. rms and frn leave the mean in;
// lp1, lp2 and lpinf divide by a size that is not the standard deviation; brn limits how far it follows the batch; frn and the EvoNorms
// end in an activation. lrn's window of five channels slides along, so its numbers mean little, and at the poke, in the last channel,
// two of the five are missing. Nothing is shared by norms that act on weights (wn), on how residual branches begin (fixup,
// skipinit), on each value by itself (dyt), or not at all (none).

string path = Path.Combine(args.Length > 0 ? Directory.CreateDirectory(args[0]).FullName : "", "norms.png");
Draw(path);
Console.WriteLine($"~ picture: {path}");

// In how many images, channels and pixels there is a change.
static Box Extent(float[] change)
{
    var (images, channels, pixels) = (new HashSet<int>(), new HashSet<int>(), new HashSet<int>());
    for (int i = 0; i < change.Length; i++)
    {
        if (Math.Abs(change[i]) < 1e-4) continue;
        images.Add(i / (C * H * W));
        channels.Add(i / (H * W) % C);
        pixels.Add(i % (H * W));
    }
    return new Box(images.Count, channels.Count, pixels.Count);
}

static string Axes(Box box)
{
    static string Part(int size, int whole, string axis) => size == 1 ? "" : size == whole ? axis : $"{size} of {whole} {axis}";
    var parts = new[] { Part(box.Images, N, "N"), Part(box.Channels, C, "C"), Part(box.Pixels, H * W, "H, W") };
    return parts.All(part => part == "") ? "nothing" : string.Join(", ", parts.Where(part => part != ""));
}

// Adding 0 turns −0 into 0.
static string Range(Tensor t)
{
    double[] rounded = [.. t.ToArray().Select(v => Math.Round(v, 2) + 0.0)];
    return rounded.Min() == rounded.Max() ? $"{rounded[0]:F2}" : $"{rounded.Min():F2} to {rounded.Max():F2}";
}

// Figure 2 of Wu and He 2018, "Group normalization": images go back to the right, channels back to the left, pixels down.
void Draw(string file)
{
    const int Cell = 26, Wide = 400, High = 390;
    string fonts = Path.Combine((string)AppContext.GetData("EntryPointFileDirectoryPath")!, "../Fonts");
    using var bold = new SKFont(SKTypeface.FromFile(Path.Combine(fonts, "Inter-SemiBold.ttf")), 18);
    using var plain = new SKFont(SKTypeface.FromFile(Path.Combine(fonts, "Inter-Regular.ttf")), 15);
    using var ink = new SKPaint { Color = SKColors.Black, IsAntialias = true };
    using var line = new SKPaint { Color = SKColor.Parse("#555555"), IsStroke = true, StrokeWidth = 1, IsAntialias = true };
    using var surface = SKSurface.Create(new SKImageInfo(4 * Wide, (cubes.Count + 3) / 4 * High));
    var canvas = surface.Canvas;
    canvas.Clear(SKColors.White);
    foreach (var (i, (box, names)) in cubes.Index())
    {
        float left = i % 4 * Wide + Wide / 2, top = i / 4 * High + 232;
        SKPoint At(float n, float c, float p) => new(left + (n - c) * Cell * 0.87f, top + (p - (n + c) / 2) * Cell);
        void Face(bool shared, float shade, params SKPoint[] corners)
        {
            using var face = new SKPath();
            face.AddPoly(corners);
            var color = shared ? SKColor.FromHsl(212, 75, shade - 38) : SKColor.FromHsl(0, 0, shade);
            using var fill = new SKPaint { Color = color, IsAntialias = true };
            canvas.DrawPath(face, fill);
            canvas.DrawPath(face, line);
        }
        for (int a = 0; a < N; a++)
            for (int b = 0; b < C; b++)
                Face(a < box.Images && b < box.Channels, 99, At(a, b, 0), At(a + 1, b, 0), At(a + 1, b + 1, 0), At(a, b + 1, 0));
        for (int a = 0; a < N; a++)
            for (int p = 0; p < H * W; p++)
            {
                Face(a < box.Images && p < box.Pixels, 92, At(a, 0, p), At(a + 1, 0, p), At(a + 1, 0, p + 1), At(a, 0, p + 1));
                Face(a < box.Channels && p < box.Pixels, 84, At(0, a, p), At(0, a + 1, p), At(0, a + 1, p + 1), At(0, a, p + 1));
            }
        canvas.DrawText(string.Join(", ", names.Take(4)), left, top - 200, SKTextAlign.Center, bold, ink);
        canvas.DrawText(string.Join(", ", names.Skip(4)), left, top - 178, SKTextAlign.Center, bold, ink);
        canvas.DrawText("C", At(0, C / 2f, H * W).X - 14, At(0, C / 2f, H * W).Y + 22, SKTextAlign.Center, plain, ink);
        canvas.DrawText("N", At(N / 2f, 0, H * W).X + 14, At(N / 2f, 0, H * W).Y + 22, SKTextAlign.Center, plain, ink);
        canvas.DrawText($"over {Axes(box)}", left, top + 132, SKTextAlign.Center, plain, ink);
        canvas.DrawText("H, W", At(0, C, 2).X - 24, At(0, C, 2).Y, SKTextAlign.Center, plain, ink);
    }
    using var png = surface.Snapshot().Encode(SKEncodedImageFormat.Png, 100);
    File.WriteAllBytes(file, png.ToArray());
}

// How many images, channels and pixels share statistics.
internal readonly record struct Box(int Images, int Channels, int Pixels);
