using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static TorchSharp.torch.nn.functional;

namespace MiniDL.Benchmarks.Peer;

/// <summary>
/// ResNet-20 for CIFAR as in MiniDL.Layers: shortcuts of option A, BatchNorm or GroupNorm with 8 groups after every convolution.
/// Activations and sums of shortcuts are done in place, which saves the peer memory and time.
/// </summary>
internal sealed class ResNet : Module<Tensor, Tensor>
{
    private const int BlocksPerStage = 3;

    private readonly Conv2d _conv;
    private readonly Module<Tensor, Tensor> _norm;
    private readonly Sequential _blocks;
    private readonly Linear _fc;

    public ResNet(string norm) : base(nameof(ResNet))
    {
        _conv = Convolution(3, 16, stride: 1);
        _norm = Norm(norm, 16);
        _blocks = Sequential();
        int before = 16;
        foreach (int channels in new[] { 16, 32, 64 })
            for (int i = 0; i < BlocksPerStage; i++)
            {
                _blocks.append($"{channels}.{i}", new Block(before, channels, norm));
                before = channels;
            }
        _fc = Linear(64, 10);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var h = _blocks.forward(_norm.forward(_conv.forward(x)).relu_());
        return _fc.forward(h.mean([2, 3]));
    }

    private static Conv2d Convolution(int inChannels, int outChannels, int stride) =>
        Conv2d(inChannels, outChannels, 3, stride: stride, padding: 1, bias: false);

    private static Module<Tensor, Tensor> Norm(string norm, int channels) => norm switch
    {
        "bn" => BatchNorm2d(channels),
        "gn" => GroupNorm(8, channels),
        _ => throw new ArgumentException($"the peer has no norm '{norm}'; use bn or gn."),
    };

    private sealed class Block : Module<Tensor, Tensor>
    {
        private readonly Conv2d _conv1, _conv2;
        private readonly Module<Tensor, Tensor> _norm1, _norm2;
        private readonly int _newChannels;

        public Block(int inChannels, int outChannels, string norm) : base(nameof(Block))
        {
            _newChannels = outChannels - inChannels;
            _conv1 = Convolution(inChannels, outChannels, stride: _newChannels > 0 ? 2 : 1);
            _norm1 = Norm(norm, outChannels);
            _conv2 = Convolution(outChannels, outChannels, stride: 1);
            _norm2 = Norm(norm, outChannels);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            var h = _norm1.forward(_conv1.forward(x)).relu_();
            return _norm2.forward(_conv2.forward(h)).add_(Shortcut(x)).relu_();
        }

        private Tensor Shortcut(Tensor x)
        {
            if (_newChannels == 0) return x;
            var everySecond = TensorIndex.Slice(null, null, 2);
            return pad(x[TensorIndex.Ellipsis, everySecond, everySecond], [0, 0, 0, 0, _newChannels / 2, _newChannels / 2]);
        }
    }
}
