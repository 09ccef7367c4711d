namespace MiniDL.Serialization;

/// <summary>Writes a file whole or not at all: whoever reads the path finds the old file or the new one, never a part.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes into a temporary file of the same folder, flushes it to disk and renames it to <paramref name="path"/>. Whatever
    /// fails on the way, the temporary file is deleted and a file that was there before stays as it is.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="MiniDLException">The file cannot be written: no such folder, no permission, no space.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e)
        {
            Delete(temporary);
            if (e is not (IOException or UnauthorizedAccessException)) throw;
            throw new MiniDLException($"[save] {path} cannot be written: {e.Message.ReplaceLineEndings(" ")} "
                + "Choose a folder that exists, can be written and has space.", e);
        }
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
