using MiniDL.Layers;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Layers;

/// <summary>A norm of no values gives none, keeps its running statistics, and has gradients of 0, in every mode and form.</summary>
public class EmptyInputTests
{
    public static TheoryData<string, int> EveryNorm => NormCases.All;

    [Theory, MemberData(nameof(EveryNorm))]
    public void A_norm_of_an_empty_batch_is_empty_and_changes_nothing(string name, int rank) => Check(name, rank, emptyDimension: 0, Device.Cpu, Device.Reference);

    [GpuTheory, MemberData(nameof(EveryNorm))]
    public void A_norm_of_nothing_on_the_gpu_is_empty_and_changes_nothing(string name, int rank)
    {
        Check(name, rank, emptyDimension: 0, Gpu.Device);
        if (HasPixels(name, rank)) Check(name, rank, emptyDimension: 2, Gpu.Device);
    }

    [Theory, MemberData(nameof(EveryNorm))]
    public void A_norm_of_images_without_pixels_is_empty_and_changes_nothing(string name, int rank)
    {
        if (HasPixels(name, rank)) Check(name, rank, emptyDimension: 2, Device.Cpu, Device.Reference);
    }

    /// <summary>Layer norms have their last dimensions by name, and take no images without pixels.</summary>
    private static bool HasPixels(string name, int rank) => rank > 2 && !name.StartsWith("ln", StringComparison.Ordinal) && name != "rms two";

    private static void Check(string name, int rank, int emptyDimension, params Device[] devices)
    {
        var shape = NormCases.Shape(rank).With(emptyDimension, 0);
        foreach (var device in devices)
            foreach (bool fused in new[] { true, false })
                foreach (bool training in new[] { true, false })
                    foreach (bool residual in new[] { true, false })
                    {
                        var norm = NormCases.Create(name, rank, device);
                        (norm.Fused, _) = (fused, norm.Train(training));
                        double[] before = [.. norm.NamedBuffers().SelectMany(b => b.Buffer.Value.ToArray<double>())];
                        var x = NormCases.Leaf(Tensor.Zeros(shape, device));
                        var y = norm.Forward(x, residual ? NormCases.Leaf(Tensor.Zeros(shape, device)) : null, Activation.Relu);
                        Assert.Equal(shape, y.Shape);
                        y.Sum().Backward();
                        if (norm is not NoNorm || residual) Assert.Equal(shape, x.Grad!.Shape);
                        Assert.All(norm.Parameters(), p => Assert.All(p.Grad!.ToArray(), g => Assert.Equal(0, g)));
                        Assert.Equal(before, norm.NamedBuffers().SelectMany(b => b.Buffer.Value.ToArray<double>()));
                    }
    }

    [Theory]
    [InlineData("bn")]
    [InlineData("gn")]
    [InlineData("in")]
    [InlineData("evonorm-b0")]
    public void A_net_gives_no_logits_for_no_images(string norm)
    {
        var net = new ResNet(8, NormFactory.Named(norm), new RandomStream(1));
        Assert.Equal<Shape>([0, 10], net.Forward(Tensor.Zeros([0, 3, 32, 32])).Shape);
        net.Eval();
        using var _ = new NoGrad();
        Assert.Equal<Shape>([0, 10], net.Forward(Tensor.Zeros([0, 3, 32, 32])).Shape);
    }
}
