namespace MiniDL.Backends;

/// <summary>
/// Mean and biased variance of a convolution's output, both [samples, groups]: computed along with the output, for the normalization that
/// follows.
/// </summary>
/// <param name="Geometry">Which values share a statistic.</param>
internal sealed record ChannelStatistics(NormGeometry Geometry, Tensor Mean, Tensor Variance)
{
    /// <summary>Room for statistics, if they are asked for.</summary>
    public static ChannelStatistics? Of(NormGeometry? geometry, Device device)
    {
        if (geometry is not { } of) return null;
        Shape shape = [of.Samples, of.Groups];
        return new ChannelStatistics(of, Tensor.New(shape, device, device.FloatType), Tensor.New(shape, device, device.FloatType));
    }
}
