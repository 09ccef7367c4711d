namespace MiniDL.Backends;

/// <summary>
/// Mean and biased variance of each channel over all images and pixels, both [1, channels]: what a convolution can take of its output on the
/// way, for the batch normalization that comes next.
/// </summary>
internal sealed record ChannelStatistics(Tensor Mean, Tensor Variance);
