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
/// kinks, such as relu's at 0: where the worst value looks like one, <see cref="GradCheckResult.Kink"/> says so.
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

    /// <summary>Smaller errors are what is left of rounding and of h⁴, which no kink explains.</summary>
    private const double SmallestKink = 1e-6;

    /// <summary>Checks a function with respect to all its floating-point inputs.</summary>
    /// <param name="function">The function; it is called many times and must be deterministic.</param>
    /// <param name="inputs">The point at which to differentiate. Inputs are copied to the Reference device and keep their layouts.</param>
    /// <exception cref="MiniDLException">The result has no gradient, or differs from call to call.</exception>
    public static GradCheckResult Run(Func<Tensor[], Tensor> function, params ReadOnlySpan<Tensor> inputs) => Run(function, inputs, []);

    /// <inheritdoc cref="Run(Func{Tensor[], Tensor}, ReadOnlySpan{Tensor})"/>
    /// <param name="inputs">Where to differentiate, with the names that the result has for them.</param>
    /// <example><code>GradCheck.Run(x => x[0].Linear(x[1]), ("x", x), ("weight", weight)).ShouldAgreeWithin(1e-8);</code></example>
    public static GradCheckResult Run(Func<Tensor[], Tensor> function, params ReadOnlySpan<(string Name, Tensor Value)> inputs)
    {
        var (names, values) = Apart(inputs);
        return Run(function, values, names);
    }

    /// <summary>
    /// Checks a function with respect to leaves that it uses, such as the parameters of a layer on the Reference device. Their
    /// values are changed and put back.
    /// </summary>
    /// <inheritdoc cref="Run(Func{Tensor[], Tensor}, ReadOnlySpan{Tensor})"/>
    public static GradCheckResult Of(Func<Tensor> function, params ReadOnlySpan<Tensor> leaves) => Compare(function, leaves);

    /// <inheritdoc cref="Of(Func{Tensor}, ReadOnlySpan{Tensor})"/>
    /// <param name="leaves">The leaves, with the names that the result has for them.</param>
    /// <example><code>
    /// var layer = new Linear(3, 2, random: random).To(Device.Reference);
    /// var parameters = layer.NamedParameters().Select(p => (p.Path, p.Parameter.Value));
    /// GradCheck.Of(() => layer.Forward(x.To(Device.Reference)), [.. parameters]).ShouldAgreeWithin(1e-8);
    /// </code></example>
    public static GradCheckResult Of(Func<Tensor> function, params ReadOnlySpan<(string Name, Tensor Value)> leaves)
    {
        var (names, values) = Apart(leaves);
        var result = Compare(function, values);
        return result with { InputName = names.ElementAtOrDefault(result.Input) };
    }

    private static (string[] Names, Tensor[] Values) Apart(ReadOnlySpan<(string Name, Tensor Value)> named)
    {
        var both = named.ToArray();
        return (Array.ConvertAll(both, n => n.Name), Array.ConvertAll(both, n => n.Value));
    }

    private static GradCheckResult Run(Func<Tensor[], Tensor> function, ReadOnlySpan<Tensor> inputs, string[] names)
    {
        var copies = new Tensor[inputs.Length];
        using (new NoGrad())
            for (int i = 0; i < inputs.Length; i++)
            {
                copies[i] = inputs[i].To(Device.Reference).ToLayout(inputs[i].Layout).Clone();
                copies[i].RequiresGrad = copies[i].DType.IsFloat();
            }
        Tensor[] leaves = [.. copies.Where(x => x.RequiresGrad)];
        var result = Compare(() => function(copies), leaves);
        // Integers among the inputs count, though they have no gradient.
        int input = leaves.Length == 0 ? 0 : Array.IndexOf(copies, leaves[result.Input]);
        return result with { Input = input, InputName = names.ElementAtOrDefault(input) };
    }

    private static GradCheckResult Compare(Func<Tensor> function, ReadOnlySpan<Tensor> leaves)
    {
        foreach (var leaf in leaves)
            Check.That(leaf.Device == Device.Reference && leaf.Producer is null, "grad_check",
                $"{leaf.Description} should be a leaf on the Reference device. Move it there with To(Device.Reference).");
        var y = function();
        double[] first = y.ToArray<double>();
        if (!first.AsSpan().SequenceEqual(function().ToArray<double>()))
            throw new MiniDLException("[grad_check] the function is not deterministic: it gives different results for the same inputs. "
                + "Make its random numbers the same in every call.");
        var cotangent = Tensor.Normal(y.Shape, new RandomStream(0).Fork("grad_check"), device: Device.Reference);
        double[] weights = cotangent.ToArray<double>();
        var gradients = Autograd.Grad(y, leaves, cotangent);

        using var noGrad = new NoGrad();
        var worst = new GradCheckResult(0, 0, 0, 0, 0, leaves.IsEmpty ? Shape.Scalar : leaves[0].Shape);
        for (int i = 0; i < leaves.Length; i++)
        {
            var leaf = leaves[i];
            double[] analytic = gradients[i].ToArray<double>();
            double[] numeric = [.. Enumerable.Range(0, leaf.Count).Select(j => new Probe(function, leaf, j, weights).Central())];
            double scale = Math.Max(SmallestScale, Math.Max(Largest(analytic), Largest(numeric)));
            for (int j = 0; j < analytic.Length; j++)
            {
                double error = Math.Abs(analytic[j] - numeric[j]) / scale;
                if (double.IsNaN(error)) error = double.PositiveInfinity;
                if (error > worst.WorstError) worst = new GradCheckResult(error, i, j, analytic[j], numeric[j], leaf.Shape);
            }
        }
        return worst.WorstError < SmallestKink ? worst
            : worst with { Kink = new Probe(function, leaves[worst.Input], worst.Index, weights).KinkBeside(worst.Analytic, worst.Numeric) };
    }

    private static double Largest(double[] values)
    {
        double largest = 0;
        foreach (double value in values) largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }

    /// <summary>Difference quotients at one value of a leaf, which is put back.</summary>
    private readonly struct Probe
    {
        private readonly Func<Tensor> _function;
        private readonly Tensor _leaf;
        private readonly double[] _weights;
        private readonly int _place;
        private readonly double _x, _h;

        /// <param name="index">Which value, in logical order.</param>
        public Probe(Func<Tensor> function, Tensor leaf, int index, double[] weights)
        {
            (_function, _leaf, _weights) = (function, leaf, weights);
            Span<int> strides = stackalloc int[leaf.Rank];
            leaf.Strides(strides);
            int[] place = leaf.Shape.PlaceOf(index);
            for (int dim = 0; dim < place.Length; dim++) _place += place[dim] * strides[dim];
            _x = leaf.Values<double>()[_place];
            _h = Step * Math.Max(1, Math.Abs(_x));
        }

        /// <summary>The four-point central difference.</summary>
        public double Central() => Central(_h);

        /// <summary>
        /// Whether the function bends within 2h: backward is right on one side of the value, or for a much smaller h. A gradient that is
        /// wrong agrees with neither.
        /// </summary>
        /// <returns>What to say of it; null where it does not look so.</returns>
        public string? KinkBeside(double analytic, double numeric)
        {
            const double agreement = 0.01, smaller = 32;
            double left = OneSided(-_h), right = OneSided(_h), near = Central(_h / smaller);
            string? seen =
                Math.Min(Math.Abs(left - analytic), Math.Abs(right - analytic)) <= agreement * Math.Abs(left - right)
                    ? string.Create(CultureInfo.InvariantCulture, $"the slope is {left:G4} to the left and {right:G4} to the right")
                : Math.Abs(near - analytic) <= agreement * Math.Abs(numeric - analytic)
                    ? string.Create(CultureInfo.InvariantCulture, $"the difference is {near:G4} where h is a {smaller}th")
                : null;
            return seen is null ? null
                : string.Create(CultureInfo.InvariantCulture, $"near a kink: {seen}; move the input away from it by more than 2h, {2 * _h:G2}");
        }

        private double Central(double h)
        {
            double slope = (Loss(_x - 2 * h) - 8 * Loss(_x - h) + 8 * Loss(_x + h) - Loss(_x + 2 * h)) / (12 * h);
            PutBack();
            return slope;
        }

        /// <summary>The slope on the side of h, whose error is of the order h².</summary>
        private double OneSided(double h)
        {
            double slope = (-3 * Loss(_x) + 4 * Loss(_x + h) - Loss(_x + 2 * h)) / (2 * h);
            PutBack();
            return slope;
        }

        private double Loss(double value)
        {
            _leaf.Raw<double>()[_place] = value;
            double[] y = _function().ToArray<double>();
            double sum = 0;
            for (int k = 0; k < y.Length; k++) sum += _weights[k] * y[k];
            return sum;
        }

        private void PutBack() => _leaf.Raw<double>()[_place] = _x;
    }
}

/// <summary>The largest difference between analytic and numeric gradients.</summary>
/// <param name="WorstError">That difference, relative to the largest gradient of the input; ∞ if a gradient is NaN.</param>
/// <param name="Input">The number of the input.</param>
/// <param name="Index">The index within the input, in logical order.</param>
/// <param name="Analytic">What backward computed.</param>
/// <param name="Numeric">What the finite difference gives.</param>
/// <param name="InputShape">The input's shape.</param>
/// <example><code>Console.WriteLine(GradCheck.Run(v => v[0].Tanh(), x).WorstError);</code></example>
public sealed record GradCheckResult(double WorstError, int Input, int Index, double Analytic, double Numeric, Shape InputShape)
{
    /// <summary>The input's name; null where it was given none.</summary>
    public string? InputName { get; init; }

    /// <summary>
    /// Set if the gradients differ because the input is near a kink, such as relu's at 0, and not because backward is wrong: what was
    /// seen, and how far to move the input. Null otherwise.
    /// </summary>
    public string? Kink { get; init; }

    /// <summary>Throws if the gradients differ by more than the limit.</summary>
    /// <param name="limit">The largest <see cref="WorstError"/> allowed; smooth functions reach 1e-9.</param>
    /// <exception cref="MiniDLException">They do.</exception>
    public void ShouldAgreeWithin(double limit)
    {
        if (!(WorstError <= limit))
            throw new MiniDLException(string.Create(CultureInfo.InvariantCulture, $"[grad_check] {this}; the limit is {limit:G3}."));
    }

    /// <summary>
    /// One line: <c>worst error 2.1E-11 at input 0 [3, 4], index [1, 2]: analytic 0.5, numeric 0.5</c>, and the kink where there is one.
    /// </summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"worst error {WorstError:G3} at "
        + $"{(InputName is null ? $"input {Input}" : Quote.Text(InputName))} {InputShape}, index [{string.Join(", ", InputShape.PlaceOf(Index))}]: "
        + $"analytic {Analytic:G9}, numeric {Numeric:G9}{(Kink is null ? "" : $", {Kink}")}");
}
