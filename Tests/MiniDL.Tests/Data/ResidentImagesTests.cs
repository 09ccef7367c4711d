using MiniDL.Data;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Data;

/// <summary>Batches that are made on the GPU are those of the loader, bit for bit.</summary>
public class ResidentImagesTests
{
    private const int Count = 11, BatchSize = 4;

    private static ImageDataset Images()
    {
        var pixels = new byte[Count * 3 * 6 * 5];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * 37 + i / 11);
        return new ImageDataset("few", pixels, [3, 6, 5], [.. Enumerable.Range(0, Count).Select(i => (long)(i % 3))], ["a", "b", "c"]);
    }

    [GpuTheory, InlineData(false, false), InlineData(true, false), InlineData(true, true)]
    public void Are_the_same_as_the_loaders(bool augment, bool recorded)
    {
        var random = new RandomStream(9).Fork("data");
        var augmentation = augment ? Augmentation.PadCropFlip(2) : null;
        var loader = new DataLoader(Images(), BatchSize, random, shuffle: true, dropLast: true, augmentation, threads: 0);
        var resident = new ResidentImages(Images(), BatchSize, random, augmentation, Gpu.Device);
        using var graph = Gpu.Device.Record(() =>
        {
            resident.Draw();
            return [resident.Images * 1];
        });
        Assert.Equal(loader.BatchesPerEpoch, resident.BatchesPerEpoch);
        for (int epoch = 0; epoch < 3; epoch++)
        {
            resident.Start(epoch);
            foreach (var batch in loader.Epoch(epoch))
            {
                if (recorded) Assert.Equal(batch.Images.ToArray(), graph.Run()[0].ToArray());
                else resident.Draw();
                Assert.Equal(batch.Images.ToArray(), resident.Images.ToArray());
                Assert.Equal(batch.Labels.ToArray<long>(), resident.Labels.ToArray<long>());
            }
        }
    }

    [GpuFact]
    public void Go_on_in_the_middle_of_an_epoch()
    {
        var resident = new ResidentImages(Images(), BatchSize, new RandomStream(9), null, Gpu.Device);
        resident.Start(1);
        resident.Draw();
        resident.Draw();
        float[] second = resident.Images.ToArray();
        resident.Start(1, batch: 1);
        resident.Draw();
        Assert.Equal(second, resident.Images.ToArray());
    }

    [GpuFact]
    public void Lie_on_a_gpu_once_for_all_its_streams()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var images = Images();
        long before = fake.Get("bytes");
        var first = images.On(device);
        long moved = fake.Get("bytes");
        Assert.True(moved >= before + images.Bytes.Length);
        using var stream = device.NewStream();
        Assert.Same(first, images.On(stream));
        Assert.Equal(moved, fake.Get("bytes"));

        var random = new RandomStream(9).Fork("data");
        var loader = new DataLoader(images, BatchSize, random, shuffle: true, dropLast: true, threads: 0);
        var resident = new ResidentImages(images, BatchSize, random, null, stream);
        resident.Start(0);
        resident.Draw();
        Assert.Equal(loader.Epoch(0).First().Images.ToArray(), resident.Images.ToArray());
    }

    [Fact]
    public void Need_a_gpu() =>
        Assert.Contains("Use a DataLoader",
            Assert.Throws<MiniDLException>(() => new ResidentImages(Images(), 2, new RandomStream(0), null, Device.Cpu)).Message);
}
