using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core.Backends;

namespace MiniDL.Tests.Optim;

/// <summary>
/// Images are large and many enough that sums over the batch are combined from eight chunks in the first stage and four in the
/// second: two would add up to the same in either order.
/// </summary>
[Collection(ThreadCounts.Collection)]
public class TrainingOnThreadsTests
{
    private const int Batch = 8, Steps = 4;

    [Theory]
    [InlineData("bn")]
    [InlineData("gn")]
    public void Losses_and_weights_of_a_ResNet_are_the_same_bits_for_any_number_of_threads(string norm) =>
        AssertSameBits(random => new ResNet(8, NormFactory.Named(norm), random));

    [Fact]
    public void Training_with_dropout_gives_the_same_bits_for_any_number_of_threads() => AssertSameBits(random => new Sequential(
        new Conv2d(3, 16, 3, padding: 1, random: random), new Relu(), new Dropout(0.3, random.Fork("dropout 1")), new MaxPool2d(2),
        new Flatten(), new Dropout(0.5, random.Fork("dropout 2")), new Linear(16 * 16 * 16, 10, random: random)));

    private static void AssertSameBits(Func<RandomStream, Module> create)
    {
        var one = Train(create, threads: 1);
        Assert.DoesNotContain(float.NaN, one);
        for (int threads = 2; threads <= 3; threads++) Assert.Equal(one, Train(create, threads));
    }

    /// <summary>The losses of some steps, then every parameter and buffer.</summary>
    private static float[] Train(Func<RandomStream, Module> create, int threads)
    {
        using var _ = new ThreadCounts(threads);
        var random = new RandomStream(3);
        var model = create(random.Fork("model"));
        var sgd = new Sgd(model.Parameters(), learningRate: 0.02f, momentum: 0.9f, weightDecay: 1e-3f);
        var results = new List<float>();
        for (int i = 0; i < Steps; i++)
        {
            using var step = Scope.Step();
            var images = Tensor.Normal([Batch, 3, 32, 32], random.Fork("images", (ulong)i));
            var labels = Tensor.From(Enumerable.Range(0, Batch).Select(n => (long)n).ToArray(), [Batch]);
            var loss = Loss.CrossEntropy(model.Forward(images), labels);
            sgd.ZeroGrad();
            loss.Backward();
            sgd.Step();
            results.Add(loss.Item());
        }
        foreach (var (_, parameter) in model.NamedParameters()) results.AddRange(parameter.Value.ToArray());
        return [.. results];
    }
}
