namespace MiniDL.Tests;

/// <summary>Programs that tests use where they are installed.</summary>
internal static class ProgramOnPath
{
    /// <summary>The first of these names that a folder of PATH has; null for none.</summary>
    public static string? Find(params string[] names) =>
        (from name in names
         from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
         select Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}
