namespace MiniDL.Backends.Cpu;

// Convolution. Tensors are channels last: pixel (n, h, w) starts at ((n·H + h)·W + w)·C.
internal sealed partial class CpuBackend
{
    internal override void Conv2d(Tensor x, Tensor weight, Tensor? bias, Tensor y, in Window2d g)
    {
        for (int i = 0; i < y.Count; i++) F(y)[i] = bias is null ? 0 : F(bias)[i % g.OutChannels];
        var (channels, outputs, taps) = (g.InChannels, g.OutChannels, g.KernelHeight * g.KernelWidth);
        ForEachTap(g, (to, from, tap) =>
        {
            for (int k = 0; k < outputs; k++)
                for (int c = 0; c < channels; c++)
                    F(y)[to * outputs + k] += F(x)[from * channels + c] * F(weight)[(k * channels + c) * taps + tap];
        });
    }

    internal override void Conv2dInputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g)
    {
        F(dx).Clear();
        var (channels, outputs, taps) = (g.InChannels, g.OutChannels, g.KernelHeight * g.KernelWidth);
        ForEachTap(g, (to, from, tap) =>
        {
            for (int k = 0; k < outputs; k++)
                for (int c = 0; c < channels; c++)
                    F(dx)[from * channels + c] += F(dy)[to * outputs + k] * F(weight)[(k * channels + c) * taps + tap];
        });
    }

    internal override void Conv2dWeightGradient(Tensor x, Tensor dy, Tensor dw, in Window2d g)
    {
        F(dw).Clear();
        var (channels, outputs, taps) = (g.InChannels, g.OutChannels, g.KernelHeight * g.KernelWidth);
        ForEachTap(g, (to, from, tap) =>
        {
            for (int k = 0; k < outputs; k++)
                for (int c = 0; c < channels; c++)
                    F(dw)[(k * channels + c) * taps + tap] += F(dy)[to * outputs + k] * F(x)[from * channels + c];
        });
    }
}
