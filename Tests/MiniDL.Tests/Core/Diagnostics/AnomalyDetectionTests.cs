using System.Runtime.CompilerServices;
using MiniDL.Diagnostics;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Core.Diagnostics;

/// <summary>The first NaN or Inf is named: operator, module, line, values, kind.</summary>
public class AnomalyDetectionTests
{
    private static Tensor Leaf(params float[] values)
    {
        var x = Tensor.From(values, [values.Length]);
        x.RequiresGrad = true;
        return x;
    }

    private static string MessageOf(Action action)
    {
        using var detection = Autograd.DetectAnomaly();
        string message = Assert.Throws<AnomalyException>(action).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private static string Here(int linesBefore = 1, [CallerLineNumber] int line = 0) => $"AnomalyDetectionTests.cs:{line - linesBefore}";

    [Fact]
    public void An_overflow_is_named_with_its_line_and_the_value_that_did_it()
    {
        string message = MessageOf(() => Leaf(-1, 1000, 2).Exp());
        Assert.StartsWith($"[exp] forward, called at {Here(1)}, gave Infinity at [1] in its result [3]: an overflow: ", message);
        Assert.Contains("Operand 0 [3]: -1 to 1000, there 1000. Subtract the largest value", message);
    }

    [Theory]
    [InlineData("0 / 0", 0, 0)]
    [InlineData("a division by zero", 2, 0)]
    public void Divisions_by_zero_are_told_from_overflows(string what, float a, float b)
    {
        string message = MessageOf(() => (Leaf(1, a) / Tensor.From([2f, b], [2])).Sum());
        Assert.Contains($" at [1] in its result [2]: {what}. Operand 0", message);
        Assert.Contains($"operand 1 [2]: {b} to 2, there {b}. Add a small number to the divisor", message);
    }

    [Fact]
    public void A_quotient_that_is_too_large_is_an_overflow_and_no_division_by_zero() =>
        Assert.Contains(": an overflow: ", MessageOf(() => (Leaf(1e30f) / Tensor.From([1e-30f], [1])).Sum()));

    [Theory]
    [InlineData(0, "-Infinity at [1] in its result [2]: the logarithm of 0.")]
    [InlineData(-3, "NaN at [1] in its result [2]: the logarithm of a negative number.")]
    public void Logarithms_outside_of_their_domain(float x, string what) => Assert.Contains(what, MessageOf(() => Leaf(1, x).Log()));

    [Fact]
    public void A_root_of_a_negative_number() => Assert.Contains("the square root of a negative number", MessageOf(() => Leaf(1, -4).Sqrt()));

    [Fact]
    public void Sums_that_cancel_infinities_inside_are_no_overflow_of_the_result()
    {
        string message = MessageOf(() => Tensor.From([3e38f, 3e38f, -3e38f, -3e38f], [1, 4]).MatMul(Tensor.From([2f, 2, 2, 2], [4, 1])));
        Assert.StartsWith("[matmul] forward", message);
        Assert.Contains("in its result [1, 1]: ", message);
        Assert.Contains("operand 1 [4, 1]: 2 to 2.", message);
    }

    [Fact]
    public void An_image_that_came_in_bad_is_blamed_and_not_the_operator()
    {
        var images = Tensor.Normal([2, 1, 4, 4], new RandomStream(1));
        images.MutableSpan()[21] = float.NaN;
        var model = new Sequential(new Conv2d(1, 2, 3, random: new RandomStream(2)), new Relu());
        string message = MessageOf(() => model.Forward(images));
        Assert.StartsWith($"[to_layout] 0: forward, called at {Here()}, gave NaN at [1, 0, 1, 1] ", message);
        Assert.Contains("the input or constant [2, 1, 4, 4], its operand 0, is not finite itself, NaN at [1, 0, 1, 1]: it came in from outside", message);
        Assert.Contains(", 1 of 32 NaN", message);
        Assert.EndsWith("Check the data and how it is scaled.", message);
    }

    [Fact]
    public void A_parameter_that_is_bad_already_is_named_by_its_path()
    {
        var model = new Sequential(new Relu(), new Sequential(new Linear(3, 2, random: new RandomStream(1))));
        ((Linear)((Sequential)model[1])[0]).Weight.Value.MutableSpan()[4] = float.PositiveInfinity;
        string message = MessageOf(() => model.Forward(Tensor.Ones([1, 3])));
        Assert.StartsWith("[linear] 1.0: forward", message);
        Assert.Contains("the parameter 1.0.weight [2, 3], its operand 1, is not finite itself, Infinity at [1, 1]", message);
    }

    [Fact]
    public void What_was_bad_before_the_detection_began_is_told_from_inputs()
    {
        var bad = Leaf(1000).Exp();
        Assert.Contains("the result of exp [1], its operand 0, is not finite itself, Infinity at [0]: it was computed before the detection began",
            MessageOf(() => (bad * 2).Sum()));
    }

    [Fact]
    public void A_NaN_of_backward_alone_names_the_gradient_and_the_line_of_forward()
    {
        Tensor? x = null, y = null;
        string message = MessageOf(() =>
        {
            x = Leaf(1, 0, 4);
            y = x.Sqrt();
            y.Sum().Backward();
        });
        Assert.StartsWith($"[sqrt] backward gave Infinity at [1] in the gradient of operand 0 [3], whose forward was called at {Here(3)}: "
            + "the derivative of sqrt at 0 is infinite. The gradient that came in [3]: 1 to 1, there 1; operand 0 [3]: 0 to 4, there 0; the result [3]: "
            + "0 to 2, there 0. Add a small number", message);
    }

    [Fact]
    public void Zero_times_infinity_in_backward_is_recognized() =>
        Assert.Contains("NaN at [1] in the gradient of operand 0 [2]", MessageOf(() => (Leaf(1, 0).Sqrt() * Tensor.From([1f, 0], [2])).Sum().Backward()));

    [Fact]
    public void Backward_names_the_module_the_parameter_and_the_operator_inside()
    {
        var model = new Sequential(new Relu(), new Halve(1e-30f));
        string message = MessageOf(() => model.Forward(Tensor.Full([2], 1e-20)).Sum().Backward());
        Assert.StartsWith("[div] 1: backward gave -Infinity at [0] in the gradient of the parameter 1.by [1], operand 1, whose forward was called at "
            + "AnomalyDetectionTests.cs:", message);
        Assert.Contains(": an overflow: ", message);
        Assert.Contains(" inside of it", message);
        Assert.Contains("; operand 1, the parameter 1.by [1]: 1E-30 to 1E-30", message);
    }

    [Fact]
    public void An_operator_of_ones_own_is_named_with_the_line_in_its_backward()
    {
        string message = MessageOf(() => new OverZero(Leaf(3)).Run().Backward());
        Assert.StartsWith("[over_zero] backward gave Infinity at [0] in the gradient of operand 0 [1]", message);
        Assert.Contains($"a division by zero, in div inside of it (from AnomalyDetectionTests.cs:{OverZero.Line})", message);
    }

    [Fact]
    public void What_backward_computes_on_its_way_counts_only_where_it_shows()
    {
        var x = Leaf(3);
        using (Autograd.DetectAnomaly()) new OverZero(x, hides: true).Run().Backward();
        Assert.Equal([1f], x.Grad!.ToArray());
    }

    [Fact]
    public void Sums_cotangents_and_hooks_are_told_apart()
    {
        Assert.Contains("the sum of the gradients that arrive at", MessageOf(() =>
        {
            var x = Leaf(1e-10f);
            (x * 3e38 + x * 3e38 * 0.9).Sum().Backward();
        }));
        Assert.Contains("the cotangent of", MessageOf(() => (Leaf(1) * 2).Backward(Tensor.From([float.NaN], [1]))));
        Assert.Contains("a hook of f32[1] on cpu from mul, called at AnomalyDetectionTests.cs:", MessageOf(() =>
        {
            var y = Leaf(1) * 2;
            y.OnGradient(_ => Tensor.From([float.NaN], [1]));
            y.Backward();
        }));
        Assert.Contains("a hook of f32[1] on cpu returned", MessageOf(() =>
        {
            var x = Leaf(1);
            x.OnGradient(_ => Tensor.From([float.NaN], [1]));
            (x * 2).Backward();
        }));
    }

    [Fact]
    public void Without_the_forward_backward_says_so()
    {
        var y = Leaf(0).Sqrt().Sum();
        Assert.Contains("whose forward ran before the detection began: the derivative of sqrt", MessageOf(() => y.Backward()));
    }

    /// <summary>The fast convolution works on tiles of 6×6, and carries NaN to outputs whose windows do not hold it.</summary>
    [Fact]
    public void Convolutions_are_exact_meanwhile_so_that_NaN_is_named_where_it_is()
    {
        var conv = new Conv2d(16, 16, 3, padding: 1, random: new RandomStream(1));
        var images = Tensor.Normal([1, 16, 12, 12], new RandomStream(2));
        images = images.ToLayout(Layout.ChannelsLast).Clone();
        images.MutableSpan()[(10 * 12 + 10) * 16] = float.NaN;
        Assert.Contains("gave NaN at [0, 0, 9, 9] in its result", MessageOf(() => conv.Forward(images)));
        Assert.NotEqual("NaN at [0, 0, 9, 9]", conv.Forward(images).FirstNotFinite());
        Assert.Equal(ConvDefaults.Algorithm, ConvDefaults.Current);
    }

    [Theory]
    [InlineData("bn")]
    [InlineData("gn")]
    [InlineData("lp1")]
    [InlineData("lpinf")]
    [InlineData("wn")]
    [InlineData("brn")]
    [InlineData("frn")]
    public void Where_all_is_finite_nothing_changes_to_the_bit(string norm) => Assert.Equal(Train(norm, detect: false), Train(norm, detect: true));

    private static float[] Train(string norm, bool detect)
    {
        using var exact = ConvDefaults.OnThisThread(ConvAlgorithm.Exact);
        var random = new RandomStream(1);
        var model = MiniDL.Examples.Training.Models.Create("resnet8", NormFactory.Named(norm), random, [3, 16, 16], 10);
        var sgd = new Sgd(model.Parameters(), 0.1f, momentum: 0.9f);
        var images = Tensor.Normal([4, 3, 16, 16], random);
        var labels = Tensor.From([0L, 1, 2, 3], [4]);
        for (int step = 0; step < 2; step++)
        {
            using var scope = MiniDL.Scope.Step();
            using var detection = detect ? Autograd.DetectAnomaly() : null;
            sgd.ZeroGrad();
            Loss.CrossEntropy(model.Forward(images), labels).Backward();
            sgd.Step();
        }
        return [.. model.StateDict().SelectMany(s => s.Value.ToArray())];
    }

    [Fact]
    public void Another_thread_is_not_looked_at_and_cannot_end_it()
    {
        using var detection = Autograd.DetectAnomaly();
        Exception? thrown = null;
        string? other = null;
        var thread = new Thread(() =>
        {
            other = Leaf(1000).Exp().FirstNotFinite();
            thrown = Record.Exception(detection.Dispose);
        });
        thread.Start();
        thread.Join();
        Assert.Equal("Infinity at [0]", other);
        Assert.Contains("begun on another thread", Assert.IsType<MiniDLException>(thrown).Message);
        Assert.Throws<AnomalyException>(() => Leaf(1000).Exp());
    }

    [Fact]
    public void Detections_nest_and_end_in_any_order()
    {
        var (outer, inner) = (Autograd.DetectAnomaly(), Autograd.DetectAnomaly());
        outer.Dispose();
        Assert.Throws<AnomalyException>(() => Leaf(1000).Exp());
        inner.Dispose();
        inner.Dispose();
        Assert.Equal("Infinity at [0]", Leaf(1000).Exp().FirstNotFinite());
        Assert.Null(EngineObserver.Active);
    }

    [Fact]
    public void The_reference_device_and_channels_last_are_named_in_logical_order()
    {
        var x = Tensor.Zeros([1, 2, 2, 2], Device.Reference).ToLayout(Layout.ChannelsLast).Clone();
        x.MutableValues<double>()[^2] = 1000;
        Assert.Contains("[exp] forward", MessageOf(() => x.Exp()));
        Assert.Contains("gave Infinity at [0, 0, 1, 1] in its result [1, 2, 2, 2]: an overflow: what went in is finite, and f64 ends at 1.8E+308",
            MessageOf(() => x.Exp()));
    }

    [GpuFact]
    public void A_GPU_is_looked_at_too_but_not_inside_a_recorded_step()
    {
        var x = Tensor.From([1f, 1000], [2], Gpu.Device);
        x.RequiresGrad = true;
        Assert.Contains("gave Infinity at [1] in its result [2]: an overflow: ", MessageOf(() => x.Exp()));
        using var step = Gpu.Device.Record(() =>
        {
            using var detection = Autograd.DetectAnomaly();
            return [x * 2];
        });
        step.Run();
        step.Run();
        Assert.Matches(@"^\[detect_anomaly\] f32\[2\] on cuda.* is computed inside a recorded step", Assert.Throws<MiniDLException>(step.Run).Message);
    }

    private sealed class Halve : Module
    {
        private readonly Parameter _by;

        public Halve(float by) => _by = RegisterParameter("by", Tensor.From([by], [1]));

        protected override Tensor ForwardCore(Tensor x) => x / _by.Value;
    }

    private sealed class OverZero(Tensor x, bool hides = false) : Operator("over_zero", x)
    {
        public static int Line { get; private set; }

        protected override Tensor Forward() => x * 2;

        protected override void Backward(Tensor dy, Gradients d)
        {
            Line = ThisLine() + 1;
            var quotient = dy / 0;
            d[0] = hides ? dy : quotient;
        }

        private static int ThisLine([CallerLineNumber] int line = 0) => line;
    }
}
