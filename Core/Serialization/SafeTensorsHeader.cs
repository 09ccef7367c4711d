using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace MiniDL.Serialization;

/// <summary>One tensor of a safetensors file; its bytes count from the start of the values.</summary>
internal readonly record struct SafeTensorsEntry(string Name, DType Type, Shape Shape, long Begin, long End);

/// <summary>The header of a safetensors file. Reading it trusts nothing: what it returns fits the file.</summary>
internal sealed record SafeTensorsHeader(IReadOnlyList<SafeTensorsEntry> Entries, IReadOnlyDictionary<string, string> Metadata, long DataStart)
{
    /// <summary>The limit of the format's own implementation.</summary>
    private const int MaxLength = 100_000_000;

    private const string MetadataKey = "__metadata__";

    /// <summary>The header of these tensors, stored one after the other; padded so that the values start on 8 bytes.</summary>
    public static byte[] Write(ReadOnlySpan<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 }) WriteMetadata(json, metadata);
            long begin = 0;
            foreach (var (name, tensor) in tensors)
            {
                if (name == MetadataKey) throw new MiniDLException($"[save] a tensor cannot be named {MetadataKey}, which the format reserves.");
                long end = begin + (long)tensor.Count * tensor.DType.Bytes();
                WriteEntry(json, new SafeTensorsEntry(name, tensor.DType, tensor.Shape, begin, end));
                begin = end;
            }
            json.WriteEndObject();
        }
        int padded = (buffer.WrittenCount + 7) / 8 * 8;
        byte[] header = new byte[padded];
        header.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(header);
        return header;
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject(MetadataKey);
        foreach (var (key, value) in metadata) json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static void WriteEntry(Utf8JsonWriter json, SafeTensorsEntry entry)
    {
        json.WriteStartObject(entry.Name);
        json.WriteString("dtype", entry.Type.ToString());
        json.WriteStartArray("shape");
        foreach (int size in entry.Shape) json.WriteNumberValue(size);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(entry.Begin);
        json.WriteNumberValue(entry.End);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Reads and checks the header at the start of a file.</summary>
    /// <exception cref="MiniDLException">It is not one, or does not fit the file.</exception>
    public static SafeTensorsHeader Read(string path, Stream file)
    {
        if (file.Length < sizeof(long)) throw Bad(path, $"it has {file.Length} bytes, too few for a safetensors file");
        Span<byte> prefix = stackalloc byte[sizeof(long)];
        file.ReadExactly(prefix);
        long length = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (length is < 2 or > MaxLength) throw Bad(path, $"its first 8 bytes are no length of a safetensors header (2 to {MaxLength} bytes)");
        if (length > file.Length - sizeof(long))
            throw Bad(path, $"it is truncated: a header of {length} bytes does not fit in {file.Length} bytes");
        byte[] text = new byte[length];
        file.ReadExactly(text);
        try
        {
            using var json = JsonDocument.Parse(text);
            var header = Parse(path, json.RootElement, dataStart: sizeof(long) + length);
            CheckPlaces(path, header.Entries, file.Length - header.DataStart);
            return header;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // Not JSON, or a value of another kind than the format says.
            throw Bad(path, "its header is not the JSON of a safetensors file", e);
        }
    }

    private static SafeTensorsHeader Parse(string path, JsonElement root, long dataStart)
    {
        var entries = new List<SafeTensorsEntry>();
        var metadata = new OrderedDictionary<string, string>();
        var names = new HashSet<string>();
        foreach (var property in root.EnumerateObject())
        {
            if (!names.Add(property.Name)) throw Bad(path, $"its header names {property.Name} twice");
            if (property.Name != MetadataKey) entries.Add(ParseEntry(path, property.Name, property.Value));
            else
                foreach (var text in property.Value.EnumerateObject()) metadata[text.Name] = text.Value.GetString() ?? "";
        }
        return new SafeTensorsHeader(entries, metadata, dataStart);
    }

    private static SafeTensorsEntry ParseEntry(string path, string name, JsonElement json)
    {
        if (!json.TryGetProperty("dtype", out var dtype) || !json.TryGetProperty("shape", out var shape)
            || !json.TryGetProperty("data_offsets", out var offsets) || offsets.GetArrayLength() != 2)
            throw Bad(path, $"{name} lacks its dtype, shape or two data_offsets");
        var entry = new SafeTensorsEntry(name, ParseType(path, name, dtype.GetString()), ParseShape(path, name, shape),
            offsets[0].GetInt64(), offsets[1].GetInt64());
        if (entry.Begin < 0 || entry.End - entry.Begin != (long)entry.Shape.Count * entry.Type.Bytes())
            throw Bad(path, $"{name} of {entry.Type}{entry.Shape} has the data_offsets [{entry.Begin}, {entry.End}], which do not fit it");
        return entry;
    }

    private static DType ParseType(string path, string name, string? type) => type switch
    {
        "F32" => DType.F32,
        "F64" => DType.F64,
        "I64" => DType.I64,
        "U8" => DType.U8,
        "BF16" => DType.BF16,
        _ => throw Bad(path, $"{name} holds {type}; F32, F64, BF16, I64 and U8 can be read", remedy: "Convert it first."),
    };

    private static Shape ParseShape(string path, string name, JsonElement json)
    {
        try
        {
            return new Shape([.. json.EnumerateArray().Select(size => size.GetInt32())]);
        }
        catch (ShapeException e)
        {
            throw Bad(path, $"{name} has an impossible shape: {e.Message}");
        }
    }

    /// <summary>The tensors must fill the rest of the file: no overlaps, no holes, nothing missing, nothing behind.</summary>
    private static void CheckPlaces(string path, IEnumerable<SafeTensorsEntry> entries, long available)
    {
        long end = 0;
        foreach (var entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            if (entry.Begin != end) throw Bad(path, $"{entry.Name} {(entry.Begin < end ? "overlaps" : "leaves a hole behind")} the tensor before it");
            end = entry.End;
        }
        if (end > available) throw Bad(path, $"it is truncated: {end} bytes of values are announced, {available} are there");
        if (end < available) throw Bad(path, $"{available - end} bytes follow the last tensor");
    }

    private static MiniDLException Bad(string path, string what, Exception? inner = null, string remedy = "Restore, write or download it again.") =>
        new($"[load] {path} cannot be read: {what}. {remedy}", inner);
}
