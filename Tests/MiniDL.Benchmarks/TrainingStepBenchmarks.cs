using BenchmarkDotNet.Attributes;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Benchmarks;

/// <summary>A training step of ResNet-20 on random images: forward, loss, backward, SGD with momentum and weight decay.</summary>
public class TrainingStepBenchmarks : IWork
{
    /// <summary>Of forward and both gradients of all convolutions, by their definition, for one image.</summary>
    private const double OperationsPerImage = 242e6;

    private ResNet _model = null!;
    private Sgd _sgd = null!;
    private Tensor _images = null!, _labels = null!;

    [Params("bn", "gn")]
    public string Norm { get; set; } = "bn";

    [Params(2, 8, 32, 128)]
    public int Batch { get; set; }

    public double Operations => OperationsPerImage * Batch;

    [GlobalSetup]
    public void Setup()
    {
        var random = new RandomStream(0);
        _model = new ResNet(20, NormChoice.Parse(Norm), random.Fork("weights"));
        _sgd = new Sgd(_model.Parameters(), learningRate: 0.1f, momentum: 0.9f, weightDecay: 1e-4f);
        _images = Tensor.Normal([Batch, 3, 32, 32], random.Fork("images"));
        _labels = Tensor.From([.. Enumerable.Range(0, Batch).Select(i => (long)(i % 10))], [Batch]);
    }

    [Benchmark]
    public void Step()
    {
        using var scope = Scope.Step();
        _sgd.ZeroGrad();
        Loss.CrossEntropy(_model.Forward(_images), _labels).Backward();
        _sgd.Step();
    }
}
