using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>Gradients of every norm against finite differences in double, with a random cotangent.</summary>
public class NormGradientTests
{
    public static TheoryData<string, int> EveryNorm => NormCases.All;

    [Theory, MemberData(nameof(EveryNorm))]
    public void Gradients_of_every_norm_match_finite_differences(string name, int rank) =>
        Compare(NormCases.Create(name, rank, Device.Reference), name, rank);

    [Theory]
    [InlineData("bn", 2)]
    [InlineData("bn", 4)]
    [InlineData("in track", 4)]
    [InlineData("lp2", 3)]
    [InlineData("ghost", 4)]
    [InlineData("brn as bn", 4)]
    [InlineData("mean only", 4)]
    [InlineData("evonorm b0", 4)]
    public void Gradients_in_evaluation_match_finite_differences(string name, int rank)
    {
        var norm = NormCases.Create(name, rank, Device.Reference);
        norm.Eval();
        Compare(norm, name, rank);
    }

    /// <summary>Inputs for which no value is within a difference step of a threshold of FRN or of EvoNorm-B0's larger deviation.</summary>
    private static ulong SeedOf(string name) => name is "frn" or "evonorm b0" ? 30UL : 1;

    private static void Compare(Norm norm, string name, int rank)
    {
        var x = NormCases.Leaf(NormCases.Input(NormCases.Shape(rank), Device.Reference, SeedOf(name), mean: 0.5));
        GradCheck.Of(() => norm.Forward(x), [x, .. norm.Parameters().Select(p => p.Value)]).ShouldAgreeWithin(1e-7);
    }

    /// <summary>The residual keeps every value further from relu's kink than a difference step reaches.</summary>
    [Theory, MemberData(nameof(EveryNorm))]
    public void Gradients_through_the_activation_match_finite_differences(string name, int rank)
    {
        var norm = NormCases.Create(name, rank, Device.Reference);
        var shape = NormCases.Shape(rank);
        var x = NormCases.Leaf(NormCases.Input(shape, Device.Reference, SeedOf(name), mean: 0.5));
        double[] signs = [.. NormCases.Input(shape, Device.Reference, seed: 2).ToArray<double>().Select(v => v > 0 ? 10.0 : -10)];
        var residual = NormCases.Leaf(Tensor.From(signs, shape, Device.Reference));
        GradCheck.Of(() => norm.Forward(x, residual, Activation.Relu), [x, residual, .. norm.Parameters().Select(p => p.Value)])
            .ShouldAgreeWithin(1e-7);
    }

    [Fact]
    public void Gradients_of_weight_standardization_match_finite_differences()
    {
        var conv = WeightStandardization.Apply(new Conv2d(2, 3, 3, random: new RandomStream(1))).To(Device.Reference);
        var x = NormCases.Leaf(NormCases.Input([2, 2, 4, 4], Device.Reference, seed: 1));
        GradCheck.Of(() => conv.Forward(x), [x, .. conv.Parameters().Select(p => p.Value)]).ShouldAgreeWithin(1e-8);
    }

    [Fact]
    public void Gradients_of_weight_norm_match_finite_differences()
    {
        foreach (int? dim in new int?[] { 0, 1, null })
        {
            var conv = WeightNorm.Apply(new Conv2d(2, 3, 3, random: new RandomStream(1)), dim: dim).To(Device.Reference);
            var x = NormCases.Leaf(NormCases.Input([2, 2, 4, 4], Device.Reference, seed: 1));
            GradCheck.Of(() => conv.Forward(x), [x, .. conv.Parameters().Select(p => p.Value)]).ShouldAgreeWithin(1e-8);
        }
    }
}
