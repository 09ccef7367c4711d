using MiniDL.Diagnostics;

namespace MiniDL.Layers;

public abstract partial class Module
{
    /// <summary>
    /// Prints a line for every output of this module and of all below it, as forward passes end, and for every gradient that backward passes
    /// bring them and their parameters: path, shape, range and mean of the finite values, and how many are NaN or infinite.
    /// </summary>
    /// <param name="writer">Where to, such as <see cref="Console.Out"/>.</param>
    /// <returns>Dispose it to end that.</returns>
    /// <remarks>
    /// It works by <see cref="OnForward"/>, so that a fused residual or activation runs on its own. All values are read, on a GPU each time
    /// waited for; a step that a GPU records refuses that.
    /// </remarks>
    /// <example><code>
    /// using (model.Watch(Console.Out)) Loss.CrossEntropy(model.Forward(images), labels).Backward();
    /// </code>
    /// prints
    /// <code>
    /// output of Conv2d conv1 [8, 16, 32, 32]: -3.107 to 2.951, mean 0.00121
    /// …
    /// gradient of the output of Conv2d conv1 [8, 16, 32, 32]: -0.0172 to 0.0191, mean 1.1E-06, 3 of 131072 NaN
    /// gradient of conv1.weight [16, 3, 3, 3]: none finite, 432 of 432 NaN
    /// </code></example>
    public IDisposable Watch(TextWriter writer) =>
        Look((what, x) => writer.WriteLine($"{what} {x.Shape}: {ValueSummary.Of(x)}"), forward: true, backward: true);

    /// <summary>
    /// Stops on the first output of this module, or of one below it, that a condition holds for: the forward pass throws an error that names
    /// the module.
    /// </summary>
    /// <param name="condition">What to stop on; it is given each output, and may run operators, which are not recorded.</param>
    /// <param name="why">What that means, the beginning of the error.</param>
    /// <param name="inBackward">Ask for gradients, of outputs and parameters, in place of outputs.</param>
    /// <returns>Dispose it to end that.</returns>
    /// <exception cref="MiniDLException">Not thrown here, but by the pass: the condition holds.</exception>
    /// <example><code>
    /// using (model.StopWhen(y => y.Abs().Max().Item() > 1e4, "activations explode")) model.Forward(images);
    /// // [stop_when] activations explode: output of Conv2d blocks.3.conv1 [8, 16, 32, 32]: -1.2E+04 to 9100, mean 4.2.
    /// </code></example>
    public IDisposable StopWhen(Func<Tensor, bool> condition, string why, bool inBackward = false) => Look((what, x) =>
    {
        if (condition(x)) throw new MiniDLException($"[stop_when] {why}: {what} {x.Shape}: {ValueSummary.Of(x)}.");
    }, forward: !inBackward, backward: inBackward);

    /// <summary>Shows outputs and gradients to somebody who changes nothing.</summary>
    /// <param name="see">Is told what it is, and given it without its graph.</param>
    private HookRemoval Look(Action<string, Tensor> see, bool forward, bool backward)
    {
        List<IDisposable> hooks = [];
        bool ended = false;
        foreach (var (_, module) in NamedModules().Where(m => m.Module is not Reparametrization))
            hooks.Add(module.OnForward((m, _, y) =>
            {
                if (forward) See($"output of {m}", y);
                // A leaf that a module passes through would keep the hook for ever.
                if (backward && y.Producer is not null) y.OnGradient(dy => See($"gradient of the output of {m}", dy));
                return null;
            }));
        foreach (var (path, parameter) in backward ? NamedParameters() : [])
            hooks.Add(parameter.Value.OnGradient(dw => See($"gradient of {Join(Path, path)}", dw)));
        return new HookRemoval(() =>
        {
            ended = true;
            foreach (var hook in hooks) hook.Dispose();
        });

        Tensor? See(string what, Tensor x)
        {
            // Outputs of passes before the end have their hooks still.
            if (ended) return null;
            using var noGrad = new NoGrad();
            using var scope = Scope.Step();
            see(what, x.Detach());
            return null;
        }
    }
}
