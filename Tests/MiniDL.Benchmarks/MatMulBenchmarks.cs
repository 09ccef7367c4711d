using BenchmarkDotNet.Attributes;

namespace MiniDL.Benchmarks;

/// <summary>c = a · b of square matrices.</summary>
public class MatMulBenchmarks : IWork
{
    private Tensor _a = null!, _b = null!, _c = null!;
    private float[] _plainA = null!, _plainB = null!, _plainC = null!;

    [Params(64, 256, 512)]
    public int Size { get; set; }

    public double Operations => 2.0 * Size * Size * Size;

    [GlobalSetup]
    public void Setup()
    {
        var random = new RandomStream(1);
        (_a, _b, _c) = (Tensor.Normal([Size, Size], random), Tensor.Normal([Size, Size], random), Tensor.Zeros([Size, Size]));
        (_plainA, _plainB, _plainC) = (_a.ToArray(), _b.ToArray(), _c.ToArray());
    }

    [Benchmark(Baseline = true)]
    public void Naive() => NaiveLoops.MatMul(_plainA, _plainB, _plainC, Size, Size, Size);

    [Benchmark]
    public void MiniDL() => _c.Device.Backend.MatMul(_a, _b, _c, Size, Size, Size);
}
