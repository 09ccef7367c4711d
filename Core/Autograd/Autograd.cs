using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// Reverse-mode differentiation. The graph is built as the program runs: every operator remembers its inputs. A backward pass
/// visits the operators that lead to a tensor in reverse order of execution, passes each the gradient of its result, and adds what
/// it returns to the gradients of its inputs. Gradients of leaves are added into <see cref="Tensor.Grad"/>. Tensors may be used from
/// any thread, but passes that share operators or leaves must not overlap: the second one is refused.
/// </summary>
public static class Autograd
{
    /// <summary>
    /// Looks for the first value that is NaN or infinite on this thread, in forward or in backward, until the result is disposed: the
    /// operator that makes one throws an <see cref="AnomalyException"/>, which says where and why. See <see cref="AnomalyDetection"/>.
    /// </summary>
    /// <example><code>
    /// using (Autograd.DetectAnomaly())
    /// {
    ///     var loss = Loss.CrossEntropy(model.Forward(images), labels);
    ///     loss.Backward();
    /// }
    /// </code></example>
    public static AnomalyDetection DetectAnomaly() => new();

    /// <inheritdoc cref="Tensor.Backward"/>
    public static void Backward(Tensor root, Tensor? cotangent = null, bool retainGraph = false) =>
        new BackwardPass(root, retainGraph, targets: null).Run(cotangent);

    /// <summary>
    /// Runs a loss and its backward pass, and writes down what the engine does: for study, and for pictures. Gradients are added up in
    /// leaves as by <see cref="Tensor.Backward"/>.
    /// </summary>
    /// <param name="loss">The forward pass; it is called once.</param>
    /// <exception cref="MiniDLException">The loss has no graph, or has more than one value.</exception>
    /// <example><code>Console.Write(Autograd.Record(() => Loss.CrossEntropy(model.Forward(x), labels)));</code></example>
    public static GraphRecording Record(Func<Tensor> loss)
    {
        using var recorder = new GraphRecorder();
        return recorder.Record(loss);
    }

    /// <summary>
    /// The gradients of one tensor with respect to any others, leaves or results of operators; nothing is added to
    /// <see cref="Tensor.Grad"/>.
    /// </summary>
    /// <param name="output">The tensor to differentiate.</param>
    /// <param name="inputs">The tensors to differentiate with respect to.</param>
    /// <param name="cotangent">The gradient of the loss with respect to <paramref name="output"/>; 1 by default, for one value.</param>
    /// <param name="retainGraph">Keep the graph for another pass instead of freeing it.</param>
    /// <returns>One gradient for each input; zeros where the output does not depend on it.</returns>
    /// <exception cref="MiniDLException">There is nothing to differentiate, the graph was freed, or a cotangent is needed.</exception>
    public static Tensor[] Grad(Tensor output, ReadOnlySpan<Tensor> inputs, Tensor? cotangent = null, bool retainGraph = false)
    {
        var targets = new Dictionary<Tensor, Tensor?>(ReferenceEqualityComparer.Instance);
        foreach (var input in inputs)
        {
            if (!input.RequiresGrad)
                throw new MiniDLException(Check.Line("grad", $"{input.Description} does not require gradients. Set its RequiresGrad before the forward pass."));
            targets[input] = null;
        }
        new BackwardPass(output, retainGraph, targets).Run(cotangent);
        var gradients = new Tensor[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            gradients[i] = targets[inputs[i]] ?? Tensor.Zeros(inputs[i].Shape, inputs[i].Device, inputs[i].DType);
            gradients[i].FromGradient = true;
        }
        return gradients;
    }
}
