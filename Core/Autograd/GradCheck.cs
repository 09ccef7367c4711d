using System.Globalization;

namespace MiniDL;

/// <summary>
/// Compares the gradients that operators compute with finite differences, in double precision on <see cref="Device.Reference"/>;
/// it works for your own operators and layers too. With a random cotangent c, the derivative of L = Σ c·f(x) with respect to
/// every value x is compared with the four-point central difference
/// <c>(L(x − 2h) − 8·L(x − h) + 8·L(x + h) − L(x + 2h)) / 12h</c>, whose error is of order h⁴.
/// </summary>
/// <remarks>
/// A plain sum as the loss would hide mistakes: the gradient of a normalization's sum is 0. Keep the inputs at least 2h away from
/// kinks, such as relu's at 0.
/// </remarks>
/// <example><code>
/// GradCheck.Run(x => x[0].MatMul(x[1]), Tensor.Normal([3, 4], random), Tensor.Normal([4, 2], random)).ShouldAgreeWithin(1e-8);
/// </code></example>
public static class GradCheck
{
    /// <summary>h for values up to 1 in magnitude; for larger ones the step is h times their magnitude.</summary>
    private const double Step = 1e-3;

    /// <summary>Relative errors are relative to at least this much, so that tiny gradients do not inflate them.</summary>
    private const double SmallestScale = 1e-4;

    /// <summary>Checks a function with respect to all its floating-point inputs.</summary>
    /// <param name="function">The function; it is called many times and must be deterministic.</param>
    /// <param name="inputs">The point at which to differentiate. Inputs are copied to the Reference device and keep their layouts.</param>
    /// <exception cref="MiniDLException">The result has no gradient, or differs from call to call.</exception>
    public static GradCheckResult Run(Func<Tensor[], Tensor> function, params ReadOnlySpan<Tensor> inputs)
    {
        var copies = new Tensor[inputs.Length];
        using (new NoGrad())
            for (int i = 0; i < inputs.Length; i++)
            {
                copies[i] = inputs[i].To(Device.Reference).ToLayout(inputs[i].Layout).Clone();
                copies[i].RequiresGrad = copies[i].DType.IsFloat();
            }
        return Of(() => function(copies), [.. copies.Where(x => x.RequiresGrad)]);
    }

    /// <summary>
    /// Checks a function with respect to leaves that it uses, such as the parameters of a layer on the Reference device. Their
    /// values are changed and then restored.
    /// </summary>
    /// <inheritdoc cref="Run"/>
    public static GradCheckResult Of(Func<Tensor> function, params ReadOnlySpan<Tensor> leaves)
    {
        foreach (var leaf in leaves)
            Check.That(leaf.Device == Device.Reference && leaf.Producer is null, "grad_check",
                $"{leaf.Description} should be a leaf on the Reference device. Move it there with To(Device.Reference).");
        var y = function();
        double[] first = y.ToArray<double>();
        if (!first.AsSpan().SequenceEqual(function().ToArray<double>()))
            throw new MiniDLException("[grad_check] the function gives another result for the same inputs. "
                + "Make its random numbers the same in every call.");
        var cotangent = Tensor.Normal(y.Shape, new RandomStream(0).Fork("grad_check"), device: Device.Reference);
        double[] weights = cotangent.ToArray<double>();
        var gradients = Autograd.Grad(y, leaves, cotangent);

        using var noGrad = new NoGrad();
        var worst = new GradCheckResult(0, 0, 0, 0, 0, leaves.IsEmpty ? Shape.Scalar : leaves[0].Shape);
        for (int i = 0; i < leaves.Length; i++)
        {
            double[] analytic = gradients[i].ToArray<double>(), numeric = Differences(function, leaves[i], weights);
            double scale = Math.Max(SmallestScale, Math.Max(Largest(analytic), Largest(numeric)));
            for (int j = 0; j < analytic.Length; j++)
            {
                double error = Math.Abs(analytic[j] - numeric[j]) / scale;
                if (double.IsNaN(error)) error = double.PositiveInfinity;
                if (error > worst.WorstError) worst = new GradCheckResult(error, i, j, analytic[j], numeric[j], leaves[i].Shape);
            }
        }
        return worst;
    }

    /// <summary>The difference quotient at every value of a leaf, in logical order.</summary>
    private static double[] Differences(Func<Tensor> function, Tensor leaf, double[] weights)
    {
        var quotients = new double[leaf.Count];
        Span<int> strides = stackalloc int[leaf.Rank];
        leaf.Strides(strides);
        for (int j = 0; j < quotients.Length; j++)
        {
            int place = 0;
            for (int dim = leaf.Rank - 1, rest = j; dim >= 0; rest /= leaf.Shape[dim], dim--)
                place += rest % leaf.Shape[dim] * strides[dim];
            double x = leaf.Values<double>()[place], h = Step * Math.Max(1, Math.Abs(x));
            quotients[j] = (Loss(x - 2 * h) - 8 * Loss(x - h) + 8 * Loss(x + h) - Loss(x + 2 * h)) / (12 * h);
            leaf.Raw<double>()[place] = x;

            double Loss(double value)
            {
                leaf.Raw<double>()[place] = value;
                double[] y = function().ToArray<double>();
                double sum = 0;
                for (int k = 0; k < y.Length; k++) sum += weights[k] * y[k];
                return sum;
            }
        }
        return quotients;
    }

    private static double Largest(double[] values)
    {
        double largest = 0;
        foreach (double value in values) largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }
}

/// <summary>The largest difference between analytic and numeric gradients.</summary>
/// <param name="WorstError">That difference, relative to the largest gradient of the input; ∞ if a gradient is NaN.</param>
/// <param name="Input">The number of the input.</param>
/// <param name="Index">The index within the input, in logical order.</param>
/// <param name="Analytic">What backward computed.</param>
/// <param name="Numeric">What the finite difference gives.</param>
/// <param name="InputShape">The input's shape.</param>
public sealed record GradCheckResult(double WorstError, int Input, int Index, double Analytic, double Numeric, Shape InputShape)
{
    /// <summary>Throws if the gradients differ by more than the limit.</summary>
    /// <param name="limit">The largest <see cref="WorstError"/> allowed; smooth functions reach 1e-9.</param>
    /// <exception cref="MiniDLException">They do.</exception>
    public void ShouldAgreeWithin(double limit)
    {
        if (!(WorstError <= limit))
            throw new MiniDLException(string.Create(CultureInfo.InvariantCulture, $"[grad_check] {this}; the limit is {limit:G3}."));
    }

    /// <summary>One line: <c>worst error 2.1E-11 at input 0, index [1, 2]: analytic 0.5, numeric 0.5</c>.</summary>
    public override string ToString()
    {
        var place = new int[InputShape.Rank];
        for (int dim = place.Length - 1, rest = Index; dim >= 0; rest /= Math.Max(1, InputShape[dim]), dim--)
            place[dim] = rest % Math.Max(1, InputShape[dim]);
        return string.Create(CultureInfo.InvariantCulture, $"worst error {WorstError:G3} at input {Input}, "
            + $"index [{string.Join(", ", place)}]: analytic {Analytic:G9}, numeric {Numeric:G9}");
    }
}
