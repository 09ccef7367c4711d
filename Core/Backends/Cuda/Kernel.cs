namespace MiniDL.Backends.Cuda;

/// <summary>A device function by its name. Compared by reference: make each once.</summary>
/// <param name="name">The function's name in the PTX.</param>
/// <param name="argumentBytes">The size of the structure that it takes by value.</param>
/// <param name="sharedBytes">The shared memory that a launch asks for, beside what the function itself declares.</param>
internal sealed class Kernel(string name, int argumentBytes, int sharedBytes = 0)
{
    public string Name { get; } = name;

    public int ArgumentBytes { get; } = argumentBytes;

    public int SharedBytes { get; } = sharedBytes;

    public static unsafe Kernel Of<TArguments>(string name, int sharedBytes = 0) where TArguments : unmanaged =>
        new(name, sizeof(TArguments), sharedBytes);

    public override string ToString() => Name;
}
