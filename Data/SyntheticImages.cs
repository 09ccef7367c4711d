using System.Numerics;

namespace MiniDL.Data;

/// <summary>
/// Small colour images drawn from a seed: one of five shapes, filled with one of two textures, on a noisy background. They need no
/// file and are the same on every machine for the same seed. They are made so that depth pays: place, size, angle, colour, contrast
/// and the texture's phase are random, so all classes have the same mean image and no linear model tells them apart. A small
/// convolutional network does, but not without errors: the faintest and noisiest images stay hard.
/// </summary>
/// <example><code>var split = SyntheticImages.Load(seed: 0, trainImages: 400, testImages: 100);</code></example>
public static class SyntheticImages
{
    /// <summary>The default number of training images.</summary>
    public const int DefaultTrain = 4_000;

    /// <summary>The default number of test images.</summary>
    public const int DefaultTest = 1_000;

    private const int Size = 32;
    private const int SineSteps = 1024;

    private static readonly string[] Classes =
    [
        "striped disk", "striped square", "striped triangle", "striped cross", "striped ring",
        "checked disk", "checked square", "checked triangle", "checked cross", "checked ring",
    ];

    private static readonly float[] Sine =
        Enumerable.Range(0, SineSteps).Select(i => (float)Math.Sin(2 * Math.PI * i / SineSteps)).ToArray();

    // Fixed, so that an image gives the same input however many are drawn; close to the images' actual statistics.
    private static readonly float[] Mean = [0.5f, 0.5f, 0.5f];
    private static readonly float[] Std = [0.2f, 0.2f, 0.2f];

    /// <summary>Draws a training and a test set; they are independent, and each image is a function of (seed, its index).</summary>
    public static DataSplit Load(ulong seed = 0, int trainImages = DefaultTrain, int testImages = DefaultTest) => new(
        Draw("synthetic train", seed, trainImages), Draw("synthetic test", seed, testImages), $"drawn from seed {seed}");

    /// <summary>Draws the images 0 to <paramref name="count"/> − 1 of a set; sets with other names are independent.</summary>
    /// <exception cref="MiniDLException">The number is below one.</exception>
    public static ImageDataset Draw(string name, ulong seed, int count)
    {
        if (count < 1) throw new MiniDLException($"[data] {name}: {count} images cannot be drawn. Ask for 1 or more.");
        Shape shape = [3, Size, Size];
        if ((long)count * shape.Count > Array.MaxLength)
            throw new MiniDLException($"[data] {name}: {count} images do not fit one array. "
                + $"Ask for {Array.MaxLength / shape.Count} or fewer.");
        var pixels = new byte[count * shape.Count];
        var random = new RandomStream(seed);
        Parallel.For(0, count, index => Draw(
            index % Classes.Length, random.Fork(name, (ulong)index), pixels.AsSpan(index * shape.Count, shape.Count)));
        long[] labels = Enumerable.Range(0, count).Select(index => (long)(index % Classes.Length)).ToArray();
        return new ImageDataset(name, pixels, shape, labels, Classes, Mean, Std);
    }

    private static void Draw(int label, RandomStream random, Span<byte> pixels)
    {
        float Uniform(float low, float high) => low + (high - low) * random.NextFloat();
        int Turn(float part) => (int)(SineSteps * Uniform(-part, part)) & (SineSteps - 1);
        var (shape, checks) = (label % 5, label >= 5);
        float centerX = Uniform(12, 20), centerY = Uniform(12, 20), radius = Uniform(9, 12);
        Vector2 axis = Direction(Turn(0.05f)), wave = Direction(Turn(1)) * (SineSteps / Uniform(4, 6)), slope = Direction(Turn(1));
        int phase = random.NextInt(SineSteps), phase2 = random.NextInt(SineSteps);
        float tilt = Uniform(0, 0.01f), noise = Uniform(0.05f, 0.18f);
        var background = new Vector3(Uniform(0.3f, 0.7f), Uniform(0.3f, 0.7f), Uniform(0.3f, 0.7f));
        var paint = new Vector3(Uniform(0.06f, 0.38f), Uniform(0.06f, 0.38f), Uniform(0.06f, 0.38f));
        if (random.NextInt(2) == 0) paint = -paint;
        for (int y = 0, pixel = 0; y < Size; y++)
            for (int x = 0; x < Size; x++, pixel++)
            {
                var at = new Vector2(x - centerX, y - centerY);
                float along = Vector2.Dot(at, axis), across = at.Y * axis.X - at.X * axis.Y;
                float inside = Math.Clamp(0.5f - Distance(shape, along, across, radius), 0, 1);
                float texture = Wave(Vector2.Dot(at, wave), phase);
                if (checks) texture *= 1.4f * Wave(at.Y * wave.X - at.X * wave.Y, phase2);
                var color = background + paint * (inside * texture) + new Vector3(tilt * Vector2.Dot(at, slope));
                for (int c = 0; c < 3; c++)
                    pixels[c * Size * Size + pixel] = (byte)Math.Clamp(255 * (color[c] + noise * Bell(random.NextUInt())) + 0.5f, 0, 255);
            }
    }

    /// <summary>The distance of a point from the shape, in pixels; negative inside it.</summary>
    private static float Distance(int shape, float along, float across, float radius)
    {
        float a = Math.Abs(along), b = Math.Abs(across), distance = MathF.Sqrt(a * a + b * b);
        return shape switch
        {
            0 => distance - radius,
            1 => Math.Max(a, b) - 0.89f * radius,
            2 => Math.Max(0.866f * b + 0.5f * along, -along) - 0.65f * radius,
            3 => Math.Min(Math.Max(a, 2.6f * b), Math.Max(b, 2.6f * a)) - radius,
            _ => Math.Abs(distance - 0.78f * radius) - 0.26f * radius,
        };
    }

    private static Vector2 Direction(int angle) => new(Sine[(angle + SineSteps / 4) % SineSteps], Sine[angle]);

    private static float Wave(float steps, int phase) => Sine[((int)MathF.Floor(steps) + phase) & (SineSteps - 1)];

    /// <summary>The sum of four random bytes, shifted and scaled to mean 0 and deviation 1: nearly normal, exact on every machine.</summary>
    private static float Bell(uint bits)
    {
        int sum = (int)((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24));
        return (sum - 510) * (1 / 147.8f);
    }
}
