namespace MiniDL.Diagnostics;

/// <summary>What a device's compiler made of its kernels.</summary>
/// <param name="Kernels">All kernels.</param>
/// <param name="ModuleTimes">How long it took to compile each module, or to find it in the cache.</param>
/// <param name="CacheFolder">Where compiled kernels are kept; null if they are not.</param>
internal sealed record KernelReport(
    IReadOnlyList<CompiledKernel> Kernels, IReadOnlyList<(string Module, double Milliseconds)> ModuleTimes, string? CacheFolder);

/// <summary>A kernel as compiled by the driver for its GPU.</summary>
/// <param name="Name">The function's name in the PTX.</param>
/// <param name="Module">The module that contains it.</param>
/// <param name="Registers">32-bit registers per thread.</param>
/// <param name="LocalBytes">Local memory per thread, for values that did not fit the registers or were indexed; ideally 0.</param>
/// <param name="SharedBytes">Shared memory per block.</param>
/// <param name="LoadMilliseconds">How long this lookup took, including the module's loading if this was its first kernel.</param>
internal sealed record CompiledKernel(string Name, string Module, int Registers, int LocalBytes, int SharedBytes, double LoadMilliseconds);
