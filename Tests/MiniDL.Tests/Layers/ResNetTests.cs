using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class ResNetTests
{
    /// <summary>Counts of He et al. 2016, §4.2, as reference implementations have them with option-A shortcuts.</summary>
    [Theory]
    [InlineData(20, 269_722)]
    [InlineData(32, 464_154)]
    [InlineData(44, 658_586)]
    [InlineData(56, 853_018)]
    public void Has_the_papers_number_of_parameters(int depth, int parameters) =>
        Assert.Equal(parameters, new ResNet(depth, NormFactory.Named("bn"), new RandomStream(0)).ParameterCount);

    [Fact]
    public void State_has_PyTorchs_keys_in_PyTorchs_order()
    {
        var keys = new ResNet(8, NormFactory.Named("bn"), new RandomStream(0)).StateDict().Keys.ToArray();
        string[] norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
        string[] block = ["conv1.weight", .. norm.Select(k => $"norm1.{k}"), "conv2.weight", .. norm.Select(k => $"norm2.{k}")];
        string[] expected =
        [
            "conv.weight", .. norm.Select(k => $"norm.{k}"),
            .. Enumerable.Range(0, 3).SelectMany(i => block.Select(k => $"blocks.{i}.{k}")),
            "fc.weight", "fc.bias",
        ];
        Assert.Equal(expected, keys);
    }

    [Fact]
    public void State_with_weight_norm_has_length_and_direction_in_place_of_weights_and_no_norms()
    {
        var keys = new ResNet(8, NormFactory.Named("wn"), new RandomStream(0)).StateDict().Keys;
        Assert.Equal(["conv.bias", "conv.parametrizations.weight.original0", "conv.parametrizations.weight.original1"], keys.Take(3));
        Assert.Equal(7 * 3 + 2, keys.Count());
    }

    [Fact]
    public void State_without_norms_has_weights_and_biases_alone() =>
        Assert.Equal(7 * 2 + 2, new ResNet(8, NormFactory.Named("none"), new RandomStream(0)).StateDict().Count);

    [Theory]
    [InlineData(7)]
    [InlineData(2)]
    [InlineData(21)]
    [InlineData(-4)]
    public void A_depth_other_than_6n_plus_2_is_an_error(int depth)
    {
        var error = Assert.Throws<MiniDLException>(() => new ResNet(depth, NormFactory.Named("bn"), new RandomStream(0)));
        Assert.Contains($"depth {depth} is not 6n + 2", error.Message);
    }

    [Fact]
    public void All_choices_of_norm_start_from_the_same_convolutions()
    {
        var bn = new ResNet(8, NormFactory.Named("bn"), new RandomStream(3)).StateDict();
        var wn = new ResNet(8, NormFactory.Named("wn"), new RandomStream(3)).StateDict();
        Assert.Equal(bn["blocks.1.conv2.weight"].ToArray(), wn["blocks.1.conv2.parametrizations.weight.original1"].ToArray());
    }

    [Fact]
    public void A_norm_of_ones_own_is_used_everywhere()
    {
        var net = new ResNet(8, channels => new GroupNorm(4, channels), new RandomStream(0), classes: 7, inChannels: 1);
        Assert.Equal(7, net.NamedModules().Count(m => m.Module is GroupNorm { Groups: 4 }));
        Assert.Equal<Shape>([2, 7], net.Forward(Tensor.Ones([2, 1, 16, 16])).Shape);
    }

    [Fact]
    public void Errors_below_the_root_name_the_dotted_path()
    {
        var net = new ResNet(8, NormFactory.Named("in"), new RandomStream(0));
        var error = Assert.Throws<ShapeException>(() => net.Forward(Tensor.Ones([2, 3, 4, 4])));
        Assert.StartsWith("[instance_norm] blocks.2.norm1: ", error.Message);
    }

    [Fact]
    public void Images_of_odd_size_go_through_every_stage() =>
        Assert.Equal<Shape>([2, 10], new ResNet(8, NormFactory.Named("bn"), new RandomStream(0)).Forward(Tensor.Ones([2, 3, 9, 11])).Shape);

    /// <summary>With norm2 at 0 what is left of a block is relu of its shortcut.</summary>
    [Fact]
    public void The_shortcut_takes_every_second_pixel_and_puts_zero_channels_on_both_sides()
    {
        var net = new ResNet(8, NormFactory.Named("gn"), new RandomStream(0));
        Module block = net.NamedModules().Single(m => m.Path == "blocks.1").Module;
        Init.Constant(block.NamedParameters().Single(p => p.Path == "norm2.weight").Parameter, 0);
        var x = NormCases.Input([2, 16, 5, 4], Device.Cpu, seed: 1).Abs();
        float[] from = x.ToArray(), to = block.Forward(x).ToArray();
        for (int i = 0; i < to.Length; i++)
        {
            var (n, c, h, w) = (i / (32 * 6), i / 6 % 32, i / 2 % 3, i % 2);
            Assert.Equal(c is >= 8 and < 24 ? from[((n * 16 + c - 8) * 5 + 2 * h) * 4 + 2 * w] : 0, to[i]);
        }
    }
}
