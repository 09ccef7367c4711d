namespace MiniDL.Serialization;

/// <summary>Writes a file completely or not at all: a reader finds the old file or the new one, never a part.</summary>
/// <example><code>AtomicFile.Write("numbers.bin", stream => stream.Write([1, 2, 3]));</code></example>
public static class AtomicFile
{
    /// <summary>The ending of the names of files that are being written.</summary>
    internal const string TemporaryEnding = ".tmp";

    /// <summary>
    /// Writes into a temporary file in the same folder, flushes it to the disk, renames it to <paramref name="path"/>, and flushes the
    /// folder. On any failure the temporary file is deleted and an existing file stays as it is. If the program is
    /// killed, the temporary file remains: see <see cref="DeleteLeftovers"/>.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="files">The file system to write to; by default the real one.</param>
    /// <param name="beforeRename">Called once the new file is on the disk under its temporary name: the time to rename the old one.</param>
    /// <exception cref="MiniDLException">The file cannot be written: no such folder, no permission, no space.</exception>
    public static void Write(string path, Action<Stream> write, FileLayer? files = null, Action? beforeRename = null)
    {
        files ??= FileLayer.System;
        string temporary = $"{path}.{Guid.NewGuid():N}{TemporaryEnding}";
        try
        {
            using (var stream = files.Create(temporary))
            {
                write(stream);
                files.Flush(stream);
            }
            beforeRename?.Invoke();
            files.Move(temporary, path);
            files.FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception e)
        {
            Delete(temporary);
            if (!FileLayer.IsFailure(e)) throw;
            throw new MiniDLException($"[save] {Quote.Visible(path)} cannot be written: {FileLayer.Reason(e)} "
                + "Choose a folder that exists, can be written and has space.", e);
        }
    }

    /// <summary>Deletes the temporary files that killed programs left in a folder. No program may be writing into it now.</summary>
    public static void DeleteLeftovers(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, "*" + TemporaryEnding))
            if (IsTemporary(path)) Delete(path);
    }

    /// <summary>Whether the name is one that <see cref="Write"/> generates: other .tmp files belong to other programs.</summary>
    private static bool IsTemporary(string path)
    {
        string id = Path.GetExtension(Path.GetFileNameWithoutExtension(path));
        return id.Length > 0 && Guid.TryParseExact(id[1..], "N", out _);
    }

    private static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The error that made the writing fail is the one worth reporting.
        }
    }
}
