using MiniDL.Examples.Studies.HowBatchNormHelps;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Examples.Studies;

public class LossLandscapeTests
{
    private static readonly double[] Lengths = [0.05, 0.1, 0.4];

    private readonly LayeredNet _net = new(new Vgg(11, NormFactory.Named("bn"), new RandomStream(1), [3, 8, 8], width: 0.0625));
    private readonly Tensor _images = Tensor.Normal([6, 3, 8, 8], new RandomStream(2));
    private readonly Tensor _labels = Tensor.From<long>([0, 1, 2, 3, 4, 5], [6]);

    private Tensor Loss() => MiniDL.Layers.Loss.CrossEntropy(_net.Module.Forward(_images), _labels);

    [Fact]
    public void Everything_is_as_before_bit_for_bit_parameters_running_statistics_and_gradients()
    {
        Loss().Backward();
        var before = State();
        LossLandscape.Measure(_net, 0, Loss, Lengths);
        CovariateShift.Measure(_net, 0, Loss, [1, 4, 9], 0.1);
        new ActivationProbe(_net).Read(() => _net.Module.Forward(_images), [3]);
        var after = State();
        Assert.Equal(before.Keys, after.Keys);
        foreach (var (key, bits) in before) Assert.True(bits.SequenceEqual(after[key]), key);

        Loss();
        const string counted = "norms.0.running_mean";
        Assert.False(State()[counted].SequenceEqual(before[counted]), "a forward pass should have counted");
    }

    [Fact]
    public void Training_with_measurements_ends_in_the_same_bits_as_without()
    {
        Assert.Equal(Trained(measured: false), Trained(measured: true));

        static int[] Trained(bool measured)
        {
            var test = new LossLandscapeTests();
            var sgd = new Sgd(test._net.Module.Parameters(), 0.1f);
            for (int step = 0; step < 4; step++)
            {
                using var scope = Scope.Step();
                Update.By(sgd, test.Loss(), look: measured ? () => LossLandscape.Measure(test._net, 0, test.Loss, Lengths) : null);
            }
            return [.. test.State().Values.SelectMany(bits => bits)];
        }
    }

    /// <summary>
    /// One linear layer and a sum of squares are a quadratic form, of which all is known: ∇f(W − ηG) = G − 2η·G·XᵀX.
    /// </summary>
    [Fact]
    public void On_a_quadratic_form_it_is_what_the_formula_says()
    {
        double[] x = [1, 2, -1, 0.5, 3, -2], targets = [1, -1, 2, 0, 0.5, 1];
        var linear = new DeepLinearNet(NormFactory.Named("none"), new RandomStream(3), depth: 1, features: 2);
        linear.To(Device.Reference);
        var net = new LayeredNet(linear);
        Tensor inputs = Tensor.From(x, [3, 2], Device.Reference), wanted = Tensor.From(targets, [3, 2], Device.Reference);
        Tensor SquaredError() => (linear.Forward(inputs) - wanted).Square().Sum();
        SquaredError().Backward();
        var start = net.WeightOf(1).Value.ToArray<double>();
        double[] lengths = [0.01, 0.03];

        var point = LossLandscape.Measure(net, 7, SquaredError, lengths);

        double[] gradient = Gradient(start), atShort = Move(start, gradient, 0.01), atLong = Move(start, gradient, 0.03);
        double[] losses = [Value(atShort), Value(atLong)];
        double[] changes = [Distance(gradient, Gradient(atShort)), Distance(gradient, Gradient(atLong))];
        double norm = Distance(gradient, new double[4]);
        Assert.Equal(7, point.Step);
        Close(losses.Min(), point.LossMin);
        Close(losses.Max(), point.LossMax);
        Close(changes.Min(), point.ChangeMin);
        Close(changes.Max(), point.ChangeMax);
        Close(norm, point.GradientNorm);
        Close(changes[0] / (0.01 * norm), point.Smoothness);
        Close(changes[1] / (0.03 * norm), point.Smoothness);

        double[] Residuals(double[] w) => [.. Enumerable.Range(0, 6).Select(i =>
            w[2 * (i % 2)] * x[i / 2 * 2] + w[2 * (i % 2) + 1] * x[i / 2 * 2 + 1] - targets[i])];
        double Value(double[] w) => Residuals(w).Sum(r => r * r);
        double[] Gradient(double[] w) => [.. Enumerable.Range(0, 4).Select(i =>
            2 * Enumerable.Range(0, 3).Sum(n => Residuals(w)[2 * n + i / 2] * x[2 * n + i % 2]))];
        // Lengths are kept as float.
        static double[] Move(double[] w, double[] g, double length) => [.. w.Zip(g, (a, b) => a - (float)length * b)];
        static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (p, q) => (p - q) * (p - q)).Sum());
        static void Close(double expected, double actual) => Assert.Equal(1, actual / expected, 1e-6);
    }

    [Fact]
    public void Without_gradients_there_is_no_landscape()
    {
        var error = Assert.Throws<MiniDLException>(() => LossLandscape.Measure(_net, 0, Loss, Lengths));
        Assert.Contains("measure between Backward() and Step()", error.Message);
    }

    /// <summary>The bits of the state and of the gradients.</summary>
    private Dictionary<string, int[]> State()
    {
        var state = _net.Module.StateDict().ToDictionary(entry => entry.Key, entry => Bits(entry.Value));
        foreach (var (path, parameter) in _net.Module.NamedParameters())
            if (parameter.Grad is { } gradient) state[$"{path}'s gradient"] = Bits(gradient);
        return state;

        static int[] Bits(Tensor tensor) => [.. tensor.ToArray().Select(BitConverter.SingleToInt32Bits)];
    }
}
