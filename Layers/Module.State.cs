namespace MiniDL.Layers;

public abstract partial class Module
{
    /// <summary>
    /// Every parameter and buffer by its dotted name, PyTorch's keys in PyTorch's order. The tensors share the module's memory.
    /// </summary>
    public IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new OrderedDictionary<string, Tensor>();
        foreach (var (path, module) in NamedModules())
        {
            foreach (var parameter in module._parameters.Where(p => p.ComputedBy is null)) state.Add(Join(path, parameter.Name), parameter.Value.Detach());
            foreach (var buffer in module._buffers) state.Add(Join(path, buffer.Name), buffer.Value.Detach());
        }
        return state;
    }

    /// <summary>Copies the values of a state dictionary into the parameters and buffers, converting type and device.</summary>
    /// <param name="state">Values by dotted name.</param>
    /// <param name="strict">Whether missing and unexpected keys are errors; wrong shapes always are.</param>
    /// <exception cref="MiniDLException">Keys do not match: every one is listed, and nothing has changed.</exception>
    public void LoadStateDict(IReadOnlyDictionary<string, Tensor> state, bool strict = true)
    {
        var own = StateDict();
        List<string> problems = [];
        if (strict)
        {
            AddProblem(problems, "missing", own.Keys.Where(key => !state.ContainsKey(key)));
            AddProblem(problems, "unexpected", state.Keys.Where(key => !own.ContainsKey(key)));
        }
        AddProblem(problems, "wrong shape", own.Where(p => state.TryGetValue(p.Key, out var value) && value.Shape != p.Value.Shape)
            .Select(p => $"{p.Key} is {state[p.Key].Shape}, expected {p.Value.Shape}"));
        if (problems.Count > 0)
            throw new MiniDLException($"[load_state_dict] {GetType().Name}: {string.Join("; ", problems)}. Nothing was loaded.");
        foreach (var (key, target) in own)
            if (state.TryGetValue(key, out var value))
                target.Device.Backend.Copy(value.DType == target.DType ? value.To(target.Device) : Tensor.From(value.ToArray<double>(), value.Shape, target.Device), target);
    }

    private static void AddProblem(List<string> problems, string kind, IEnumerable<string> keys)
    {
        string list = string.Join(", ", keys);
        if (list.Length > 0) problems.Add($"{kind}: {list}");
    }
}
