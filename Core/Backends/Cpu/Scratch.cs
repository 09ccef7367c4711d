using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu;

/// <summary>What a thread's scratch memory is used for; each use has a buffer of its own.</summary>
internal enum ScratchUse
{
    /// <summary>Weights (and bias) in the order that a kernel reads; made by the calling thread, read by all.</summary>
    Weights,

    /// <summary>Partial weight gradients, one for each chunk of work; the calling thread's, written by all.</summary>
    Partials,

    /// <summary>Rows of an image within their padding.</summary>
    Image,

    /// <summary>Rows of an output gradient with channels padded to whole vectors.</summary>
    Gradient,

    /// <summary>Inputs of a block of tiles at Winograd's points.</summary>
    Transformed,

    /// <summary>Their products with the weights, or output gradients at Winograd's points.</summary>
    Products,

    /// <summary>One tile of results, of which only a part is stored, or of a transform's columns.</summary>
    Tile,

    /// <summary>Rows of the left matrix of a product in the order that a tile reads.</summary>
    Panels,

    /// <summary>Parameters and sums of a chunk, a value for each lane or channel.</summary>
    Lanes,
}

/// <summary>
/// Memory of one thread that its kernels use again and again: grown when needed, never cleared, warm in the thread's cache.
/// </summary>
internal static unsafe class Scratch
{
    private const int AlignedFloats = 16;

    [ThreadStatic]
    private static float[][]? _buffers;

    /// <summary>
    /// At least <paramref name="count"/> values on a 64-byte boundary, valid until this thread asks for the same use again. Code
    /// that hands out chunks runs some of them itself: it holds no use that they have too.
    /// </summary>
    public static float* Rent(ScratchUse use, int count)
    {
        var buffers = _buffers ??= new float[(int)ScratchUse.Lanes + 1][];
        if (buffers[(int)use] is not { } buffer || buffer.Length < count + AlignedFloats)
            buffers[(int)use] = buffer = GC.AllocateUninitializedArray<float>(checked(count + count / 4 + AlignedFloats), pinned: true);
        // Pinned, and held by this thread: the address stays valid.
        var first = (nuint)Unsafe.AsPointer(ref buffer[0]);
        return (float*)((first + 63) & ~(nuint)63);
    }
}
