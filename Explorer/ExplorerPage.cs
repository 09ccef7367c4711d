using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using MiniDL.Diagnostics;

namespace MiniDL.Explaining;

/// <summary>A recording as one HTML file that needs nothing else: the graph to open and close, and backward to step through.</summary>
/// <example><code>
/// using var file = File.Create("explain.html");
/// ExplorerPage.Write(Autograd.Record(() => Loss.CrossEntropy(model.Forward(x), labels)), file);
/// </code></example>
public static partial class ExplorerPage
{
    /// <summary>Writes the page.</summary>
    /// <param name="stream">Where to; it stays open.</param>
    /// <param name="title">The heading.</param>
    /// <param name="subtitle">A line below it.</param>
    public static void Write(GraphRecording recording, Stream stream, string title = "One training step", string subtitle = "")
    {
        using var page = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
        string data = Data(recording);
        page.Write(Place().Replace(Resource.Text("explorer.html"), place => place.Groups[1].Value switch
        {
            "title" => WebUtility.HtmlEncode(title),
            "subtitle" => WebUtility.HtmlEncode(subtitle),
            "data" => data,
            var file => Resource.Text(file),
        }));
    }

    /// <summary>The recording, and the sources of the operators in it. The writer escapes &lt;, so no text can end the script that holds it.</summary>
    private static string Data(GraphRecording recording)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WritePropertyName("recording");
            recording.WriteJson(json);
            json.WriteStartObject("sources");
            foreach (string name in recording.OperatorNames)
            {
                if (!OperatorSource.All.TryGetValue(name, out var source)) continue;
                json.WriteStartObject(name);
                json.WriteString("file", source.File);
                json.WriteString("formula", source.Formula);
                json.WriteString("code", source.Code);
                json.WriteEndObject();
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    [GeneratedRegex(@"\{\{([^{}]+)\}\}")]
    private static partial Regex Place();
}
