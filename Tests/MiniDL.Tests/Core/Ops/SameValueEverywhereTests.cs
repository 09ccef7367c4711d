using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Core.Ops;

/// <summary>A value computed from one value, or from one and constants, has the same bits wherever it lies and however long its tensor is.</summary>
public class SameValueEverywhereTests
{
    private static readonly float[] Inputs =
    [
        0, -0f, 1, -1, 0.5f, -0.3f, 1 / 3f, 2, 3, -7.25f, 10.1f, -20, 88.7f, 88.8f, -87.5f, -103.9f, -104.5f, 1e-8f, -1e-20f, 1e-40f, float.Epsilon, 1e20f,
        -1e30f, float.MaxValue, float.MinValue, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1.0000001f, 0.99999994f, 4097, 0.0156249f,
    ];

    private static readonly Dictionary<string, Func<Tensor, Tensor>> Functions = new()
    {
        ["exp"] = x => x.Exp(),
        ["log"] = x => x.Log(),
        ["sqrt"] = x => x.Sqrt(),
        ["sigmoid"] = x => x.Sigmoid(),
        ["tanh"] = x => x.Tanh(),
        ["abs"] = x => x.Abs(),
        ["square"] = x => x.Square(),
        ["relu"] = x => x.Relu(),
        ["leaky_relu"] = x => x.LeakyRelu(0.1),
        ["pow 0.75"] = x => x.Pow(0.75),
        ["pow -1.5"] = x => x.Pow(-1.5),
        ["pow 3"] = x => x.Pow(3),
        ["pow 2"] = x => x.Pow(2),
        ["pow 1"] = x => x.Pow(1),
        ["pow 0"] = x => x.Pow(0),
        ["pow -1"] = x => x.Pow(-1),
        ["affine"] = x => x * 1.7 + 0.3,
        ["neg"] = x => -x,
        ["number sub"] = x => 0.7 - x,
        ["div number"] = x => x / 3,
        ["number div"] = x => 0.7 / x,
        ["add"] = x => x + Tensor.Full(x.Shape, 0.3),
        ["sub broadcast"] = x => x - Tensor.Full([1], 0.3),
        ["broadcast sub"] = x => Tensor.Full([1], 0.3) - x,
        ["mul"] = x => x * Tensor.Full(x.Shape, 0.3),
        ["mul broadcast"] = x => Tensor.Full([1], 0.3) * x,
        ["div"] = x => x / Tensor.Full(x.Shape, 0.3),
        ["broadcast div"] = x => Tensor.Full([1], 0.3) / x,
        ["maximum"] = x => x.Maximum(Tensor.Full([1], 0.3)),
        ["maximum of as many"] = x => Tensor.Full(x.Shape, 0.3).Maximum(x),
        ["one value of a softmax"] = x => x.Reshape(-1, 1).LogSoftmax(),
    };

    public static TheoryData<string> Names => [.. Functions.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Values_and_gradients_do_not_depend_on_place_or_length(string name)
    {
        foreach (float input in Inputs)
        {
            var (expected, expectedGradient) = Run([input]);
            foreach (int length in (int[])[.. Enumerable.Range(2, 69), 16 * 1024 + 37])
            {
                var (values, gradients) = Run([.. Enumerable.Repeat(input, length)]);
                Assert.All(values, y => Assert.Equal(Bits(expected[0]), Bits(y)));
                Assert.All(gradients, dx => Assert.Equal(Bits(expectedGradient[0]), Bits(dx)));
            }
        }

        (float[] Values, float[] Gradients) Run(float[] inputs)
        {
            var x = NormCases.Leaf(Tensor.From(inputs, [inputs.Length]));
            var y = Functions[name](x);
            y.Backward(Tensor.Full(y.Shape, 1.3));
            return (y.ToArray(), x.Grad!.ToArray());
        }
    }

    /// <summary>NaN has many bits; which does not matter.</summary>
    private static int Bits(float value) => float.IsNaN(value) ? int.MaxValue : BitConverter.SingleToInt32Bits(value);

    private static readonly Dictionary<string, Func<double, double>> Definitions = new()
    {
        ["exp"] = Math.Exp,
        ["log"] = Math.Log,
        ["sigmoid"] = x => 1 / (1 + Math.Exp(-x)),
        ["tanh"] = Math.Tanh,
        ["sqrt"] = Math.Sqrt,
        ["pow 0.75"] = x => Math.Pow(x, 0.75),
        ["pow -1.5"] = x => Math.Pow(x, -1.5),
        ["pow 3"] = x => Math.Pow(x, 3),
        ["pow 2"] = x => x * x,
        ["pow 1"] = x => x,
        ["pow 0"] = x => 1,
        ["pow -1"] = x => 1 / x,
    };

    public static TheoryData<string> Defined => [.. Definitions.Keys];

    /// <summary>The nearest float to what double gives, or the next one where that is almost in the middle of two.</summary>
    [Theory, MemberData(nameof(Defined))]
    public void Values_are_the_nearest_floats(string name)
    {
        var random = new RandomStream(7);
        float[] inputs = [.. Inputs, .. Enumerable.Range(0, 50_000).Select(i => (float)(random.NextNormal() * Math.Pow(10, random.NextDouble() * 12 - 8)))];
        float[] values = Functions[name](Tensor.From(inputs, [inputs.Length])).ToArray();
        int off = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            double exact = Definitions[name](inputs[i]);
            if (Bits((float)exact) == Bits(values[i])) continue;
            off++;
            Assert.True(MathF.BitIncrement((float)exact) == values[i] || MathF.BitDecrement((float)exact) == values[i],
                $"{name}({inputs[i]:R}) is {values[i]:R}, in double {exact:R}.");
        }
        Assert.InRange(off, 0, 3);
    }

    [Fact]
    public void Values_that_have_a_name_are_exact()
    {
        for (int length = 1; length <= 20; length++)
        {
            Tensor Full(double value) => Tensor.Full([length], value);
            Assert.All(Full(0).Exp().ToArray(), y => Assert.Equal(1f, y));
            Assert.All(Full(1).Log().ToArray(), y => Assert.Equal(0f, y));
            Assert.All(Full(0).Sigmoid().ToArray(), y => Assert.Equal(0.5f, y));
            Assert.All(Full(0).Tanh().ToArray(), y => Assert.Equal(0f, y));
            Assert.All(Full(1).Pow(0.3).ToArray(), y => Assert.Equal(1f, y));
            Assert.All(Full(0).Pow(0.3).ToArray(), y => Assert.Equal(0f, y));
            Assert.All(Full(0).Pow(-0.3).ToArray(), y => Assert.Equal(float.PositiveInfinity, y));
            Assert.All(Full(-0.0).Pow(3).ToArray(), y => Assert.Equal(Bits(-0f), Bits(y)));
            Assert.All(Full(double.NegativeInfinity).Pow(0.5).ToArray(), y => Assert.Equal(float.PositiveInfinity, y));
            Assert.All(Full(-2).Pow(0.5).ToArray(), y => Assert.Equal(float.NaN, y));
        }
    }

    /// <summary>−log softmax of the right class: ln(1 + s) = s − s²/2 + … with s = Σ of the others; of a perfect one exactly 0.</summary>
    [Theory]
    [InlineData(2, 20)]
    [InlineData(10, 30)]
    [InlineData(3, 15)]
    [InlineData(1000, 100)]
    [InlineData(50, 1000)]
    [InlineData(1000, 45)]
    [InlineData(37, 17)]
    [InlineData(300, 25)]
    public void A_prediction_that_is_almost_perfect_keeps_its_digits(int classes, double margin)
    {
        var logits = Tensor.Zeros([1, classes]);
        logits.MutableSpan().Fill((float)-margin);
        logits.MutableSpan()[classes / 2] = 0;
        double others = (classes - 1) * Math.Exp(-margin), expected = others * (1 - others / 2);
        float loss = logits.CrossEntropy(Tensor.From([(long)(classes / 2)], [1])).Item();
        Assert.Equal(expected, loss, 3e-16 + expected * 1e-6);
        if (margin >= 40) Assert.Equal(0f, loss);
    }

    /// <summary>Repeated samples have the same statistics, so that the same value must come out, forward and backward.</summary>
    [Theory]
    [InlineData("bn", 3, 23)]
    [InlineData("bn", 17, 5)]
    [InlineData("gn", 5, 7)]
    [InlineData("gn", 1, 67)]
    [InlineData("ln", 1, 71)]
    [InlineData("in", 3, 21)]
    public void Norms_give_equal_values_for_equal_values(string name, int channels, int positions)
    {
        Norm norm = name switch
        {
            "bn" => new BatchNorm1d(channels),
            "gn" => new GroupNorm(1, channels),
            "in" => new InstanceNorm1d(channels, affine: true),
            _ => new LayerNorm([positions]),
        };
        foreach (var parameter in norm.Parameters()) Init.Constant(parameter, 0.7);
        // A channel takes two values in turn, and so does its gradient.
        const int Samples = 6;
        var values = new float[Samples * channels * positions];
        for (int i = 0; i < values.Length; i++) values[i] = i / positions % channels * 0.1f + (i % positions % 2 == 0 ? 0.37f : -1.91f);
        var x = NormCases.Leaf(Tensor.From(values, [Samples, channels, positions]));
        var y = norm.Forward(x, activation: Activation.Relu);
        y.Backward(Tensor.From([.. values.Select(v => v * v + 0.1f)], [Samples, channels, positions]));
        foreach (float[] results in new[] { y.ToArray(), x.Grad!.ToArray() })
            foreach (var alike in results.Select((value, i) => (value, Channel: i / positions % channels, Odd: i % positions % 2)).GroupBy(r => (r.Channel, r.Odd)))
                Assert.Single(alike.Select(r => Bits(r.value)).Distinct());
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(0.9f, false)]
    [InlineData(0.9f, true)]
    public void An_optimizer_moves_equal_parameters_alike(float momentum, bool nesterov)
    {
        float expected = 0;
        for (int length = 1; length <= 40; length++)
        {
            var parameter = new Parameter("p", Tensor.Full([length], 0.777));
            var sgd = new Sgd([parameter], learningRate: 0.0137f, momentum, weightDecay: 0.01f, nesterov: nesterov);
            for (int step = 0; step < 3; step++)
            {
                sgd.ZeroGrad();
                (parameter.Value * 0.31).Sum().Backward();
                sgd.Step();
            }
            if (length == 1) expected = parameter.Value.Item();
            Assert.All(parameter.Value.ToArray(), p => Assert.Equal(Bits(expected), Bits(p)));
        }
    }

    [Fact]
    public void The_average_of_equal_pixels_is_that_pixel()
    {
        foreach (int kernel in new[] { 2, 3, 5, 7 })
            foreach (int channels in new[] { 1, 5, 16, 33 })
                Assert.All(Tensor.Full([1, channels, 14, 14], 3).AvgPool2d((kernel, kernel)).ToArray(), y => Assert.Equal(3f, y));
    }
}
