using System.Numerics.Tensors;

namespace MiniDL.Backends.Cpu;

// Pooling. Tensors are channels last: pixel (n, h, w) starts at ((n·H + h)·W + w)·C. Registers hold neighbouring channels; threads
// share the images.
internal sealed unsafe partial class CpuBackend<V>
{
    internal override void MaxPool2d(Tensor x, Tensor y, Tensor index, in Window2d window)
    {
        var g = window;
        int channels = g.InChannels, pixels = g.InHeight * g.InWidth;
        ForEachImage(g, n =>
        {
            float* best = Scratch.Rent(ScratchUse.Lanes, 2 * Math.Max(channels, V.Count)), winner = best + Math.Max(channels, V.Count);
            var image = F(x).Slice(n * pixels * channels, pixels * channels);
            var indices = index.Raw<long>().Slice(n * g.OutPixels * channels, g.OutPixels * channels);
            fixed (float* values = image, largest = F(y).Slice(n * g.OutPixels * channels, g.OutPixels * channels))
                for (int pixel = 0; pixel < g.OutPixels; pixel++)
                {
                    int at = pixel * channels;
                    var (top, left, bottom, right) = Covered(pixel, g);
                    int first = top * g.InWidth + left, last = (bottom - 1) * g.InWidth + right - 1;
                    if (channels <= V.Count && last * channels + V.Count <= image.Length)
                        LargestOfWindow(values + first * channels, channels, right - left, bottom - top, g.InWidth, best, winner);
                    else
                    {
                        new Span<float>(winner, channels).Clear();
                        image.Slice(first * channels, channels).CopyTo(new Span<float>(best, channels));
                        for (int h = top; h < bottom; h++)
                            for (int w = left; w < right; w++)
                                KeepLarger(values + (h * g.InWidth + w) * channels, h * g.InWidth + w - first, best, winner, channels);
                    }
                    for (int c = 0; c < channels; c++) (largest[at + c], indices[at + c]) = (best[c], first + (int)winner[c]);
                }
        });
    }

    /// <summary>
    /// The best of a window and its offset for channels that fit a register, in which both stay. Lanes past the last channel are the next
    /// pixel's, compared for nothing.
    /// </summary>
    private static void LargestOfWindow(float* x, int channels, int width, int height, int rowPixels, float* best, float* winner)
    {
        V largest = V.Load(x), offset = V.All(0);
        for (int h = 0; h < height; h++)
            for (int w = 0; w < width; w++)
            {
                V value = V.Load(x + (h * rowPixels + w) * channels);
                offset = V.WhereLarger(value, largest, V.All(h * rowPixels + w), offset);
                largest = V.WhereLarger(value, largest, value, largest);
            }
        largest.Store(best);
        offset.Store(winner);
    }

    /// <summary>Where x is larger than the best so far, it replaces that, and its offset the winner; floats hold offsets up to 2²⁴ exactly.</summary>
    private static void KeepLarger(float* x, int offset, float* best, float* winner, int count)
    {
        V here = V.All(offset);
        int c = 0;
        for (; c + V.Count <= count; c += V.Count)
        {
            V value = V.Load(x + c), before = V.Load(best + c);
            V.WhereLarger(value, before, here, V.Load(winner + c)).Store(winner + c);
            V.WhereLarger(value, before, value, before).Store(best + c);
        }
        for (; c < count; c++)
            if (IsLarger(x[c], best[c])) (best[c], winner[c]) = (x[c], offset);
    }

    internal override void MaxPool2dGradient(Tensor dy, Tensor index, Tensor dx, in Window2d window)
    {
        var g = window;
        int channels = g.InChannels, inputs = g.InHeight * g.InWidth * channels, outputs = g.OutPixels * channels;
        ForEachImage(g, n =>
        {
            var to = F(dx).Slice(n * inputs, inputs);
            to.Clear();
            ReadOnlySpan<float> from = F(dy).Slice(n * outputs, outputs);
            ReadOnlySpan<long> winners = index.Raw<long>().Slice(n * outputs, outputs);
            for (int i = 0; i < from.Length; i += channels)
                for (int c = 0; c < channels; c++) to[(int)winners[i + c] * channels + c] += from[i + c];
        });
    }

    internal override void AvgPool2d(Tensor x, Tensor y, in Window2d window)
    {
        var g = window;
        int channels = g.InChannels;
        ForEachImage(g, n =>
        {
            for (int pixel = 0; pixel < g.OutPixels; pixel++)
            {
                var mean = F(y).Slice((n * g.OutPixels + pixel) * channels, channels);
                mean.Clear();
                var (top, left, bottom, right) = Covered(pixel, g);
                for (int h = top; h < bottom; h++)
                    for (int w = left; w < right; w++)
                        TensorPrimitives.Add(mean, F(x).Slice(((n * g.InHeight + h) * g.InWidth + w) * channels, channels), mean);
                TensorPrimitives.Divide(mean, (float)(g.KernelHeight * g.KernelWidth), mean);
            }
        });
    }

    internal override void AvgPool2dGradient(Tensor dy, Tensor dx, in Window2d window)
    {
        var g = window;
        int channels = g.InChannels, inputs = g.InHeight * g.InWidth * channels;
        ForEachImage(g, n =>
        {
            var image = F(dx).Slice(n * inputs, inputs);
            image.Clear();
            for (int pixel = 0; pixel < g.OutPixels; pixel++)
            {
                var from = F(dy).Slice((n * g.OutPixels + pixel) * channels, channels);
                var (top, left, bottom, right) = Covered(pixel, g);
                for (int h = top; h < bottom; h++)
                    for (int w = left; w < right; w++)
                    {
                        var to = image.Slice((h * g.InWidth + w) * channels, channels);
                        TensorPrimitives.Add(to, from, to);
                    }
            }
            TensorPrimitives.Divide(image, (float)(g.KernelHeight * g.KernelWidth), image);
        });
    }

    private static void ForEachImage(in Window2d g, Action<int> body) =>
        Workers.Run(g.Batch, (long)g.Batch * g.InChannels * Math.Max(g.OutPixels, g.InHeight * g.InWidth), body);

    /// <summary>The image pixels, without padding, that the window of an output pixel covers; ends are exclusive.</summary>
    private static (int Top, int Left, int Bottom, int Right) Covered(int pixel, in Window2d g)
    {
        var (p, q) = Math.DivRem(pixel, g.OutWidth);
        int top = p * g.StrideHeight - g.PadHeight, left = q * g.StrideWidth - g.PadWidth;
        return (Math.Max(0, top), Math.Max(0, left), Math.Min(g.InHeight, top + g.KernelHeight), Math.Min(g.InWidth, left + g.KernelWidth));
    }
}
