namespace MiniDL.Layers;

/// <summary>A block of <see cref="ResNet"/>: two 3×3 convolutions and a shortcut around them; if channels double, the image is halved.</summary>
/// <example><code>ResidualBlock block = new BasicBlock(inChannels: 16, outChannels: 32, NormFactory.Named("bn"), random);</code></example>
public abstract class ResidualBlock(int inChannels, int outChannels) : Module
{
    private readonly int _newChannels = NewChannels(inChannels, outChannels);

    /// <summary>The stride of the first convolution.</summary>
    private protected int Stride => _newChannels > 0 ? 2 : 1;

    private static int NewChannels(int inChannels, int outChannels)
    {
        int added = outChannels - inChannels;
        Check.That(added >= 0 && added % 2 == 0, "residual_block", $"{outChannels} channels after {inChannels}: the shortcut pads with channels of "
            + $"zeros, as many before as after. Use {inChannels}, or more by an even number.");
        return added;
    }

    /// <summary>
    /// The shortcut has no parameters (He et al. 2016, option A): if the channels double, it takes every second pixel and pads with
    /// channels of zeros, half of them on each side.
    /// </summary>
    private protected Tensor Shortcut(Tensor x)
    {
        if (_newChannels == 0) return x;
        var sampled = x[.., .., Slice.Every(2), Slice.Every(2)];
        sampled.IsPrivate = true;
        var padded = sampled.Pad((0, 0), (_newChannels / 2, _newChannels / 2));
        padded.IsPrivate = true;
        return padded;
    }
}
