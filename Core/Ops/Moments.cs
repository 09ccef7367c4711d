using MiniDL.Backends;

namespace MiniDL;

/// <summary>
/// Mean and biased variance of each channel of a convolution's result over all images and pixels, both [1, channels], taken on the way: for
/// the batch normalization that comes next. They count as long as the result has the version it had then.
/// </summary>
internal sealed record Moments(Tensor Mean, Tensor Variance, int Version)
{
    /// <summary>Those of x, if they are what is asked for.</summary>
    public static Moments? Of(Tensor x, in NormGeometry g) =>
        g.Samples == 1 && g.Groups == g.Channels && x.ChannelMoments is { } moments && moments.Version == x.Storage.Version ? moments : null;
}
