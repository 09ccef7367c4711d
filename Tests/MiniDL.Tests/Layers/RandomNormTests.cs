using CsCheck;
using MiniDL.Layers;
using MiniDL.Tests.Core.Backends.Cuda;
using MiniDL.Tests.Core.Ops;

namespace MiniDL.Tests.Layers;

/// <summary>
/// Norms over random shapes, sizes 0, 1 and those around the vectors among them: fused against plain operators in double, and both
/// on the CPU against that. What one refuses, with one line, all refuse with the same.
/// </summary>
public class RandomNormTests
{
    /// <summary>
    /// Large, so that statistics over two values that happen to be close do not magnify the rounding of float without bound.
    /// </summary>
    private const double Eps = 0.1;

    private static readonly Dictionary<string, Func<Shape, int, Norm>> Norms = new()
    {
        ["bn"] = (s, _) => s.Rank switch
        {
            <= 3 => new BatchNorm1d(s[1], Eps),
            4 => new BatchNorm2d(s[1], Eps),
            _ => new BatchNorm3d(s[1], Eps),
        },
        ["in"] = (s, _) => s.Rank switch
        {
            <= 3 => new InstanceNorm1d(s[1], Eps, affine: true),
            4 => new InstanceNorm2d(s[1], Eps, affine: true),
            _ => new InstanceNorm3d(s[1], Eps, affine: true),
        },
        ["gn"] = (s, choice) => new GroupNorm(Divisor(s[1], choice), s[1], Eps),
        ["ln"] = (s, choice) => new LayerNorm(new Shape(s.Sizes[(choice % s.Rank)..]), Eps),
        ["rms"] = (s, choice) => new RmsNorm(new Shape(s.Sizes[(choice % s.Rank)..]), Eps),
        ["rms channels"] = (s, _) => new ChannelRmsNorm(s[1], Eps),
        ["lrn"] = (s, choice) => new LocalResponseNorm(1 + choice % 5, alpha: 0.1),
        ["lp1"] = (s, _) => s.Rank == 4 ? new LpBatchNorm2d(s[1], 1, Eps) : new LpBatchNorm1d(s[1], 1, Eps),
        ["lp2"] = (s, _) => s.Rank == 4 ? new LpBatchNorm2d(s[1], 2, Eps) : new LpBatchNorm1d(s[1], 2, Eps),
        ["lpinf"] = (s, _) => s.Rank == 4
            ? new LpBatchNorm2d(s[1], double.PositiveInfinity, Eps)
            : new LpBatchNorm1d(s[1], double.PositiveInfinity, Eps),
        ["dyt"] = (s, _) => new DynamicTanh(s[1]),
    };

    public static TheoryData<string> Names => [.. Norms.Keys];

    private static readonly Gen<Problem> Problems = Draw.Shapes(Draw.Sizes, 2, 5).SelectMany(shape => Gen.Select(
        Draw.Operand(shape.With(1, Math.Max(1, shape[1]))), Gen.Int[0, 99], Gen.Bool, Gen.Bool, Gen.Bool,
        (x, choice, training, residual, relu) => new Problem(x, choice, training, residual, relu)));

    /// <summary>What one norm is run on.</summary>
    private sealed record Problem(Operand X, int Choice, bool Training, bool Residual, bool Relu);

    [Theory, MemberData(nameof(Names))]
    public void Fused_and_plain_agree_on_both_devices_whatever_the_shape(string name) => Problems.Sample(problem =>
    {
        var (expected, refused) = Run(name, problem, Device.Reference, fused: false);
        foreach (var (device, fused) in new[] { (Device.Reference, true), (Device.Cpu, true), (Device.Cpu, false) })
        {
            var (actual, error) = Run(name, problem, device, fused);
            Assert.Equal(refused, error);
            Assert.Equal(expected.Keys, actual.Keys);
            foreach (var (key, value) in expected)
                AssertClose(key, actual[key], value, fused, device, device == Device.Reference ? 1e-9 : key.StartsWith('d') ? 1e-4 : 1e-5);
        }
    }, iter: 40, threads: 1);

    public static TheoryData<string, Precision> NamesAndPrecisions => OperatorTests.InEveryPrecision(Norms.Keys);

    /// <summary>
    /// Both devices get inputs that the precision holds. In bfloat16 a fused norm rounds what it stores, and nothing else; one in plain
    /// operators stores all that lies between, too.
    /// </summary>
    [GpuTheory, MemberData(nameof(NamesAndPrecisions))]
    public void Fused_and_plain_agree_on_the_gpu_whatever_the_shape(string name, Precision precision)
    {
        using var device = Gpu.Open(precision);
        // All in one sample, whose seed a failure names: what rounding leaves is judged over all of them.
        Problems.List[20].Sample(all =>
        {
            StoredErrors whole = new(), inParts = new(limit: 1.0 / 32, mayHaveDirection: true);
            foreach (var problem in all) AgreesOnTheGpu(name, problem, device, whole, inParts);
            whole.Check();
            inParts.Check();
        }, iter: 1, threads: 1);
    }

    private static void AgreesOnTheGpu(string name, Problem problem, Device device, StoredErrors whole, StoredErrors inParts)
    {
        var (expected, refused) = Run(name, problem, Device.Reference, fused: false, device.Precision);
        foreach (bool fused in new[] { true, false })
        {
            bool roundsBetween = device.Precision == Precision.Bf16 && !(fused && name is ("bn" or "in" or "gn" or "ln"));
            var (actual, error) = Run(name, problem, device, fused, device.Precision);
            Assert.Equal(refused, error);
            Assert.Equal(expected.Keys, actual.Keys);
            foreach (var (key, value) in expected)
                if (roundsBetween) inParts.Add(key, actual[key], value);
                else if (actual[key].DType == DType.BF16) whole.Add(key, actual[key], value);
                else AssertClose(key, actual[key], value, fused, device, key.StartsWith('d') ? 1e-4 : 1e-5);
        }
    }

    private static void AssertClose(string key, Tensor actual, Tensor expected, bool fused, Device device, double limit)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        double distance = OperatorTests.RelativeError(actual, expected);
        Assert.True(distance <= limit, $"{(fused ? "fused" : "plain")} on {device}: {key} is off by {distance:E1}.");
    }

    /// <summary>The results, or the message of the error.</summary>
    private static (Dictionary<string, Tensor> Results, string? Error) Run(string name, Problem problem, Device device, bool fused,
        Precision precision = Precision.Fp32)
    {
        try
        {
            var norm = NormCases.Randomized(Norms[name](problem.X.Shape, problem.Choice), device);
            norm.Fused = fused;
            norm.Train(problem.Training);
            var x = problem.X.On(device, precision);
            var residual = problem.Residual ? (problem.X with { Seed = problem.X.Seed + 1 }).On(device, precision) : null;
            var activation = problem.Relu ? Activation.Relu : Activation.None;
            return (NormCases.Differentiate(norm, x, residual, activation, Cotangent(name, problem, device, precision)), null);
        }
        catch (MiniDLException error)
        {
            return ([], error.Message);
        }
    }

    /// <summary>Random, but 0 where ReLU's argument is so close to its kink that rounding may have it on the other side.</summary>
    private static Tensor Cotangent(string name, Problem problem, Device device, Precision precision)
    {
        var cotangent = (problem.X with { Seed = problem.X.Seed + 2 }).On(Device.Reference, precision).ToArray<double>();
        if (problem.Relu)
        {
            var norm = NormCases.Randomized(Norms[name](problem.X.Shape, problem.Choice), Device.Reference);
            norm.Fused = false;
            norm.Train(problem.Training);
            var y = norm.Forward(problem.X.On(Device.Reference, precision));
            if (problem.Residual) y += (problem.X with { Seed = problem.X.Seed + 1 }).On(Device.Reference, precision);
            var values = y.ToArray<double>();
            for (int i = 0; i < values.Length; i++)
                if (Math.Abs(values[i]) < (precision == Precision.Bf16 ? 0.1 : 1e-3)) cotangent[i] = 0;
        }
        return Tensor.From(cotangent, problem.X.Shape, device);
    }

    /// <summary>A divisor of the channels, any of them for some choice.</summary>
    private static int Divisor(int channels, int choice)
    {
        int[] divisors = [.. Enumerable.Range(1, channels).Where(d => channels % d == 0)];
        return divisors[choice % divisors.Length];
    }
}
