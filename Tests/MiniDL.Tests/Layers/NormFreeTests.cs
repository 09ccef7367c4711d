using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>Nets without norms whose residual branches start at 0: Fixup and SkipInit.</summary>
public class NormFreeTests
{
    private static double Std(Tensor x) => Math.Sqrt(x.ToArray<double>().Average(v => v * v));

    [Fact]
    public void SkipInit_blocks_start_as_the_rectified_shortcut()
    {
        var block = new ResNet(8, NormFactory.Named("skipinit"), new RandomStream(1))
            .NamedModules().Single(m => m.Path == "blocks.0").Module;
        var x = NormCases.Input([2, 16, 4, 4], Device.Cpu, seed: 1);
        Assert.Equal(x.Relu().ToArray(), block.Forward(x).ToArray());
        Init.Constant(block.NamedParameters().Single(p => p.Path == "norm2.skipinit_gain").Parameter, 0.5);
        Assert.NotEqual(x.Relu().ToArray(), block.Forward(x).ToArray());
    }

    [Fact]
    public void Fixup_starts_as_the_paper_says()
    {
        var net = new ResNet(20, NormFactory.Named("fixup"), new RandomStream(1));
        var state = net.StateDict();
        for (int i = 0; i < 9; i++)
        {
            int channels = 16 << (i / 3);
            double expected = Math.Sqrt(2.0 / (9 * channels)) / Math.Sqrt(9);
            Assert.Equal(1, Std(state[$"blocks.{i}.conv1.weight"]) / expected, 0.1);
            Assert.All(state[$"blocks.{i}.conv2.weight"].ToArray(), w => Assert.Equal(0, w));
            foreach (string bias in new[] { "bias1a", "bias1b", "bias2a", "bias2b" })
                Assert.Equal([0f], state[$"blocks.{i}.{bias}"].ToArray());
            Assert.Equal([1f], state[$"blocks.{i}.scale"].ToArray());
        }
        Assert.Equal(1, Std(state["conv.weight"]) / Math.Sqrt(2.0 / (9 * 16)), 0.1);
        Assert.All(state["fc.weight"].ToArray().Concat(state["fc.bias"].ToArray()), w => Assert.Equal(0, w));
        Assert.All(net.Forward(NormCases.Input([2, 3, 8, 8], Device.Cpu, seed: 1)).ToArray(), y => Assert.Equal(0, y));
    }

    [Fact]
    public void State_with_Fixup_has_the_authors_names()
    {
        string[] block = ["bias1a", "bias1b", "bias2a", "scale", "bias2b", "conv1.weight", "conv2.weight"];
        Assert.Equal(["conv.weight", "norm.bias", .. Enumerable.Range(0, 3).SelectMany(i => block.Select(k => $"blocks.{i}.{k}")),
            "blocks.3.bias", "fc.weight", "fc.bias"], new ResNet(8, NormFactory.Named("fixup"), new RandomStream(1)).StateDict().Keys);
    }

    /// <summary>Convolutions with one 1 in the middle let the formula be computed value by value.</summary>
    [Fact]
    public void A_Fixup_block_computes_its_formula()
    {
        var block = new FixupBlock(1, 1, blocks: 1, new RandomStream(1));
        double[] Centre(double w) => [0, 0, 0, 0, w, 0, 0, 0, 0];
        var values = new Dictionary<string, double[]>
        {
            ["bias1a"] = [0.1],
            ["bias1b"] = [-0.2],
            ["bias2a"] = [0.3],
            ["scale"] = [1.5],
            ["bias2b"] = [-0.4],
            ["conv1.weight"] = Centre(2),
            ["conv2.weight"] = Centre(0.7),
        };
        block.LoadStateDict(values.ToDictionary(v => v.Key, v => Tensor.From(v.Value, v.Value.Length == 1 ? [1] : [1, 1, 3, 3])));
        block.To(Device.Reference);
        var x = NormCases.Input([2, 1, 3, 3], Device.Reference, seed: 3);
        double[] expected = [.. x.ToArray<double>().Select(v =>
            Math.Max(0, (Math.Max(0, (v + 0.1) * 2 - 0.2) + 0.3) * 0.7 * 1.5 - 0.4 + v))];
        Assert.Equal(expected, block.Forward(x).ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Contains(expected, v => v > 0);
        Assert.Contains(expected, v => v == 0);
    }

    [Fact]
    public void Gradients_of_a_Fixup_block_match_finite_differences()
    {
        var block = new FixupBlock(2, 4, blocks: 1, new RandomStream(1));
        foreach (var parameter in block.Parameters()) Init.Normal(parameter, new RandomStream(2), mean: 0.3, std: 0.2);
        block.To(Device.Reference);
        var x = NormCases.Leaf(NormCases.Input([2, 2, 4, 4], Device.Reference, seed: 3, mean: 3));
        GradCheck.Of(() => block.Forward(x), [x, .. block.Parameters().Select(p => p.Value)]).ShouldAgreeWithin(1e-7);
    }
}
