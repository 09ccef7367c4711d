namespace MiniDL.Backends.Reference;

// Convolution and pooling. Tensors are channels last: pixel (n, h, w) starts at ((n·H + h)·W + w)·C.
internal sealed partial class ReferenceBackend
{
    /// <summary>Calls back for every output pixel and every tap that hits a pixel of the input.</summary>
    private static void ForEachTap(in Window2d g, Action<int, int, int> tap)
    {
        for (int n = 0; n < g.Batch; n++)
            for (int p = 0; p < g.OutHeight; p++)
                for (int q = 0; q < g.OutWidth; q++)
                    for (int r = 0; r < g.KernelHeight; r++)
                        for (int s = 0; s < g.KernelWidth; s++)
                        {
                            int h = p * g.StrideHeight + r - g.PadHeight, w = q * g.StrideWidth + s - g.PadWidth;
                            if (h >= 0 && h < g.InHeight && w >= 0 && w < g.InWidth)
                                tap((n * g.OutHeight + p) * g.OutWidth + q, (n * g.InHeight + h) * g.InWidth + w, r * g.KernelWidth + s);
                        }
    }

    internal override void Conv2d(Tensor x, Tensor weight, Tensor? bias, Tensor y, in Window2d g)
    {
        for (int i = 0; i < y.Count; i++) D(y)[i] = bias is null ? 0 : D(bias)[i % g.OutChannels];
        var (channels, outputs, taps) = (g.InChannels, g.OutChannels, g.KernelHeight * g.KernelWidth);
        ForEachTap(g, (to, from, tap) =>
        {
            Span<double> yPixel = D(y).Slice(to * outputs, outputs), xPixel = D(x).Slice(from * channels, channels), w = D(weight);
            for (int k = 0; k < outputs; k++)
                for (int c = 0; c < channels; c++)
                    yPixel[k] += xPixel[c] * w[(k * channels + c) * taps + tap];
        });
    }

    internal override void Conv2dInputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g)
    {
        D(dx).Clear();
        var (channels, outputs, taps) = (g.InChannels, g.OutChannels, g.KernelHeight * g.KernelWidth);
        ForEachTap(g, (to, from, tap) =>
        {
            Span<double> dyPixel = D(dy).Slice(to * outputs, outputs), dxPixel = D(dx).Slice(from * channels, channels), w = D(weight);
            for (int k = 0; k < outputs; k++)
                for (int c = 0; c < channels; c++)
                    dxPixel[c] += dyPixel[k] * w[(k * channels + c) * taps + tap];
        });
    }

    internal override void Conv2dWeightGradient(Tensor x, Tensor dy, Tensor dw, in Window2d g)
    {
        D(dw).Clear();
        var (channels, outputs, taps) = (g.InChannels, g.OutChannels, g.KernelHeight * g.KernelWidth);
        ForEachTap(g, (to, from, tap) =>
        {
            Span<double> dyPixel = D(dy).Slice(to * outputs, outputs), xPixel = D(x).Slice(from * channels, channels), w = D(dw);
            for (int k = 0; k < outputs; k++)
                for (int c = 0; c < channels; c++)
                    w[(k * channels + c) * taps + tap] += dyPixel[k] * xPixel[c];
        });
    }

    internal override void MaxPool2d(Tensor x, Tensor y, Tensor index, in Window2d g)
    {
        index.Raw<long>().Fill(-1);
        var (channels, pixels) = (g.InChannels, g.InHeight * g.InWidth);
        ForEachTap(g, (to, from, _) =>
        {
            for (int c = 0; c < channels; c++)
            {
                double value = D(x)[from * channels + c];
                if (index.Raw<long>()[to * channels + c] >= 0 && !IsLarger(value, D(y)[to * channels + c])) continue;
                D(y)[to * channels + c] = value;
                index.Raw<long>()[to * channels + c] = from % pixels;
            }
        });
    }

    internal override void MaxPool2dGradient(Tensor dy, Tensor index, Tensor dx, in Window2d g)
    {
        D(dx).Clear();
        for (int i = 0; i < dy.Count; i++)
        {
            int c = i % g.InChannels, n = i / (g.OutPixels * g.InChannels), pixel = (int)index.Raw<long>()[i];
            D(dx)[(n * g.InHeight * g.InWidth + pixel) * g.InChannels + c] += D(dy)[i];
        }
    }

    internal override void AvgPool2d(Tensor x, Tensor y, in Window2d g)
    {
        D(y).Clear();
        var (channels, size) = (g.InChannels, (double)(g.KernelHeight * g.KernelWidth));
        ForEachTap(g, (to, from, _) =>
        {
            for (int c = 0; c < channels; c++) D(y)[to * channels + c] += D(x)[from * channels + c] / size;
        });
    }

    internal override void AvgPool2dGradient(Tensor dy, Tensor dx, in Window2d g)
    {
        D(dx).Clear();
        var (channels, size) = (g.InChannels, (double)(g.KernelHeight * g.KernelWidth));
        ForEachTap(g, (to, from, _) =>
        {
            for (int c = 0; c < channels; c++) D(dx)[from * channels + c] += D(dy)[to * channels + c] / size;
        });
    }
}
