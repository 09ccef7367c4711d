using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu;

/// <summary>The uses of a thread's scratch memory; each has its own buffer.</summary>
internal enum ScratchUse
{
    /// <summary>
    /// Weights in the order in which a kernel reads them: each thread's own, or, of large layers, written by the calling thread and read by all.
    /// </summary>
    Weights,

    /// <summary>A bias padded to whole vectors, and zeros; written by the calling thread, read by all.</summary>
    Bias,

    /// <summary>How a convolution's input is normalized, one value per lane; written and read like the weights.</summary>
    Norms,

    /// <summary>Partial weight gradients, one per chunk of work; they belong to the calling thread, and all threads write them.</summary>
    Partials,

    /// <summary>Rows of an image with their padding.</summary>
    Image,

    /// <summary>Rows of an output gradient, or images of an input gradient that only the next operator reads.</summary>
    Gradient,

    /// <summary>Inputs of a block of tiles, transformed to Winograd's points.</summary>
    Transformed,

    /// <summary>Their products with the weights, or output gradients at Winograd's points.</summary>
    Products,

    /// <summary>One tile of results of which only a part is stored, or the columns of a transform.</summary>
    Tile,

    /// <summary>Rows of a product's left matrix in the order in which a tile reads them.</summary>
    Panels,

    /// <summary>Parameters and sums of a chunk, one value per lane or channel.</summary>
    Lanes,
}

/// <summary>
/// Memory of one thread that its kernels reuse: grown when needed, never cleared, warm in the thread's cache.
/// </summary>
internal static unsafe class Scratch
{
    private const int AlignedFloats = 16;

    [ThreadStatic]
    private static float[][]? _buffers;

    /// <summary>
    /// At least <paramref name="count"/> values on a 64-byte boundary, valid until this thread rents the same use again. Code
    /// that distributes chunks also runs some of them itself, so it must not hold a use that the chunks rent too.
    /// </summary>
    public static float* Rent(ScratchUse use, int count)
    {
        var buffers = _buffers ??= new float[(int)ScratchUse.Lanes + 1][];
        if (buffers[(int)use] is not { } buffer || buffer.Length < count + AlignedFloats)
            buffers[(int)use] = buffer = GC.AllocateUninitializedArray<float>(checked(count + count / 4 + AlignedFloats), pinned: true);
        // Pinned, and referenced by this thread: the address stays valid.
        var first = (nuint)Unsafe.AsPointer(ref buffer[0]);
        return (float*)((first + 63) & ~(nuint)63);
    }
}
