using MiniDL.Data;

namespace MiniDL.Tests.Data;

public class DataLoaderTests
{
    private static readonly ImageDataset Images = SyntheticImages.Draw("loader", seed: 3, count: 50);

    private static DataLoader Loader(int threads = 1, int batchSize = 8, bool shuffle = true, bool dropLast = false,
        Augmentation? augmentation = null, ulong seed = 5, Dataset? data = null) =>
        new(data ?? Images, batchSize, new RandomStream(seed), shuffle, dropLast, augmentation, threads);

    /// <summary>A dataset whose only feature is the number of the example.</summary>
    private static ArrayDataset Numbers(int count) =>
        new(Enumerable.Range(0, count).Select(i => (float)i).ToArray(), [1], new long[count]);

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
        Assert.Equal(Enumerable.Range(0, 50), Order(0, shuffle: false));

        List<int> Order(int epoch, ulong seed = 5, bool shuffle = true) =>
            Loader(batchSize: 7, seed: seed, data: Numbers(50), shuffle: shuffle)
            .Epoch(epoch).SelectMany(batch => batch.Images.ToArray()).Select(number => (int)number).ToList();
    }

    [Fact]
    public void Images_are_channels_last_with_their_own_labels()
    {
        var x = new float[Images.InputShape.Count];
        foreach (var batch in Loader(batchSize: 20, shuffle: false).Epoch(0))
        {
            Assert.Equal(new Shape(batch.Count, 3, 32, 32), batch.Images.Shape);
            Assert.Equal((Layout.ChannelsLast, DType.I64), (batch.Images.Layout, batch.Labels.DType));
            float[] values = batch.Images.ToArray();
            for (int i = 0; i < batch.Count; i++)
            {
                Images.Read(batch.Index * 20 + i, x);
                Assert.Equal(x, values[(i * x.Length)..((i + 1) * x.Length)]);
                Assert.Equal(Images.Label(batch.Index * 20 + i), batch.Labels.Values<long>()[i]);
            }
        }
    }

    [Theory]
    [InlineData(8, false, 7, 2), InlineData(8, true, 6, 8), InlineData(25, true, 2, 25), InlineData(60, false, 1, 50),
        InlineData(1, false, 50, 1)]
    public void The_last_batch_is_short_or_dropped(int batchSize, bool dropLast, int batches, int last)
    {
        var loader = Loader(batchSize: batchSize, dropLast: dropLast);
        var counts = loader.Epoch(0).Select(batch => (batch.Epoch, batch.Index, batch.Count)).ToList();
        Assert.Equal((batches, batches), (loader.BatchesPerEpoch, counts.Count));
        Assert.Equal((0, batches - 1, last), counts[^1]);
    }

    [Fact]
    public void Augmentation_is_a_function_of_seed_epoch_and_image()
    {
        var augmentation = Augmentation.PadCropFlip();
        var (a, b) = (Loader(augmentation: augmentation, batchSize: 50, shuffle: false), Loader(augmentation: augmentation, batchSize: 7));
        var whole = a.Epoch(2).Single().Images.ToArray();
        var parts = b.Epoch(2).SelectMany(batch => batch.Images.ToArray().Chunk(3072)).ToHashSet(new SameValues());
        Assert.All(whole.Chunk(3072), image => Assert.Contains(image, parts));
        Assert.NotEqual(whole, a.Epoch(3).Single().Images.ToArray());
    }

    [Fact]
    public void Crops_and_flips_are_uniform()
    {
        var (random, augmentation) = (new RandomStream(9), Augmentation.PadCropFlip(pad: 1));
        var counts = Enumerable.Range(0, 18_000).Select(_ => augmentation.Draw(random)).CountBy(crop => crop).ToList();
        Assert.Equal(18, counts.Count);
        // 1,000 expected, standard deviation 31.
        Assert.All(counts, crop => Assert.InRange(crop.Value, 850, 1_150));
        Assert.All(Enumerable.Range(0, 100), _ => Assert.False(Augmentation.PadCropFlip(2, flip: false).Draw(random).Flip));
    }

    [Fact]
    public void What_is_kept_of_an_old_batch_says_that_the_loader_took_it_back_and_never_shows_another()
    {
        var loader = Loader(batchSize: 10);
        var batches = loader.Epoch(0).ToList();
        Action[] touches =
        [
            () => _ = batches[0].Images.Span[0], () => batches[1].Labels.ToArray<long>(), () => batches[2].Images.Detach(), () => batches[0].Images.Keep(),
            () => batches[3].Images.Clone(), () => batches[0].Keep(), () => batches[0].Images.AsReadOnlyTensorSpan(), () => batches[0].Images.Sum().Item(),
        ];
        foreach (var touch in touches)
        {
            string message = Assert.Throws<MiniDLException>(touch).Message;
            Assert.Contains("from data loader belongs to a batch whose memory was given back", message, StringComparison.Ordinal);
            Assert.Contains("Keep() the batch", message, StringComparison.Ordinal);
        }
        float[] last = batches[^1].Images.ToArray();
        Assert.Equal(last, batches[^1].Images.ToArray());
        foreach (var _ in loader.Epoch(1)) break;
        Assert.Throws<MiniDLException>(() => batches[^1].Images.Span[0]);
    }

    [Fact]
    public void Kept_batches_are_those_of_the_epoch_and_windows_and_graphs_of_old_ones_are_refused()
    {
        var loader = Loader(batchSize: 10);
        float[][] expected = [.. loader.Epoch(0).Select(batch => batch.Images.ToArray())];
        var kept = loader.Epoch(0).Select(batch => batch.Keep()).ToList();
        Assert.Equal(expected, kept.Select(batch => batch.Images.ToArray()));
        Tensor? window = null, loss = null;
        foreach (var batch in loader.Epoch(0))
        {
            if (batch.Index == 1) break;
            window = batch.Labels.Reshape(1, -1);
            var scale = Tensor.Ones([1]);
            scale.RequiresGrad = true;
            loss = (batch.Images * scale).Sum();
        }
        foreach (var _ in loader.Epoch(1)) break;
        Assert.Contains("when the next one was drawn", Assert.Throws<MiniDLException>(() => window!.ToArray<long>()).Message, StringComparison.Ordinal);
        Assert.Contains("when the next one was drawn", Assert.Throws<MiniDLException>(() => loss!.Backward()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_is_recycled_when_the_next_is_drawn_unless_it_is_kept()
    {
        using var epoch = Loader().Epoch(0).GetEnumerator();
        var batches = new List<Batch>();
        for (int i = 0; i < 3; i++)
        {
            Assert.True(epoch.MoveNext());
            batches.Add(epoch.Current);
            if (i == 0) batches[0].Images.Keep();
        }
        float[] x = new float[3072];
        int first = new RandomStream(5).Fork("shuffle").Permutation(50)[0];
        Images.Read(first, x);
        Assert.Equal(x, batches[0].Images.ToArray()[..3072]);
        Assert.Throws<MiniDLException>(() => batches[0].Labels.Values<long>().Length);
        Assert.Contains("data loader", Assert.Throws<MiniDLException>(() => batches[1].Images.Span.Length).Message);
        Assert.Equal(8 * 3072, batches[2].Images.Span.Length);
    }

    [Fact]
    public void No_tensor_memory_is_made_in_the_steady_state()
    {
        // A batch of 13 has a size that no other test uses, so nothing else takes or gives storage of its size class.
        var loader = Loader(threads: 2, batchSize: 13, dropLast: true);
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (var batch in loader.Epochs(20)) seen.Add(batch.Images.Storage);
        Assert.InRange(seen.Count, 1, 5);
    }

    [Fact]
    public void Batches_survive_the_step_scope_they_are_drawn_in()
    {
        foreach (int threads in new[] { 0, 1 })
        {
            using var epoch = Loader(threads).Epoch(0).GetEnumerator();
            using (Scope.Step()) Assert.True(epoch.MoveNext());
            Assert.Equal(8 * 3072, epoch.Current.Images.Span.Length);
        }
    }

    [Fact]
    public void Leaving_early_stops_the_background_work()
    {
        var data = new Counted(1_000);
        foreach (var batch in new DataLoader(data, 10, new RandomStream(1), threads: 3).Epoch(0))
            if (batch.Index == 2) break;
        int reads = data.Reads;
        Assert.InRange(reads, 30, 60);
        Thread.Sleep(20);
        Assert.Equal(reads, data.Reads);
    }

    [Theory]
    [InlineData(0), InlineData(2)]
    public void Cancelling_ends_the_epoch(int threads)
    {
        using var stop = new CancellationTokenSource();
        var drawn = new List<int>();
        var error = Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            foreach (var batch in Loader(threads).Epoch(0, stop.Token))
            {
                drawn.Add(batch.Index);
                if (batch.Index == 1) stop.Cancel();
            }
        });
        Assert.Equal([0, 1], drawn);
        Assert.Equal(stop.Token, error.CancellationToken);
    }

    [Theory]
    [InlineData(0), InlineData(2)]
    public void An_error_while_reading_reaches_the_consumer_and_names_the_example(int threads)
    {
        var loader = new DataLoader(new Counted(100, bad: 34), 10, new RandomStream(1), shuffle: false, threads: threads);
        var drawn = new List<int>();
        var error = Assert.Throws<MiniDLException>(() => drawn.AddRange(loader.Epoch(4).Select(batch => batch.Index)));
        Assert.Equal("[data_loader] reading example 34 of counted failed (epoch 4, batch 3): the disk is on fire", error.Message);
        Assert.IsType<IOException>(error.InnerException);
        Assert.Equal([0, 1, 2], drawn);
    }

    [Fact]
    public void Settings_without_a_batch_are_refused()
    {
        Assert.Contains("no batch is left", Assert.Throws<MiniDLException>(() => Loader(batchSize: 51, dropLast: true)).Message);
        Assert.Contains("below 1", Assert.Throws<MiniDLException>(() => Loader(batchSize: 0)).Message);
        Assert.Throws<MiniDLException>(() => Loader(threads: -1));
        Assert.Contains("no examples", Assert.Throws<MiniDLException>(() => Loader(data: Numbers(0))).Message);
        Assert.Contains("[C, H, W]",
            Assert.Throws<MiniDLException>(() => Loader(data: Numbers(60), augmentation: Augmentation.PadCropFlip())).Message);
        Assert.Throws<MiniDLException>(() => Augmentation.PadCropFlip(-1));
    }

    private sealed class Counted(int count, int bad = -1) : Dataset
    {
        private int _reads;

        public int Reads => _reads;
        public override string Name => "counted";
        public override int Count => count;
        public override Shape InputShape => [2];
        public override IReadOnlyList<string> ClassNames => ["a"];
        public override long Label(int index) => 0;

        public override void Read(int index, Span<float> x)
        {
            if (index == bad) throw new IOException("the disk is on fire");
            Interlocked.Increment(ref _reads);
            x.Fill(index);
        }
    }

    private sealed class SameValues : IEqualityComparer<float[]>
    {
        public bool Equals(float[]? a, float[]? b) => a.AsSpan().SequenceEqual(b);

        public int GetHashCode(float[] values) => values[1_000].GetHashCode();
    }
}
