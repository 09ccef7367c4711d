using System.Security.Cryptography;
using System.Text;

namespace MiniDL.Serialization;

/// <summary>
/// A SHA-256 over all bytes of a safetensors file, stored in the file itself as an entry of its metadata, which counts as zeros while
/// hashing. To other programs it is just one more metadata entry.
/// </summary>
internal static class SafeTensorsChecksum
{
    /// <summary>The entry's key in the metadata.</summary>
    public const string Key = "minidl.sha256";

    private const int PieceBytes = 1 << 16;

    /// <summary>The placeholder in a header until the hash is known.</summary>
    public static readonly string Zeros = new('0', 2 * SHA256.HashSizeInBytes);

    /// <summary>Replaces the zeros with the hash.</summary>
    /// <param name="length">The bytes before the header.</param>
    /// <param name="writeValues">Writes everything after the header.</param>
    public static void Complete(ReadOnlySpan<byte> length, Span<byte> header, Action<Stream> writeValues)
    {
        using var sha256 = SHA256.Create();
        using (var hashing = new CryptoStream(Stream.Null, sha256, CryptoStreamMode.Write))
        {
            hashing.Write(length);
            hashing.Write(header);
            writeValues(hashing);
        }
        Encoding.ASCII.GetBytes(Convert.ToHexStringLower(sha256.Hash!), Place(header));
    }

    /// <summary>Whether the hash in a file matches the bytes of the file.</summary>
    /// <param name="headerBytes">The length of the header.</param>
    public static bool Holds(Stream file, int headerBytes)
    {
        file.Position = 0;
        byte[] start = new byte[sizeof(long) + headerBytes];
        file.ReadExactly(start);
        var place = Place(start);
        if (place.IsEmpty) return false;
        string announced = Encoding.ASCII.GetString(place);
        place.Fill((byte)'0');
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(start);
        byte[] piece = new byte[PieceBytes];
        for (int count; (count = file.Read(piece)) > 0;) hash.AppendData(piece, 0, count);
        return Convert.ToHexStringLower(hash.GetHashAndReset()) == announced;
    }

    /// <summary>The hash within a header; empty if there is none. Being a key, these bytes cannot be part of another text.</summary>
    private static Span<byte> Place(Span<byte> header)
    {
        ReadOnlySpan<byte> key = "\"minidl.sha256\":\""u8;
        int at = header.IndexOf(key);
        return at < 0 || at + key.Length + Zeros.Length > header.Length ? [] : header.Slice(at + key.Length, Zeros.Length);
    }
}
