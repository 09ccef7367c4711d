namespace MiniDL;

/// <summary>What a backward pass refuses, and the messages.</summary>
internal static class BackwardErrors
{
    /// <exception cref="MiniDLException">There is nothing to differentiate, or no cotangent that fits.</exception>
    public static void CheckRoot(Tensor root, Tensor? cotangent)
    {
        if (root.Producer is Operator.FreedOperator) throw Freed(root);
        if (!root.RequiresGrad && root.FromGradient)
            throw Error($"{root.Description} is computed from a gradient, and gradients have no graph of their own: second derivatives are not "
                + "supported. Take differences of first derivatives, or write the derivative as operators.");
        if (!root.RequiresGrad)
            throw Error($"{root.Description} does not depend on any tensor that requires gradients. "
                + "Set RequiresGrad on a leaf, and do not compute under NoGrad.");
        if (cotangent is null && root.Count != 1)
            throw Error($"{root.Description} has {root.Count} values, and only one value has a gradient without a cotangent. "
                + "Reduce it to a loss, or pass a cotangent of its shape.");
        if (cotangent is not null && (cotangent.Shape != root.Shape || cotangent.Device != root.Device))
            throw Error($"the cotangent {cotangent.Description} should have the shape {root.Shape} of the tensor and be on {root.Device}.");
    }

    public static MiniDLException Shared(string what, Tensor root) =>
        Error($"{what} is in use by another backward pass that is still running, and this one needs it too: that of {root.Description}. On other threads: let one end "
            + "before the next begins, or use copies of the model. In a hook or a backward: Detach() what it differentiates.");

    public static MiniDLException Freed(Tensor root) =>
        Error($"the graph of {root.Description}, or a part of it, was freed by an earlier backward pass. "
            + "Run forward again, or pass retainGraph: true to the first.");

    private static MiniDLException Error(string message) => new(Check.Line("backward", message));
}
