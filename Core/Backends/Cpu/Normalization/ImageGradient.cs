using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <inheritdoc/>
internal sealed class ImageGradient<V> : ImageGradient where V : unmanaged, ISimd<V>
{
    private readonly ChannelGradient<V> _gradient;
    private readonly ImageChunks _chunks;
    private readonly StoragePool _pool;

    public ImageGradient(Tensor dy, Tensor x, Tensor y, in NormArguments norm, in NormGradients d, in ImageChunks chunks, StoragePool pool)
    {
        (_gradient, _chunks, _pool, X) = (new ChannelGradient<V>(dy, x, y, norm, d), chunks, pool, x);
        // Without a residual the mask is computed from x.
        if (norm.Residual is not null && norm.Activation == Activation.Relu) Y = y;
        _gradient.Begin(pool);
    }

    /// <summary>What is read with dy, value by value: the input of the normalization.</summary>
    public Tensor X { get; }

    /// <summary>What else is read: the output, or null.</summary>
    public Tensor? Y { get; }

    /// <summary>Images come in multiples of this, but for the last.</summary>
    public int Together => _chunks.Together;

    public override void Add(int first, int end)
    {
        var (chunk, last) = _chunks.Of(first, end);
        for (; chunk < last; chunk++) _gradient.FirstPass(chunk);
    }

    public override void Complete() => _gradient.Complete(_pool);
}
