namespace MiniDL.Diagnostics;

/// <summary>What a device's compiler made of its kernels.</summary>
/// <param name="Kernels">All kernels.</param>
/// <param name="ModuleTimes">How long each module took to be compiled, or to be found in the cache.</param>
/// <param name="CacheFolder">Where compiled kernels are kept; null where they are not.</param>
internal sealed record KernelReport(
    IReadOnlyList<CompiledKernel> Kernels, IReadOnlyList<(string Module, double Milliseconds)> ModuleTimes, string? CacheFolder);

/// <summary>A kernel as the driver has compiled it for its GPU.</summary>
/// <param name="Name">The function's name in the PTX.</param>
/// <param name="Module">The part that it was compiled in.</param>
/// <param name="Registers">Registers of a thread, of 32 bits.</param>
/// <param name="LocalBytes">Memory of a thread for what did not fit its registers, or was indexed; 0 is what one wants.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
/// <param name="LoadMilliseconds">How long finding it took this time: with the module, if it was the first of it.</param>
internal sealed record CompiledKernel(string Name, string Module, int Registers, int LocalBytes, int SharedBytes, double LoadMilliseconds);
