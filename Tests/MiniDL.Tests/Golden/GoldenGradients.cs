using MiniDL.Layers;

namespace MiniDL.Tests.Golden;

/// <summary>
/// The gradients of training steps on a device, each against the Reference device's at the same parameters: steps do not add up what
/// they are off, so that there is something to say about each parameter, biases too.
/// </summary>
internal sealed class GoldenGradients(GoldenCase golden, Func<ResNet> make)
{
    private readonly Dictionary<string, (double Difference, double Reference, double Product)> _sums = [];
    private readonly ResNet _twin = (ResNet)make().To(Device.Reference);

    /// <summary>Adds a step: the model has its gradients, and still the parameters that they were computed at.</summary>
    public void Add(ResNet model, Tensor images, Tensor labels)
    {
        using var scope = Scope.Step();
        _twin.LoadStateDict(model.StateDict());
        _twin.ZeroGrad();
        Loss.CrossEntropy(_twin.Forward(images), labels).Backward();
        var references = _twin.NamedParameters().ToDictionary(p => p.Path, p => p.Parameter);
        foreach (var (path, parameter) in model.NamedParameters())
        {
            var sum = _sums.GetValueOrDefault(path);
            foreach (var (g, r) in parameter.Grad!.ToArray<double>().Zip(references[path].Grad!.ToArray<double>()))
                sum = (sum.Difference + (g - r) * (g - r), sum.Reference + r * r, sum.Product + g * r);
            _sums[path] = sum;
        }
    }

    /// <summary>
    /// For each parameter, over all steps: the relative error ‖g − r‖ / ‖r‖, which is what rounding does; and how far the factor k by which
    /// k·r comes nearest to g is from 1. Rounding has no preferred direction, so that it leaves the factor alone; a wrong scale, or a part
    /// that is missing, does not.
    /// </summary>
    public void Check(GoldenReport report, GoldenLimits limits)
    {
        foreach (var (path, sum) in _sums)
        {
            report.Require(golden.Name, $"the gradient of {path}", Math.Sqrt(sum.Difference / sum.Reference), limits.StepGradients);
            double factor = sum.Product / sum.Reference;
            report.Require(golden.Name, $"the factor of the gradient of {path}", Math.Abs(factor - 1), limits.StepFactors);
        }
    }
}
