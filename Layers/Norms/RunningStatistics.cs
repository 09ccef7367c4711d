using MiniDL.Diagnostics;
using MiniDL.Memory;

namespace MiniDL.Layers;

/// <summary>
/// A running mean and a running variance in the buffers of a module: <c>running = (1 − momentum) · running + momentum · batch</c>,
/// in place, so that nothing is allocated and a state dictionary sees it.
/// </summary>
internal sealed class RunningStatistics(ModuleBuffer mean, ModuleBuffer spread, ModuleBuffer batches)
{
    public ModuleBuffer Mean => mean;

    /// <summary>The variance, or what takes its place.</summary>
    public ModuleBuffer Spread => spread;

    /// <summary>How many batches have been averaged, I64 [].</summary>
    public ModuleBuffer Batches => batches;

    /// <summary>Counts a batch and averages in its mean and spread of each channel.</summary>
    /// <param name="newMean">[samples, channels]; the samples are averaged first.</param>
    /// <param name="newSpread">The same shape.</param>
    /// <param name="samples">How many.</param>
    /// <param name="momentum">The weight of what is new; null is 1/batches, which makes the running values plain averages.</param>
    /// <param name="correction">What the new spread is multiplied by: n/(n − 1) makes a biased variance unbiased.</param>
    /// <param name="count">False leaves the number of batches as it is.</param>
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
