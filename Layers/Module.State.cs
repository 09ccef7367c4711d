namespace MiniDL.Layers;

public abstract partial class Module
{
    /// <summary>
    /// Every parameter and buffer by its dotted name, with PyTorch's keys in PyTorch's order. The tensors share the module's memory.
    /// </summary>
    public IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new OrderedDictionary<string, Tensor>();
        foreach (var entry in StateEntries()) state.Add(entry.Key, entry.Value);
        return state;
    }

    /// <summary>Copies the values of a state dictionary into the parameters and buffers, converting type and device.</summary>
    /// <param name="state">Values by dotted name.</param>
    /// <param name="strict">Whether missing and unexpected keys are errors; wrong shapes and non-finite values always are.</param>
    /// <exception cref="MiniDLException">Something does not match: the message lists it, and nothing has changed.</exception>
    public void LoadStateDict(IReadOnlyDictionary<string, Tensor> state, bool strict = true)
    {
        var unused = new Dictionary<string, Tensor>(state);
        List<(Tensor From, Tensor To)> copies = [];
        List<string> missing = [], wrong = [], notFinite = [];
        foreach (var (key, legacyKey, target, optional) in StateEntries())
        {
            string given = legacyKey is not null && !state.ContainsKey(key) ? legacyKey : key;
            unused.Remove(given);
            if (!state.TryGetValue(given, out var value))
            {
                if (!optional) missing.Add(key);
            }
            else if (value.Shape != target.Shape) wrong.Add($"{given} is {value.Shape}, expected {target.Shape}");
            else if (value.FirstNotFinite() is { } what) notFinite.Add($"{given} ({what})");
            else copies.Add((value, target));
        }
        string[] problems =
        [
            .. Problem("missing", strict ? missing : []),
            .. Problem("unexpected", strict ? unused.Keys.Order(StringComparer.Ordinal).Select(Quote.Text) : []),
            .. Problem("wrong shape", wrong),
            .. Problem("not finite", notFinite),
        ];
        if (problems.Length > 0)
            throw new MiniDLException($"[load_state_dict] {this}: {string.Join("; ", problems)}. Nothing was loaded. "
                + "Was it saved from a model with the same settings?");
        foreach (var (from, to) in copies) to.Assign(from.ToArray<double>());
    }

    /// <summary>An older name, within this module's parent, that is accepted for a parameter when loading; null if there is none.</summary>
    internal virtual string? LegacyKey(string parameter) => null;

    private readonly record struct StateEntry(string Key, string? LegacyKey, Tensor Value, bool Optional);

    private IEnumerable<StateEntry> StateEntries()
    {
        foreach (var (path, module) in NamedModules())
        {
            foreach (var parameter in module._parameters.Where(p => p.ComputedBy is null))
            {
                string? legacy = module != this && module.LegacyKey(parameter.Name) is { } name
                    ? path[..^module.Name.Length] + name
                    : null;
                yield return new StateEntry(Join(path, parameter.Name), legacy, parameter.Value.Detach(), Optional: false);
            }
            foreach (var buffer in module._buffers)
                yield return new StateEntry(Join(path, buffer.Name), null, buffer.Value.Detach(), buffer.Optional);
        }
    }

    private static string[] Problem(string kind, IEnumerable<string> keys) =>
        Quote.First(keys) is { Length: > 0 } list ? [$"{kind}: {list}"] : [];
}
