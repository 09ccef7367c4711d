namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// Reads what goes into the activation after a layer, through a forward hook on the norm there, which therefore runs plain and
/// unfused.
/// </summary>
internal sealed class ActivationProbe(LayeredNet net)
{
    /// <summary>
    /// The values after some layers on some inputs, with batch statistics, as in training; the net stays as it was.
    /// </summary>
    /// <param name="forward">Runs the net.</param>
    /// <param name="layers">Numbers, from 1.</param>
    public Dictionary<int, float[]> Read(Action forward, IReadOnlyList<int> layers)
    {
        using var noGrad = new NoGrad();
        using var scope = Scope.Step();
        var buffers = net.Module.NamedBuffers().ToDictionary(buffer => buffer.Path, buffer => buffer.Buffer.Value.Clone());
        var values = new Dictionary<int, float[]>();
        var hooks = layers.Select(layer => net.NormOf(layer).OnForward((_, _, y) =>
        {
            values[layer] = y.ToArray();
            return null;
        })).ToArray();
        forward();
        foreach (var hook in hooks) hook.Dispose();
        net.Module.LoadStateDict(buffers, strict: false);
        return values;
    }
}
