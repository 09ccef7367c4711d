using CsCheck;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Core.Ops;

/// <summary>Every operator of the table over random shapes and layouts.</summary>
public class OperatorTests
{
    public static TheoryData<string> EveryOperator => [.. OperatorTable.Rows.Keys];

    [Theory, MemberData(nameof(EveryOperator))]
    public void Gradients_on_the_reference_device_match_finite_differences(string name) =>
        OperatorTable.Rows[name](Draw.FewSizes).Sample(problem =>
        {
            Tensor[] inputs = [.. problem.Operands.Select(x => x.On(Device.Reference))];
            GradCheck.Run(problem.Function, inputs).ShouldAgreeWithin(1e-8);
        }, iter: 20, threads: 1);

    [Theory, MemberData(nameof(EveryOperator))]
    public void Values_and_gradients_on_the_cpu_match_the_reference_device(string name) => MatchesReference(name, Device.Cpu, problems: 30);

    public static TheoryData<string, Precision> EveryOperatorAndPrecision => InEveryPrecision(OperatorTable.Rows.Keys);

    /// <summary>Each name with each precision of the GPU.</summary>
    internal static TheoryData<string, Precision> InEveryPrecision(IEnumerable<string> names)
    {
        var all = new TheoryData<string, Precision>();
        foreach (string name in names)
            foreach (var precision in Enum.GetValues<Precision>()) all.Add(name, precision);
        return all;
    }

    [GpuTheory, MemberData(nameof(EveryOperatorAndPrecision))]
    public void Values_and_gradients_on_the_gpu_match_the_reference_device(string name, Precision precision)
    {
        using var device = Gpu.Open(precision);
        MatchesReference(name, device, problems: 20);
    }

    /// <summary>
    /// Both devices get operands that the precision holds. TF32 then multiplies them exactly, and bfloat16 rounds only what it stores:
    /// all else has the limits of float.
    /// </summary>
    private static void MatchesReference(string name, Device device, int problems) =>
        // All in one sample, whose seed a failure names: what rounding leaves is judged over all of them.
        OperatorTable.Rows[name](Draw.Sizes).List[problems].Sample(all =>
        {
            StoredErrors stored = new(), inParts = new(mayHaveDirection: true);
            foreach (var problem in all) MatchesReference(problem, device, name == "mse_loss", stored, inParts);
            stored.Check();
            inParts.Check();
        }, iter: 1, threads: 1);

    /// <param name="problem">The operator and its operands.</param>
    /// <param name="device">Where to run.</param>
    /// <param name="inTwoParts">Whether the result is float, but what it is computed from is stored as the device stores images.</param>
    /// <param name="stored">Gets the errors of what is stored in bfloat16.</param>
    /// <param name="inParts">Gets those of what was computed from it.</param>
    private static void MatchesReference(Problem problem, Device device, bool inTwoParts, StoredErrors stored, StoredErrors inParts)
    {
        var (y, gradients) = Differentiate(problem, device, device.Precision);
        var (expected, expectedGradients) = Differentiate(problem, Device.Reference, device.Precision);
        Assert.Equal(expected.Shape, y.Shape);
        Assert.Equal(expected.Layout, y.Layout);
        if (y.DType == DType.BF16) stored.Add("y", y, expected);
        else if (inTwoParts && device.Precision == Precision.Bf16) inParts.Add("y", y, expected);
        else Assert.InRange(RelativeError(y, expected), 0, 1e-5);
        for (int i = 0; i < gradients.Length; i++)
            if (gradients[i].DType == DType.BF16) stored.Add($"gradient {i}", gradients[i], expectedGradients[i]);
            else Assert.InRange(RelativeError(gradients[i], expectedGradients[i]), 0, 1e-4);
    }

    private static (Tensor Y, Tensor[] Gradients) Differentiate(Problem problem, Device device, Precision precision)
    {
        Tensor[] inputs = [.. problem.Operands.Select(x => x.On(device, precision))];
        var y = problem.Function(inputs);
        var cotangent = new Operand(y.Shape, Values.Positive, y.Layout, 3).On(device, precision).To(y.DType);
        return (y, Autograd.Grad(y, [.. inputs.Where(x => x.RequiresGrad)], cotangent));
    }

    /// <summary>‖x − expected‖ / ‖expected‖, where values of the inputs' own size, around 1, that cancel to less count as 0.1.</summary>
    internal static double RelativeError(Tensor x, Tensor expected)
    {
        double error = 0, norm = 0;
        foreach (var (a, b) in x.ToArray<double>().Zip(expected.ToArray<double>()))
        {
            error += (a - b) * (a - b);
            norm += b * b;
        }
        return error == 0 ? 0 : Math.Sqrt(error / Math.Max(norm, 0.01 * expected.Count));
    }
}
