using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core;

namespace MiniDL.Tests.Training;

/// <summary>
/// Memory over many steps of what a user trains: a ResNet with batch norm, Sgd, and batches that are drawn in the background.
/// </summary>
[Collection(MemoryCollection.Name)]
public sealed class LongTrainingMemoryTests : IDisposable
{
    private const int Images = 64, Batch = 4, StepsPerEpoch = Images / Batch;
    private const int BytesPerBatch = Batch * 3 * 8 * 8 * sizeof(float) + 16 * sizeof(long);

    private readonly ResNet _model = new(8, NormFactory.Named("bn"), new RandomStream(1));
    private readonly Sgd _sgd;
    private readonly ImageDataset _data;
    private IEnumerator<Batch> _batches;

    public LongTrainingMemoryTests()
    {
        var random = new RandomStream(2);
        Shape shape = [3, 8, 8];
        var pixels = new byte[Images * shape.Count];
        foreach (ref byte pixel in pixels.AsSpan()) pixel = (byte)random.NextInt(256);
        long[] labels = [.. Enumerable.Range(0, Images).Select(i => i % 4L)];
        _data = new ImageDataset("noise", pixels, shape, labels, ["a", "b", "c", "d"], [0.5f, 0.5f, 0.5f], [0.25f, 0.25f, 0.25f]);
        _sgd = new Sgd(_model.Parameters(), learningRate: 0.02f, momentum: 0.9f, weightDecay: 1e-4f);
        _batches = Draw(threads: 1);
    }

    /// <summary>Ends the thread that loads: it would go on to take memory while the next test counts.</summary>
    public void Dispose() => _batches.Dispose();

    private IEnumerator<Batch> Draw(int threads) =>
        new DataLoader(_data, Batch, new RandomStream(3), augmentation: Augmentation.PadCropFlip(0), threads: threads)
            .Epochs(1000).GetEnumerator();

    private float Step()
    {
        Assert.True(_batches.MoveNext());
        _sgd.ZeroGrad();
        var loss = Loss.CrossEntropy(_model.Forward(_batches.Current.Images), _batches.Current.Labels);
        loss.Backward();
        _sgd.Step();
        return loss.Item();
    }

    /// <summary>The mean loss of some steps.</summary>
    private float Train(int steps, bool scoped, Action? afterStep = null)
    {
        float sum = 0;
        for (int i = 0; i < steps; i++)
        {
            using (scoped ? Scope.Step() : null) sum += Step();
            afterStep?.Invoke();
        }
        return sum / steps;
    }

    /// <summary>A thread in the background may meet the step at another moment than before, and then needs memory of its own.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 4)]
    public void With_a_scope_no_storage_is_created_after_the_first_epochs_of_1000_steps(int threads, int batchesMore)
    {
        _batches = Draw(threads);
        float first = Train(3 * StepsPerEpoch, scoped: true);
        long created = Device.Cpu.Backend.CreatedStorageBytes, managed = GC.GetTotalMemory(forceFullCollection: true);
        Train(1000 - 4 * StepsPerEpoch, scoped: true);
        float last = Train(StepsPerEpoch, scoped: true);
        Assert.InRange(Device.Cpu.Backend.CreatedStorageBytes - created, 0, batchesMore * BytesPerBatch);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - managed, long.MinValue, 1 << 20);
        Assert.InRange(last, 0, 0.5 * first);
    }

    [Fact]
    public void Without_a_scope_the_garbage_collector_keeps_memory_flat()
    {
        Train(2 * StepsPerEpoch, scoped: false);
        long before = GC.GetTotalMemory(forceFullCollection: true), peak = 0;
        Train(200, scoped: false, () => peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false)));
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 1 << 20);
        Assert.InRange(peak - before, long.MinValue, 256 << 20);
    }
}
