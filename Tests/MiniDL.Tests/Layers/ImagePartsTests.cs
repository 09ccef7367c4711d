using MiniDL.Diagnostics;
using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>
/// Evaluation of a large batch goes through a ResNet a few images at a time; a hook anywhere makes it go whole, as a layer does that needs all
/// images.
/// </summary>
public class ImagePartsTests
{
    [Theory]
    [InlineData("bn", true)]
    [InlineData("gn", true)]
    [InlineData("ln", true)]
    [InlineData("ghost", true)]
    [InlineData("in", false)]
    [InlineData("none", false)]
    [InlineData("fixup", false)]
    public void Parts_give_the_bits_of_the_whole(string norm, bool inParts)
    {
        var random = new RandomStream(3);
        var model = new ResNet(8, NormFactory.Named(norm), random);
        model.Forward(Tensor.Normal([16, 3, 8, 8], random));
        model.Eval();
        var x = Tensor.Normal([70, 3, 8, 8], random);
        using var noGrad = new NoGrad();
        float[] parts = model.Forward(x).ToArray();
        var seen = new List<int>();
        using (model.NamedModules().Single(entry => entry.Path == "fc").Module.OnForward((_, input, _) => Note(input)))
            Assert.Equal(model.Forward(x).ToArray(), parts);
        Assert.Equal([70], seen);
        using var profiler = Profiler.Start();
        model.Forward(x);
        Assert.Equal(inParts ? 3 : 1, profiler.Entries.Single(entry => entry.Name == "linear").Calls);

        Tensor? Note(Tensor input)
        {
            seen.Add(input.Shape[0]);
            return null;
        }
    }

    [Fact]
    public void A_norm_that_looks_at_the_batch_gets_all_of_it()
    {
        var random = new RandomStream(3);
        var model = new ResNet(8, _ => new OverBatch(), random);
        model.Eval();
        var x = Tensor.Normal([70, 3, 8, 8], random);
        using var noGrad = new NoGrad();
        float[] first = model.Forward(x).ToArray();
        // Other images after the first 64 change the result of the first.
        var other = Tensor.Concat([x.Slice(0, 0, 64), 10 * x.Slice(0, 64)]);
        Assert.NotEqual(first[..10], model.Forward(other).ToArray()[..10]);
    }

    [Fact]
    public void An_error_tells_the_shape_of_the_whole_batch()
    {
        var model = new ResNet(8, NormFactory.Named("bn"), new RandomStream(3));
        model.Eval();
        using var noGrad = new NoGrad();
        var e = Assert.Throws<ShapeException>(() => model.Forward(Tensor.Zeros([70, 4, 8, 8])));
        Assert.Contains("[70, 4, 8, 8]", e.Message);
    }

    private sealed class OverBatch : Norm
    {
        protected override Tensor ForwardPlain(Tensor x) => x - x.Mean([0], keepDim: true);
    }
}
