namespace MiniDL.Layers;

/// <summary>
/// The basic block of a net without norms, after Fixup:
/// <c>relu(scale · conv2(relu(conv1(x + bias1a) + bias1b) + bias2a) + bias2b + shortcut(x))</c>, where each bias and the scale are
/// single numbers. Zhang, Dauphin and Ma 2019.
/// </summary>
/// <remarks>
/// Fixup keeps the updates of a net of L blocks as large as those of one block: conv1 starts at <c>std = √(2/(k²·out)) · L^(−1/2)</c>,
/// conv2 and the biases at 0, the scale at 1, and the net's last linear layer at 0 too. The authors train biases and scale at a tenth of
/// the learning rate. State, by the authors' names: <c>bias1a</c>, <c>bias1b</c>, <c>bias2a</c>, <c>scale</c> and <c>bias2b</c>,
/// [1] each, <c>conv1</c>, <c>conv2</c>.
/// </remarks>
/// <example><code>var block = new FixupBlock(inChannels: 16, outChannels: 32, blocks: 9, random);</code></example>
public sealed class FixupBlock : ResidualBlock
{
    private readonly Conv2d _conv1, _conv2;
    private readonly Parameter _bias1a, _bias1b, _bias2a, _scale, _bias2b;

    /// <summary>Makes the block with Fixup's initial values.</summary>
    /// <param name="inChannels">Channels of x.</param>
    /// <param name="outChannels">Channels of the result.</param>
    /// <param name="blocks">L, the number of blocks in the net.</param>
    /// <param name="random">Source of conv1's initial values.</param>
    /// <exception cref="ShapeException">A number is not positive.</exception>
    public FixupBlock(int inChannels, int outChannels, int blocks, RandomStream random) : base(inChannels, outChannels)
    {
        Check.That(blocks > 0, "fixup", $"blocks {blocks} must be positive.");
        _bias1a = RegisterParameter("bias1a", Tensor.Zeros([1]));
        _bias1b = RegisterParameter("bias1b", Tensor.Zeros([1]));
        _bias2a = RegisterParameter("bias2a", Tensor.Zeros([1]));
        _scale = RegisterParameter("scale", Tensor.Ones([1]));
        _bias2b = RegisterParameter("bias2b", Tensor.Zeros([1]));
        _conv1 = Register("conv1", new Conv2d(inChannels, outChannels, 3, Stride, padding: 1, bias: false, random.Fork("unused")));
        _conv2 = Register("conv2", new Conv2d(outChannels, outChannels, 3, padding: 1, bias: false, random: random.Fork("unused")));
        Init.Normal(_conv1.Weight, random, std: Math.Sqrt(2.0 / (9 * outChannels) / blocks));
        Init.Constant(_conv2.Weight, 0);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        // First, so that backward comes to it last: it then adds to x's gradient in place.
        var shortcut = Shortcut(x);
        var h = (_conv1.Forward(x + _bias1a.Value) + _bias1b.Value).Relu();
        h = _conv2.Forward(h + _bias2a.Value) * _scale.Value + _bias2b.Value;
        return (h + shortcut).Relu();
    }
}
