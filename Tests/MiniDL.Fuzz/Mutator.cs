using System.Buffers.Binary;
using System.Text;

namespace MiniDL.Fuzz;

/// <summary>Changes real files in the ways in which files go bad, or are made bad; the same input for the same number, always.</summary>
internal sealed class Mutator(IReadOnlyList<byte[]> samples, RandomStream seed)
{
    private const int LongRun = 1 << 15;

    private static readonly string[] Numbers =
    [
        "0", "-0", "-1", "1", "7", "8", "255", "256", "2147483647", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "18446744073709551616", "1e400", "-1e400", "1e-400", "1e5", "0.5", "NaN", "Infinity", "-Infinity", "00", "+1",
        "0x10", "1,5", "1 ", "77777777777", new('9', 200), "",
    ];

    private static readonly byte[][] Words =
    [
        "{"u8.ToArray(), "}"u8.ToArray(), "["u8.ToArray(), "]"u8.ToArray(), "\""u8.ToArray(), ","u8.ToArray(), ":"u8.ToArray(), "\\"u8.ToArray(),
        "\n"u8.ToArray(), "\r"u8.ToArray(), "\0"u8.ToArray(), "\u001b[31m"u8.ToArray(), "\u202e"u8.ToArray(), "\\ud800"u8.ToArray(),
        "\\u001b"u8.ToArray(), [0xff], [0xc3], [0xed, 0xa0, 0x80], "null"u8.ToArray(), "true"u8.ToArray(), "../"u8.ToArray(), "[bold]"u8.ToArray(),
        "__metadata__"u8.ToArray(), "warmup:0.1,"u8.ToArray(), [0xef, 0xbb, 0xbf],
    ];

    /// <summary>The input of that number.</summary>
    public byte[] Input(int number)
    {
        var random = seed.Fork("input", (ulong)number);
        byte[] bytes = [.. Pick(samples, random)];
        int changes = 1 + random.NextInt(random.NextInt(4) == 0 ? 12 : 2);
        for (int i = 0; i < changes; i++) bytes = Change(bytes, random);
        return bytes;
    }

    private byte[] Change(byte[] bytes, RandomStream random)
    {
        int at = random.NextInt(bytes.Length + 1), end = Math.Min(bytes.Length, at + 1 + random.NextInt(random.NextInt(2) == 0 ? 8 : 600));
        byte[] before = bytes[..at], block = bytes[at..end];
        switch (random.NextInt(13))
        {
            case 0: return before;
            case 1: return [.. before, .. bytes[end..]];
            case 2: return [.. before, .. block, .. bytes[at..]];
            case 3: return [.. before, .. Pick(Words, random), .. bytes[at..]];
            case 4: return [.. before, .. Pick(Words, random), .. bytes[end..]];
            case 5: return NumberInText(bytes, random);
            case 9: return NumberInPlace(bytes, random);
            case 6: return [.. before, .. Splice(random), .. bytes[at..]];
            case 7: return [.. before, .. Run(block, 1 + random.NextInt(random.NextInt(20) == 0 ? LongRun : 100)), .. bytes[end..]];
            case 8: return [.. before, .. Enumerable.Range(0, random.NextInt(40)).Select(_ => (byte)random.NextUInt()), .. bytes[end..]];
        }
        if (block.Length == 0) return bytes;
        byte[] changed = [.. bytes];
        switch (random.NextInt(3))
        {
            case 0: changed[at] ^= (byte)(1 << random.NextInt(8)); break;
            case 1: changed[at] = (byte)random.NextUInt(); break;
            default: BinaryNumber(changed.AsSpan(at), random); break;
        }
        return changed;
    }

    /// <summary>A part of a file of the same kind, from anywhere.</summary>
    private byte[] Splice(RandomStream random)
    {
        byte[] other = Pick(samples, random);
        int start = random.NextInt(other.Length + 1);
        return other[start..(start + random.NextInt(other.Length - start + 1))];
    }

    private static byte[] Run(byte[] block, int length) =>
        block.Length == 0 ? [] : [.. Enumerable.Range(0, length).Select(i => block[i % block.Length])];

    /// <summary>Puts another number in the place of one in a text.</summary>
    private static byte[] NumberInText(byte[] bytes, RandomStream random)
    {
        var (start, end) = Number(bytes, random);
        return [.. bytes[..start], .. Encoding.ASCII.GetBytes(Pick(Numbers, random)), .. bytes[end..]];
    }

    /// <summary>Puts other digits in the place of a number, which keeps its length, as in the headers of tar: small or large.</summary>
    private static byte[] NumberInPlace(byte[] bytes, RandomStream random)
    {
        byte[] changed = [.. bytes];
        var (start, end) = Number(bytes, random);
        int zeros = random.NextInt(end - start + 1);
        for (int i = start; i < end; i++) changed[i] = (byte)(i < start + zeros ? '0' : '0' + random.NextInt(8));
        return changed;
    }

    /// <summary>One of the numbers in a text, each as likely as the others.</summary>
    private static (int Start, int End) Number(byte[] bytes, RandomStream random)
    {
        int[] starts = [.. Enumerable.Range(0, bytes.Length).Where(i => IsDigit(bytes[i]) && (i == 0 || !IsDigit(bytes[i - 1])))];
        if (starts.Length == 0) return (0, 0);
        int start = Pick(starts, random), end = start;
        while (end < bytes.Length && IsDigit(bytes[end])) end++;
        return (start, end);
    }

    private static bool IsDigit(byte b) => b is >= (byte)'0' and <= (byte)'9';

    private static void BinaryNumber(Span<byte> place, RandomStream random)
    {
        ulong number = random.NextInt(6) switch
        {
            0 => 0,
            1 => ulong.MaxValue,
            2 => int.MaxValue,
            3 => long.MaxValue,
            4 => 1UL << random.NextInt(64),
            _ => (ulong)random.NextInt(1 << 20),
        };
        Span<byte> bytes = stackalloc byte[8];
        if (random.NextInt(2) == 0) BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        else BinaryPrimitives.WriteUInt64BigEndian(bytes, number << (random.NextInt(2) == 0 ? 32 : 0));
        bytes[..Math.Min(place.Length, random.NextInt(2) == 0 ? 4 : 8)].CopyTo(place);
    }

    private static T Pick<T>(IReadOnlyList<T> items, RandomStream random) => items[random.NextInt(items.Count)];
}
