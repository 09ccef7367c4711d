using System.Buffers;
using System.Text.Json;

namespace MiniDL.Serialization;

/// <summary>One tensor of a safetensors file; byte positions are relative to the start of the values.</summary>
internal readonly record struct SafeTensorsEntry(string Name, DType Type, Shape Shape, long Begin, long End);

/// <summary>The header of a safetensors file.</summary>
internal sealed partial record SafeTensorsHeader(IReadOnlyList<SafeTensorsEntry> Entries, IReadOnlyDictionary<string, string> Metadata, long DataStart)
{
    private const string MetadataKey = "__metadata__";

    /// <summary>The header of these tensors, stored one after the other; padded so that the values start on an 8-byte boundary.</summary>
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
}
