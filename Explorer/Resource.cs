using System.Reflection;

namespace MiniDL.Explaining;

/// <summary>The files that are embedded in this library.</summary>
internal static class Resource
{
    private static readonly Assembly Library = typeof(Resource).Assembly;

    public static IEnumerable<string> Names => Library.GetManifestResourceNames();

    public static string Text(string name)
    {
        using var stream = Library.GetManifestResourceStream(name) ?? throw new ArgumentException($"There is no file {name} in the library.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
