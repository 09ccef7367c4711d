
namespace MiniDL.Layers;

/// <summary>
/// The basic block of He et al. 2016: <c>relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))</c>.
/// </summary>
/// <remarks>
/// A norm with an activation of its own also replaces the inner ReLU; after the sum there is always a ReLU. State:
/// <c>conv1</c>, <c>norm1</c>, <c>conv2</c>, <c>norm2</c>.
/// </remarks>
/// <example><code>
/// var y = new BasicBlock(16, 32, NormFactory.Named("bn"), random).Forward(Tensor.Ones([4, 16, 8, 8]));     // [4, 32, 4, 4]
/// </code></example>
public sealed class BasicBlock : ResidualBlock
{
    private readonly Conv2d _conv1, _conv2;
    private readonly Norm _norm1, _norm2;

    /// <summary>Makes the block.</summary>
    /// <param name="inChannels">Channels of x.</param>
    /// <param name="outChannels">Channels of the result; if larger than inChannels, the image is halved.</param>
    /// <param name="norm">The norm after each convolution.</param>
    /// <param name="random">Source of the initial values.</param>
    public BasicBlock(int inChannels, int outChannels, NormFactory norm, RandomStream random) : base(inChannels, outChannels)
    {
        _conv1 = Register("conv1", ResNet.Convolution(inChannels, outChannels, Stride, norm, random));
        _norm1 = Register("norm1", norm.Create(outChannels));
        _conv2 = Register("conv2", ResNet.Convolution(outChannels, outChannels, stride: 1, norm, random));
        _norm2 = Register("norm2", norm.CreateBranchEnd(outChannels));
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        // First, so that backward comes to it last: it then adds to x's gradient in place.
        var shortcut = Shortcut(x);
        var h = new ConvNorm(_conv1, _norm1).ForwardTo(_conv2, x, Activation.Relu);
        return new ConvNorm(_conv2, _norm2).Forward(h, residual: shortcut, activation: Activation.Relu);
    }
}
