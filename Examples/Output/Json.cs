using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>How settings look in JSON: snake_case keys.</summary>
internal static class Json
{
    /// <summary>The longest file that is read; settings have a thousand bytes or two.</summary>
    private const int MaxBytes = 1 << 20;

    public static JsonSerializerOptions Compact { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        // A name that is not known may be one that is, damaged.
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        Converters = { new FiniteConverter() },
    };

    public static JsonSerializerOptions Indented { get; } = new(Compact) { WriteIndented = true };

    /// <summary>Reads a file with an object that this program has written.</summary>
    /// <exception cref="MiniDLException">It is damaged; the message says where. It ends with the remedy.</exception>
    /// <exception cref="IOException">It is not there, or cannot be read.</exception>
    public static T ReadFile<T>(string path, string remedy) where T : class
    {
        using var stream = InputFile.Open(path);
        if (stream.Length > MaxBytes) throw new MiniDLException($"{Quote.Visible(path)} has {stream.Length} bytes, expected at most {MaxBytes}. {remedy}");
        byte[] text = new byte[stream.Length];
        stream.ReadExactly(text);
        // Some editors put the mark of UTF-8 in front.
        return Read<T>(text.AsSpan(text.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0), path, remedy);
    }

    /// <summary>Reads an object that this program has written.</summary>
    /// <param name="source">What messages call the text.</param>
    /// <exception cref="MiniDLException">It is damaged; the message says where. It ends with the remedy.</exception>
    public static T Read<T>(string text, string source, string remedy) where T : class =>
        Read<T>(Encoding.UTF8.GetBytes(text), source, remedy);

    private static T Read<T>(ReadOnlySpan<byte> utf8, string source, string remedy) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(utf8, Compact) ?? throw new JsonException("it is null", "$", 0, 0);
        }
        catch (JsonException e)
        {
            throw new MiniDLException($"{Quote.Visible(source)}, line {e.LineNumber + 1}, column {e.BytePositionInLine + 1}: "
                + $"{Problem(e)} (at {Quote.Text(e.Path)}). {remedy}", e);
        }
        catch (Exception e) when (e is InvalidOperationException or NotSupportedException or FormatException or OverflowException or ArgumentException)
        {
            // What the library throws for text that is no Unicode and for numbers that it cannot hold, at no place.
            throw new MiniDLException($"{Quote.Visible(source)}: {Quote.Text(e.Message).TrimEnd('.')}. {remedy}", e);
        }
    }

    /// <summary>What the library says, without its types and its own words for the place.</summary>
    private static string Problem(JsonException e)
    {
        const string missing = "properties including: ";
        string text = e.Message.Split(" Path: ")[0].TrimEnd('.');
        if (text.Contains("could not be mapped", StringComparison.Ordinal))
            return $"there is an unknown name {Quote.Text(text.Split('\'').ElementAtOrDefault(1))}";
        int lacks = text.IndexOf(missing, StringComparison.Ordinal);
        if (lacks >= 0) return $"it lacks {Quote.Text(text[(lacks + missing.Length)..])}";
        if (text.StartsWith("Duplicate", StringComparison.Ordinal)) return "a name is there twice";
        if (text.Contains("null values", StringComparison.Ordinal)) return "there is a null where a value must be";
        return text.StartsWith("The JSON value", StringComparison.Ordinal) ? "a value is of the wrong kind" : Quote.Text(text);
    }

    /// <summary>What differs between two objects of one type: <c>epochs 10 there, 20 here</c>.</summary>
    public static string Difference<T>(T there, T here)
    {
        var a = JsonSerializer.SerializeToNode(there, Compact)!.AsObject();
        var b = JsonSerializer.SerializeToNode(here, Compact)!.AsObject();
        return Quote.First(a.Where(field => !JsonNode.DeepEquals(field.Value, b[field.Key]))
            .Select(field => $"{field.Key} {Text(field.Value)} there, {Text(b[field.Key])} here"), "; ");
    }

    private static string Text(JsonNode? value) => value is null ? "unset" : Quote.Text(value.ToString());

    /// <summary>The library reads 1e400 as infinity without a word.</summary>
    private sealed class FiniteConverter : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            reader.GetDouble() is var number && double.IsFinite(number) ? number : throw new JsonException("a number is too large");

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteNumberValue(value);
    }
}
