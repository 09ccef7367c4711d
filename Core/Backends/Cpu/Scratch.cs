using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MiniDL.Backends.Cpu;

/// <summary>Memory of a thread's own for the length of one chunk, used again by the next: no allocation in the steady state.</summary>
internal static unsafe class Scratch
{
    private const int Alignment = 64;

    [ThreadStatic]
    private static byte[]? _memory;

    /// <summary>
    /// Room for this many values, 64-byte aligned, whatever is in them. It lasts until the thread asks again, so a chunk asks once
    /// and cuts it up, and code that hands out chunks, some of which it runs itself, never holds any.
    /// </summary>
    public static T* Rent<T>(int count) where T : unmanaged
    {
        int bytes = checked(count * sizeof(T) + Alignment);
        if (_memory is null || _memory.Length < bytes) _memory = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
        // Pinned, and held by this thread: the address stays valid.
        nuint first = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        return (T*)((first + Alignment - 1) & ~(nuint)(Alignment - 1));
    }
}
