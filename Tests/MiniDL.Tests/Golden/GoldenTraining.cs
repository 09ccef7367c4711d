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
    /// <param name="gradients">Also every step's gradients, against the Reference device's.</param>
    public static void CheckResNet(GoldenCase golden, Device device, bool scoped, bool gradients, GoldenReport report, GoldenLimits limits)
    {
        var state = golden.All("state/");
        int depth = 6 * golden.Int("blocks_per_stage") + 2;
        ResNet Make() => new(depth, NormFactory.Named(golden.Text("norm")), new RandomStream(0), classes: state["fc.bias"].Count);
        var model = (ResNet)Make().To(device);
        model.LoadStateDict(state);
        var sgd = NewSgd(golden, model.Parameters(), nesterov: false);
        var oracle = gradients ? new GoldenGradients(golden, Make) : null;
        Tensor images = golden["in/x"], labels = golden["in/target"], losses = golden["losses"];
        for (int step = 0; step < losses.Count; step++)
        {
            using var scope = scoped ? Scope.Step() : null;
            var loss = Loss.CrossEntropy(model.Forward(Part<double>(images, step, device)), Part<long>(labels, step, device));
            sgd.ZeroGrad();
            loss.Backward();
            oracle?.Add(model, Part<double>(images, step, Device.Reference), Part<long>(labels, step, Device.Reference));
            sgd.Step();
            report.Compare(golden.Name, $"losses[{step}]", loss, Part<double>(losses, step, Device.Reference), limits.Losses);
        }
        oracle?.Check(report, limits);
        Assert.Equal(golden.Params.Order(), model.StateDict().Keys.Order());
        foreach (var (key, value) in model.StateDict()) CheckUpdate(golden, key, value, report, limits);
        model.Eval();
        report.Compare(golden.Name, "eval_logits", model.Forward(Part<double>(images, 0, device)), golden["eval_logits"], limits.Logits);
    }

    /// <summary>What the steps made of a part of the state, relative to how far they moved it: most of it is what it was before.</summary>
    private static void CheckUpdate(GoldenCase golden, string key, Tensor value, GoldenReport report, GoldenLimits limits)
    {
        double[] before = golden[$"state/{key}"].ToArray<double>();
        Tensor Moved(Tensor after) => Tensor.From([.. after.ToArray<double>().Zip(before, (a, b) => a - b)], after.Shape, Device.Reference);
        report.Compare(golden.Name, $"what the steps added to {key}", Moved(value), Moved(golden[$"state_after/{key}"]), limits.Updates);
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
