using MiniDL.Examples.Studies.HowBatchNormHelps;
using MiniDL.Layers;

namespace MiniDL.Tests.Examples.Studies;

public class CovariateShiftNoiseTests
{
    private const int Samples = 50, Units = 4, Size = 10;

    private readonly CovariateShiftNoise _noise = new(new RandomStream(5));

    [Fact]
    public void Shifts_each_unit_by_up_to_a_half_and_each_value_by_a_tenth_more()
    {
        foreach (double[] shifts in ByUnit(_noise.Forward(Images(0))))
        {
            double centre = shifts.Average();
            Assert.InRange(centre, -0.505, 0.505);
            Assert.All(shifts, m => Assert.InRange(m, centre - 0.102, centre + 0.102));
            // Uniform: the deviation is the half-width over √3.
            Assert.Equal(0.1 / Math.Sqrt(3), Deviation(shifts), 0.002);
        }
    }

    [Fact]
    public void Scales_each_unit_by_one_to_one_and_a_quarter_and_each_value_normally_around_that()
    {
        const int factor = 1000;
        foreach (double[] y in ByUnit(_noise.Forward(Images(factor))))
        {
            double[] scales = [.. y.Select(value => value / factor)];
            Assert.InRange(scales.Average(), 0.995, 1.255);
            Assert.Equal(0.1, Deviation(scales), 0.003);
            Assert.InRange(scales.Max(), scales.Average() + 0.25, scales.Average() + 0.6);
        }
    }

    [Fact]
    public void Every_step_has_other_centres()
    {
        var means = Enumerable.Range(0, 30).Select(_ => ByUnit(_noise.Forward(Images(0)))[0].Average()).ToArray();
        Assert.Equal(0.5 / Math.Sqrt(3), Deviation(means), 0.08);
    }

    [Fact]
    public void Gradients_flow_through_the_scales()
    {
        var x = Images(1);
        x.RequiresGrad = true;
        var y = _noise.Forward(x);
        y.Sum().Backward();
        double[] shifts = [.. y.ToArray<double>().Zip(x.Grad!.ToArray<double>(), (value, scale) => value - scale)];
        Assert.All(shifts, m => Assert.InRange(m, -0.601, 0.601));
    }

    [Fact]
    public void Evaluation_is_without_noise()
    {
        _noise.Eval();
        Assert.Equal(Images(2).ToArray(), _noise.Forward(Images(2)).ToArray());
    }

    [Fact]
    public void Behind_the_norms_of_a_net_it_follows_the_nets_mode()
    {
        var vgg = new Vgg(11, NormFactory.Named("none"), new RandomStream(1), [3, 4, 4], width: 0.0625);
        CovariateShiftNoise.AddTo(new LayeredNet(vgg), new RandomStream(2));
        var x = Tensor.Normal([2, 3, 4, 4], new RandomStream(3));
        Assert.NotEqual(vgg.Forward(x).ToArray(), vgg.Forward(x).ToArray());
        vgg.Eval();
        Assert.Equal(vgg.Forward(x).ToArray(), vgg.Forward(x).ToArray());
    }

    private static Tensor Images(double value) => Tensor.Full([Samples, Units, Size, Size], value);

    private static double[][] ByUnit(Tensor y)
    {
        double[] values = y.ToArray<double>();
        return [.. Enumerable.Range(0, Units)
            .Select(unit => values.Where((_, i) => i / (Size * Size) % Units == unit).ToArray())];
    }

    private static double Deviation(double[] values)
    {
        double mean = values.Average();
        return Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
    }
}
