using System.Numerics.Tensors;

namespace MiniDL.Backends.Cpu;

// Pooling. Tensors are channels last: pixel (n, h, w) starts at ((n·H + h)·W + w)·C. Registers hold neighbouring channels; threads
// share the images.
internal sealed unsafe partial class CpuBackend<V>
{
    internal override void MaxPool2d(Tensor x, Tensor y, Tensor index, in Window2d window)
    {
        var g = window;
        int inputs = g.InHeight * g.InWidth * g.InChannels, outputs = g.OutPixels * g.InChannels;
        ForEachImage(g, n =>
        {
            fixed (float* image = F(x).Slice(n * inputs, inputs), largest = F(y).Slice(n * outputs, outputs))
            fixed (long* indices = index.Raw<long>().Slice(n * outputs, outputs))
                LargestOfImage(image, g, largest, indices);
        });
    }

    private static void LargestOfImage(float* image, in Window2d g, float* largest, long* indices)
    {
        int channels = g.InChannels, inputs = g.InHeight * g.InWidth * channels;
        float* best = Scratch.Rent(ScratchUse.Lanes, 2 * V.Count), winner = best + V.Count;
        for (int pixel = 0; pixel < g.OutPixels; pixel++)
        {
            var (top, left, bottom, right) = Covered(pixel, g);
            int first = top * g.InWidth + left, last = (bottom - 1) * g.InWidth + right - 1;
            for (int c = 0; c < channels; c += V.Count)
            {
                int count = Math.Min(V.Count, channels - c);
                if (last * channels + c + V.Count <= inputs)
                    LargestOfWindow<V>(image + first * channels + c, channels, right - left, bottom - top, g.InWidth, best, winner);
                else
                    for (int lane = 0; lane < count; lane++)
                        LargestOfWindow<SimdScalar>(image + first * channels + c + lane, channels, right - left, bottom - top, g.InWidth, best + lane, winner + lane);
                for (int lane = 0; lane < count; lane++, largest++, indices++) (*largest, *indices) = (best[lane], first + (int)winner[lane]);
            }
        }
    }

    /// <summary>
    /// The largest value of a window, the first of them, and its offset in pixels, for a vector of channels; floats hold offsets up to 2²⁴ exactly.
    /// Lanes past the last channel are the next pixel's, compared for nothing.
    /// </summary>
    private static void LargestOfWindow<W>(float* x, int channels, int width, int height, int rowPixels, float* best, float* winner)
        where W : unmanaged, ISimd<W>
    {
        W largest = W.Load(x), offset = W.All(0);
        for (int h = 0; h < height; h++)
            for (int w = 0; w < width; w++)
            {
                W value = W.Load(x + (h * rowPixels + w) * channels);
                offset = W.WhereLarger(value, largest, W.All(h * rowPixels + w), offset);
                largest = W.WhereLarger(value, largest, value, largest);
            }
        largest.Store(best);
        offset.Store(winner);
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
