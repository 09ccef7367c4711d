using System.Buffers.Binary;

namespace MiniDL.Data.Files;

/// <summary>
/// The IDX format of MNIST: a magic number (0, 0, type 8 = unsigned byte, number of dimensions), the sizes of the dimensions as
/// big-endian 32-bit integers, the values row-major.
/// </summary>
internal static class IdxFile
{
    private const uint UnsignedBytes = 0x00000800;

    public static int HeaderBytes(int dimensions) => 4 + 4 * dimensions;

    public static void ReadImages(ImageSet set, DataFile file, Stream stream, string source, Span<byte> pixels)
    {
        ReadHeader(set, stream, source, [file.Images, set.InputShape[1], set.InputShape[2]]);
        stream.ReadExactly(pixels);
    }

    public static void ReadLabels(ImageSet set, DataFile file, Stream stream, string source, Span<long> labels)
    {
        ReadHeader(set, stream, source, [file.Images]);
        byte[] bytes = new byte[labels.Length];
        stream.ReadExactly(bytes);
        for (int i = 0; i < bytes.Length; i++) labels[i] = bytes[i];
    }

    private static void ReadHeader(ImageSet set, Stream stream, string source, ReadOnlySpan<int> expected)
    {
        byte[] header = new byte[HeaderBytes(expected.Length)];
        stream.ReadExactly(header);
        uint magic = BinaryPrimitives.ReadUInt32BigEndian(header), wanted = UnsignedBytes + (uint)expected.Length;
        if (magic != wanted)
            throw set.Error($"{source} starts with 0x{magic:x8}, expected the magic number 0x{wanted:x8} of an IDX file with "
                + $"{(expected.Length == 1 ? "labels" : "images")}. It is another kind of file; delete it and download it again.");
        var sizes = new uint[expected.Length];
        for (int i = 0; i < sizes.Length; i++) sizes[i] = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4 + 4 * i));
        for (int i = 0; i < sizes.Length; i++)
            if (sizes[i] != expected[i])
                throw set.Error($"{source} announces [{string.Join(", ", sizes)}] values, "
                    + $"expected [{string.Join(", ", expected.ToArray())}]. "
                    + "It belongs to another dataset, or is damaged.");
    }
}
