using System.Collections.Concurrent;
using MiniDL.Data;
using MiniDL.Examples.Training;

namespace MiniDL.Tests.Examples;

public class AugmentTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Augmentation_mirrors_only_what_keeps_its_class(bool mirrorKeepsClass)
    {
        var data = new SeenCrops { MirrorKeepsClass = mirrorKeepsClass };
        var settings = new TrainSettings { Model = "mlp", Epochs = 1, BatchSize = 10, Augment = true };
        var trained = new Trainer(settings, data.Take(40), SyntheticImages.Draw("test", seed: 0, count: 10)).Run().Single();
        Assert.Equal(4, trained.Step);
        Assert.Equal(40, data.Crops.Count);
        Assert.Contains(data.Crops, crop => crop.Top != 0);
        Assert.Equal(mirrorKeepsClass, data.Crops.Any(crop => crop.Flip));
    }

    /// <summary>Black images that remember through which crops they were seen.</summary>
    private sealed class SeenCrops : Dataset
    {
        public ConcurrentBag<Crop> Crops { get; } = [];

        public override string Name => "black";
        public override int Count => 50;
        public override Shape InputShape => [3, 32, 32];
        public override IReadOnlyList<string> ClassNames { get; } = [.. Enumerable.Range(0, 10).Select(i => $"{i}")];
        public override void Read(int index, Span<float> x) => x.Clear();
        public override long Label(int index) => index % 10;

        public override void ReadChannelsLast(int index, Crop crop, Span<float> x)
        {
            Crops.Add(crop);
            x.Clear();
        }
    }
}
