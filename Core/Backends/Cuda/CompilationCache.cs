using System.Runtime.InteropServices;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// The folder where the driver keeps compiled kernels. Without it every start compiles all kernels again, which takes seconds. The driver's
/// default is ~/.nv/ComputeCache; if that is not writable, another folder is chosen before the driver starts.
/// </summary>
internal static partial class CompilationCache
{
    private const string Variable = "CUDA_CACHE_PATH", Disabled = "CUDA_CACHE_DISABLE";

    private const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>The folder; null if nothing is kept.</summary>
    public static string? Folder { get; private set; }

    /// <summary>Finds a writable folder and, if it is not the driver's default, tells the driver. Call before the driver starts.</summary>
    public static void Choose()
    {
        if (Environment.GetEnvironmentVariable(Disabled) is "1") return;
        string own = OperatingSystem.IsWindows()
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "NVIDIA", "ComputeCache")
            : Path.Combine(Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? home : "/nonexistent", ".nv", "ComputeCache");
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen) own = chosen;
        else if (!OperatingSystem.IsWindows() && !CanWrite(own))
        {
            string instead = Path.Combine(Path.GetTempPath(), $"minidl-cuda-cache-{Environment.UserName}");
            if (!CanWrite(instead) || !IsOwnersAlone(instead)) return;
            // .NET has its own copy of the environment, which native libraries do not see.
            if (SetEnvironmentVariable(Variable, instead, 1) == 0) Folder = instead;
            return;
        }
        if (CanWrite(own)) Folder = own;
    }

    /// <summary>Whether the folder exists, or can be created, and is writable.</summary>
    private static bool CanWrite(string folder)
    {
        try
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, OwnersAlone);
            string probe = Path.Combine(folder, $".minidl-{Environment.ProcessId}");
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose)) return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Whether only the owner can write there: anyone may have created a folder in the temporary directory, and code put into it would be run.
    /// </summary>
    private static bool IsOwnersAlone(string folder) => !OperatingSystem.IsWindows() && File.GetUnixFileMode(folder) == OwnersAlone;

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironmentVariable(string name, string value, int overwrite);
}
