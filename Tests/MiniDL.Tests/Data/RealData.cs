namespace MiniDL.Tests.Data;

/// <summary>Where the real CIFAR-10 is: in the folder that MINIDL_DATA names, or in data in or beside the checkout.</summary>
internal static class RealData
{
    public const string Archive = "cifar-10-binary.tar.gz";

    public static string? Directory { get; } = Candidates().FirstOrDefault(folder => File.Exists(Path.Combine(folder, Archive)));

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("MINIDL_DATA") is { Length: > 0 } named) yield return named;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "MiniDL.sln")))
                foreach (string place in new[] { "data", "../shared/data" })
                    yield return Path.GetFullPath(Path.Combine(folder.FullName, place));
    }
}

/// <summary>A test that needs the real CIFAR-10 archive, and is skipped without it.</summary>
public sealed class NeedsCifar10FactAttribute : FactAttribute
{
    public NeedsCifar10FactAttribute()
    {
        if (RealData.Directory is null) Skip = $"the real CIFAR-10 is not a part of the project (170 MB): put {RealData.Archive} into the folder that MINIDL_DATA names, or into data/";
    }
}
