using MiniDL.Optim;

namespace MiniDL.Examples.Training;

/// <summary>What every training here does with a loss.</summary>
internal static class Update
{
    /// <summary>Backward, and a step of the optimizer.</summary>
    /// <param name="clipNorm">The longest that all gradients together may be; null where they are not clipped.</param>
    /// <param name="look">Called when the gradients are there and nothing has moved yet; it may measure, but must change nothing.</param>
    public static void By(Optimizer optimizer, Tensor loss, double? clipNorm = null, Action? look = null)
    {
        optimizer.ZeroGrad();
        loss.Backward();
        if (clipNorm is { } longest) optimizer.ClipGradNorm(longest);
        look?.Invoke();
        optimizer.Step();
    }

    /// <summary>A step with a scope of its own, unless the loss is NaN or infinite: then nothing moves.</summary>
    /// <param name="loss">Computes the loss.</param>
    /// <param name="look">As in <see cref="By"/>.</param>
    /// <returns>The loss before the step.</returns>
    public static double IfFinite(Optimizer optimizer, Func<Tensor> loss, Action? look = null)
    {
        using var scope = Scope.Step();
        var value = loss();
        double number = value.Item();
        if (double.IsFinite(number)) By(optimizer, value, look: look);
        return number;
    }
}
