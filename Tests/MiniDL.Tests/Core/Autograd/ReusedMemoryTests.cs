using MiniDL.Diagnostics;
using MiniDL.Layers;
using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Core;

/// <summary>
/// Backward uses the memory of values that nobody sees for gradients. Whoever looks, in whatever way, gets the same gradients as who does not.
/// </summary>
public class ReusedMemoryTests
{
    public static TheoryData<string, string> Looks()
    {
        var looks = new TheoryData<string, string>();
        foreach (string norm in new[] { "bn", "gn", "in" })
            foreach (string look in new[] { "twice", "retained", "hooks", "modules", "recorded", "other consumer" }) looks.Add(norm, look);
        return looks;
    }

    [Theory, MemberData(nameof(Looks))]
    public void Gradients_are_the_same_however_they_are_looked_at(string norm, string look)
    {
        Assert.Equal(new Net(norm).Gradients(""), new Net(norm).Gradients(look));
    }

    [Theory]
    [InlineData("bn")]
    [InlineData("gn")]
    public void A_part_of_the_gradients_is_the_same_as_in_all(string norm)
    {
        var net = new Net(norm);
        float[] all = [.. Autograd.Grad(net.Loss(""), net.Leaves).SelectMany(t => t.ToArray())];
        Assert.Equal(new Net(norm).Gradients(""), all);
        for (int i = 0; i < net.Leaves.Length; i++)
            Assert.Equal(Autograd.Grad(net.Loss(""), [net.Leaves[i]])[0].ToArray(), Autograd.Grad(net.Loss(""), net.Leaves)[i].ToArray());
    }

    /// <summary>The gradient of a block's output, which the next block's convolution computes and the norm before it then changes.</summary>
    [Theory]
    [InlineData("bn")]
    [InlineData("gn")]
    public void A_gradient_that_is_retained_or_hooked_is_that_of_plain_operators(string norm)
    {
        Tensor fast = new Net(norm).Middle(fused: true), plain = new Net(norm).Middle(fused: false);
        NormCases.AssertClose(fast, plain, 1e-4, norm);
        Assert.Equal(fast.ToArray(), new Net(norm).Middle(fused: true, hook: true).ToArray());
    }

    /// <summary>The norm's gradient lies over its input when a hook of an earlier value throws.</summary>
    [Fact]
    public void A_pass_that_fails_half_way_leaves_no_graph_whose_values_were_overwritten()
    {
        var random = new RandomStream(3);
        Conv2d first = new(16, 16, 3, padding: 1, random: random), second = new(16, 16, 3, padding: 1, random: random);
        var x = NormCases.Leaf(NormCases.Input([16, 16, 16, 16], Device.Cpu, seed: 1).ToLayout(Layout.ChannelsLast)).Square();
        x.OnGradient(_ => throw new InvalidOperationException("a hook of the user's"));
        var y = new ConvNorm(first, new GroupNorm(4, 16)).Forward(x);
        var loss = second.Forward(y).Square().Sum();
        Assert.Throws<InvalidOperationException>(() => loss.Backward());
        Assert.Contains("freed", Assert.Throws<MiniDLException>(() => y.Square().Sum().Backward()).Message);
    }

    [Fact]
    public void A_net_that_nobody_looks_into_normalizes_on_read_and_allocates_less()
    {
        long Allocated(bool hooks, out string[] operators)
        {
            var net = new Net("bn");
            using var profiler = Profiler.Start();
            net.Gradients(hooks ? "modules" : "");
            operators = [.. profiler.Entries.Select(entry => entry.Name)];
            return profiler.Entries.Sum(entry => entry.TakenBytes);
        }
        Assert.True(Allocated(hooks: false, out var fused) < 0.8 * Allocated(hooks: true, out var plain));
        Assert.Contains("normalize_conv2d", fused);
        Assert.DoesNotContain("normalize_conv2d", plain);
    }

    /// <summary>Two residual blocks, the first after a norm that has no residual.</summary>
    private sealed class Net
    {
        private readonly Sequential _blocks;
        private readonly Norm _first;
        private readonly Tensor _images = NormCases.Leaf(NormCases.Input([16, 16, 16, 16], Device.Cpu, seed: 1).ToLayout(Layout.ChannelsLast));
        private readonly Tensor _cotangent = NormCases.Input([16, 16, 16, 16], Device.Cpu, seed: 2).ToLayout(Layout.ChannelsLast);

        public Net(string norm)
        {
            var random = new RandomStream(3);
            var factory = NormFactory.Named(norm, groups: 4);
            _first = factory.Create(16);
            _blocks = new Sequential(new BasicBlock(16, 16, factory, random), new BasicBlock(16, 16, factory, random));
        }

        public Tensor[] Leaves => [_images, .. _first.Parameters().Concat(_blocks.Parameters()).Select(parameter => parameter.Value)];

        public float[] Gradients(string look)
        {
            if (look == "recorded") Autograd.Record(() => Loss(look));
            else
            {
                var loss = Loss(look);
                if (look == "twice") loss.Backward(retainGraph: true);
                foreach (var leaf in Leaves) leaf.ZeroGrad();
                loss.Backward();
            }
            return [.. Leaves.SelectMany(leaf => leaf.Grad!.ToArray())];
        }

        /// <summary>The gradient of what the first block gives.</summary>
        /// <param name="hook">Whether a hook looks at it; otherwise it is retained.</param>
        public Tensor Middle(bool fused, bool hook = false)
        {
            foreach (var (_, module) in _blocks.NamedModules())
                if (module is Norm norm) norm.Fused = fused;
            var middle = _blocks.Children[0].Forward(_first.Forward(_images, activation: Activation.Relu));
            Tensor? seen = null;
            if (!hook) middle.RetainGrad();
            else middle.OnGradient(dy =>
            {
                seen = dy.Clone();
                return null;
            });
            (_blocks.Children[1].Forward(middle) * _cotangent).Sum().Backward();
            return seen ?? middle.Grad!;
        }

        public Tensor Loss(string look)
        {
            var x = _first.Forward(_images, activation: Activation.Relu);
            if (look == "modules")
                foreach (var (_, module) in _blocks.NamedModules()) module.OnForward((_, _, _) => null);
            if (look == "hooks") x.OnGradient(_ => null);
            if (look == "retained") x.RetainGrad();
            foreach (var block in _blocks.Children)
            {
                x = block.Forward(x);
                if (look == "hooks") x.OnGradient(_ => null);
                if (look == "retained") x.RetainGrad();
            }
            var loss = (x * _cotangent).Sum();
            // A branch that ends here: what it gives is no part of the loss.
            if (look == "other consumer") _ = _blocks.Children[1].Forward(x);
            return loss;
        }
    }
}
