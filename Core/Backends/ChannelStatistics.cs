namespace MiniDL.Backends;

/// <summary>
/// Mean and biased variance of a convolution's output, both [samples, groups]: computed along with the output, for the normalization that
/// follows.
/// </summary>
/// <param name="Geometry">Which values share a statistic.</param>
internal sealed record ChannelStatistics(NormGeometry Geometry, Tensor Mean, Tensor Variance);
