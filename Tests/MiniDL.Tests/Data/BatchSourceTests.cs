using MiniDL.Data;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Data;

/// <summary>A step draws the loader's batches, in its order, whatever the device and however the step is run.</summary>
public class BatchSourceTests
{
    private const int Count = 11, BatchSize = 4;

    private static DataLoader Loader(Dataset data) => new(data, BatchSize, new RandomStream(5), shuffle: true, dropLast: true);

    private static ImageDataset Images => new("few", [.. Enumerable.Range(0, Count * 12).Select(i => (byte)(i * 7))], [3, 2, 2],
        [.. Enumerable.Range(0, Count).Select(i => (long)(i % 3))], ["a", "b", "c"]);

    private static ArrayDataset Points =>
        new([.. Enumerable.Range(0, 2 * Count).Select(i => (float)i)], [2], [.. Enumerable.Range(0, Count).Select(i => (long)(i % 3))]);

    [Theory, InlineData("cpu"), InlineData("reference")]
    public void Batches_are_those_of_the_loader(string device) => AssertSame(Device.Named(device), Points, recorded: false);

    [GpuTheory, InlineData(false, false), InlineData(true, false), InlineData(false, true), InlineData(true, true)]
    public void On_a_gpu_too_also_where_the_step_is_recorded(bool images, bool recorded) =>
        AssertSame(Gpu.Device, images ? Images : Points, recorded);

    [Fact]
    public void Nothing_is_drawn_before_an_epoch_starts_or_after_its_end() => AssertEnds(Points, Device.Cpu);

    [GpuTheory, InlineData(false), InlineData(true)]
    public void Nor_on_a_gpu(bool images) => AssertEnds(images ? Images : Points, Gpu.Device);

    [GpuFact]
    public void Batches_of_several_sizes_are_refused_before_the_first_on_a_gpu()
    {
        var loader = new DataLoader(Points, BatchSize, new RandomStream(1));
        Assert.Equal(3, BatchSource.Of(loader, Device.Cpu).BatchesPerEpoch);
        Assert.Contains("has 3 examples, not 4, and on cuda", Assert.Throws<MiniDLException>(() => BatchSource.Of(loader, Gpu.Device)).Message);
    }

    private static void AssertEnds(Dataset data, Device device)
    {
        var batches = BatchSource.Of(Loader(data), device);
        Assert.Contains("Start()", Assert.Throws<InvalidOperationException>(batches.Draw).Message);
        batches.Start(0, batch: 1);
        batches.Draw();
        Assert.Throws<InvalidOperationException>(batches.Draw);
        batches.Start(1);
        batches.End();
        Assert.Throws<InvalidOperationException>(batches.Draw);
    }

    private static void AssertSame(Device device, Dataset data, bool recorded)
    {
        var loader = Loader(data);
        var batches = BatchSource.Of(Loader(data), device);
        Assert.Equal(2, batches.BatchesPerEpoch);
        Tensor[] Step()
        {
            batches.Draw();
            return [batches.Images * 1, batches.Labels];
        }
        using var step = device.Record(Step);
        foreach (var (epoch, first) in new[] { (0, 0), (1, 0), (2, 1), (3, 0), (1, 0) })
        {
            batches.Start(epoch, first);
            foreach (var batch in loader.Epoch(epoch).Skip(first))
            {
                using var scope = Scope.Step();
                var results = recorded ? step.Run() : Step();
                Assert.Equal(batch.Images.ToArray(), results[0].ToArray());
                Assert.Equal(batch.Labels.ToArray<long>(), results[1].ToArray<long>());
            }
            batches.End();
        }
    }
}
