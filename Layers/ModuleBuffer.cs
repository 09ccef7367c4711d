namespace MiniDL.Layers;

/// <summary>A tensor that is part of a module's state but not learned, such as a running mean.</summary>
/// <example><code>foreach (var (path, buffer) in model.NamedBuffers()) Console.WriteLine($"{path} {buffer.Value.Shape}");</code></example>
public sealed class ModuleBuffer
{
    internal ModuleBuffer(string name, Tensor value, bool optional)
    {
        Name = name;
        Optional = optional;
        Value = value.Keep();
    }

    /// <summary>The name within its module: <c>running_mean</c>.</summary>
    public string Name { get; }

    /// <summary>Whether a state dictionary may lack it.</summary>
    public bool Optional { get; }

    /// <summary>The value; it belongs to the module and survives step scopes.</summary>
    public Tensor Value { get; }

    internal void MoveTo(Device device)
    {
        if (Value.Device != device) Value.MoveTo(Value.Detach().To(device).Keep());
    }
}
