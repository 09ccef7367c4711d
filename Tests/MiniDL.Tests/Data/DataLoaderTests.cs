using MiniDL.Data;

namespace MiniDL.Tests.Data;

public class DataLoaderTests
{
    private static readonly ImageDataset Images = SyntheticImages.Draw("loader", seed: 3, count: 50);

    private static DataLoader Loader(int threads = 1, int batchSize = 8, bool shuffle = true, bool dropLast = false,
        Augmentation? augmentation = null, ulong seed = 5) =>
        new(Images, batchSize, new RandomStream(seed), shuffle, dropLast, augmentation, threads);

    [Theory]
    [InlineData(0), InlineData(2), InlineData(5)]
    public void Every_number_of_threads_draws_the_same_batches(int threads)
    {
        var augmentation = Augmentation.PadCropFlip();
        Assert.Equal(Drawn(Loader(1, augmentation: augmentation)), Drawn(Loader(threads, augmentation: augmentation)));

        static List<float> Drawn(DataLoader loader) =>
            loader.Epochs(3).SelectMany(batch => batch.Labels.ToArray().Concat(batch.Images.ToArray())).ToList();
    }

    [Fact]
    public void An_epoch_has_every_example_once_in_an_order_of_its_own()
    {
        var (first, second, again, other) = (Order(0), Order(1), Order(0), Order(0, seed: 6));
        Assert.Equal(Enumerable.Range(0, 50), first.Order());
        Assert.Equal(first, again);
        Assert.NotEqual(first, second);
        Assert.NotEqual(first, other);
        Assert.NotEqual(Enumerable.Range(0, 50), first);

        List<int> Order(int epoch, ulong seed = 5)
        {
            var ids = new ArrayDataset(Enumerable.Range(0, 50).Select(i => (float)i).ToArray(), [1], new long[50]);
            return new DataLoader(ids, 7, new RandomStream(seed)).Epoch(epoch)
                .SelectMany(batch => batch.Images.ToArray()).Select(id => (int)id).ToList();
        }
    }
}
