using MiniDL.Examples.Studies.HowBatchNormHelps;
using MiniDL.Layers;

namespace MiniDL.Tests.Examples.Studies;

public class CovariateShiftTests
{
    private const int Size = 3, Samples = 5;
    private const double Rate = 0.01;

    private readonly double[,] _inputs = Matrix(Samples, seed: 1), _targets = Matrix(Samples, seed: 2);

    /// <summary>Nothing before the first layer moves.</summary>
    [Theory]
    [InlineData("none")]
    [InlineData("bn")]
    public void The_first_layer_has_none(string norm)
    {
        var point = Measure(norm, [1])[0].Point;
        Assert.Equal(0, point.Difference);
        Assert.Equal(1, point.Cosine, 1e-12);
    }

    [Fact]
    public void The_second_layer_has_some()
    {
        var point = Measure("bn", [2])[0].Point;
        Assert.True(point.Difference > 1e-3 * point.GradientNorm);
        Assert.InRange(point.Cosine, -1, 0.999999);
    }

    /// <summary>
    /// For f = Σ‖W3·W2·W1·x − t‖² with rows as samples, X and T: ∇_{W_i} f = 2·(W3 … W_{i+1})ᵀ·(Y − T)ᵀ·(X·W1ᵀ … W_{i−1}ᵀ).
    /// </summary>
    [Fact]
    public void In_a_linear_net_it_is_what_the_matrices_say()
    {
        foreach (var (point, weights) in Measure("none", [2, 3]))
        {
            double[][,] gradients = [.. Enumerable.Range(1, 3).Select(i => Gradient(weights, i))];
            double[][,] moved = [.. weights.Zip(gradients, Step).Take(point.Layer - 1), .. weights[(point.Layer - 1)..]];
            double[] before = [.. gradients[point.Layer - 1].Cast<double>()];
            double[] after = [.. Gradient(moved, point.Layer).Cast<double>()];
            Assert.Equal(1, point.Difference / Math.Sqrt(before.Zip(after, (a, b) => (a - b) * (a - b)).Sum()), 1e-6);
            Assert.Equal(Dot(before, after) / Math.Sqrt(Dot(before, before) * Dot(after, after)), point.Cosine, 1e-7);
            Assert.Equal(1, point.GradientNorm / Math.Sqrt(Dot(before, before)), 1e-6);
        }
    }

    private List<(ShiftPoint Point, double[][,] Weights)> Measure(string norm, int[] layers)
    {
        var linear = new DeepLinearNet(NormFactory.Named(norm), new RandomStream(3), depth: 3, features: Size);
        linear.To(Device.Reference);
        var net = new LayeredNet(linear);
        Tensor x = ToTensor(_inputs), t = ToTensor(_targets);
        Tensor Loss() => (linear.Forward(x) - t).Square().Sum();
        Loss().Backward();
        double[][,] weights = [.. Enumerable.Range(1, 3).Select(layer => FromTensor(net.WeightOf(layer).Value))];
        return [.. CovariateShift.Measure(net, 0, Loss, layers, Rate).Select(point => (point, weights))];
    }

    private double[,] Gradient(double[][,] weights, int layer)
    {
        double[,] before = _inputs, outputs = weights.Aggregate(_inputs, (y, w) => Times(y, Transposed(w)));
        double[,] after = Transposed(Minus(outputs, _targets));
        foreach (var w in weights[..(layer - 1)]) before = Times(before, Transposed(w));
        foreach (var w in weights[layer..].Reverse()) after = Times(Transposed(w), after);
        return Scaled(Times(after, before), 2);
    }

    private static double[,] Step(double[,] weight, double[,] gradient) => Minus(weight, Scaled(gradient, (float)Rate));

    private static double[,] Matrix(int rows, ulong seed) =>
        FromTensor(Tensor.Normal([rows, Size], new RandomStream(seed), device: Device.Reference));

    private static Tensor ToTensor(double[,] m) =>
        Tensor.From(m.Cast<double>().ToArray(), [m.GetLength(0), m.GetLength(1)], Device.Reference);

    private static double[,] FromTensor(Tensor x)
    {
        double[] values = x.ToArray<double>();
        return Make(x.Shape[0], x.Shape[1], (i, j) => values[i * x.Shape[1] + j]);
    }

    private static double[,] Times(double[,] a, double[,] b) => Make(a.GetLength(0), b.GetLength(1),
        (i, j) => Enumerable.Range(0, a.GetLength(1)).Sum(k => a[i, k] * b[k, j]));

    private static double[,] Transposed(double[,] a) => Make(a.GetLength(1), a.GetLength(0), (i, j) => a[j, i]);

    private static double[,] Minus(double[,] a, double[,] b) => Make(a.GetLength(0), a.GetLength(1), (i, j) => a[i, j] - b[i, j]);

    private static double[,] Scaled(double[,] a, double factor) =>
        Make(a.GetLength(0), a.GetLength(1), (i, j) => factor * a[i, j]);

    private static double Dot(double[] a, double[] b) => a.Zip(b, (p, q) => p * q).Sum();

    private static double[,] Make(int rows, int columns, Func<int, int, double> value)
    {
        var result = new double[rows, columns];
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) result[i, j] = value(i, j);
        return result;
    }
}
