namespace MiniDL.Serialization;

/// <summary>Opens files that may be anything.</summary>
internal static class InputFile
{
    /// <summary>
    /// Opens a file for reading. Pipes and devices have no size and read as empty, since opening a pipe may wait for ever and
    /// <c>/dev/zero</c> has no end.
    /// </summary>
    /// <exception cref="IOException">It does not exist, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Access is denied, or it is a folder.</exception>
    public static Stream Open(string path)
    {
        var file = new FileInfo(path);
        if (file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) file = target;
        return file is { Exists: true, Length: 0 } ? Stream.Null : File.OpenRead(path);
    }
}
