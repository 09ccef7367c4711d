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
}
