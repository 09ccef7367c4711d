namespace MiniDL.Serialization;

/// <summary>Writes a file whole or not at all: whoever reads the path finds the old file or the new one, never a part.</summary>
public static class AtomicFile
{
    /// <summary>How the names of files end that are being written.</summary>
    internal const string TemporaryEnding = ".tmp";

    /// <summary>
    /// Writes into a temporary file of the same folder, flushes it to the disk, renames it to <paramref name="path"/>, and flushes the
    /// folder. Whatever fails on the way, the temporary file is deleted and a file that was there before stays as it is. A program that is
    /// killed leaves the temporary file: <see cref="DeleteLeftovers"/>.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="files">Where it is written; the file system by default.</param>
    /// <param name="beforeRename">Called when the new file is on the disk under its temporary name: the time to rename the old one.</param>
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

    /// <summary>Deletes the temporary files that programs which were killed left in a folder. None may be writing into it now.</summary>
    public static void DeleteLeftovers(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, "*" + TemporaryEnding))
            if (IsTemporary(path)) Delete(path);
    }

    /// <summary>Whether <see cref="Write"/> made up the name: other people's .tmp files are theirs.</summary>
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
            // What made the writing fail is the error worth reporting.
        }
    }
}
