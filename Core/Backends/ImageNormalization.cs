namespace MiniDL.Backends;

/// <summary>
/// What is done to each image as it comes out of a convolution:
/// y = act((x − mean) / √(variance + eps) · weight + bias + residual); see <see cref="Backend.Normalize"/>.
/// </summary>
/// <param name="Constants">Mean and variance of each channel; null takes those of each image's groups.</param>
/// <param name="Eps">Added to the variance.</param>
/// <param name="Weight">[channels], or null.</param>
/// <param name="Bias">[channels], or null.</param>
/// <param name="Residual">Of the shape and layout of y, or null.</param>
/// <param name="Activation">Applied last.</param>
/// <param name="Groups">Groups of channels with one statistic each; as many as channels with constants.</param>
internal readonly record struct ImageNormalization((Tensor Mean, Tensor Variance)? Constants, double Eps,
    Tensor? Weight, Tensor? Bias, Tensor? Residual, Activation Activation, int Groups);
