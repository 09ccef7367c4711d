using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MiniDL.Backends.Cpu.Convolution;
using MiniDL.Backends.Cpu.Normalization;

namespace MiniDL.Backends.Cpu;

// Convolution. Tensors are channels last: pixel (n, h, w) starts at ((n·H + h)·W + w)·C. The shape determines the algorithm.
internal sealed unsafe partial class CpuBackend<V>
{
    private readonly KeptKernels<V> _kernels = new();

    internal override void Conv2d(Tensor x, Tensor weight, Tensor? bias, Tensor y, in Window2d g)
    {
        float* from = Pointer(x), w = Pointer(weight), b = bias is null ? null : Pointer(bias), to = Pointer(y);
        if (WinogradConvolution<V>.Suits(g)) WinogradConvolution<V>.Forward(from, WinogradKernel<V>.Of(w, g), b, to, g);
        else Direct(from, w, b, to, g);
        KeepAlive(x, weight, bias, y);
    }

    internal override void Conv2dNormalize(Tensor x, Tensor weight, Tensor? bias, Tensor y, in Window2d g, in NormArguments norm)
    {
        if (norm.Constant && WinogradConvolution<V>.Suits(g))
        {
            FoldedConvolution(x, weight, bias, y, g, norm);
            return;
        }
        // Here each image is the work of one thread.
        if (g.Batch == 1 || y.Count == 0 || g.OutPixels == 1)
        {
            base.Conv2dNormalize(x, weight, bias, y, g, norm);
            return;
        }
        var todo = norm with { Geometry = new NormGeometry(g.Batch, g.OutPixels, g.OutChannels, norm.Geometry.Groups) };
        var moments = norm.Constant ? null : new ChannelMoments<V>(y, Pool, todo.Geometry);
        void Finish(int first, int end) => ChannelNorm<V>.NormalizeImages(y, todo, moments, first, end);
        float* from = Pointer(x), w = Pointer(weight), b = bias is null ? null : Pointer(bias), to = Pointer(y);
        if (WinogradConvolution<V>.Suits(g)) WinogradConvolution<V>.Forward(from, _kernels.Of(weight, w, null, g), b, to, g, 1, Finish);
        else Direct(from, w, b, to, g, 1, Finish);
        moments?.Return(Pool);
        KeepAlive(x, weight, bias, y);
    }

    /// <summary>
    /// With constant statistics the norm is a scale and a shift per channel: the scale is folded into the weights, the shift into the
    /// bias, and residual and activation are applied while the outputs are in registers.
    /// </summary>
    private void FoldedConvolution(Tensor x, Tensor weight, Tensor? bias, Tensor y, in Window2d g, in NormArguments norm)
    {
        float* scale = Scratch.Rent(ScratchUse.Lanes, 2 * g.OutChannels), shift = scale + g.OutChannels;
        for (int k = 0; k < g.OutChannels; k++)
        {
            float start = (bias is null ? 0 : F(bias)[k]) - F(norm.Mean)[k];
            scale[k] = Statistics.InverseStd(F(norm.Variance)[k], norm.Eps) * (norm.Weight is null ? 1 : F(norm.Weight)[k]);
            shift[k] = start * scale[k] + (norm.Bias is null ? 0 : F(norm.Bias)[k]);
        }
        var kernel = _kernels.Of(weight, Pointer(weight), scale, g);
        var epilogue = new Epilogue(norm.Residual is null ? null : Pointer(norm.Residual), norm.Activation == Activation.Relu);
        WinogradConvolution<V>.Forward(Pointer(x), kernel, shift, Pointer(y), g, epilogue);
        KeepAlive(x, weight, norm.Residual, y);
    }

    internal override void Conv2dInputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g)
    {
        if (WinogradConvolution<V>.Suits(g)) WinogradConvolution<V>.InputGradient(Pointer(dy), Pointer(weight), Pointer(dx), g);
        else if (PatchInputGradient<V>.Suits(g)) PatchInputGradient<V>.Run(Pointer(dy), Pointer(weight), Pointer(dx), g);
        else DirectConvolution<V>.InputGradient(Pointer(dy), Pointer(weight), Pointer(dx), g);
        KeepAlive(dy, weight, dx);
    }

    internal override void AddConv2dInputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g)
    {
        if (!WinogradConvolution<V>.Suits(g))
        {
            base.AddConv2dInputGradient(dy, weight, dx, g);
            return;
        }
        WinogradConvolution<V>.InputGradient(Pointer(dy), Pointer(weight), Pointer(dx), g, add: true);
        KeepAlive(dy, weight, dx);
    }

    internal override void Conv2dMoments(Tensor x, Tensor weight, Tensor? bias, Tensor y, ChannelStatistics statistics, in Window2d g)
    {
        if (ImageChunks.Of(statistics.Geometry, g) is not { } chunks)
        {
            base.Conv2dMoments(x, weight, bias, y, statistics, g);
            return;
        }
        var moments = new ImageMoments<V>(y, statistics, chunks, Pool);
        float* from = Pointer(x), w = Pointer(weight), b = bias is null ? null : Pointer(bias), to = Pointer(y);
        if (WinogradConvolution<V>.Suits(g)) WinogradConvolution<V>.Forward(from, WinogradKernel<V>.Of(w, g), b, to, g, chunks.Together, moments.Add);
        else Direct(from, w, b, to, g, chunks.Together, moments.Add);
        moments.Complete(Pool);
        KeepAlive(x, weight, bias, y);
    }

    internal override bool NormalizesInput(in NormGeometry input, in Window2d g) =>
        WinogradWeightGradient<V>.Suits(g) && ImageChunks.Of(input, g.Batch, g.InHeight * g.InWidth) is not null;

    internal override void NormalizeConv2d(Tensor x, in NormArguments norm, Tensor weight, Tensor? bias, Tensor y, ChannelStatistics? statistics,
        in Window2d g)
    {
        var chunks = statistics is null ? null : ImageChunks.Of(statistics.Geometry, g);
        if (!WinogradConvolution<V>.Suits(g) || (statistics is not null && chunks is null))
        {
            base.NormalizeConv2d(x, norm, weight, bias, y, statistics, g);
            return;
        }
        var moments = statistics is null ? null : new ImageMoments<V>(y, statistics, chunks!.Value, Pool);
        Action<int, int>? finish = moments is null ? null : moments.Add;
        var kernel = WinogradKernel<V>.Of(Pointer(weight), g);
        WinogradConvolution<V>.Forward(Pointer(x), kernel, bias is null ? null : Pointer(bias), Pointer(y), g, chunks?.Together ?? 1, finish, new InputNorm<V>(norm));
        moments?.Complete(Pool);
        KeepAlive(x, weight, bias, y);
    }

    internal override void NormalizeConv2dInputGradient(Tensor dy, Tensor x, in NormArguments norm, Tensor weight, in NormGradients d, in Window2d g)
    {
        if (!WinogradConvolution<V>.Suits(g) || ImageChunks.Of(norm.Geometry, g.Batch, g.InHeight * g.InWidth) is not { } chunks)
        {
            base.NormalizeConv2dInputGradient(dy, x, norm, weight, d, g);
            return;
        }
        float* from = Pointer(dy), w = Pointer(weight), input = Pointer(x);
        if (chunks.AreSamples)
        {
            var images = new ImageGradient<V>(null, x, norm, d, chunks, Pool);
            WinogradConvolution<V>.InputGradient(from, w, g, input, images.Add);
            images.Complete();
        }
        else
        {
            // The gradient of the normalized values lies where that of x will be.
            var dz = d.X ?? Rented(x);
            var images = new ImageGradient<V>(dz, x, norm, d, chunks, Pool);
            WinogradConvolution<V>.InputGradient(from, w, Pointer(dz), g, chunks.Together, images.Add, input);
            images.Complete();
            if (d.X is null) Pool.Return(dz.Storage);
        }
        KeepAlive(dy, x, weight, d.X);
    }

    internal override bool NormalizesConv2dGradientInPlace(in NormGeometry input, in Window2d g) =>
        WinogradConvolution<V>.Suits(g) && ImageChunks.Of(input, g.Batch, g.InHeight * g.InWidth) is { AreSamples: true };

    internal override void NormalizeConv2dWeightGradient(Tensor dy, Tensor x, in NormArguments norm, Tensor dw, in Window2d g)
    {
        if (WinogradWeightGradient<V>.Suits(g)) WinogradWeightGradient<V>.Run(Pointer(x), Pointer(dy), Pointer(dw), g, new InputNorm<V>(norm));
        else base.NormalizeConv2dWeightGradient(dy, x, norm, dw, g);
        KeepAlive(dy, x, dw);
    }

    internal override bool TakesMoments(in NormGeometry statistics) => true;

    internal override void Conv2dWeightGradient(Tensor x, Tensor dy, Tensor dw, in Window2d g)
    {
        if (WinogradWeightGradient<V>.Suits(g)) WinogradWeightGradient<V>.Run(Pointer(x), Pointer(dy), Pointer(dw), g);
        else if (FitsHalf(g.OutChannels)) DirectWeightGradient<Simd256>.Run(Pointer(x), Pointer(dy), Pointer(dw), g);
        else DirectWeightGradient<V>.Run(Pointer(x), Pointer(dy), Pointer(dw), g);
        KeepAlive(x, dy, dw);
    }

    private static void Direct(float* x, float* weight, float* bias, float* y, in Window2d g)
    {
        if (FitsHalf(g.OutChannels)) DirectConvolution<Simd256>.Forward(x, weight, bias, y, g);
        else DirectConvolution<V>.Forward(x, weight, bias, y, g);
    }

    private static void Direct(float* x, float* weight, float* bias, float* y, in Window2d g, int together, Action<int, int> finish)
    {
        if (FitsHalf(g.OutChannels)) DirectConvolution<Simd256>.Forward(x, weight, bias, y, g, together, finish);
        else DirectConvolution<V>.Forward(x, weight, bias, y, g, together, finish);
    }

    /// <summary>
    /// Whether half a register holds all channels. Half of a register takes half of the time where a processor computes 16 lanes in two turns, or
    /// in one unit in place of two; the results are the same bits.
    /// </summary>
    private static bool FitsHalf(int channels) => V.Count == 2 * Simd256.Count && channels <= Simd256.Count;

    /// <summary>The address of the first value: storage is pinned, so it stays valid as long as the tensor is alive.</summary>
    private static float* Pointer(Tensor x) => (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(F(x)));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void KeepAlive(Tensor? a, Tensor? b, Tensor? c, Tensor? d = null)
    {
        GC.KeepAlive(a);
        GC.KeepAlive(b);
        GC.KeepAlive(c);
        GC.KeepAlive(d);
    }
}
