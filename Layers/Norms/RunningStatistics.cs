using MiniDL.Backends;
using MiniDL.Diagnostics;
using MiniDL.Memory;

namespace MiniDL.Layers;

/// <summary>
/// A running mean and a running variance in the buffers of a module: <c>running = (1 − momentum) · running + momentum · batch</c>,
/// in place, so that nothing is allocated and a state dictionary sees it.
/// </summary>
internal sealed class RunningStatistics(ModuleBuffer mean, ModuleBuffer spread, ModuleBuffer batches)
{
    private Tensor? _one;

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
        if (!backend.UpdateRunning(mean.Value, spread.Value, counted, newMean, newSpread, samples, share, correction))
        {
            if (counted is not null) backend.AddInto(counted, One(counted.Device));
            BlendAlone(mean.Value, newMean, samples, share, share);
            BlendAlone(spread.Value, newSpread, samples, share, share * correction);
        }
    }

    private Tensor One(Device device) => _one?.Device == device ? _one : _one = Tensor.Ones(Shape.Scalar, device, DType.I64).Keep();

    /// <summary>running = (1 − momentum) · running + share · values, the values [samples, channels] averaged over the samples first.</summary>
    internal static void Blend(Tensor running, Tensor values, int samples, double momentum, double share)
    {
        using var change = new InPlaceChange("running statistics", running);
        BlendAlone(running, values, samples, momentum, share);
    }

    private static void BlendAlone(Tensor running, Tensor values, int samples, double momentum, double share)
    {
        var backend = running.Device.Backend;
        if (samples > 1)
        {
            var sum = Tensor.NewLike(running);
            backend.Sum(values, sum, 1, samples, running.Count);
            values = sum;
        }
        backend.Zip(new BlendFunction(1 - momentum, share / samples), [running.Count], running, [1], values, [1], running);
    }
}

/// <summary>c = keep · a + take · b.</summary>
internal readonly struct BlendFunction(double keep, double take) : IBinaryFunction
{
    public string Name => "blend";

    public (double, double) Parameters => (keep, take);

    public double Value(double a, double b) => keep * a + take * b;

    public void Values(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c)
    {
        for (int i = 0; i < c.Length; i++) c[i] = (float)(keep * a[i] + take * b[i]);
    }

    public void Values(ReadOnlySpan<float> a, float b, Span<float> c)
    {
        for (int i = 0; i < c.Length; i++) c[i] = (float)(keep * a[i] + take * b);
    }

    public void Values(float a, ReadOnlySpan<float> b, Span<float> c)
    {
        for (int i = 0; i < c.Length; i++) c[i] = (float)(keep * a + take * b[i]);
    }
}
