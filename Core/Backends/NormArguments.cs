namespace MiniDL.Backends;

/// <summary>
/// A normalization without its input and output: y = act((x − mean) / √(variance + eps) · weight + bias + residual).
/// </summary>
/// <param name="Geometry">Which values share a statistic.</param>
/// <param name="Mean">[samples, groups].</param>
/// <param name="Variance">Biased, [samples, groups].</param>
/// <param name="Eps">Added to the variance.</param>
/// <param name="Weight">[channels], or null.</param>
/// <param name="Bias">[channels], or null.</param>
/// <param name="Residual">Stored like x; or null.</param>
/// <param name="Activation">Applied last.</param>
/// <param name="Constant">Whether mean and variance are constants rather than the input's own; no gradient flows through constants.</param>
internal readonly record struct NormArguments(NormGeometry Geometry, Tensor Mean, Tensor Variance, double Eps,
    Tensor? Weight = null, Tensor? Bias = null, Tensor? Residual = null, Activation Activation = Activation.None, bool Constant = false)
{
    /// <summary>A normalization by the input's own statistics, for which memory is allocated.</summary>
    public static NormArguments ByOwnStatistics(NormGeometry geometry, Device device, double eps) =>
        new(geometry, Room(geometry, device), Room(geometry, device), eps);

    private static Tensor Room(NormGeometry g, Device device) => Tensor.New([g.Samples, g.Groups], device, device.FloatType);
}

/// <summary>The destinations of a normalization's gradients; null for those that are not needed.</summary>
/// <param name="X">Stored like x.</param>
/// <param name="Weight">[channels].</param>
/// <param name="Bias">[channels].</param>
/// <param name="Residual">Stored like x.</param>
internal readonly record struct NormGradients(Tensor? X, Tensor? Weight = null, Tensor? Bias = null, Tensor? Residual = null);
