using BenchmarkDotNet.Attributes;
using MiniDL.Backends;

namespace MiniDL.Benchmarks;

/// <summary>
/// The 3×3 convolutions of ResNet-20 at batch 32: time, share of the FMA peak, and share of what the algorithm could reach
/// (<see cref="ConvolutionBound"/>).
/// </summary>
public abstract class ConvolutionBenchmarks : IWork
{
    private protected const int Batch = 32;

    private protected Tensor X { get; private set; } = null!;

    private protected Tensor Weight { get; private set; } = null!;

    private protected Tensor Y { get; private set; } = null!;

    private protected float[] PlainX { get; private set; } = null!;

    private protected float[] PlainWeight { get; private set; } = null!;

    private protected float[] PlainY { get; private set; } = null!;

    private protected Window2d Window { get; private set; }

    private protected Backend Backend => X.Device.Backend;

    public static IEnumerable<Layer> Layers =>
        [new(3, 16, 32), new(16, 16, 32), new(16, 32, 32, Stride: 2), new(32, 32, 16), new(32, 64, 16, Stride: 2), new(64, 64, 8)];

    [ParamsSource(nameof(Layers))]
    public Layer Layer { get; set; } = new(16, 16, 32);

    public double Operations => Geometry.Operations;

    public double Bytes => sizeof(float) * ((double)Geometry.Input.Count + Geometry.Output.Count);

    public abstract double Bound { get; }

    private protected ConvolutionBound Bounds => new(Geometry);

    private Window2d Geometry =>
        Window2d.Of("conv2d", [Batch, Layer.In, Layer.Size, Layer.Size], Layer.Out, (3, 3), (Layer.Stride, Layer.Stride), (1, 1));

    [GlobalSetup]
    public void Setup()
    {
        Window = Geometry;
        var random = new RandomStream(1);
        X = Tensor.Normal(Window.Input, random).ToLayout(Layout.ChannelsLast);
        Weight = Tensor.Normal([Window.OutChannels, Window.InChannels, 3, 3], random);
        Y = Tensor.Normal(Window.Output, random).ToLayout(Layout.ChannelsLast);
        (PlainX, PlainWeight, PlainY) = (X.Span.ToArray(), Weight.ToArray(), Y.Span.ToArray());
    }
}

/// <summary>Channels in and out, height and width of the input, and stride of a convolution.</summary>
public sealed record Layer(int In, int Out, int Size, int Stride = 1)
{
    public override string ToString() => $"{In}→{Out}, {Size}×{Size}{(Stride > 1 ? $", stride {Stride}" : "")}";
}

/// <summary>y = x ∗ w.</summary>
public class Conv2dForward : ConvolutionBenchmarks
{
    public override double Bound => Bounds.Forward;

    [Benchmark(Baseline = true)]
    public void Naive() => NaiveLoops.Conv2d(PlainX, PlainWeight, PlainY, Window);

    [Benchmark]
    public void MiniDL() => Backend.Conv2d(X, Weight, null, Y, Window);
}

/// <summary>dx from dy and w.</summary>
public class Conv2dInputGradient : ConvolutionBenchmarks
{
    public override double Bound => Bounds.InputGradient;

    [Benchmark(Baseline = true)]
    public void Naive() => NaiveLoops.InputGradient(PlainX, PlainWeight, PlainY, Window);

    [Benchmark]
    public void MiniDL() => Backend.Conv2dInputGradient(Y, Weight, X, Window);
}

/// <summary>dw from x and dy.</summary>
public class Conv2dWeightGradient : ConvolutionBenchmarks
{
    public override double Bound => Bounds.WeightGradient;

    [Benchmark(Baseline = true)]
    public void Naive() => NaiveLoops.WeightGradient(PlainX, PlainWeight, PlainY, Window);

    [Benchmark]
    public void MiniDL() => Backend.Conv2dWeightGradient(X, Y, Weight, Window);
}
