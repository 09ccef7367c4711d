using System.Runtime.InteropServices;

namespace MiniDL.Serialization;

/// <summary>
/// The file operations that make writes durable: until <see cref="Flush"/>, a file's bytes, and until <see cref="FlushFolder"/>, its name
/// may be lost in a power failure. Everything that must survive is written through this class, so that a test can substitute one that
/// loses what was not flushed.
/// </summary>
/// <example><code>AtomicFile.Write("numbers.bin", stream => stream.Write([1, 2, 3]), FileLayer.System);</code></example>
public class FileLayer
{
    /// <summary>The file system.</summary>
    public static FileLayer System { get; } = new();

    /// <summary>
    /// Whether an exception is a failure of the file system. That includes .NET's ArgumentOutOfRangeException for a file that grows over a
    /// limit of the process (<c>ulimit -f</c>).
    /// </summary>
    public static bool IsFailure(Exception e) =>
        e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" };

    /// <summary>The message of such an exception, on one line.</summary>
    public static string Reason(Exception e) =>
        e is ArgumentOutOfRangeException ? "the file is too large for its file system, or for the limit of the process (ulimit -f)."
        : e.Message.ReplaceLineEndings(" ");

    /// <summary>Creates a file that must not exist yet.</summary>
    /// <exception cref="IOException">It exists, or its folder does not.</exception>
    public virtual FileStream Create(string path) => new(path, FileMode.CreateNew, FileAccess.Write);

    /// <summary>Opens a file for appending; creates it if there is none.</summary>
    public virtual FileStream Append(string path) => new(path, FileMode.Append, FileAccess.Write, FileShare.Read);

    /// <summary>Returns when the bytes written so far are on the disk.</summary>
    public virtual void Flush(FileStream file) => file.Flush(flushToDisk: true);

    /// <summary>Renames a file within a folder, replacing any file that already has the new name.</summary>
    public virtual void Move(string from, string to) => File.Move(from, to, overwrite: true);

    /// <summary>Deletes a file, if it exists.</summary>
    public virtual void Delete(string path)
    {
        if (File.Exists(path)) File.Delete(path);
    }

    /// <summary>Creates a folder and its missing parents; their names are on the disk when it returns.</summary>
    public virtual void CreateFolder(string path)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Directory.Exists(path) || Path.GetDirectoryName(path) is not { } parent) return;
        CreateFolder(parent);
        Directory.CreateDirectory(path);
        FlushFolder(parent);
    }

    /// <summary>Returns when the names in a folder, as they are now, are on the disk. Windows needs no such call.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public virtual void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        int folder = Posix.Open(path, Posix.ReadOnly);
        // A folder that may be written but not read cannot be opened, and there is no other way to flush it.
        if (folder < 0) return;
        int result = Posix.Flush(folder), error = Marshal.GetLastPInvokeError();
        _ = Posix.Close(folder);
        if (result != 0 && error == Posix.InputOutputError)
            throw new IOException($"{path} cannot be flushed to the disk: {Marshal.GetPInvokeErrorMessage(error)}.");
    }
}

/// <summary>System calls that .NET lacks: files, including folders, by descriptor.</summary>
internal static partial class Posix
{
    public const int ReadOnly = 0, InputOutputError = 5;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Flush(int file);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int file);
}
