namespace MiniDL.Examples.Options;

/// <summary>The heading under which a verb's help lists an option.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SectionAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}

/// <summary>A sentence that a verb's help says below the options.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class NoteAttribute(string text) : Attribute
{
    public string Text { get; } = text;
}

/// <summary>A command line that a verb's help shows, and what it does.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class ExampleAttribute(string arguments, string meaning) : Attribute
{
    public string Arguments { get; } = arguments;

    public string Meaning { get; } = meaning;
}
