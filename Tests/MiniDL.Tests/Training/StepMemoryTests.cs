using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core;

namespace MiniDL.Tests.Training;

/// <summary>What a training step of ResNet-20, drawing its batch included, asks of memory once it is warm, whatever the batch.</summary>
/// <remarks>
/// Alone, because the pool is shared by all tests. Objects are counted on the calling thread, where the kernels allocate all of
/// theirs: helpers run chunks of them, which allocate nothing, and the runtime's own threads would only blur the count. For that
/// the loader prepares batches on the calling thread too.
/// </remarks>
[Collection(MemoryCollection.Name)]
public class StepMemoryTests
{
    private static readonly ImageDataset Images = SyntheticImages.Draw("step memory", seed: 1, count: 80);

    [Theory]
    [InlineData("bn", 2)]
    [InlineData("bn", 16)]
    [InlineData("gn", 2)]
    [InlineData("gn", 16)]
    [InlineData("ln", 2)]
    [InlineData("ln", 16)]
    [InlineData("in", 2)]
    [InlineData("in", 16)]
    [InlineData("none", 16)]
    public void A_warm_step_creates_no_storage_and_at_most_64_KB_of_objects(string norm, int batch)
    {
        var random = new RandomStream(0);
        var model = new ResNet(20, NormFactory.Named(norm), random);
        var sgd = new Sgd(model.Parameters(), learningRate: 0.01f, momentum: 0.9f, weightDecay: 1e-4f);
        var loader = new DataLoader(Images.Take(5 * batch), batch, random, augmentation: Augmentation.PadCropFlip(), threads: 0);
        using var batches = loader.Epochs(count: 1).GetEnumerator();
        for (int i = 0; i < 3; i++) Step();

        long storage = Device.Cpu.Backend.CreatedStorageBytes, objects = GC.GetAllocatedBytesForCurrentThread();
        Step();
        objects = GC.GetAllocatedBytesForCurrentThread() - objects;
        Assert.Equal(storage, Device.Cpu.Backend.CreatedStorageBytes);
        Assert.InRange(objects, 1, 64 * 1024);

        void Step()
        {
            Assert.True(batches.MoveNext());
            using var scope = Scope.Step();
            sgd.ZeroGrad();
            Loss.CrossEntropy(model.Forward(batches.Current.Images), batches.Current.Labels).Backward();
            sgd.Step();
        }
    }
}
