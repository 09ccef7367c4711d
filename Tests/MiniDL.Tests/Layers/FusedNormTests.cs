using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>A fused norm does what its definition in plain operators says, which is written and differentiated independently.</summary>
public class FusedNormTests
{
    public static TheoryData<string, int> EveryNorm => NormCases.All;

    [Theory, MemberData(nameof(EveryNorm))]
    public void Fused_agrees_with_plain_in_double(string name, int rank) => Compare(name, rank, Device.Reference, 1e-12, 1e-9);

    [Theory, MemberData(nameof(EveryNorm))]
    public void Fused_agrees_with_plain_on_the_cpu(string name, int rank) => Compare(name, rank, Device.Cpu, 3e-6, 3e-5);

    private static void Compare(string name, int rank, Device device, double limit, double gradientLimit)
    {
        foreach (bool training in new[] { true, false })
            foreach (var activation in new[] { Activation.None, Activation.Relu })
                foreach (bool residual in new[] { false, true })
                    foreach (var layout in rank is >= 3 and <= 5 ? new[] { Layout.RowMajor, Layout.ChannelsLast } : [Layout.RowMajor])
                    {
                        string what = $"{(training ? "training" : "evaluation")}, {activation}, residual {residual}, {layout}";
                        var fused = Run(NormCases.Create(name, rank, device), true, training, activation, residual, layout, rank, device);
                        var plain = Run(NormCases.Create(name, rank, device), false, training, activation, residual, layout, rank, device);
                        Assert.Equal(plain.Keys, fused.Keys);
                        foreach (var (key, value) in plain)
                            NormCases.AssertClose(fused[key], value, key.StartsWith('d') ? gradientLimit : limit, $"{what}: {key}");
                    }
    }

    /// <summary>Output, gradients (d…) and buffers of one forward and backward pass with a random cotangent.</summary>
    private static Dictionary<string, Tensor> Run(Norm norm, bool fused, bool training, Activation activation, bool withResidual,
        Layout layout, int rank, Device device)
    {
        norm.Fused = fused;
        norm.Train(training);
        var shape = NormCases.Shape(rank);
        var x = NormCases.Leaf(NormCases.Input(shape, device, seed: 1, mean: 0.5).ToLayout(layout));
        var residual = withResidual ? NormCases.Leaf(NormCases.Input(shape, device, seed: 2).ToLayout(layout)) : null;
        return NormCases.Differentiate(norm, x, residual, activation, NormCases.Input(shape, device, seed: 3).ToLayout(layout));
    }
}
