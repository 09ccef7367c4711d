namespace MiniDL.Layers;

public abstract partial class Module
{
    /// <summary>
    /// What every module below this one gives, holds and costs for such an input: found by a forward pass in training mode and one in
    /// evaluation mode, after which all is as it was, to the bit: running statistics, streams of dropout, modes, gradients.
    /// </summary>
    /// <param name="input">Of the shape and on the device that <see cref="Forward"/> takes; its values do not matter.</param>
    /// <exception cref="ShapeException">The input does not fit.</exception>
    /// <exception cref="MiniDLException">It is called under <see cref="NoGrad"/>, where nothing is saved for backward.</exception>
    /// <remarks>Forward hooks run in both passes. What a module of one's own changes beside its buffers stays changed.</remarks>
    /// <example><code>Console.WriteLine(model.Summary(Tensor.Zeros([128, 3, 32, 32])));</code></example>
    public ModelSummary Summary(Tensor input) => SummaryPass.Of(this, input);
}
