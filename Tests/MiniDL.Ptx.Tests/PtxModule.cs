using System.Text;
using MiniDL.Backends.Cuda;

namespace MiniDL.Ptx.Tests;

/// <summary>An array in shared memory. One of no bytes has the size that the launch asks for.</summary>
internal sealed record PtxVariable(string Name, int Bytes, int Alignment);

/// <summary>A virtual register: its name and its type, such as pred, b32 or f64.</summary>
internal sealed record PtxRegister(string Name, string Type)
{
    /// <summary>32-bit registers that it takes; predicates have registers of their own.</summary>
    public int Words => Type switch { "pred" => 0, "b64" or "u64" or "s64" or "f64" => 2, _ => 1 };

    public int Bytes => Type switch { "pred" => 0, "b8" or "u8" or "s8" => 1, _ => int.Parse(Type.AsSpan(1)) / 8 };
}

/// <summary>A kernel of a module.</summary>
/// <param name="Directives">What stands between the parameters and the body, such as .maxntid 256, 1, 1.</param>
/// <param name="Labels">The instruction that each label stands before.</param>
internal sealed record PtxKernel(PtxModule Module, string Name, string ParameterName, int ParameterBytes, string Directives,
    IReadOnlyList<PtxRegister> Registers, IReadOnlyList<PtxVariable> Shared, IReadOnlyList<PtxInstruction> Instructions,
    IReadOnlyDictionary<string, int> Labels)
{
    /// <summary>The most threads of a block; 0 if the kernel does not say.</summary>
    public int MaxThreads => Directives.Split(".maxntid ") is [_, var sizes] && sizes.Split('\n')[0].Split(',') is [var x, " 1", " 1"] ? int.Parse(x) : 0;

    /// <summary>Variables of the module that the kernel's instructions name, and its own.</summary>
    public IEnumerable<PtxVariable> SharedInUse => Shared.Concat(Module.Shared.Where(v => NamesUsed().Contains(v.Name)));

    /// <summary>Instructions that may come after instruction <paramref name="at"/>.</summary>
    public IEnumerable<int> Following(int at)
    {
        var instruction = Instructions[at];
        if (instruction.IsBranch) yield return Labels[instruction.Operands[0].Name];
        if (instruction.Guard >= 0 || !(instruction.IsBranch || instruction.IsEnd)) yield return at + 1;
    }

    public override string ToString() => $"{Name} ({Module.Name})";

    private HashSet<string> NamesUsed() => [.. Instructions.SelectMany(i => i.Operands).Select(o => o.Name)];
}

/// <summary>PTX as it is shipped, taken apart.</summary>
internal sealed record PtxModule(string Name, string Version, string Target, IReadOnlyList<PtxVariable> Shared)
{
    public IReadOnlyList<PtxKernel> Kernels { get; init; } = [];

    /// <summary>What the library holds.</summary>
    public static IReadOnlyList<PtxModule> All => Shipped.Value;

    public static IEnumerable<PtxKernel> AllKernels => All.SelectMany(module => module.Kernels);

    private static readonly Lazy<PtxModule[]> Shipped = new(() =>
        [.. Enum.GetValues<KernelModule>().Select(module => PtxParser.Parse($"{module}", Encoding.ASCII.GetString(CudaModules.Ptx(module).AsSpan()[..^1])))]);
}
