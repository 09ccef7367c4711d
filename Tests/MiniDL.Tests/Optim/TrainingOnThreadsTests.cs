using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core.Backends;

namespace MiniDL.Tests.Optim;

[Collection(ThreadCounts.Collection)]
public class TrainingOnThreadsTests
{
    [Theory]
    [InlineData("bn")]
    [InlineData("gn")]
    public void Losses_of_a_ResNet_are_the_same_bits_with_one_thread_and_with_two(string norm)
    {
        float[] Losses(int threads)
        {
            using var _ = new ThreadCounts(threads);
            var random = new RandomStream(3);
            var model = new ResNet(8, NormChoice.Parse(norm), random.Fork("model"));
            var sgd = new Sgd(model.Parameters(), learningRate: 0.05f, momentum: 0.9f, weightDecay: 1e-3f);
            var losses = new float[10];
            for (int i = 0; i < losses.Length; i++)
            {
                using var step = Scope.Step();
                var images = Tensor.Normal([6, 3, 16, 16], random.Fork("images", (ulong)i));
                var labels = Tensor.From([0L, 1, 2, 3, 4, 5], [6]);
                var loss = Loss.CrossEntropy(model.Forward(images), labels);
                sgd.ZeroGrad();
                loss.Backward();
                sgd.Step();
                losses[i] = loss.Item();
            }
            return losses;
        }

        var one = Losses(threads: 1);
        Assert.DoesNotContain(float.NaN, one);
        Assert.Equal(one, Losses(threads: 2));
    }
}
