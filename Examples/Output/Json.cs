using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>How settings look in JSON: snake_case keys.</summary>
internal static class Json
{
    public static JsonSerializerOptions Compact { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        // A name that is not known may be one that is, damaged.
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    public static JsonSerializerOptions Indented { get; } = new(Compact) { WriteIndented = true };

    /// <summary>Reads an object that this program has written.</summary>
    /// <param name="source">What messages call the text.</param>
    /// <exception cref="MiniDLException">It is damaged; the message says where. It ends with the remedy.</exception>
    public static T Read<T>(string text, string source, string remedy) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, Compact) ?? throw new JsonException("it is null", "$", 0, 0);
        }
        catch (JsonException e)
        {
            throw new MiniDLException(
                $"{source}, line {e.LineNumber + 1}, column {e.BytePositionInLine + 1}: {Problem(e)} (at {e.Path}). {remedy}", e);
        }
    }

    /// <summary>What the library says, without its types and its own words for the place.</summary>
    private static string Problem(JsonException e)
    {
        const string missing = "properties including: ";
        string text = e.Message.Split(" Path: ")[0].TrimEnd('.');
        if (text.Contains("could not be mapped", StringComparison.Ordinal))
            return $"there is an unknown name {text.Split('\'').ElementAtOrDefault(1)}";
        int lacks = text.IndexOf(missing, StringComparison.Ordinal);
        if (lacks >= 0) return $"it lacks {text[(lacks + missing.Length)..]}";
        if (text.Contains("null values", StringComparison.Ordinal)) return "there is a null where a value must be";
        return text.StartsWith("The JSON value", StringComparison.Ordinal) ? "a value is of the wrong kind" : text;
    }

    /// <summary>What differs between two objects of one type: <c>epochs 10 there, 20 here</c>.</summary>
    public static string Difference<T>(T there, T here)
    {
        var a = JsonSerializer.SerializeToNode(there, Compact)!.AsObject();
        var b = JsonSerializer.SerializeToNode(here, Compact)!.AsObject();
        return string.Join("; ", a.Where(field => !JsonNode.DeepEquals(field.Value, b[field.Key]))
            .Select(field => $"{field.Key} {Text(field.Value)} there, {Text(b[field.Key])} here"));
    }

    private static string Text(JsonNode? value) => value?.ToString() ?? "unset";
}
