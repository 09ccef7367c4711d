namespace MiniDL.Backends.Cuda;

/// <summary>The modules that kernels are compiled in; a module is loaded when the first of its kernels is requested.</summary>
internal enum KernelModule
{
    /// <summary>What every run needs: elementwise kernels in float, sums, products, losses, the optimizer, and copies of any type.</summary>
    General,

    /// <summary>Convolutions, pooling and normalization of float tensors.</summary>
    F32,

    /// <summary>Convolutions of float tensors on tensor cores.</summary>
    Tf32,

    /// <summary>Everything for bfloat16 tensors.</summary>
    Bf16,
}

/// <summary>A device function by name. Compared by reference: create each one once.</summary>
/// <param name="module">The module that contains it.</param>
/// <param name="name">The function's name in the PTX.</param>
/// <param name="argumentBytes">The size of the structure that it takes by value.</param>
/// <param name="sharedBytes">Dynamic shared memory per launch, in addition to what the function itself declares.</param>
internal sealed class Kernel(KernelModule module, string name, int argumentBytes, int sharedBytes = 0)
{
    public KernelModule Module { get; } = module;

    public string Name { get; } = name;

    public int ArgumentBytes { get; } = argumentBytes;

    public int SharedBytes { get; } = sharedBytes;

    public static unsafe Kernel Of<TArguments>(KernelModule module, string name, int sharedBytes = 0) where TArguments : unmanaged =>
        new(module, name, sizeof(TArguments), sharedBytes);

    public override string ToString() => Name;
}

/// <summary>A kernel for float tensors and its twin for bfloat16, which also computes in float.</summary>
internal sealed record KernelPair(Kernel F32, Kernel Bf16)
{
    /// <summary>The kernel NAME of a module and NAME_bf16.</summary>
    public static KernelPair Of<TArguments>(KernelModule module, string name) where TArguments : unmanaged =>
        new(Kernel.Of<TArguments>(module, name), Kernel.Of<TArguments>(KernelModule.Bf16, name + "_bf16"));

    /// <summary>The kernel for the type of these tensors; absent ones are ignored.</summary>
    /// <exception cref="MiniDLException">They have another type, or different types.</exception>
    public Kernel For(params ReadOnlySpan<Tensor?> tensors)
    {
        Tensor? first = null;
        foreach (var tensor in tensors)
        {
            if (tensor is null) continue;
            first ??= tensor;
            if (tensor.DType != first.DType || tensor.DType is not (DType.F32 or DType.BF16))
                throw new MiniDLException($"[cuda] {F32} takes tensors of f32 or of bf16, got {first.DType} {first.Shape} and "
                    + $"{tensor.DType} {tensor.Shape}. Convert one of them, or move them to the CPU, x.To(Device.Cpu).");
        }
        return first?.DType == DType.BF16 ? Bf16 : F32;
    }
}
