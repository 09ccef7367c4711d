using BenchmarkDotNet.Attributes;
using MiniDL.Layers;

namespace MiniDL.Benchmarks;

/// <summary>Every norm with its ReLU, as it stands in ResNet-20's first stage, at batch 32.</summary>
public abstract class NormBenchmarks : IWork
{
    private const int Batch = 32, Channels = 16, Size = 32;

    private Parameter[] _parameters = [];

    private protected Norm Plain { get; private set; } = null!;

    private protected Norm Fused { get; private set; } = null!;

    private protected Tensor X { get; private set; } = null!;

    private protected Tensor Dy { get; private set; } = null!;

    [Params("bn", "gn", "ln", "in", "rms", "lrn", "lp1", "lp2", "lpinf", "ghost", "brn", "frn", "evonorm-s0", "evonorm-b0", "dyt")]
    public string Norm { get; set; } = "bn";

    public abstract double Bytes { get; }

    private protected static double TensorBytes => (double)sizeof(float) * Batch * Channels * Size * Size;

    [GlobalSetup]
    public virtual void Setup()
    {
        var random = new RandomStream(1);
        (Plain, Fused) = (NormFactory.Named(Norm).Create(Channels), NormFactory.Named(Norm).Create(Channels));
        Plain.Fused = false;
        _parameters = [.. Plain.Parameters(), .. Fused.Parameters()];
        X = Tensor.Normal([Batch, Channels, Size, Size], random).ToLayout(Layout.ChannelsLast);
        Dy = Tensor.Normal([Batch, Channels, Size, Size], random).ToLayout(Layout.ChannelsLast);
        X.RequiresGrad = true;
    }

    private protected Tensor Forward(Norm norm) => norm.Forward(X, activation: Activation.Relu);

    private protected void ZeroGrad()
    {
        X.ZeroGrad();
        foreach (var parameter in _parameters) parameter.Value.ZeroGrad();
    }
}

/// <summary>y = relu(norm(x)): reads x, writes y.</summary>
public class NormForward : NormBenchmarks
{
    public override double Bytes => 2 * TensorBytes;

    [Benchmark(Baseline = true)]
    public void PlainOperators()
    {
        using var scope = Scope.Step();
        Forward(Plain);
    }

    [Benchmark]
    public void MiniDL()
    {
        using var scope = Scope.Step();
        Forward(Fused);
    }
}

/// <summary>The gradients of the input, the weight and the bias: reads x and dy, writes dx.</summary>
public class NormBackward : NormBenchmarks
{
    private Tensor _plainY = null!, _fusedY = null!;

    public override double Bytes => 3 * TensorBytes;

    public override void Setup()
    {
        base.Setup();
        (_plainY, _fusedY) = (Forward(Plain), Forward(Fused));
    }

    [Benchmark(Baseline = true)]
    public void PlainOperators() => Backward(_plainY);

    [Benchmark]
    public void MiniDL() => Backward(_fusedY);

    private void Backward(Tensor y)
    {
        using var scope = Scope.Step();
        ZeroGrad();
        y.Backward(Dy, retainGraph: true);
    }
}
