using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Layers;

/// <summary>What is frozen stays frozen, whatever replaces it, gets no gradient, and no optimizer moves it.</summary>
public class FreezeTests
{
    private static readonly Tensor Input = NormCases.Input([4, 3, 6, 6], Device.Cpu, seed: 1);

    private static Sequential Net() => new(new Conv2d(3, 4, 3, random: new RandomStream(1)), new BatchNorm2d(4), new Relu(),
        new Flatten(), new Linear(64, 2, random: new RandomStream(2)));

    public static TheoryData<string> WhatReplacesParameters =>
        ["to", "optimizer", "weight norm", "weight norm removed", "weight standardization", "value", "load", "to and optimizer", "init"];

    [Theory, MemberData(nameof(WhatReplacesParameters))]
    public void A_frozen_parameter_stays_frozen_and_a_learned_one_learned(string way)
    {
        var net = Net();
        ((Conv2d)net[0]).Weight.RequiresGrad = false;
        var sgd = Replace(net, way);
        bool[] learned = [.. net.NamedParameters().Where(p => p.Path.StartsWith("0.", StringComparison.Ordinal) && !p.Path.EndsWith("bias", StringComparison.Ordinal))
            .Select(p => p.Parameter.RequiresGrad)];
        Assert.NotEmpty(learned);
        Assert.DoesNotContain(true, learned);
        Assert.True(((Conv2d)net[0]).Bias!.RequiresGrad);
        Assert.True(((Linear)net[4]).Weight.RequiresGrad);
        if (way.StartsWith("to", StringComparison.Ordinal)) return;
        float[] before = ((Conv2d)net[0]).Weight.Value.ToArray();
        Train(net, sgd ?? new Sgd(net.Parameters(), 0.1f, momentum: 0.9f, weightDecay: 0.1f));
        Assert.Equal(before, ((Conv2d)net[0]).Weight.Value.ToArray());
    }

    private static Sgd? Replace(Sequential net, string way)
    {
        var conv = (Conv2d)net[0];
        switch (way)
        {
            case "to": net.To(Device.Reference); break;
            case "optimizer": return new Sgd(net.Parameters(), 0.1f, momentum: 0.9f, weightDecay: 0.1f);
            case "weight norm": WeightNorm.Apply(conv); break;
            case "weight norm removed": WeightNorm.Remove(WeightNorm.Apply(conv)); break;
            case "weight standardization": WeightStandardization.Apply(conv); break;
            case "value": conv.Weight.Value = Tensor.Ones(conv.Weight.Shape); break;
            case "load": net.LoadStateDict(Net().StateDict()); break;
            case "init": Init.KaimingNormal(conv.Weight, new RandomStream(3)); break;
            default:
                net.To(Device.Reference);
                var sgd = new Sgd(net.Parameters(), 0.1f);
                net.To(Device.Cpu);
                net.To(Device.Reference);
                return sgd;
        }
        return null;
    }

    private static void Train(Module net, Sgd sgd)
    {
        for (int i = 0; i < 2; i++)
        {
            sgd.ZeroGrad();
            net.Forward(Input).Square().Sum().Backward();
            sgd.Step();
        }
    }

    [Fact]
    public void Freeze_and_Unfreeze_reach_every_parameter_below()
    {
        var net = Net();
        net.Freeze();
        Assert.DoesNotContain(net.Parameters(), p => p.RequiresGrad);
        Assert.False(net.Forward(Input).RequiresGrad);
        net[4].Unfreeze();
        Assert.Equal(["4.weight", "4.bias"], net.NamedParameters().Where(p => p.Parameter.RequiresGrad).Select(p => p.Path));
        net.Forward(Input).Sum().Backward();
        Assert.Null(((Conv2d)net[0]).Weight.Grad);
        Assert.NotNull(((Linear)net[4]).Weight.Grad);
        net.Unfreeze();
        Assert.All(net.Parameters(), p => Assert.True(p.RequiresGrad));
    }

    /// <summary>Its gradient of before, weight decay and velocity would move it otherwise.</summary>
    [Fact]
    public void An_optimizer_skips_what_is_frozen_and_goes_on_when_it_is_learned_again()
    {
        Parameter a = new("a", Tensor.From([1f], [1])), b = new("b", Tensor.From([1f], [1]));
        var sgd = new Sgd([a, b], learningRate: 0.5f, momentum: 0.5f, weightDecay: 0.5f);
        Backward();
        sgd.Step();
        // v = 1 + 0.5·1 = 1.5; p = 1 − 0.5·1.5.
        Assert.Equal((0.25f, 0.25f), (a.Value.Item(), b.Value.Item()));
        a.RequiresGrad = false;
        sgd.Step();
        Assert.Equal(0.25f, a.Value.Item());
        // v = 0.5·1.5 + 1 + 0.5·0.25 = 1.875; p = 0.25 − 0.9375.
        Assert.Equal(-0.6875f, b.Value.Item());
        a.RequiresGrad = true;
        sgd.Step();
        Assert.Equal(-0.6875f, a.Value.Item());

        void Backward() => (a.Value + b.Value).Sum().Backward();
    }

    [Fact]
    public void A_computed_parameter_is_frozen_through_what_it_is_computed_from()
    {
        var linear = WeightNorm.Apply(new Linear(3, 2));
        Assert.Contains("Freeze()", Assert.Throws<MiniDLException>(() => linear.Weight.RequiresGrad = false).Message);
        linear.Freeze();
        Assert.False(linear.Weight.RequiresGrad);
        Assert.Contains("computed from other parameters", Assert.Throws<MiniDLException>(() => linear.Weight.Grad).Message);
    }
}
