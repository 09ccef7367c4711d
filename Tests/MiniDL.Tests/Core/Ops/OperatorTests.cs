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

    [GpuTheory, MemberData(nameof(EveryOperator))]
    public void Values_and_gradients_on_the_gpu_match_the_reference_device(string name) => MatchesReference(name, Gpu.Device, problems: 8);

    private static void MatchesReference(string name, Device device, int problems) =>
        OperatorTable.Rows[name](Draw.Sizes).Sample(problem =>
        {
            var (y, gradients) = Differentiate(problem, device);
            var (expected, expectedGradients) = Differentiate(problem, Device.Reference);
            Assert.Equal(expected.Shape, y.Shape);
            Assert.Equal(expected.Layout, y.Layout);
            Assert.InRange(RelativeError(y, expected), 0, 1e-5);
            foreach (var (gradient, reference) in gradients.Zip(expectedGradients))
                Assert.InRange(RelativeError(gradient, reference), 0, 1e-4);
        }, iter: problems, threads: 1);

    private static (Tensor Y, Tensor[] Gradients) Differentiate(Problem problem, Device device)
    {
        Tensor[] inputs = [.. problem.Operands.Select(x => x.On(device))];
        var y = problem.Function(inputs);
        var cotangent = new Operand(y.Shape, Values.Positive, y.Layout, 3).On(device);
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
