using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Layers;

public class NormFactoryTests
{
    /// <summary>For each name: the layer for images, that for features (null: an error), whether convolutions have a bias.</summary>
    private static readonly Dictionary<string, (Type Images, Type? Features, bool ConvBias)> Expected = new()
    {
        ["bn"] = (typeof(BatchNorm2d), typeof(BatchNorm1d), false),
        ["gn"] = (typeof(GroupNorm), typeof(GroupNorm), false),
        ["ln"] = (typeof(GroupNorm), typeof(LayerNorm), false),
        ["in"] = (typeof(InstanceNorm2d), null, false),
        ["wn"] = (typeof(NoNorm), typeof(NoNorm), true),
        ["none"] = (typeof(NoNorm), typeof(NoNorm), true),
        ["rms"] = (typeof(ChannelRmsNorm), typeof(RmsNorm), true),
        ["lrn"] = (typeof(LocalResponseNorm), null, true),
        ["lp1"] = (typeof(LpBatchNorm2d), typeof(LpBatchNorm1d), false),
        ["lp2"] = (typeof(LpBatchNorm2d), typeof(LpBatchNorm1d), false),
        ["lpinf"] = (typeof(LpBatchNorm2d), typeof(LpBatchNorm1d), false),
        ["ghost"] = (typeof(GhostBatchNorm2d), typeof(GhostBatchNorm1d), false),
        ["brn"] = (typeof(BatchRenorm2d), typeof(BatchRenorm1d), false),
        ["wn-mbn"] = (typeof(MeanOnlyBatchNorm), typeof(MeanOnlyBatchNorm), false),
        ["ws"] = (typeof(GroupNorm), typeof(GroupNorm), false),
        ["frn"] = (typeof(FilterResponseNorm2d), null, false),
        ["evonorm-s0"] = (typeof(EvoNormS0), null, false),
        ["evonorm-b0"] = (typeof(EvoNormB0), null, false),
        ["dyt"] = (typeof(DynamicTanh), typeof(DynamicTanh), false),
        ["fixup"] = (typeof(ScalarBias), null, false),
        ["skipinit"] = (typeof(NoNorm), null, true),
    };

    /// <summary>
    /// Branches that start at 0 pass on no gradient at first: fixup moves fc in the first step, then conv2, then conv1 and scale;
    /// skipinit its gains, then the branches.
    /// </summary>
    private static readonly Dictionary<string, int> StepsToReachAll = new() { ["fixup"] = 3, ["skipinit"] = 2 };

    public static TheoryData<string> Names => new(NormFactory.Names);

    public static TheoryData<string> Published => new(Expected.Keys);

    [Theory, MemberData(nameof(Published))]
    public void Each_name_makes_its_layers(string name)
    {
        var choice = NormFactory.Named(name);
        var (images, features, convBias) = Expected[name];
        Assert.Equal(name, choice.Name);
        Assert.Equal(name is "wn" or "wn-mbn", choice.UsesWeightNorm);
        Assert.Equal(convBias, choice.ConvBias);
        Assert.IsType(images, choice.Create(16));
        if (features is not null) Assert.IsType(features, choice.CreateForFeatures(16));
        else
            Assert.Contains("Use bn, gn, ln, rms", Assert.Throws<MiniDLException>(() => choice.CreateForFeatures(16)).Message);
    }

    /// <summary>What a name that is registered does is seen in the tour, 15-own-norm.cs: it would last, and other tests list all names.</summary>
    [Theory]
    [InlineData("bn", "[norm] there is a norm 'bn' already; choose another name.")]
    [InlineData("", "[norm] '' cannot be the name of a norm: use small letters, digits and, but for the first, dashes.")]
    [InlineData("a,b", "[norm] 'a,b' cannot be the name of a norm: use small letters, digits and, but for the first, dashes.")]
    [InlineData("-x", "[norm] '-x' cannot be the name of a norm: use small letters, digits and, but for the first, dashes.")]
    public void A_name_that_is_taken_or_cannot_be_typed_is_refused(string name, string message)
    {
        var e = Assert.Throws<MiniDLException>(() => NormFactory.Register(name, "a norm", channels => new GroupNorm(1, channels)));
        Assert.Equal(message, e.Message);
    }

    /// <summary>Where the shortcut is added, FRN and EvoNorm come without their activation, and SkipInit has its gain.</summary>
    [Theory]
    [InlineData("frn", "norm1.weight norm1.bias norm1.tau norm2.weight norm2.bias")]
    [InlineData("evonorm-s0", "norm1.weight norm1.bias norm1.v norm2.weight norm2.bias")]
    [InlineData("evonorm-b0", "norm1.weight norm1.bias norm1.v norm1.running_var norm2.weight norm2.bias")]
    [InlineData("skipinit", "norm2.skipinit_gain")]
    [InlineData("dyt", "norm1.alpha norm1.weight norm1.bias norm2.alpha norm2.weight norm2.bias")]
    public void A_branch_ends_in_what_a_sum_may_follow(string name, string keys)
    {
        var block = new BasicBlock(16, 16, NormFactory.Named(name), new RandomStream(1));
        Assert.Equal(keys.Split(' '), block.StateDict().Keys.Where(key => key.StartsWith("norm", StringComparison.Ordinal)));
    }

    [Fact]
    public void Settings_reach_the_norms()
    {
        Assert.Equal(4, Assert.IsType<GhostBatchNorm2d>(NormFactory.Named("ghost", virtualBatch: 4).Create(16)).VirtualBatch);
        Assert.Equal(2, Assert.IsType<GroupNorm>(NormFactory.Named("ws", groups: 2).Create(16)).Groups);
        var renorm = Assert.IsType<BatchRenorm2d>(NormFactory.Named("brn").Create(16));
        Assert.Equal((1.5, 0.5), (renorm.RMax, renorm.DMax));
    }

    [Theory, MemberData(nameof(Names))]
    public void A_ResNet_with_each_trains_every_parameter_and_evaluates(string name)
    {
        var net = new ResNet(8, NormFactory.Named(name), new RandomStream(1));
        var x = NormCases.Input([2, 3, 8, 8], Device.Cpu, seed: 1);
        var sgd = new Sgd(net.Parameters(), learningRate: 0.1f);
        int steps = StepsToReachAll.GetValueOrDefault(name, 1);
        for (int step = 0; step < steps; step++)
        {
            if (step > 0) sgd.Step();
            sgd.ZeroGrad();
            var loss = Loss.CrossEntropy(net.Forward(x), Tensor.From([1L, 2], [2]));
            Assert.True(float.IsFinite(loss.Item()));
            loss.Backward();
        }
        foreach (var (path, parameter) in net.NamedParameters())
            Assert.True(parameter.Grad!.ToArray().All(float.IsFinite) && parameter.Grad!.ToArray().Any(g => g != 0), path);
        Assert.All(net.Eval().Forward(x).ToArray(), y => Assert.True(float.IsFinite(y)));
    }

    [Theory, MemberData(nameof(Names))]
    public void An_Mlp_with_each_trains_every_parameter_and_evaluates(string name)
    {
        if (!NormFactory.Named(name).TakesFeatures) return;
        var net = new Mlp([12, 16, 8, 3], NormFactory.Named(name), new RandomStream(1));
        var x = NormCases.Input([6, 3, 2, 2], Device.Cpu, seed: 1);
        Loss.CrossEntropy(net.Forward(x), Tensor.From([0L, 1, 2, 2, 1, 0], [6])).Backward();
        foreach (var (path, parameter) in net.NamedParameters())
            Assert.True(parameter.Grad!.ToArray().All(float.IsFinite), path);
        Assert.All(net.Eval().Forward(x).ToArray(), y => Assert.True(float.IsFinite(y)));
    }

    [Theory]
    [InlineData("gn")]
    [InlineData("ws")]
    [InlineData("evonorm-s0")]
    public void More_groups_than_channels_are_an_error_and_not_silently_fewer(string name)
    {
        var choice = NormFactory.Named(name, groups: 64);
        var error = Assert.Throws<ShapeException>(() => new ResNet(8, choice, new RandomStream(0)));
        Assert.Contains("16 channels are not divisible by 64 groups", error.Message);
        Assert.EndsWith("Use a divisor of 16.", error.Message);
    }

    [Theory, MemberData(nameof(Names))]
    public void Every_choice_has_a_bias_somewhere_behind_each_convolution(string name)
    {
        var convBias = NormFactory.Named(name).ConvBias;
        var ofNorm = NormFactory.Named(name).Create(16).NamedParameters().Any(p => p.Path.Contains("bias", StringComparison.Ordinal));
        Assert.True(convBias != ofNorm, $"bias of convolutions {convBias}, of the norm {ofNorm}");
    }

    [Fact]
    public void Layer_norm_of_images_is_one_group()
    {
        Assert.Equal(1, Assert.IsType<GroupNorm>(NormFactory.Named("ln").Create(16)).Groups);
        Assert.NotNull(Assert.IsType<InstanceNorm2d>(NormFactory.Named("in").Create(16)).Weight);
    }

    [Fact]
    public void Errors_say_what_there_is()
    {
        Assert.Equal($"[norm] there is no norm 'batch'; use {string.Join(", ", NormFactory.Names)}.",
            Assert.Throws<MiniDLException>(() => NormFactory.Named("batch")).Message);
        Assert.Equal("[norm] groups 0 must be at least 1.", Assert.Throws<MiniDLException>(() => NormFactory.Named("gn", 0)).Message);
        Assert.Equal("[norm] virtualBatch 0 must be at least 1.",
            Assert.Throws<MiniDLException>(() => NormFactory.Named("ghost", virtualBatch: 0)).Message);
        Assert.StartsWith("[norm] skipinit is a way to start residual branches, and this model has none. Use bn,",
            Assert.Throws<MiniDLException>(() => NormFactory.Named("skipinit").CreateForFeatures(4)).Message);
        Assert.Equal("[group_norm] 16 channels are not divisible by 6 groups: 16 / 6 = 2 remainder 4. Use a divisor of 16.",
            Assert.Throws<ShapeException>(() => new ResNet(8, NormFactory.Named("gn", 6), new RandomStream(0))).Message);
    }
}
