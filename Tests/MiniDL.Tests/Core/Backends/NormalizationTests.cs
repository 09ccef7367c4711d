using MiniDL.Backends;

namespace MiniDL.Tests.Core.Backends;

[Collection(ThreadCounts.Collection)]
public class NormalizationTests
{
    /// <summary>Samples, positions, channels, groups: around the edges of registers, stripes and chunks, and typical ones.</summary>
    public static TheoryData<int, int, int, int> Geometries => new()
    {
        { 1, 1, 1, 1 }, { 1, 2, 1, 1 }, { 1, 63, 1, 1 }, { 1, 64, 1, 1 }, { 1, 65, 1, 1 }, { 1, 40000, 1, 1 },
        { 1, 31, 3, 3 }, { 1, 15000, 3, 3 }, { 1, 333, 5, 5 }, { 1, 100, 15, 15 }, { 1, 4097, 16, 16 }, { 1, 77, 17, 17 },
        { 1, 3000, 17, 17 },
        { 1, 900, 33, 33 }, { 1, 1030, 64, 64 }, { 1, 9, 500, 500 }, { 1, 40, 1000, 1000 }, { 2, 5, 9000, 9000 },
        { 3, 49, 6, 6 }, { 4, 16, 16, 16 }, { 2, 3000, 16, 16 },
        { 3, 64, 16, 8 }, { 5, 17, 32, 8 }, { 2, 64, 64, 8 }, { 4, 4, 12, 4 }, { 2, 2500, 15, 3 }, { 3, 7, 21, 1 }, { 2, 900, 40, 1 },
        { 4, 1, 1, 1 }, { 3, 1, 15, 1 }, { 5, 1, 16, 1 }, { 7, 1, 17, 1 }, { 40, 1, 64, 8 }, { 300, 1, 33, 3 },
        { 3, 1, 10007, 1 }, { 37, 1, 1000, 1 },
    };

    [Theory, MemberData(nameof(Geometries))]
    public void Moments_match_the_definition(int samples, int positions, int channels, int groups) =>
        Agreement.Check(2e-6, (device, backend) =>
        {
            var g = new NormGeometry(samples, positions, channels, groups);
            var x = Agreement.Normal(device, [samples, positions, channels], 1, mean: 0.5, std: 2);
            Tensor mean = Agreement.Unset(device, [samples, groups]), variance = Agreement.Unset(device, [samples, groups]);
            backend.Moments(x, mean, variance, g);
            return [mean, variance];
        });

    [Theory, MemberData(nameof(Geometries))]
    public void Moments_stay_exact_where_the_mean_is_large(int samples, int positions, int channels, int groups) =>
        Agreement.Check(1e-5, (device, backend) =>
        {
            var g = new NormGeometry(samples, positions, channels, groups);
            var x = Agreement.Normal(device, [samples, positions, channels], 2, mean: 2000);
            var variance = Agreement.Unset(device, [samples, groups]);
            backend.Moments(x, Agreement.Unset(device, [samples, groups]), variance, g);
            return [variance];
        });

    [Fact]
    public void Moments_stay_exact_where_the_first_values_are_far_from_the_rest() =>
        Agreement.Check(1e-5, (device, backend) =>
        {
            var g = new NormGeometry(1, 3000, 16, 16);
            var values = Agreement.Normal(device, [3000, 16], 3, mean: 1000).ToArray<double>();
            values.AsSpan(0, 16).Clear();
            var variance = Agreement.Unset(device, [1, 16]);
            backend.Moments(Tensor.From(values, [1, 3000, 16], device), Agreement.Unset(device, [1, 16]), variance, g);
            return [variance];
        });

    [Theory, MemberData(nameof(Geometries))]
    public void Normalize_matches_the_definition(int samples, int positions, int channels, int groups)
    {
        var g = new NormGeometry(samples, positions, channels, groups);
        foreach (var (affine, residual, activation) in new[]
        {
            (false, false, Activation.None), (true, false, Activation.Relu), (true, true, Activation.None),
            (true, true, Activation.Relu),
        })
            Agreement.Check(4e-6, (device, backend) =>
            {
                var inputs = new Inputs(device, g);
                var y = Agreement.Unset(device, inputs.X.Shape);
                backend.Normalize(inputs.X, new NormArguments(g, inputs.Mean, inputs.Variance, 1e-5, affine ? inputs.Weight : null,
                    affine ? inputs.Bias : null, residual ? inputs.Residual : null, activation), y);
                return [y];
            });
    }

    [Theory, MemberData(nameof(Geometries))]
    public void Gradients_match_the_definition(int samples, int positions, int channels, int groups)
    {
        var g = new NormGeometry(samples, positions, channels, groups);
        foreach (var (affine, residual, activation, constant) in new[]
        {
            (false, false, Activation.None, false), (true, false, Activation.Relu, false), (true, true, Activation.None, false),
            (true, true, Activation.Relu, false), (true, true, Activation.Relu, true),
        })
            Agreement.Check(1e-5, (device, backend) =>
            {
                var inputs = new Inputs(device, g);
                Tensor dx = Agreement.Unset(device, inputs.X.Shape), dresidual = Agreement.Unset(device, inputs.X.Shape);
                Tensor dweight = Agreement.Unset(device, [channels]), dbias = Agreement.Unset(device, [channels]);
                var norm = new NormArguments(g, inputs.Mean, inputs.Variance, 1e-5, affine ? inputs.Weight : null, null, inputs.Residual,
                    activation, constant);
                backend.NormalizeGradient(inputs.Gradient, inputs.X, inputs.Output, norm,
                    new NormGradients(dx, affine ? dweight : null, affine ? dbias : null, residual ? dresidual : null));
                double scale = 1 / Math.Sqrt(samples * positions);
                return [dx, .. affine ? [dweight * scale, dbias * scale] : Array.Empty<Tensor>(),
                    .. residual ? [dresidual] : Array.Empty<Tensor>()];
            });
    }

    [Theory]
    [InlineData(3, 40, 16, 8)]
    [InlineData(1, 3000, 16, 16)]
    [InlineData(5, 1, 48, 1)]
    public void Gradients_that_are_not_wanted_are_left_out(int samples, int positions, int channels, int groups) =>
        Agreement.Check(1e-5, (device, backend) =>
        {
            var g = new NormGeometry(samples, positions, channels, groups);
            var inputs = new Inputs(device, g);
            Tensor dx = Agreement.Unset(device, inputs.X.Shape), dresidual = Agreement.Unset(device, inputs.X.Shape);
            var dbias = Agreement.Unset(device, [channels]);
            var norm = new NormArguments(g, inputs.Mean, inputs.Variance, 1e-5, inputs.Weight, null, inputs.Residual, Activation.Relu);
            backend.NormalizeGradient(inputs.Gradient, inputs.X, inputs.Output, norm, new NormGradients(dx));
            backend.NormalizeGradient(inputs.Gradient, inputs.X, inputs.Output, norm, new NormGradients(null, null, dbias, dresidual));
            return [dx, dresidual, dbias * (1 / Math.Sqrt(samples * positions))];
        });

    [Theory]
    [InlineData(0, 4, 3, 3)]
    [InlineData(0, 1, 8, 1)]
    [InlineData(1, 0, 3, 3)]
    public void Nothing_to_normalize_gives_zero_parameter_gradients(int samples, int positions, int channels, int groups) =>
        Agreement.Check(0, (device, backend) =>
        {
            var g = new NormGeometry(samples, positions, channels, groups);
            var x = Agreement.Unset(device, [samples, positions, channels]);
            Tensor mean = Agreement.Unset(device, [samples, groups]), dweight = Agreement.Unset(device, [channels]),
                dbias = Agreement.Unset(device, [channels]);
            var norm = new NormArguments(g, mean, mean, 1e-5);
            backend.Normalize(x, norm, x);
            backend.NormalizeGradient(x, x, x, norm with { Residual = x, Activation = Activation.Relu }, new NormGradients(x, dweight, dbias));
            return [dweight, dbias];
        });

    [Theory]
    [InlineData(1, 300, 16, 16)]
    [InlineData(2, 1, 100, 1)]
    public void A_NaN_stays_a_NaN_through_the_fused_activation(int samples, int positions, int channels, int groups)
    {
        var g = new NormGeometry(samples, positions, channels, groups);
        var inputs = new Inputs(Device.Cpu, g);
        inputs.X.MutableSpan()[^1] = inputs.X.MutableSpan()[3] = float.NaN;
        Device.Cpu.Backend.Normalize(inputs.X, new NormArguments(g, inputs.Mean, inputs.Variance, 1e-5, Activation: Activation.Relu), inputs.Output);
        Assert.True(float.IsNaN(inputs.Output.Span[3]) && float.IsNaN(inputs.Output.Span[^1]) && float.IsFinite(inputs.Output.Span[4]));
        Device.Cpu.Backend.Moments(inputs.X, inputs.Mean, inputs.Variance, g);
        Assert.True(float.IsNaN(inputs.Variance.Span[^1]));
    }

    private sealed class Inputs(Device device, NormGeometry g)
    {
        private readonly Shape _shape = [g.Samples, g.Positions, g.Channels];

        public Tensor X => field ??= Agreement.Normal(device, _shape, 11, mean: 0.3);

        public Tensor Residual => Agreement.Normal(device, _shape, 12);

        public Tensor Gradient => Agreement.Normal(device, _shape, 13);

        public Tensor Output => field ??= Agreement.Normal(device, _shape, 14);

        public Tensor Mean => field ??= Agreement.Normal(device, [g.Samples, g.Groups], 15, mean: 0.3, std: 0.1);

        public Tensor Variance => field ??= Agreement.Normal(device, [g.Samples, g.Groups], 16, mean: 1, std: 0.05);

        public Tensor Weight => Agreement.Normal(device, [g.Channels], 17, mean: 1);

        public Tensor Bias => Agreement.Normal(device, [g.Channels], 18);
    }
}
