using MiniDL.Examples.Training;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>Gradient descent as the paper has it: a fixed rate, no momentum, no weight decay.</summary>
internal sealed class Descent(LayeredNet net, double rate)
{
    private readonly Sgd _sgd = new(net.Module.Parameters(), (float)rate);

    /// <summary>Steps made.</summary>
    public int Steps { get; private set; }

    /// <summary>Makes a step.</summary>
    /// <param name="loss">Computes the loss on the step's batch.</param>
    /// <param name="look">Called when the gradients are there and nothing has moved yet; it may measure, but must change
    /// nothing.</param>
    /// <returns>The loss before the step; the net does not move where it is NaN or infinite.</returns>
    public double Step(Func<Tensor> loss, Action? look = null)
    {
        using var scope = Scope.Step();
        var value = loss();
        double number = value.Item();
        if (!double.IsFinite(number)) return number;
        Update.By(_sgd, value, look: look);
        Steps++;
        return number;
    }
}
