using MiniDL.Backends.Cpu.Normalization;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>The normalization of images that a convolution reads, as <see cref="ChannelNorm{V}"/> computes it: z = act((x − mean)·scale + shift).</summary>
internal sealed unsafe class InputNorm<V> where V : unmanaged, ISimd<V>
{
    private readonly float* _parameters;
    private readonly NormArguments _norm;
    private readonly int _lanes;

    /// <param name="norm">A sample is an image, or all of them.</param>
    public InputNorm(in NormArguments norm)
    {
        _norm = norm;
        _lanes = ChannelChunks.Period(norm.Geometry.Channels);
        _parameters = Scratch.Rent(ScratchUse.Norms, norm.Geometry.Samples * ChannelNorm<V>.Parameters * _lanes);
        Workers.Run(norm.Geometry.Samples, this, static (input, sample) => ChannelNorm<V>.Spread(input._norm, sample, input.Of(sample), input._lanes));
    }

    /// <summary>Normalizes pixels of an image.</summary>
    public void Run(int image, float* x, int count, float* z)
    {
        float* means = Of(_norm.Geometry.Samples == 1 ? 0 : image), scales = means + _lanes, shifts = scales + _lanes;
        ChannelKernels<V>.Normalize(x, count, means, scales, shifts, null, _norm.Activation == Activation.Relu, z, _lanes);
    }

    private float* Of(int sample) => _parameters + sample * ChannelNorm<V>.Parameters * _lanes;
}
