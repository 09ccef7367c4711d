using System.Buffers.Binary;

namespace MiniDL.Data.Files;

/// <summary>
/// The IDX format of MNIST: a magic number (0, 0, type 8 = unsigned byte, number of dimensions), the sizes of the dimensions as
/// big-endian 32-bit integers, then the values in row-major order.
/// </summary>
internal static class IdxFile
{
    private const uint UnsignedBytes = 0x00000800;

    public static int HeaderBytes(int dimensions) => 4 + 4 * dimensions;

    /// <summary>Checks that a file of the right size has the header for these dimensions.</summary>
    /// <exception cref="MiniDLException">The header is another one.</exception>
    public static void CheckHeader(ImageSet set, ReadOnlySpan<byte> content, FileSource source, ReadOnlySpan<int> expected)
    {
        uint magic = BinaryPrimitives.ReadUInt32BigEndian(content), wanted = UnsignedBytes + (uint)expected.Length;
        if (magic != wanted)
            throw set.Error($"{source.Name} starts with 0x{magic:x8}, expected the magic number 0x{wanted:x8} of an IDX file with "
                + $"{(expected.Length == 1 ? "labels" : "images")}. It is another kind of file. {source.Remedy}");
        var sizes = new uint[expected.Length];
        for (int i = 0; i < sizes.Length; i++) sizes[i] = BinaryPrimitives.ReadUInt32BigEndian(content[(4 + 4 * i)..]);
        for (int i = 0; i < sizes.Length; i++)
            if (sizes[i] != expected[i])
                throw set.Error($"{source.Name} announces [{string.Join(", ", sizes)}] values, "
                    + $"expected [{string.Join(", ", expected.ToArray())}]. "
                    + $"It belongs to another dataset, or is damaged. {source.Remedy}");
    }
}
