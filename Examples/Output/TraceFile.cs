using System.Text;
using MiniDL.Diagnostics;
using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>The file of <c>--trace</c>, which is known to be free and writable before the work begins.</summary>
internal sealed class TraceFile
{
    /// <summary>Steps that a trace has: enough to tell one step's peculiarities from those of all, and few enough to look at.</summary>
    public const int Steps = 3;

    /// <summary>Why a trace is refused on a device that works beside the program.</summary>
    public const string ForHostsAlone = "is for the CPU: a GPU repeats a step as a whole, without its operators. bench --profile times its kernels; leave it out.";

    /// <summary>How a trace begins.</summary>
    private const string Beginning = "{\"displayTimeUnit\"";

    private readonly string _path;

    private TraceFile(string path) => _path = path;

    /// <summary>Null where none was asked for.</summary>
    /// <exception cref="MiniDLException">There is something else, or it cannot be written there.</exception>
    public static TraceFile? At(string? path)
    {
        if (path is null) return null;
        if (Directory.Exists(path)) throw Refused(path, "there is a folder of this name.");
        try
        {
            if (File.Exists(path) && !IsTrace(path)) throw Refused(path, "there is a file that is no trace.");
            string trial = $"{path}.{Guid.NewGuid():N}.tmp";
            using (FileLayer.System.Create(trial))
            {
                // That it could be made is all there is to know.
            }
            File.Delete(trial);
        }
        catch (Exception e) when (FileLayer.IsFailure(e) || e is ArgumentException or NotSupportedException)
        {
            throw Refused(path, e.Message.ReplaceLineEndings(" "));
        }
        return new TraceFile(path);
    }

    /// <summary>Writes the events.</summary>
    /// <param name="what">What was traced, for the line: <c>steps 11 to 13</c>.</param>
    /// <returns>A line that says what is where, and how to look at it.</returns>
    public string Write(Profiler profiler, string what)
    {
        profiler.WriteTrace(_path);
        return $"trace of {what} in {Quote.Visible(_path)}: open it at https://ui.perfetto.dev or chrome://tracing";
    }

    private static bool IsTrace(string path)
    {
        using var file = File.OpenRead(path);
        byte[] beginning = new byte[Beginning.Length];
        return file.ReadAtLeast(beginning, beginning.Length, throwOnEndOfStream: false) == beginning.Length && Encoding.UTF8.GetString(beginning) == Beginning;
    }

    private static MiniDLException Refused(string path, string why) =>
        new($"cannot write a trace to {Quote.Visible(path)}: {why} Choose another file with --trace FILE.");
}
