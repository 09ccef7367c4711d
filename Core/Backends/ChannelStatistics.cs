namespace MiniDL.Backends;

/// <summary>
/// Mean and biased variance of each channel over all images and pixels, both [1, channels]: computed by a convolution along with its
/// output, for the batch normalization that follows.
/// </summary>
internal sealed record ChannelStatistics(Tensor Mean, Tensor Variance);
