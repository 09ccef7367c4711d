using MiniDL.Backends;

namespace MiniDL;

/// <summary>
/// A convolution and the normalization of its output, <c>act(norm(x ∗ w + b) + residual)</c>, in one pass over memory: for evaluation,
/// where the statistics are constants or each image's own. It saves nothing for backward and has no gradient.
/// </summary>
/// <param name="x">[N, C, H, W], channels last.</param>
/// <param name="weight">[K, C, R, S], row-major.</param>
/// <param name="bias">[K], or null.</param>
/// <param name="geometry">The sizes of the convolution.</param>
/// <param name="norm">The normalization of its output; the residual is channels last.</param>
internal sealed class Conv2dNormalizeOp(Tensor x, Tensor weight, Tensor? bias, Window2d geometry, NormArguments norm)
    : Operator("conv2d_normalize", x, weight, bias, norm.Residual)
{
    internal override double Operations => geometry.Operations;

    protected override Tensor Forward()
    {
        var y = Tensor.New(geometry.Output, Device, x.DType, Layout.ChannelsLast);
        Backend.Conv2dNormalize(x, weight, bias, y, geometry, norm);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d) =>
        throw new InvalidOperationException("conv2d_normalize runs only where nothing is recorded.");
}
