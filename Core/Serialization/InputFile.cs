namespace MiniDL.Serialization;

/// <summary>Opens files of which nothing is known.</summary>
internal static class InputFile
{
    /// <summary>
    /// Opens a file to read it. Pipes and devices have no size: they read as empty, since opening one may wait for ever, and
    /// <c>/dev/zero</c> has no end.
    /// </summary>
    /// <exception cref="IOException">It is not there, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read, or is a folder.</exception>
    public static Stream Open(string path)
    {
        var file = new FileInfo(path);
        if (file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) file = target;
        return file is { Exists: true, Length: 0 } ? Stream.Null : File.OpenRead(path);
    }
}
