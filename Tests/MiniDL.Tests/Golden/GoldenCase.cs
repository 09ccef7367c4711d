using System.Text.Json;
using MiniDL.Serialization;

namespace MiniDL.Tests.Golden;

/// <summary>One case of a golden file: what to run, on what, and what PyTorch got. It remembers what nobody has asked for yet.</summary>
internal sealed class GoldenCase
{
    private readonly Dictionary<string, JsonElement> _args;
    private readonly Dictionary<string, Tensor> _tensors;
    private readonly HashSet<string> _unread;

    private GoldenCase(JsonElement json, IReadOnlyDictionary<string, Tensor> file)
    {
        Name = json.GetProperty("name").GetString()!;
        Op = json.GetProperty("op").GetString()!;
        _args = json.GetProperty("args").EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
        _tensors = file.Where(t => t.Key.StartsWith(Name + "/", StringComparison.Ordinal))
            .ToDictionary(t => t.Key[(Name.Length + 1)..], t => t.Value);
        (Inputs, Params, Buffers, Grads) = (Names(json, "inputs"), Names(json, "params"), Names(json, "buffers"), Names(json, "grads"));
        _unread = [.. _args.Keys.Select(a => $"argument {a}"), .. _tensors.Keys.Select(t => $"tensor {t}")];
    }

    /// <summary>Every case of a file, and a check that every tensor belongs to one.</summary>
    public static IReadOnlyList<GoldenCase> Load(string path)
    {
        var file = SafeTensors.Load(path, Device.Reference);
        using var json = JsonDocument.Parse(file.Metadata["cases"]);
        GoldenCase[] cases = [.. json.RootElement.Clone().EnumerateArray().Select(c => new GoldenCase(c, file.Tensors))];
        Assert.Equal(file.Tensors.Count, cases.Sum(c => c._tensors.Count));
        return cases;
    }

    public string Name { get; }

    public string Op { get; }

    public IReadOnlyList<string> Inputs { get; }

    public IReadOnlyList<string> Params { get; }

    public IReadOnlyList<string> Buffers { get; }

    public IReadOnlyList<string> Grads { get; }

    /// <summary>Arguments and tensors that the walk does not know.</summary>
    public IReadOnlyCollection<string> Unread => _unread;

    /// <summary>A tensor of the case, such as <c>in/x</c>, in double.</summary>
    public Tensor this[string name]
    {
        get
        {
            _unread.Remove($"tensor {name}");
            return _tensors.TryGetValue(name, out var tensor) ? tensor : throw new InvalidDataException($"the file lacks {Name}/{name}");
        }
    }

    /// <summary>The tensors of one kind, such as <c>state/</c>, by their names without it.</summary>
    public Dictionary<string, Tensor> All(string kind) => _tensors.Keys.Where(k => k.StartsWith(kind, StringComparison.Ordinal))
        .ToDictionary(k => k[kind.Length..], k => this[k]);

    public int Int(string name, int? absent = null) => Argument(name)?.GetInt32() ?? absent ?? throw Missing(name);

    public double Number(string name, double? absent = null) => Argument(name)?.GetDouble() ?? absent ?? throw Missing(name);

    public bool Flag(string name, bool absent) => Argument(name)?.GetBoolean() ?? absent;

    public string Text(string name) => Argument(name)?.ToString() ?? throw Missing(name);

    /// <summary>A list, or one number; empty if the argument is absent or null.</summary>
    public int[] Ints(string name) => Argument(name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(n => n.GetInt32())],
        var one => [one.Value.GetInt32()],
    };

    /// <summary>A number, or null where the file says null.</summary>
    public double? NumberOrNull(string name, double absent) => _args.ContainsKey(name) ? Argument(name)?.GetDouble() : absent;

    private JsonElement? Argument(string name)
    {
        _unread.Remove($"argument {name}");
        return _args.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private InvalidDataException Missing(string argument) => new($"{Name} lacks the argument {argument}");

    private static string[] Names(JsonElement json, string kind) =>
        [.. json.GetProperty(kind).EnumerateArray().Select(n => n.GetString()!)];
}
