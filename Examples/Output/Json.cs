using System.Text.Json;
using System.Text.Json.Nodes;

namespace MiniDL.Examples.Output;

/// <summary>How settings look in JSON: snake_case keys.</summary>
internal static class Json
{
    public static JsonSerializerOptions Compact { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static JsonSerializerOptions Indented { get; } = new(Compact) { WriteIndented = true };

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
