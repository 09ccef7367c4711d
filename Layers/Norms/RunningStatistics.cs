using MiniDL.Backends;
using MiniDL.Diagnostics;

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

    /// <summary>Counts a batch.</summary>
    /// <returns>The momentum to use: the one given, or for null 1/batches, which makes the running values plain averages.</returns>
    public double Count(double? momentum)
    {
        var count = batches.Value;
        if (_one?.Device != count.Device) _one = Tensor.Ones(Shape.Scalar, count.Device, DType.I64).Keep();
        count.Device.Backend.AddInto(count, _one);
        return momentum ?? 1.0 / count.ToArray<long>()[0];
    }

    /// <summary>Averages in one mean and one spread for each channel.</summary>
    /// <param name="newMean">[samples, channels]; the samples are averaged first.</param>
    /// <param name="newSpread">The same shape.</param>
    /// <param name="samples">How many.</param>
    /// <param name="momentum">The weight of what is new.</param>
    /// <param name="correction">What the new spread is multiplied by: n/(n − 1) makes a biased variance unbiased.</param>
    public void Update(Tensor newMean, Tensor newSpread, int samples, double momentum, double correction = 1)
    {
        using var region = Profiler.Time("normalize", "running statistics");
        Blend(mean.Value, newMean, samples, momentum, momentum);
        Blend(spread.Value, newSpread, samples, momentum, momentum * correction);
    }

    /// <summary>running = (1 − momentum) · running + share · values, the values [samples, channels] averaged over the samples first.</summary>
    internal static void Blend(Tensor running, Tensor values, int samples, double momentum, double share)
    {
        var backend = running.Device.Backend;
        if (samples > 1)
        {
            var sum = Tensor.NewLike(running);
            backend.Sum(values, sum, 1, samples, running.Count);
            values = sum;
        }
        backend.Zip(new BlendFunction(1 - momentum, share / samples), [running.Count], running, [1], values, [1], running);
        running.Changed();
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
