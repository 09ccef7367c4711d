using MiniDL.Data;
using MiniDL.Layers;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>
/// How much a norm's output for one image depends on the images beside it: its deviation over random batches that all have that image,
/// root mean square over channels and positions. The norm stands behind a random 3×3 convolution and is in training mode.
/// </summary>
internal sealed record OutputSpread(string Norm, int Batch, double Spread)
{
    private const int Channels = 16;

    /// <summary>Measures BN, GN, LN and IN.</summary>
    /// <param name="sizes">Batch sizes.</param>
    /// <param name="draws">Random batches of each size.</param>
    public static OutputSpread[] Measure(Dataset images, int[] sizes, int draws, RandomStream random)
    {
        var conv = new Conv2d(images.InputShape[0], Channels, 3, padding: 1, random: random.Fork("spread weights"));
        return [.. from name in new[] { "bn", "gn", "ln", "in" } from size in sizes
                   select new OutputSpread(name.ToUpperInvariant(), size, Of(NormChoice.Parse(name).Create(Channels), conv, images, size, draws, random))];
    }

    private static double Of(Norm norm, Conv2d conv, Dataset images, int size, int draws, RandomStream random)
    {
        using var noGrad = new NoGrad();
        double[]? first = null, sum = null, squares = null;
        for (int draw = 0; draw < draws; draw++)
        {
            using var step = Scope.Step();
            var y = norm.Forward(conv.Forward(WithImageZero(images, size, random.Fork("spread", (ulong)draw)))).ToArray();
            int values = y.Length / size;
            // Differences to the first batch: where nothing varies, they are exactly zero.
            first ??= [.. y.Take(values).Select(v => (double)v)];
            (sum, squares) = (sum ?? new double[values], squares ?? new double[values]);
            for (int i = 0; i < values; i++)
            {
                double apart = y[i] - first[i];
                (sum[i], squares[i]) = (sum[i] + apart, squares[i] + apart * apart);
            }
        }
        double variance = sum!.Zip(squares!, (s, q) => q / draws - s / draws * (s / draws)).Average();
        return Math.Sqrt(Math.Max(0, variance));
    }

    /// <summary>The first image, and others drawn at random.</summary>
    private static Tensor WithImageZero(Dataset images, int size, RandomStream random)
    {
        int values = images.InputShape.Count;
        var x = new float[size * values];
        for (int i = 0; i < size; i++) images.Read(i == 0 ? 0 : 1 + random.NextInt(images.Count - 1), x.AsSpan(i * values, values));
        return Tensor.From(x, [size, .. images.InputShape.Sizes]);
    }
}
