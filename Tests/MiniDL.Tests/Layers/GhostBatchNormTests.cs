using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class GhostBatchNormTests
{
    [Theory]
    [InlineData(6)]
    [InlineData(100)]
    public void With_one_virtual_batch_it_is_batch_norm(int virtualBatch)
    {
        var ghost = new GhostBatchNorm2d(3, virtualBatch).To(Device.Reference);
        var batch = new BatchNorm2d(3).To(Device.Reference);
        for (ulong seed = 0; seed < 3; seed++)
        {
            var x = NormCases.Input([6, 3, 2, 2], Device.Reference, seed, mean: 2);
            Assert.Equal(batch.Forward(x).ToArray<double>(), ghost.Forward(x).ToArray<double>());
        }
        foreach (var (key, value) in batch.StateDict()) Assert.Equal(value.ToArray<double>(), ghost.StateDict()[key].ToArray<double>());
        Assert.Equal(batch.StateDict().Keys, ghost.StateDict().Keys);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Each_virtual_batch_is_normalized_alone_and_their_statistics_are_averaged_into_the_running_ones(bool fused)
    {
        var ghost = new GhostBatchNorm2d(3, virtualBatch: 2, momentum: 0.5) { Fused = fused };
        ghost.To(Device.Reference);
        double[] mean = new double[3], variance = [1, 1, 1];
        for (int step = 0; step < 2; step++)
        {
            var x = NormCases.Input([6, 3, 2, 2], Device.Reference, seed: (ulong)step, mean: 1 + step);
            var y = ghost.Forward(x);
            double[] newMean = new double[3], newVariance = new double[3];
            for (int run = 0; run < 3; run++)
            {
                var part = x.Slice(dim: 0, start: 2 * run, stop: 2 * run + 2);
                var alone = new BatchNorm2d(3, momentum: 1);
                NormCases.AssertClose(y.Slice(0, 2 * run, 2 * run + 2), alone.To(Device.Reference).Forward(part), 1e-13,
                    $"virtual batch {run}");
                for (int c = 0; c < 3; c++)
                {
                    newMean[c] += alone.RunningMean!.Value.ToArray<double>()[c] / 3;
                    newVariance[c] += alone.RunningVar!.Value.ToArray<double>()[c] / 3;
                }
            }
            for (int c = 0; c < 3; c++)
                (mean[c], variance[c]) = ((mean[c] + newMean[c]) / 2, (variance[c] + newVariance[c]) / 2);
        }
        Assert.Equal(mean, ghost.RunningMean!.Value.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-13);
        Assert.Equal(variance, ghost.RunningVar!.Value.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-13);
        Assert.Equal([2], ghost.NumBatchesTracked!.Value.ToArray<long>());

        var one = NormCases.Input([1, 3, 2, 2], Device.Reference, seed: 9);
        double[] from = one.ToArray<double>(), to = ghost.Eval().Forward(one).ToArray<double>();
        for (int i = 0; i < to.Length; i++) Assert.Equal((from[i] - mean[i / 4]) / Math.Sqrt(variance[i / 4] + 1e-5), to[i], 1e-12);
    }
}
