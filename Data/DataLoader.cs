namespace MiniDL.Data;

/// <summary>
/// Draws a dataset's examples in batches, in a new order every epoch, and prepares the next batches in the background while the
/// current one is being worked on.
/// </summary>
/// <remarks>
/// Order and augmentation depend only on (seed, epoch, index of the image), so they are the same for any number of threads.
/// An epoch may be abandoned with <c>break</c> or cancelled at any time; both wait for the threads, which stop after the current image.
/// </remarks>
/// <example><code>
/// var loader = new DataLoader(data, batchSize: 32, random);
/// foreach (var batch in loader.Epochs(10)) Console.WriteLine($"epoch {batch.Epoch}, batch {batch.Index}: {batch.Images.Shape}");
/// </code></example>
public sealed class DataLoader
{
    private const string GivenBack =
        "belongs to a batch whose memory was given back when the next one was drawn. Use it before, or Keep() the batch.";

    private readonly RandomStream _random;

    // The last batch of an epoch stays valid until the next epoch begins.
    private Batch? _last;

    /// <summary>Makes a loader.</summary>
    /// <param name="batchSize">Examples in a batch.</param>
    /// <param name="random">Determines order and augmentation; the stream's own position does not change.</param>
    /// <param name="shuffle">Whether every epoch has its own order; otherwise the order is the dataset's.</param>
    /// <param name="dropLast">Whether an incomplete last batch is left out.</param>
    /// <param name="augmentation">Random changes to images; none by default.</param>
    /// <param name="threads">How many batches are prepared ahead, in parallel; with 0 each is prepared when it is asked for.</param>
    /// <exception cref="MiniDLException">There would be no batch, or a setting is out of range.</exception>
    public DataLoader(Dataset data, int batchSize, RandomStream random, bool shuffle = true, bool dropLast = false,
        Augmentation? augmentation = null, int threads = 1)
    {
        if (batchSize < 1) throw Error($"batch size {batchSize} is below 1.");
        if (threads < 0) throw Error($"{threads} threads; use 0 for none in the background, else 1 or more.");
        if (data.Count < 1) throw Error($"{data.Name} has no examples.");
        if (dropLast && batchSize > data.Count)
            throw Error($"batch size {batchSize} is larger than the data, {data}, and incomplete batches are dropped: "
                + "no batch is left. Use a smaller batch, more data, or dropLast: false.");
        if (augmentation is not null && data.InputShape.Rank != 3)
            throw Error($"{data.Name} has inputs of {data.InputShape}; augmentation is for images, [C, H, W].");
        (Data, BatchSize, Shuffle, DropLast, Augmentation, Threads) = (data, batchSize, shuffle, dropLast, augmentation, threads);
        _random = random;
    }

    /// <summary>The dataset.</summary>
    public Dataset Data { get; }

    /// <summary>Determines order and augmentation.</summary>
    internal RandomStream Random => _random;

    /// <summary>Examples in a batch; the last one may have fewer.</summary>
    public int BatchSize { get; }

    /// <summary>Whether every epoch has its own order.</summary>
    public bool Shuffle { get; }

    /// <summary>Whether an incomplete last batch is left out.</summary>
    public bool DropLast { get; }

    /// <summary>Random changes to images, if any.</summary>
    public Augmentation? Augmentation { get; }

    /// <summary>How many batches are prepared ahead, in parallel.</summary>
    public int Threads { get; }

    /// <summary>The number of batches in an epoch.</summary>
    public int BatchesPerEpoch => DropLast ? Data.Count / BatchSize : (Data.Count - 1) / BatchSize + 1;

    /// <summary>The batches of several epochs, one after the other.</summary>
    /// <param name="count">How many epochs.</param>
    /// <param name="first">The number of the first epoch; the same number gives the same batches.</param>
    public IEnumerable<Batch> Epochs(int count, int first = 0, CancellationToken cancellation = default) =>
        Enumerable.Range(first, count).SelectMany(epoch => Epoch(epoch, cancellation));

    /// <summary>The batches of one epoch.</summary>
    /// <param name="epoch">The epoch's number, from 0; the same number gives the same batches.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="MiniDLException">Reading an example failed; the message says which one.</exception>
    public IEnumerable<Batch> Epoch(int epoch, CancellationToken cancellation = default)
    {
        int[]? order = Shuffle ? _random.Fork("shuffle", (ulong)epoch).Permutation(Data.Count) : null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var ahead = new Queue<Task<Batch>>();
        Batch? current = null;
        int next = 0;
        try
        {
            StartMore();
            for (int index = 0; index < BatchesPerEpoch; index++)
            {
                cancellation.ThrowIfCancellationRequested();
                (current ?? Interlocked.Exchange(ref _last, null))?.Recycle();
                current = null;
                var batch = Threads > 0 ? Take(ahead.Dequeue(), cancellation) : Prepare(epoch, index, order, cancellation);
                StartMore();
                yield return current = batch;
            }
        }
        finally
        {
            _last = current;
            stop.Cancel();
            foreach (var task in ahead) Discard(task);
        }

        void StartMore()
        {
            for (; next < BatchesPerEpoch && ahead.Count < Threads; next++)
            {
                int index = next;
                var token = stop.Token;
                ahead.Enqueue(Task.Run(() => Prepare(epoch, index, order, token), token));
            }
        }
    }

    private static Batch Take(Task<Batch> task, CancellationToken cancellation)
    {
        try
        {
            return task.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    /// <summary>Waits for a batch that nobody will use; an error while preparing it no longer matters.</summary>
    private static void Discard(Task<Batch> task)
    {
        Task.WaitAny(task);
        if (task.IsCompletedSuccessfully) task.Result.Recycle();
        else _ = task.Exception;
    }

    private Batch Prepare(int epoch, int index, int[]? order, CancellationToken token)
    {
        // A batch lives until the next one is drawn, even if a step scope is open on the thread that makes it.
        using var outside = Scope.Suspend();
        int start = index * BatchSize, count = Math.Min(BatchSize, Data.Count - start);
        var images = Tensor.New([count, .. Data.InputShape.Sizes], Device.Cpu, DType.F32,
            Data.InputShape.Rank == 3 ? Layout.ChannelsLast : Layout.RowMajor);
        var labels = Tensor.New([count], Device.Cpu, DType.I64);
        var batch = new Batch(epoch, index, images, labels);
        (images.Origin, labels.Origin) = ("data loader", "data loader");
        images.WhyRecycled = labels.WhyRecycled = GivenBack;
        var random = Augmentation is null ? null : _random.Fork("augmentation", (ulong)epoch);
        for (int i = 0; i < count; i++)
        {
            int example = order?[start + i] ?? start + i;
            try
            {
                token.ThrowIfCancellationRequested();
                Read(example, random, images.Raw<float>().Slice(i * Data.InputShape.Count, Data.InputShape.Count));
                labels.Raw<long>()[i] = Data.Label(example);
            }
            catch (Exception e)
            {
                batch.Recycle();
                if (e is OperationCanceledException) throw;
                throw Error($"reading example {example} of {Data.Name} failed (epoch {epoch}, batch {index}): {e.Message}", e);
            }
        }
        return batch;
    }

    private void Read(int example, RandomStream? random, Span<float> x)
    {
        if (Data.InputShape.Rank != 3)
        {
            Data.Read(example, x);
            return;
        }
        var crop = Crop.None;
        if (random is not null)
        {
            random.Position = (ulong)example * Augmentation.NumbersPerImage;
            crop = Augmentation!.Draw(random);
        }
        Data.ReadChannelsLast(example, crop, x);
    }

    private static MiniDLException Error(string message, Exception? inner = null) => new($"[data_loader] {message}", inner);
}
