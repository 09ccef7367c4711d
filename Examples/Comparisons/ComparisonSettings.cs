using MiniDL.Examples.Training;

namespace MiniDL.Examples.Comparisons;

/// <summary>
/// What the runs of a comparison have in common: all of <see cref="TrainSettings"/> but norm, batch size and seed.
/// </summary>
/// <param name="Precision">On a GPU; null elsewhere.</param>
internal sealed record ComparisonSettings(
    string Model, int Groups, int VirtualBatch, string Dataset, int? TrainImages, int? TestImages, bool Augment,
    int Epochs, double BaseLearningRate, int BaseBatch, double Momentum, double WeightDecay, string Schedule, string Device,
    string? Precision = null, string Convolutions = nameof(ConvAlgorithm.Fastest), string Optimizer = "sgd", double? ClipNorm = null)
{
    public static ComparisonSettings Of(TrainSettings s, double baseLearningRate, int baseBatch) =>
        new(s.Model, s.Groups, s.VirtualBatch, s.Dataset, s.TrainImages, s.TestImages, s.Augment,
            s.Epochs, baseLearningRate, baseBatch, s.Momentum, s.WeightDecay, s.Schedule, s.Device,
            DeviceChoice.HasPrecisions(s.Device) ? s.Precision : null, s.Convolutions, s.Optimizer, s.ClipNorm);
}

/// <summary>Which run of a comparison: the first columns of its tables.</summary>
internal readonly record struct RunKey(string Norm, int BatchSize, ulong Seed)
{
    public const string Columns = "norm,batch_size,seed";

    public static RunKey Of(TrainSettings run) => new(run.Norm, run.BatchSize, run.Seed);

    /// <summary>As a part of a file's name: <c>bn-b8-s0</c>.</summary>
    public string FileName => $"{Norm}-b{BatchSize}-s{Seed}";

    /// <summary>As people read it: <c>bn, batch 8, seed 0</c>.</summary>
    public override string ToString() => $"{Norm}, batch {BatchSize}, seed {Seed}";
}
