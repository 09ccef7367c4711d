using CsCheck;
using MiniDL.Layers;
using MiniDL.Tests.Core.Ops;
using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Core;

/// <summary>
/// A tensor that is changed in place between forward and backward either makes backward refuse, or had no part in the gradients,
/// which are then to the last bit what they would have been.
/// </summary>
public class SavedTensorTests
{
    public static TheoryData<string> EveryOperator => [.. OperatorTable.Rows.Keys];

    public static TheoryData<string, int> EveryNorm => NormCases.All;

    [Theory, MemberData(nameof(EveryOperator))]
    public void A_changed_operand_or_result_is_refused_or_changes_no_gradient(string name) =>
        OperatorTable.Rows[name](Draw.FewSizes).Sample(problem =>
        {
            double[][] expected = Gradients(problem, change: null);
            for (int i = 0; i <= problem.Operands.Length; i++)
            {
                double[][]? actual = Gradients(problem, change: i);
                if (actual.Length > 0) Assert.Equal(expected, actual);
            }
        }, iter: 10, threads: 1);

    /// <summary>The gradients after one operand, or the result where the number is after the last, was overwritten; empty where refused.</summary>
    private static double[][] Gradients(Problem problem, int? change)
    {
        Tensor[] inputs = [.. problem.Operands.Select(x => x.On(Device.Reference))];
        var y = problem.Function(inputs);
        if (change is { } i)
        {
            var target = i < inputs.Length ? inputs[i] : y;
            if (target.DType.IsFloat()) Tensor.Full(target.Shape, 0.75, target.Device).CopyTo(target);
            else Tensor.From(new long[target.Count], target.Shape, target.Device).CopyTo(target);
        }
        try
        {
            var cotangent = Tensor.Normal(y.Shape, new RandomStream(3), device: y.Device);
            return [.. Autograd.Grad(y, [.. inputs.Where(x => x.RequiresGrad)], cotangent).Select(g => g.ToArray<double>())];
        }
        catch (MiniDLException e) when (e.Message.Contains("changed in place"))
        {
            Assert.DoesNotContain('\n', e.Message);
            return [];
        }
    }

    public static TheoryData<string> ReadingResults => ["exp", "relu", "sigmoid", "sqrt", "tanh", "log_softmax", "div"];

    [Theory, MemberData(nameof(ReadingResults))]
    public void A_changed_result_that_backward_reads_is_refused(string name)
    {
        var x = NormCases.Leaf(Tensor.From([0.5f, 1.5f], [1, 2]));
        var y = name switch
        {
            "exp" => x.Exp(),
            "relu" => x.Relu(),
            "sigmoid" => x.Sigmoid(),
            "sqrt" => x.Sqrt(),
            "tanh" => x.Tanh(),
            "log_softmax" => x.LogSoftmax(),
            _ => 2 / x,
        };
        Tensor.From([2f, -99f], [1, 2]).CopyTo(y);
        Assert.StartsWith($"[backward] the result of {name} [1, 2] was changed in place",
            Assert.Throws<MiniDLException>(() => y.Sum().Backward()).Message);
    }

    [Fact]
    public void Sums_affine_maps_and_moves_read_nothing()
    {
        Tensor x = NormCases.Leaf(Tensor.From([1f, 2, 3, 4], [2, 2])), constant = Tensor.From([5f, 6], [2]);
        var y = ((x - constant) * 3 + constant).Transpose(0, 1).Reshape(4).Sum();
        constant.MutableSpan().Fill(100);
        x.MutableSpan().Fill(100);
        y.Backward();
        Assert.Equal([3f, 3, 3, 3], x.Grad!.ToArray());
    }

    [Fact]
    public void A_product_reads_only_the_operand_that_meets_a_wanted_gradient()
    {
        Tensor x = NormCases.Leaf(Tensor.From([2f], [1])), factor = Tensor.From([7f], [1]);
        var y = x * factor;
        x.MutableSpan()[0] = 9;
        y.Backward();
        Assert.Equal(7, x.Grad!.Item());
        y = x * factor;
        factor.MutableSpan()[0] = 9;
        Assert.Throws<MiniDLException>(() => y.Backward());
    }

    [Fact]
    public void Writing_through_a_span_counts_when_the_span_is_handed_out()
    {
        var x = NormCases.Leaf(Tensor.From([1f], [1]));
        var y = x.Square();
        x.MutableSpan()[0] = 5;
        Assert.Contains("changed in place", Assert.Throws<MiniDLException>(() => y.Backward()).Message);
        y = x.Square();
        x.AsTensorSpan()[0] = 6;
        Assert.Throws<MiniDLException>(() => y.Backward());
        y = x.Square();
        _ = x.Span[0] + x.Values<float>()[0] + x.AsReadOnlyTensorSpan()[0];
        y.Backward();
        Assert.Equal(12, x.Grad!.Item());
    }

    [Fact]
    public void A_leaf_that_begins_to_require_gradients_after_forward_gets_none_from_it()
    {
        Tensor a = NormCases.Leaf(Tensor.From([2f], [1])), b = Tensor.From([3f], [1]);
        var y = a * b;
        b.RequiresGrad = true;
        a.MutableSpan()[0] = 100;
        y.Backward();
        Assert.Equal(3, a.Grad!.Item());
        Assert.Null(b.Grad);
    }

    /// <summary>Running statistics change between the two passes; what evaluation did with the old ones stands.</summary>
    [Theory, MemberData(nameof(EveryNorm))]
    public void Evaluation_may_be_differentiated_after_a_training_pass(string name, int rank)
    {
        foreach (bool fused in new[] { true, false })
            foreach (bool hook in new[] { true, false })
                Assert.Equal(Evaluated(fused, hook, trainBetween: false), Evaluated(fused, hook, trainBetween: true));

        float[] Evaluated(bool fused, bool hook, bool trainBetween)
        {
            var norm = NormCases.Create(name, rank, Device.Cpu);
            norm.Fused = fused;
            using var _ = hook ? norm.OnForward((_, _, _) => null) : null;
            norm.Eval();
            var x = NormCases.Leaf(NormCases.Input(NormCases.Shape(rank), Device.Cpu, seed: 1));
            var y = norm.Forward(x);
            norm.Train();
            if (trainBetween) norm.Forward(NormCases.Input(NormCases.Shape(rank), Device.Cpu, seed: 2, mean: 100));
            y.Backward(NormCases.Input(y.Shape, Device.Cpu, seed: 3));
            return x.Grad!.ToArray();
        }
    }

    /// <summary>The numbers: running variance 1 and eps 1e-5 at the time of the forward pass; lp divides by 1 + 1e-5.</summary>
    [Fact]
    public void Evaluation_gradients_have_the_closed_form_of_the_forward_passs_statistics()
    {
        (Norm Norm, double Slope)[] cases = [(new BatchNorm1d(1), 1 / Math.Sqrt(1 + 1e-5)), (new LpBatchNorm1d(1), 1 / (1 + 1e-5)), (new MeanOnlyBatchNorm(1), 1)];
        foreach (var (norm, slope) in cases)
        {
            norm.OnForward((_, _, _) => null);
            norm.Eval();
            var x = NormCases.Leaf(Tensor.From([1f, 2f], [2, 1]));
            var y = norm.Forward(x);
            norm.Train();
            norm.Forward(Tensor.From([100f, 300f], [2, 1]));
            y.Backward(Tensor.From([1f, -3f], [2, 1]));
            Assert.Equal([slope, -3 * slope], x.Grad!.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-6);
        }
    }

    [Fact]
    public void An_operator_of_ones_own_is_held_to_all_it_may_have_kept()
    {
        var x = NormCases.Leaf(Tensor.From([1f], [1]));
        var y = new Doubled(x).Run();
        y.MutableSpan()[0] = 3;
        Assert.Contains("the result of doubled", Assert.Throws<MiniDLException>(() => y.Backward()).Message);
        y = new Doubled(x).Run();
        x.MutableSpan()[0] = 3;
        Assert.Contains("an operand of doubled", Assert.Throws<MiniDLException>(() => y.Backward()).Message);
    }

    private sealed class Doubled(Tensor x) : Operator("doubled", x)
    {
        protected override Tensor Forward() => x * 2;

        protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * 2;
    }
}
