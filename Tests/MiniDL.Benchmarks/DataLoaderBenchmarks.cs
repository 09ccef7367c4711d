using BenchmarkDotNet.Attributes;
using MiniDL.Data;

namespace MiniDL.Benchmarks;

/// <summary>
/// One epoch of 4,000 images of 3×32×32 in batches of 128, shuffled; the baseline prepares each batch when it is asked for.
/// </summary>
public class DataLoaderBenchmarks : IWork
{
    private ImageDataset _images = null!;

    [Params(false, true)]
    public bool Augment { get; set; }

    /// <summary>The floats that come out.</summary>
    public double Bytes => sizeof(float) * 3.0 * 32 * 32 * SyntheticImages.DefaultTrain;

    [GlobalSetup]
    public void Setup() => _images = SyntheticImages.Draw("benchmark", seed: 0, SyntheticImages.DefaultTrain);

    [Benchmark(Baseline = true)]
    public int InTheForeground() => Epoch(threads: 0);

    [Benchmark]
    public int OneThreadAhead() => Epoch(threads: 1);

    [Benchmark]
    public int TwoThreadsAhead() => Epoch(threads: 2);

    private int Epoch(int threads)
    {
        var augmentation = Augment ? Augmentation.PadCropFlip() : null;
        var loader = new DataLoader(_images, batchSize: 128, new RandomStream(0), augmentation: augmentation, threads: threads);
        int images = 0;
        foreach (var batch in loader.Epoch(0)) images += batch.Count;
        return images;
    }
}
