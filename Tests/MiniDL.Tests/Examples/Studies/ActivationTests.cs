using MiniDL.Examples.Studies.HowBatchNormHelps;
using MiniDL.Layers;

namespace MiniDL.Tests.Examples.Studies;

/// <summary>What is read from inside a net: <see cref="ActivationProbe"/> and <see cref="MomentDrift"/>.</summary>
public class ActivationTests
{
    private static readonly Tensor Images = Tensor.Normal([4, 3, 8, 8], new RandomStream(2));

    private static LayeredNet Net(string norm) =>
        new(new Vgg(11, NormFactory.Named(norm), new RandomStream(1), [3, 8, 8], width: 0.0625));

    [Fact]
    public void A_probe_reads_what_goes_into_the_ReLU()
    {
        var net = Net("none");
        var first = (Conv2d)((Vgg)net.Module).Layers[0];
        var read = new ActivationProbe(net).Read(() => net.Module.Forward(Images), [1]);
        Assert.Equal(first.Forward(Images).ToArray(), read[1]);
    }

    [Fact]
    public void A_probe_leaves_no_hook_behind()
    {
        var net = Net("bn");
        new ActivationProbe(net).Read(() => net.Module.Forward(Images), [1, 2]);
        Assert.All(net.Norms, norm => Assert.False(norm.HasHooks));
    }

    [Fact]
    public void Drift_is_the_mean_change_of_a_units_moments()
    {
        var net = Net("none");
        var first = (Conv2d)((Vgg)net.Module).Layers[0];
        Tensor[] batches = [Images, Tensor.Normal([4, 3, 8, 8], new RandomStream(3), mean: 0.5, std: 2)];
        var (before, after) = (Moments(first.Forward(batches[0])), Moments(first.Forward(batches[1])));
        var drift = new MomentDrift(net, [1]);
        foreach (var batch in batches) net.Module.Forward(batch);
        var point = Assert.Single(drift.Points);
        Assert.Equal((1, 1), (point.Step, point.Layer));
        Assert.Equal(before.Zip(after, (a, b) => Math.Abs(a.Mean - b.Mean)).Average(), point.MeanChange, 1e-5);
        Assert.Equal(before.Zip(after, (a, b) => Math.Abs(a.Variance - b.Variance)).Average(), point.VarianceChange, 1e-5);
    }

    [Fact]
    public void BN_with_constant_weights_does_not_drift_and_evaluation_is_not_watched()
    {
        var net = Net("bn");
        var drift = new MomentDrift(net, [1]);
        net.Module.Forward(Images);
        net.Module.Forward(Tensor.Normal([4, 3, 8, 8], new RandomStream(3), mean: 0.5, std: 2));
        net.Module.Eval();
        net.Module.Forward(Images);
        var point = Assert.Single(drift.Points);
        Assert.Equal(0, point.MeanChange, 1e-5);
        Assert.Equal(0, point.VarianceChange, 1e-3);
    }

    [Fact]
    public void There_is_nothing_behind_the_last_layer()
    {
        var error = Assert.Throws<MiniDLException>(() => new MomentDrift(Net("bn"), [11]));
        Assert.Equal("[study] a norm stands after the layers 1 to 10, not after layer 11.", error.Message);
    }

    private static (double Mean, double Variance)[] Moments(Tensor y)
    {
        double[] values = y.ToArray<double>();
        int units = y.Shape[1], positions = y.Shape[2] * y.Shape[3];
        return [.. Enumerable.Range(0, units).Select(unit =>
        {
            double[] own = [.. values.Where((_, i) => i / positions % units == unit)];
            double mean = own.Average();
            return (mean, own.Average(v => (v - mean) * (v - mean)));
        })];
    }
}
