using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class PreciseBatchNormTests
{
    private static Tensor Batch(int size, ulong seed) => NormCases.Input([size, 3, 8, 8], Device.Reference, seed, mean: 1000);

    [Fact]
    public void After_one_batch_evaluation_gives_for_it_what_training_gives()
    {
        var net = new ResNet(8, NormFactory.Named("bn"), new RandomStream(1));
        net.To(Device.Reference);
        var x = NormCases.Input([4, 3, 8, 8], Device.Reference, seed: 1);
        var trained = net.Forward(x);
        Assert.Equal(7, PreciseBatchNorm.Update(net, [x]));
        Assert.True(net.Training);
        net.Eval();
        NormCases.AssertClose(net.Forward(x), trained, 1e-10, "logits");
    }

    /// <summary>Far from 0, so that E[μ² + σ²] − E[μ]² by its letters would lose six digits more than centred sums.</summary>
    [Fact]
    public void Statistics_are_those_of_all_values_of_all_batches()
    {
        var norm = new BatchNorm2d(3);
        norm.To(Device.Reference);
        Tensor[] batches = [Batch(4, 1), Batch(7, 2), Batch(1, 3)];
        PreciseBatchNorm.Update(norm, batches);
        double[][] images = [.. batches.Select(b => b.ToArray<double>())];
        for (int c = 0; c < 3; c++)
        {
            double[] values = [.. images.SelectMany(image => image.Where((_, i) => i / 64 % 3 == c))];
            Assert.Equal(12 * 64, values.Length);
            double mean = values.Average(), variance = values.Average(v => (v - mean) * (v - mean));
            Assert.Equal(mean, norm.RunningMean!.Value.ToArray<double>()[c], 1e-11);
            Assert.Equal(variance, norm.RunningVar!.Value.ToArray<double>()[c], 1e-12);
        }
        Assert.Equal([0], norm.NumBatchesTracked!.Value.ToArray<long>());
    }

    [Fact]
    public void Virtual_batches_of_ghost_norm_are_batches()
    {
        var ghost = new GhostBatchNorm2d(3, virtualBatch: 2);
        var batch = new BatchNorm2d(3);
        foreach (Module norm in new Module[] { ghost, batch }) norm.To(Device.Reference);
        PreciseBatchNorm.Update(ghost, [Batch(6, 1)]);
        PreciseBatchNorm.Update(batch, [Batch(6, 1)]);
        NormCases.AssertClose(ghost.RunningMean!.Value, batch.RunningMean!.Value, 1e-14, "mean");
        NormCases.AssertClose(ghost.RunningVar!.Value, batch.RunningVar!.Value, 1e-12, "variance");
    }

    [Fact]
    public void Weights_modes_and_what_is_no_batch_norm_stay_as_they_are()
    {
        var frozen = new BatchNorm1d(3);
        var net = new Sequential(new Linear(3, 3, random: new RandomStream(1)), new BatchNorm1d(3), new Dropout(0.5), frozen,
            new LpBatchNorm1d(3));
        frozen.Eval();
        bool[] modes = [.. net.NamedModules().Select(m => m.Module.Training)];
        var before = net.StateDict().ToDictionary(entry => entry.Key, entry => entry.Value.ToArray<double>());
        Assert.Equal(2, PreciseBatchNorm.Update(net, [NormCases.Input([8, 3], Device.Cpu, seed: 1)]));
        Assert.Equal(modes, net.NamedModules().Select(m => m.Module.Training));
        string[] precise = ["1.running_mean", "1.running_var", "3.running_mean", "3.running_var"];
        foreach (var (key, value) in net.StateDict())
            Assert.True(value.ToArray<double>().SequenceEqual(before[key]) != precise.Contains(key), key);
        Assert.Equal(0, PreciseBatchNorm.Update(new Sequential(new Relu()), []));
    }

    [Fact]
    public void Without_batches_it_is_an_error_and_nothing_changes()
    {
        var norm = new BatchNorm1d(2);
        var error = Assert.Throws<MiniDLException>(() => PreciseBatchNorm.Update(norm, []));
        Assert.Equal("[precise_batch_norm] there are no batches to take statistics of. Pass at least one.", error.Message);
        Assert.Throws<ShapeException>(() => PreciseBatchNorm.Update(norm, [Tensor.Ones([4, 2]), Tensor.Ones([4, 3])]));
        Assert.Equal([1f, 1], norm.RunningVar!.Value.ToArray());
        norm.Forward(NormCases.Input([4, 2], Device.Cpu, seed: 1));
        Assert.Equal([1], norm.NumBatchesTracked!.Value.ToArray<long>());
    }
}
