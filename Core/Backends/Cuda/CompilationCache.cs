using System.Runtime.InteropServices;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// The folder where the driver keeps what it has compiled: without it every start compiles all kernels anew, for seconds. The driver's own
/// choice is ~/.nv/ComputeCache; where that cannot be written, it is told another before it starts.
/// </summary>
internal static partial class CompilationCache
{
    private const string Variable = "CUDA_CACHE_PATH", Disabled = "CUDA_CACHE_DISABLE";

    private const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>The folder; null where nothing is kept.</summary>
    public static string? Folder { get; private set; }

    /// <summary>Finds a folder that can be written, and tells the driver if that is not its own choice. Before the driver starts.</summary>
    public static void Choose()
    {
        if (Environment.GetEnvironmentVariable(Disabled) is "1") return;
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen)
        {
            Folder = CanWrite(chosen) ? chosen : null;
            return;
        }
        // On Windows the driver keeps it with the user's application data, which can be written.
        if (OperatingSystem.IsWindows()) return;
        string home = Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } given ? given : "/nonexistent";
        string own = Path.Combine(home, ".nv", "ComputeCache");
        string instead = Path.Combine(Path.GetTempPath(), $"minidl-cuda-cache-{Environment.UserName}");
        Folder = CanWrite(own) ? own : CanWrite(instead) ? instead : null;
        // .NET keeps an environment of its own, which native libraries do not see.
        if (Folder == instead) _ = SetEnvironmentVariable(Variable, instead, 1);
    }

    /// <summary>Whether it is a folder, or can be made one, of this user alone: code from it is run.</summary>
    private static bool CanWrite(string folder)
    {
        try
        {
            if (!OperatingSystem.IsWindows()) Directory.CreateDirectory(folder, OwnersAlone);
            else Directory.CreateDirectory(folder);
            const UnixFileMode others = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(folder) & others) != 0) return false;
            string probe = Path.Combine(folder, $".minidl-{Environment.ProcessId}");
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose)) return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironmentVariable(string name, string value, int overwrite);
}
