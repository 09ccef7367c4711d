using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// The gradient of a normalization without a residual that reads dy image by image, from the cache, as a convolution computes it. After the
/// last image comes <see cref="Complete"/>.
/// </summary>
internal sealed unsafe class ImageGradient<V> where V : unmanaged, ISimd<V>
{
    private readonly ChannelGradient<V> _gradient;
    private readonly ImageChunks _chunks;
    private readonly StoragePool _pool;
    private readonly nint _imageSize;

    /// <param name="dy">Null if its images are given to <see cref="Add(int, int, float*)"/>.</param>
    public ImageGradient(Tensor? dy, Tensor x, in NormArguments norm, in NormGradients d, in ImageChunks chunks, StoragePool pool)
    {
        // Without a residual the activation's mask is computed from x.
        (_gradient, _chunks, _pool, _imageSize) = (new ChannelGradient<V>(dy, x, x, norm, d), chunks, pool, x.Count / x.Shape[0]);
        _gradient.Begin(pool);
    }

    /// <summary>Reads the gradients of images; for different images on any threads.</summary>
    public void Add(int first, int end)
    {
        var (chunk, last) = _chunks.Of(first, end);
        for (; chunk < last; chunk++) _gradient.FirstPass(chunk);
    }

    /// <summary>The same for images whose dy is not in a tensor, where <see cref="ImageChunks.AreSamples"/>; dx may lie over x.</summary>
    /// <param name="gradients">The first of their values.</param>
    public void Add(int first, int end, float* gradients)
    {
        for (int image = first; image < end; image++, gradients += _imageSize) _gradient.FirstPass(image, gradients);
    }

    /// <summary>Writes what is left of the gradients.</summary>
    public void Complete() => _gradient.Complete(_pool);
}
