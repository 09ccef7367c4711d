namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// Internal covariate shift of a layer in one training step, as Santurkar et al. 2018, definition 2.1, have it: how its gradient
/// changes when the layers before it make their step and it does not.
/// </summary>
/// <param name="Layer">Its number, from 1.</param>
/// <param name="Difference">‖G − G′‖.</param>
/// <param name="Cosine">Of the angle between G and G′; NaN where one of them is 0.</param>
/// <param name="GradientNorm">‖G‖.</param>
internal readonly record struct ShiftPoint(int Step, int Layer, double Difference, double Cosine, double GradientNorm)
{
    /// <summary>‖G − G′‖ / ‖G‖: comparable between nets whose gradients have different sizes.</summary>
    public double Relative => Difference / GradientNorm;
}

/// <summary>
/// Measures internal covariate shift and leaves the net as it was: with <c>G = ∇_{W_i} L(W_1 … W_k; x, y)</c>, all at step t, and
/// <c>G′</c> the same gradient on the same batch with the layers 1 … i − 1 (their biases and norms too) at step t + 1.
/// </summary>
internal static class CovariateShift
{
    /// <param name="net">A net after Backward() and before the step.</param>
    /// <param name="step">The number of the step.</param>
    /// <param name="loss">Computes the loss on the step's batch with the parameters that the net has when it is called.</param>
    /// <param name="layers">Which layers i, ascending.</param>
    /// <param name="rate">The learning rate of the step, which is one of plain gradient descent.</param>
    public static ShiftPoint[] Measure(LayeredNet net, int step, Func<Tensor> loss, IReadOnlyList<int> layers, double rate)
    {
        using var excursion = new Excursion(net.Module);
        var points = new ShiftPoint[layers.Count];
        int moved = 0;
        for (int i = 0; i < layers.Count; i++)
        {
            using var scope = Scope.Step();
            for (; moved < layers[i] - 1; moved++) excursion.Move(net.ParametersOf(moved + 1), rate);
            var weight = net.WeightOf(layers[i]);
            var before = excursion.GradientOf(weight);
            var after = Autograd.Grad(loss(), [weight.Value])[0];
            double length = Math.Sqrt(Dot(before, before));
            points[i] = new ShiftPoint(step, layers[i], Math.Sqrt(Dot(before - after, before - after)),
                Dot(before, after) / (length * Math.Sqrt(Dot(after, after))), length);
        }
        return points;
    }

    private static double Dot(Tensor a, Tensor b)
    {
        using var noGrad = new NoGrad();
        return (a * b).Sum().Item();
    }
}
