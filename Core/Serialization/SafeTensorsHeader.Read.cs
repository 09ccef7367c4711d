using System.Buffers.Binary;
using System.Text.Json;

namespace MiniDL.Serialization;

/// <summary>Reading trusts nothing: the result is consistent with the file and takes at most a few times its size in memory.</summary>
internal sealed partial record SafeTensorsHeader
{
    /// <summary>The limit of the format's own implementation.</summary>
    private const int MaxLength = 100_000_000;

    private const int MaxNameBytes = 4096;

    private const int MaxRank = 64;

    /// <summary>Any file may have this many tensors and metadata entries; to have more, it needs this many bytes for each.</summary>
    private const int FreeItems = 1_000, BytesOfItem = 256;

    /// <summary>Reads and checks the header at the start of a file.</summary>
    /// <exception cref="MiniDLException">It is not a header, or does not match the file.</exception>
    public static SafeTensorsHeader Read(string path, Stream file)
    {
        if (file.Length < sizeof(long)) throw Bad(path, $"it has {file.Length} bytes, too few for a safetensors file");
        Span<byte> prefix = stackalloc byte[sizeof(long)];
        file.ReadExactly(prefix);
        long length = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (length is < 2 or > MaxLength) throw Bad(path, $"its first 8 bytes are not the length of a safetensors header (2 to {MaxLength} bytes)");
        if (length > file.Length - sizeof(long))
            throw Bad(path, $"it is truncated: a header of {length} bytes does not fit in {file.Length} bytes");
        byte[] text = new byte[length];
        file.ReadExactly(text);
        try
        {
            var header = Parse(path, text, file.Length);
            CheckPlaces(path, header.Entries, file.Length - header.DataStart);
            return header;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // Not JSON, or a value of the wrong kind.
            throw Bad(path, "its header is not the JSON of a safetensors file", e);
        }
    }

    private static SafeTensorsHeader Parse(string path, ReadOnlySpan<byte> text, long fileLength)
    {
        var entries = new List<SafeTensorsEntry>();
        var metadata = new OrderedDictionary<string, string>();
        var names = new HashSet<string>();
        var json = new Utf8JsonReader(text);
        json.Read();
        Expect(json, JsonTokenType.StartObject);
        while (NextName(ref json, path))
        {
            string name = json.GetString()!;
            json.Read();
            if (!names.Add(name)) throw Bad(path, $"its header names {Quote.Text(name)} twice");
            if (name == MetadataKey) ParseMetadata(ref json, path, metadata, CheckItems);
            else entries.Add(ParseEntry(ref json, path, name));
            CheckItems();
        }
        // Only white space may follow the object.
        json.Read();
        return new SafeTensorsHeader(entries, metadata, DataStart: sizeof(long) + text.Length);

        void CheckItems()
        {
            int items = entries.Count + metadata.Count;
            if (items > FreeItems && (long)items * BytesOfItem > fileLength)
                throw Bad(path, $"it announces more than {items - 1} tensors and lines of metadata in {fileLength} bytes, fewer than {BytesOfItem} each");
        }
    }

    /// <summary>Moves to the next name in an object; false at the object's end.</summary>
    private static bool NextName(ref Utf8JsonReader json, string path)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.EndObject) return false;
        if (json.ValueSpan.Length > MaxNameBytes) throw Bad(path, $"its header has a name of {json.ValueSpan.Length} bytes; {MaxNameBytes} are read");
        return true;
    }

    private static void Expect(in Utf8JsonReader json, JsonTokenType type)
    {
        if (json.TokenType != type) throw new JsonException();
    }

    private static void ParseMetadata(ref Utf8JsonReader json, string path, OrderedDictionary<string, string> metadata, Action checkItems)
    {
        Expect(json, JsonTokenType.StartObject);
        while (NextName(ref json, path))
        {
            string key = json.GetString()!;
            json.Read();
            if (!metadata.TryAdd(key, json.GetString() ?? "")) throw Bad(path, $"its metadata names {Quote.Text(key)} twice");
            checkItems();
        }
    }

    private static SafeTensorsEntry ParseEntry(ref Utf8JsonReader json, string path, string name)
    {
        DType? type = null;
        Shape? shape = null;
        Span<long> offsets = stackalloc long[3];
        int offsetCount = 0;
        Expect(json, JsonTokenType.StartObject);
        while (NextName(ref json, path))
        {
            if (IsValueOf(ref json, "dtype"u8, type is null)) type = ParseType(json, path, name);
            else if (IsValueOf(ref json, "shape"u8, shape is null)) shape = ParseShape(ref json, path, name);
            else if (IsValueOf(ref json, "data_offsets"u8, offsetCount == 0)) offsetCount = Numbers(ref json, offsets);
            else json.Skip();
        }
        if (type is null || shape is null || offsetCount != 2)
            throw Bad(path, $"{Quote.Text(name)} lacks its dtype, shape or two data_offsets");
        var entry = new SafeTensorsEntry(name, type.Value, shape.Value, offsets[0], offsets[1]);
        if (entry.Begin < 0 || entry.End < entry.Begin || entry.End - entry.Begin != (long)entry.Shape.Count * entry.Type.Bytes())
            throw Bad(path, $"{Quote.Text(name)} of {entry.Type}{Quote.Text($"{entry.Shape}")} has the data_offsets [{entry.Begin}, {entry.End}], "
                + "which do not fit it");
        return entry;
    }

    private static DType ParseType(in Utf8JsonReader json, string path, string name) =>
        json.ValueTextEquals("F32"u8) ? DType.F32
        : json.ValueTextEquals("F64"u8) ? DType.F64
        : json.ValueTextEquals("I64"u8) ? DType.I64
        : json.ValueTextEquals("U8"u8) ? DType.U8
        : json.ValueTextEquals("BF16"u8) ? DType.BF16
        : throw Bad(path, $"{Quote.Text(name)} holds {Quote.Text(json.GetString())}; F32, F64, BF16, I64 and U8 can be read", remedy: "Convert it first.");

    private static Shape ParseShape(ref Utf8JsonReader json, string path, string name)
    {
        Span<long> numbers = stackalloc long[MaxRank + 1];
        int rank = Numbers(ref json, numbers);
        if (rank > MaxRank) throw Bad(path, $"{Quote.Text(name)} has an impossible shape: more than {MaxRank} dimensions");
        Span<int> sizes = stackalloc int[rank];
        for (int i = 0; i < rank; i++)
            sizes[i] = numbers[i] <= int.MaxValue ? (int)Math.Max(numbers[i], -1)
                : throw Bad(path, $"{Quote.Text(name)} has an impossible shape: a size of more than {int.MaxValue}");
        try
        {
            return new Shape(sizes);
        }
        catch (ShapeException e)
        {
            throw Bad(path, $"{Quote.Text(name)} has an impossible shape: {Quote.Text(e.Message)}");
        }
    }

    /// <summary>Whether the name is this one; if so, moves to its value, and refuses a second value of that name.</summary>
    private static bool IsValueOf(ref Utf8JsonReader json, ReadOnlySpan<byte> name, bool first)
    {
        if (!json.ValueTextEquals(name)) return false;
        if (!first) throw new JsonException();
        return json.Read();
    }

    /// <summary>Reads a list of whole numbers, at most as many as there is space for, and returns how many there were.</summary>
    private static int Numbers(ref Utf8JsonReader json, scoped Span<long> numbers)
    {
        Expect(json, JsonTokenType.StartArray);
        int count = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
            if (count < numbers.Length) numbers[count++] = json.GetInt64();
            else json.Skip();
        return count;
    }

    /// <summary>The tensors must fill the rest of the file exactly: no overlaps, no gaps, nothing missing, nothing after them.</summary>
    private static void CheckPlaces(string path, IEnumerable<SafeTensorsEntry> entries, long available)
    {
        long end = 0;
        foreach (var entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            if (entry.Begin != end)
                throw Bad(path, $"{Quote.Text(entry.Name)} {(entry.Begin < end ? "overlaps" : "leaves a hole after")} the tensor before it");
            end = entry.End;
        }
        if (end > available) throw Bad(path, $"it is truncated: {end} bytes of values are announced, {available} are there");
        if (end < available) throw Bad(path, $"{available - end} bytes follow the last tensor");
    }

    private static MiniDLException Bad(string path, string what, Exception? inner = null, string remedy = "Restore, write or download it again.") =>
        new($"[load] {Quote.Visible(path)} cannot be read: {what}. {remedy}", inner);
}
