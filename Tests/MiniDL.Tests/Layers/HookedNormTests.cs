using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>A hook that only looks changes no bit of what a norm gives, of its gradients or of its running statistics.</summary>
public class HookedNormTests
{
    public static TheoryData<string, int> EveryNorm => NormCases.All;

    [Theory, MemberData(nameof(EveryNorm))]
    public void A_hook_that_looks_changes_nothing(string name, int rank)
    {
        foreach (bool training in new[] { true, false })
            foreach (var activation in new[] { Activation.None, Activation.Relu })
                foreach (bool residual in new[] { true, false })
                {
                    var (plain, hooked) = (Run(hook: false), Run(hook: true));
                    Assert.Equal(plain.Keys, hooked.Keys);
                    foreach (var (key, value) in plain) Assert.Equal(value, hooked[key]);

                    Dictionary<string, float[]> Run(bool hook)
                    {
                        var norm = NormCases.Create(name, rank, Device.Cpu);
                        norm.Train(training);
                        using var _ = hook ? norm.OnForward((_, _, _) => null) : null;
                        var shape = NormCases.Shape(rank);
                        var layout = rank is >= 3 and <= 5 ? Layout.ChannelsLast : Layout.RowMajor;
                        var x = NormCases.Leaf(NormCases.Input(shape, Device.Cpu, seed: 1, mean: 0.5).ToLayout(layout));
                        var r = residual ? NormCases.Leaf(NormCases.Input(shape, Device.Cpu, seed: 2).ToLayout(layout)) : null;
                        return NormCases.Differentiate(norm, x, r, activation, NormCases.Input(shape, Device.Cpu, seed: 3).ToLayout(layout))
                            .ToDictionary(e => e.Key, e => e.Value.ToArray());
                    }
                }
    }

    [Fact]
    public void Ghost_norm_in_evaluation_takes_batches_of_any_size_with_a_hook_and_without_fusion()
    {
        foreach (bool fused in new[] { true, false })
        {
            var norm = new GhostBatchNorm1d(2, virtualBatch: 4) { Fused = fused };
            norm.OnForward((_, _, _) => null);
            norm.Eval();
            var x = NormCases.Input([6, 2], Device.Cpu, seed: 1);
            NormCases.AssertClose(norm.Forward(x), x * (1 / Math.Sqrt(1 + 1e-5)), 1e-6, "running statistics 0 and 1");
        }
    }

    /// <summary>Training steps of a whole net, probed on every module and not at all.</summary>
    [Theory]
    [InlineData("bn", 4)]
    [InlineData("gn", 4)]
    [InlineData("ghost", 4)]
    [InlineData("brn", 4)]
    [InlineData("bn", 16)]
    [InlineData("gn", 16)]
    [InlineData("in", 16)]
    public void A_net_with_hooks_on_every_module_trains_to_the_same_bits(string norm, int batch)
    {
        Assert.Equal(Train(hooks: false), Train(hooks: true));

        float[] Train(bool hooks)
        {
            var net = new ResNet(8, NormFactory.Named(norm, virtualBatch: 2), new RandomStream(1));
            if (hooks)
                foreach (var (_, module) in net.NamedModules()) module.OnForward((_, _, _) => null);
            var sgd = new MiniDL.Optim.Sgd(net.Parameters(), learningRate: 0.1f, momentum: 0.9f);
            for (int i = 0; i < 2; i++)
            {
                sgd.ZeroGrad();
                Loss.CrossEntropy(net.Forward(NormCases.Input([batch, 3, 32, 32], Device.Cpu, seed: 3)), Tensor.From(new long[batch], [batch])).Backward();
                sgd.Step();
            }
            return [.. net.StateDict().Values.SelectMany(t => t.ToArray())];
        }
    }
}
