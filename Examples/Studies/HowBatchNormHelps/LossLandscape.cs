namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>What the loss does along the gradient of one training step. Santurkar et al. 2018, figure 4.</summary>
/// <param name="LossMin">The smallest loss among the step lengths.</param>
/// <param name="LossMax">The largest.</param>
/// <param name="ChangeMin">The smallest ‖∇f(x) − ∇f(x − η∇f(x))‖ among the step lengths η: how wrong the gradient
/// becomes.</param>
/// <param name="ChangeMax">The largest.</param>
/// <param name="GradientNorm">‖∇f(x)‖.</param>
/// <param name="Smoothness">Effective β: the largest ‖∇f(x) − ∇f(x − η∇f(x))‖ / (η‖∇f(x)‖).</param>
internal readonly record struct LandscapePoint(int Step, double LossMin, double LossMax, double ChangeMin, double ChangeMax,
    double GradientNorm, double Smoothness);

/// <summary>Measures the landscape, with batch statistics taken anew at every point, and leaves the net as it was.</summary>
internal static class LossLandscape
{
    /// <param name="net">A net after Backward() and before the step.</param>
    /// <param name="step">The number of the step.</param>
    /// <param name="loss">Computes the loss on the step's batch with the parameters that the net has when it is called.</param>
    /// <param name="lengths">The step lengths η.</param>
    public static LandscapePoint Measure(LayeredNet net, int step, Func<Tensor> loss, IReadOnlyList<double> lengths)
    {
        using var excursion = new Excursion(net.Module);
        Parameter[] parameters = [.. net.Module.Parameters()];
        double gradientNorm = Math.Sqrt(parameters.Sum(p => Squares(excursion.GradientOf(p))));
        double[] losses = new double[lengths.Count], changes = new double[lengths.Count];
        for (int i = 0; i < lengths.Count; i++)
        {
            using var scope = Scope.Step();
            excursion.Move(parameters, lengths[i]);
            var there = loss();
            losses[i] = there.Item();
            var gradients = Autograd.Grad(there, [.. parameters.Select(p => p.Value)]);
            changes[i] = Math.Sqrt(parameters.Zip(gradients, (p, g) => Squares(excursion.GradientOf(p) - g)).Sum());
        }
        double smoothness = changes.Zip(lengths, (change, length) => change / (length * gradientNorm)).Max();
        return new LandscapePoint(step, losses.Min(), losses.Max(), changes.Min(), changes.Max(), gradientNorm, smoothness);
    }

    private static double Squares(Tensor x)
    {
        using var noGrad = new NoGrad();
        return x.Square().Sum().Item();
    }
}
