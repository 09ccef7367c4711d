namespace MiniDL.Backends.Cuda;

/// <summary>A device function by its name. Compared by reference: make each once.</summary>
/// <param name="name">The function's name in the PTX.</param>
/// <param name="argumentBytes">The size of the structure that it takes by value.</param>
internal sealed class Kernel(string name, int argumentBytes)
{
    public string Name { get; } = name;

    public int ArgumentBytes { get; } = argumentBytes;

    public static unsafe Kernel Of<TArguments>(string name) where TArguments : unmanaged => new(name, sizeof(TArguments));

    public override string ToString() => Name;
}
