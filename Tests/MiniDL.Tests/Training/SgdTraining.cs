using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Training;

/// <summary>The training step that tests record, repeat, count and compare.</summary>
internal static class SgdTraining
{
    /// <summary>Forward, backward and optimizer.</summary>
    /// <returns>The loss, as a step gives it to a recording.</returns>
    public static Tensor[] Step(Module model, Sgd sgd, Tensor images, Tensor labels)
    {
        var loss = Loss.CrossEntropy(model.Forward(images), labels);
        sgd.ZeroGrad();
        loss.Backward();
        sgd.Step();
        return [loss];
    }
}
