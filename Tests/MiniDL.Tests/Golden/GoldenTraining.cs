using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Golden;

/// <summary>The cases that run an optimizer: SGD on given gradients, and training steps of a small ResNet.</summary>
internal static class GoldenTraining
{
    /// <summary>The parameter after each step with given gradients.</summary>
    public static void CheckSgd(GoldenCase golden, Device device, GoldenReport report, GoldenLimits limits)
    {
        var parameter = new Parameter("param", Tensor.From(golden["in/param"].ToArray<double>(), golden["in/param"].Shape, device));
        var sgd = NewSgd(golden, [parameter], golden.Flag("nesterov", false));
        Tensor gradients = golden["in/grads"], steps = golden["out"];
        for (int step = 0; step < gradients.Shape[0]; step++)
        {
            sgd.ZeroGrad();
            (parameter.Value * Part<double>(gradients, step, device)).Sum().Backward();
            sgd.Step();
            report.Compare(golden.Name, $"out[{step}]", parameter.Value, Part<double>(steps, step, Device.Reference), limits.Outputs);
        }
    }

    /// <summary>Losses and, after all steps, the state and the logits of the first batch in evaluation mode.</summary>
    /// <param name="steps">Only so many; null for all.</param>
    public static void CheckResNet(GoldenCase golden, Device device, bool scoped, GoldenReport report, GoldenLimits limits, int? steps = null)
    {
        var state = golden.All("state/");
        var norm = NormChoice.Parse(golden.Text("norm"));
        var model = new ResNet(6 * golden.Int("blocks_per_stage") + 2, norm, new RandomStream(0), classes: state["fc.bias"].Count);
        model.To(device);
        model.LoadStateDict(state);
        var sgd = NewSgd(golden, model.Parameters(), nesterov: false);
        Tensor images = golden["in/x"], labels = golden["in/target"], losses = golden["losses"];
        for (int step = 0; step < (steps ?? losses.Count); step++)
        {
            using var scope = scoped ? Scope.Step() : null;
            var loss = Loss.CrossEntropy(model.Forward(Part<double>(images, step, device)), Part<long>(labels, step, device));
            sgd.ZeroGrad();
            loss.Backward();
            sgd.Step();
            report.Compare(golden.Name, $"losses[{step}]", loss, Part<double>(losses, step, Device.Reference), limits.Losses);
        }
        if (steps < losses.Count) return;
        Assert.Equal(golden.Params.Order(), model.StateDict().Keys.Order());
        foreach (var (key, value) in model.StateDict())
            report.Compare(golden.Name, $"state_after/{key}", value, golden[$"state_after/{key}"],
                key.EndsWith("bias", StringComparison.Ordinal) ? limits.Biases : limits.State);
        model.Eval();
        report.Compare(golden.Name, "eval_logits", model.Forward(Part<double>(images, 0, device)), golden["eval_logits"], limits.State);
    }

    private static Sgd NewSgd(GoldenCase golden, IEnumerable<Parameter> parameters, bool nesterov) =>
        new(parameters, (float)golden.Number("lr"), (float)golden.Number("momentum", 0), (float)golden.Number("dampening", 0),
            (float)golden.Number("weight_decay", 0), nesterov);

    /// <summary>x[index] on a device.</summary>
    private static Tensor Part<T>(Tensor x, int index, Device device) where T : unmanaged
    {
        Shape shape = [.. x.Shape.Sizes[1..]];
        return Tensor.From<T>(x.ToArray<T>().AsSpan(index * shape.Count, shape.Count), shape, device);
    }
}
