using MiniDL.Data;

namespace MiniDL.Tests.Data;

public class Cifar10Tests
{
    [NeedsCifar10Fact]
    public void The_whole_archive_is_read_and_has_the_published_statistics()
    {
        var (train, test, source) = Cifar10.Load(RealData.Directory!);
        Assert.Equal((50_000, 10_000), (train.Count, test.Count));
        Assert.Contains("cifar-10-binary.tar.gz", source);
        foreach (var (data, perClass) in new[] { (train, 5_000), (test, 1_000) })
            Assert.All(Enumerable.Range(0, data.Count).CountBy(data.Label), labels => Assert.Equal(perClass, labels.Value));

        // Normalized with the published constants, every channel of the training set has mean 0 and deviation 1.
        var (mean, std) = ImageDataset.Statistics(Bytes((ImageDataset)train), train.InputShape);
        float[] published = [0.4914f, 0.4822f, 0.4465f], deviations = [0.2470f, 0.2435f, 0.2616f];
        for (int c = 0; c < 3; c++)
        {
            Assert.Equal(published[c], mean[c], 4);
            Assert.Equal(deviations[c], std[c], 4);
        }
    }

    [NeedsCifar10Fact]
    public void The_first_images_need_only_the_first_file()
    {
        var all = Cifar10.Load(RealData.Directory!).Train;
        var (train, test) = Datasets.Load("cifar10", new DatasetOptions { DataDirectory = RealData.Directory!, TrainImages = 10_000 });
        Assert.Equal((10_000, 10_000), (train.Count, test.Count));
        Assert.Equal(((ImageDataset)all).Pixels(9_999), ((ImageDataset)train).Pixels(9_999));
    }

    private static byte[] Bytes(ImageDataset data)
    {
        var bytes = new byte[data.Count * data.InputShape.Count];
        for (int i = 0; i < data.Count; i++) data.Pixels(i).CopyTo(bytes.AsSpan(i * data.InputShape.Count));
        return bytes;
    }
}
