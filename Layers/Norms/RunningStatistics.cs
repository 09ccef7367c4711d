using MiniDL.Diagnostics;
using MiniDL.Memory;

namespace MiniDL.Layers;

/// <summary>
/// A running mean and a running variance in the buffers of a module: <c>running = (1 − momentum) · running + momentum · batch</c>.
/// Updated in place: nothing is allocated, and the tensors of a state dictionary see the change.
/// </summary>
internal sealed class RunningStatistics(ModuleBuffer mean, ModuleBuffer spread, ModuleBuffer batches)
{
    public ModuleBuffer Mean => mean;

    /// <summary>The variance, or the statistic used in its place.</summary>
    public ModuleBuffer Spread => spread;

    /// <summary>How many batches have been averaged, I64 [].</summary>
    public ModuleBuffer Batches => batches;

    /// <summary>Counts a batch and blends its mean and spread of each channel into the running ones.</summary>
    /// <param name="newMean">[samples, channels]; the samples are averaged first.</param>
    /// <param name="newSpread">The same shape.</param>
    /// <param name="samples">The number of samples.</param>
    /// <param name="momentum">The weight of the new values; null means 1/batches, which makes the running values plain averages.</param>
    /// <param name="correction">A factor on the new spread: n/(n − 1) makes a biased variance unbiased.</param>
    /// <param name="count">False leaves the number of batches unchanged.</param>
    public void Update(Tensor newMean, Tensor newSpread, int samples, double? momentum, double correction = 1, bool count = true)
    {
        using var region = Profiler.Time("normalize", "running statistics");
        var (backend, counted) = (mean.Value.Device.Backend, count ? batches.Value : null);
        double share = momentum ?? 1.0 / (batches.Value.ToArray<long>()[0] + 1);
        using InPlaceChange changeOfMean = new("running statistics", mean.Value), changeOfSpread = new("running statistics", spread.Value);
        backend.UpdateRunning(mean.Value, spread.Value, counted, newMean, newSpread, samples, share, correction);
    }

    /// <summary>running = (1 − momentum) · running + share · values, in place.</summary>
    internal static void Blend(Tensor running, Tensor values, double momentum, double share)
    {
        using var change = new InPlaceChange("running statistics", running);
        running.Device.Backend.Blend(running, values, samples: 1, momentum, share);
    }
}
