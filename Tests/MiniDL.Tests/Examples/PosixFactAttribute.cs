namespace MiniDL.Tests.Examples;

/// <summary>A test that sends POSIX signals or starts the program through <c>sh</c>, neither of which Windows has.</summary>
public sealed class PosixFactAttribute : FactAttribute
{
    /// <param name="needs">A file that the system must have.</param>
    public PosixFactAttribute(string? needs = null) =>
        Skip = PosixTheoryAttribute.Missing ?? (needs is null || File.Exists(needs) ? null : $"this system has no {needs}, which stands for a full disk here");
}

/// <inheritdoc cref="PosixFactAttribute"/>
public sealed class PosixTheoryAttribute : TheoryAttribute
{
    public PosixTheoryAttribute() => Skip = Missing;

    /// <summary>Why there are no such tests here; null where there are.</summary>
    internal static string? Missing => OperatingSystem.IsWindows()
        ? "sends POSIX signals and starts the program through sh: Windows has neither (Ctrl-C is tested in the process)" : null;
}
