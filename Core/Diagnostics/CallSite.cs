using System.Diagnostics;

namespace MiniDL.Diagnostics;

/// <summary>Where in the user's program something was called.</summary>
internal static class CallSite
{
    private static readonly string[] Libraries = ["MiniDL.Core", "MiniDL.Layers", "MiniDL.Optim", "MiniDL.Data", "MiniDL.Explorer"];

    /// <summary>
    /// The innermost line on this thread's stack that is in none of the libraries: <c>Program.cs:12</c>. Null where the program came
    /// without symbols.
    /// </summary>
    public static string? OfUser()
    {
        foreach (var frame in new StackTrace(fNeedFileInfo: true).GetFrames())
        {
            // Frames of the runtime have no file: a lambda that LINQ calls leads to the line that called LINQ.
            if (frame.GetFileName() is not { Length: > 0 } file || IsInLibrary(frame)) continue;
            return $"{file[(file.LastIndexOfAny(['/', '\\']) + 1)..]}:{frame.GetFileLineNumber()}";
        }
        return null;
    }

    private static bool IsInLibrary(StackFrame frame)
    {
        string assembly = DiagnosticMethodInfo.Create(frame)?.DeclaringAssemblyName ?? "";
        int end = assembly.IndexOf(',');
        return Libraries.Contains(end < 0 ? assembly : assembly[..end]);
    }
}
