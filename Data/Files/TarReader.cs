using System.Text;

namespace MiniDL.Data.Files;

/// <summary>
/// Goes through the entries of a tar archive: ustar headers, with the names and sizes of pax records and the long names of GNU tar.
/// </summary>
/// <remarks>
/// System.Formats.Tar allocates as much as a header announces before reading any of it (2 GiB for an archive of 71 bytes), and a
/// damaged header makes it throw whatever exception the parsing of a number, a date or a path throws. Guarding against that would mean
/// parsing nearly the whole header the way it does; what remained to write is this class. Its memory use does not depend on the archive.
/// </remarks>
internal sealed class TarReader(Stream archive)
{
    private const int Block = 512;

    /// <summary>The longest pax header or long name accepted: paths have at most 4096 bytes.</summary>
    private const int MaxExtension = 64 << 10;

    private readonly byte[] _buffer = new byte[MaxExtension];
    private long _left, _padding;

    private Stream Archive => archive;

    /// <summary>The path of the current entry: the one <see cref="Next"/> has moved to.</summary>
    public string Name { get; private set; } = "";

    /// <summary>Whether the entry is a regular file, not a folder, a link or something unknown.</summary>
    public bool IsFile { get; private set; }

    /// <summary>Its size, as the archive announces it.</summary>
    public long Size { get; private set; }

    /// <summary>Its content, which can be read once.</summary>
    public Stream Content => new Entry(this);

    /// <summary>Moves to the next entry; false at the end of the archive.</summary>
    /// <exception cref="InvalidDataException">The archive is damaged.</exception>
    /// <exception cref="EndOfStreamException">It is truncated.</exception>
    public bool Next()
    {
        string? name = null;
        long? size = null;
        while (true)
        {
            Skip(_left);
            Skip(_padding);
            Begin(0);
            if (!ReadHeader(out char type, out long announced, out string ustarName)) return false;
            switch (type)
            {
                case 'x':
                    ReadPax(ReadExtension(announced), ref name, ref size);
                    break;
                case 'L':
                    name = Text(ReadExtension(announced));
                    break;
                case 'K' or 'g':
                    Begin(announced);
                    break;
                default:
                    IsFile = type is '0' or '\0' or '7';
                    Name = name ?? ustarName;
                    // Links, devices and folders (types 1 to 6) have no content, whatever size they announce.
                    Size = type is >= '1' and <= '6' ? 0 : size ?? announced;
                    Begin(Size);
                    return true;
            }
        }
    }

    private void Begin(long size) => (_left, _padding) = (size, (Block - size % Block) % Block);

    private void Skip(long count)
    {
        for (; count > 0; count -= _buffer.Length) archive.ReadExactly(_buffer, 0, (int)Math.Min(count, _buffer.Length));
    }

    private bool ReadHeader(out char type, out long size, out string name)
    {
        (type, size, name) = ('\0', 0, "");
        int read = archive.ReadAtLeast(_buffer.AsSpan(0, Block), Block, throwOnEndOfStream: false);
        if (read is > 0 and < Block) throw new EndOfStreamException("it ends within a header");
        var header = _buffer.AsSpan(0, Block);
        if (read == 0 || !header.ContainsAnyExcept((byte)0)) return false;
        if (Number(header[148..156]) != Checksum(header)) throw new InvalidDataException("a header of its entries is damaged, or it is no tar archive");
        (type, size, name) = ((char)header[156], Number(header[124..136]), Text(header[..100]));
        bool hasPrefix = header[257..263].SequenceEqual("ustar\0"u8) && header[345] != 0;
        if (hasPrefix) name = $"{Text(header[345..500])}/{name}";
        return true;
    }

    /// <summary>The sum of the header's bytes, with the checksum field itself counted as spaces.</summary>
    private static long Checksum(ReadOnlySpan<byte> header)
    {
        long sum = 8 * ' ';
        for (int i = 0; i < Block; i++)
            if (i is < 148 or >= 156) sum += header[i];
        return sum;
    }

    /// <summary>An octal number, or a binary one if the first byte is 0x80; the sign bit of a binary one must not be set.</summary>
    private static long Number(ReadOnlySpan<byte> field)
    {
        long number = 0;
        bool binary = field[0] == 0x80;
        foreach (byte b in binary ? field[1..] : field.Trim(" \0"u8))
        {
            if (number > long.MaxValue >> 8 || !binary && b is < (byte)'0' or > (byte)'7')
                throw new InvalidDataException("a number in a header of its entries is damaged");
            number = binary ? number << 8 | b : number << 3 | (long)(b - '0');
        }
        return number;
    }

    private ReadOnlySpan<byte> ReadExtension(long size)
    {
        if (size > MaxExtension) throw new InvalidDataException($"a header of its entries announces a text of {size} bytes");
        var text = _buffer.AsSpan(0, (int)size);
        archive.ReadExactly(text);
        Begin(size);
        _left = 0;
        return text;
    }

    /// <summary>Reads path and size from lines of the form <c>length key=value</c>; other keys are ignored.</summary>
    private static void ReadPax(ReadOnlySpan<byte> text, ref string? name, ref long? size)
    {
        while (!text.IsEmpty)
        {
            int space = text.IndexOf((byte)' ');
            if (space < 1 || !int.TryParse(text[..space], out int length) || length <= space || length > text.Length)
                throw new InvalidDataException("a pax header of its entries is damaged");
            var record = text[(space + 1)..length].TrimEnd((byte)'\n');
            if (record.StartsWith("path="u8)) name = Text(record[5..]);
            if (record.StartsWith("size="u8))
                size = long.TryParse(record[5..], out long number) && number >= 0
                    ? number
                    : throw new InvalidDataException("the size in a pax header of its entries is damaged");
            text = text[length..];
        }
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private sealed class Entry(TarReader reader) : ReadOnlyStream
    {
        public override int Read(Span<byte> buffer)
        {
            int count = reader.Archive.Read(buffer[..(int)Math.Min(buffer.Length, reader._left)]);
            reader._left -= count;
            return count;
        }
    }
}
