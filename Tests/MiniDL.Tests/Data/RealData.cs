namespace MiniDL.Tests.Data;

/// <summary>Where real datasets are: MINIDL_DATA, or shared/data beside the repository.</summary>
internal static class RealData
{
    public static string? Directory { get; } = Candidates().FirstOrDefault(System.IO.Directory.Exists);

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("MINIDL_DATA") is { Length: > 0 } named) yield return named;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "MiniDL.sln")))
                yield return Path.GetFullPath(Path.Combine(folder.FullName, "../shared/data"));
    }
}

/// <summary>A test that needs the real CIFAR-10 archive, and is skipped without it.</summary>
public sealed class NeedsCifar10FactAttribute : FactAttribute
{
    public NeedsCifar10FactAttribute()
    {
        const string archive = "cifar-10-binary.tar.gz";
        if (RealData.Directory is null || !File.Exists(Path.Combine(RealData.Directory, archive)))
            Skip = $"needs {archive} in $MINIDL_DATA or in ../shared/data beside the repository";
    }
}
