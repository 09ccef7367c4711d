using BenchmarkDotNet.Attributes;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Benchmarks;

/// <summary>
/// A training step of ResNet-20 on random images: forward, loss, backward, SGD with momentum and weight decay. The baseline composes
/// its norms of plain operators.
/// </summary>
public class TrainingStepBenchmarks : IWork
{
    /// <summary>Of forward and both gradients of all convolutions, by their definition, for one image.</summary>
    private const double OperationsPerImage = 242e6;

    private (ResNet Model, Sgd Sgd) _plain, _fused;
    private Tensor _images = null!, _labels = null!;

    [Params("bn", "gn")]
    public string Normalization { get; set; } = "bn";

    [Params(2, 8, 32, 128)]
    public int Batch { get; set; }

    public double Operations => OperationsPerImage * Batch;

    [GlobalSetup]
    public void Setup()
    {
        var random = new RandomStream(0);
        (_plain, _fused) = (Net(random), Net(random));
        foreach (var norm in _plain.Model.NamedModules().Select(named => named.Module).OfType<Norm>()) norm.Fused = false;
        _images = Tensor.Normal([Batch, 3, 32, 32], random.Fork("images"));
        _labels = Tensor.From([.. Enumerable.Range(0, Batch).Select(i => (long)(i % 10))], [Batch]);
    }

    [Benchmark(Baseline = true)]
    public void PlainNorms() => Step(_plain);

    [Benchmark]
    public void MiniDL() => Step(_fused);

    private (ResNet, Sgd) Net(RandomStream random)
    {
        var model = new ResNet(20, NormFactory.Named(Normalization), random.Fork("weights"));
        return (model, new Sgd(model.Parameters(), learningRate: 0.1f, momentum: 0.9f, weightDecay: 1e-4f));
    }

    private void Step((ResNet Model, Sgd Sgd) net)
    {
        using var scope = Scope.Step();
        net.Sgd.ZeroGrad();
        Loss.CrossEntropy(net.Model.Forward(_images), _labels).Backward();
        net.Sgd.Step();
    }
}
