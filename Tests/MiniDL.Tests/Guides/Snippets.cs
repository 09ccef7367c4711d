using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace MiniDL.Tests.Guides;

/// <summary>Statements from a guide or a doc comment, and types that they declare.</summary>
/// <param name="File">Where it is written, for error messages.</param>
/// <param name="Line">The line of the file where it begins.</param>
/// <param name="Code">As it is written there.</param>
internal sealed record Snippet(string File, int Line, string Code);

/// <summary>What a snippet printed, and the message of the exception that ended it, if any.</summary>
internal sealed record SnippetOutcome(string Printed, string? Message);

/// <summary>Compiles snippets as if they were in a program that uses all the libraries.</summary>
internal static class Snippets
{
    /// <summary>A program's implicit usings, and one for each namespace of the libraries that guides use.</summary>
    private const string Usings = """
        using System; using System.Collections.Generic; using System.IO; using System.Linq; using System.Threading; using System.Threading.Tasks;
        using MiniDL; using MiniDL.Backends; using MiniDL.Data; using MiniDL.Diagnostics; using MiniDL.Explaining; using MiniDL.Layers;
        using MiniDL.Optim; using MiniDL.Serialization;
        """;

    /// <summary>What stands for the console: it belongs to one snippet, so that tests may run side by side.</summary>
    private const string RecordingConsole = """
        public sealed class RecordingConsole : System.IO.StringWriter
        {
            public System.IO.TextWriter Out => this;
            public System.IO.TextWriter Error => this;
        }
        """;

    /// <summary>Compiles snippets, each on its own: they do not see each other's variables and types.</summary>
    /// <param name="snippets">What to compile.</param>
    /// <param name="members">Declarations of fields and methods that all snippets may use; their own variables hide them.</param>
    /// <returns>What runs each of them.</returns>
    public static IReadOnlyList<Func<SnippetOutcome>> Compile(IReadOnlyList<Snippet> snippets, string members = "")
    {
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var trees = snippets.Select((snippet, i) => Program(snippet, i, members, options)).Append(RecordingConsole)
            .Select(text => CSharpSyntaxTree.ParseText(text, options, path: "", Encoding.UTF8));
        string platform = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        var compilation = CSharpCompilation.Create("Snippets" + Guid.NewGuid().ToString("N"), trees,
            platform.Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));
        using var image = new MemoryStream();
        using var symbols = new MemoryStream();
        var result = compilation.Emit(image, symbols);
        var errors = result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)
            .Select(d => (Place: d.Location.GetMappedLineSpan(), Message: d.GetMessage()))
            .Select(d => $"{d.Place.Path}:{d.Place.StartLinePosition.Line + 1}: {d.Message}");
        Assert.True(result.Success, string.Join('\n', errors));
        var assembly = Assembly.Load(image.ToArray(), symbols.ToArray());
        return [.. snippets.Select((snippet, i) => Runner(snippet, assembly.GetType($"Snippet{i}.Program")!))];
    }

    private static Func<SnippetOutcome> Runner(Snippet snippet, Type program) => () =>
    {
        Exception? error = null;
        // On a thread of its own: some snippets change what belongs to a thread.
        var thread = new Thread(() => error = Error(program));
        thread.Start();
        thread.Join();
        // For readers the snippet is a program of its own.
        string? message = error is null ? null : Regex.Replace(error.Message, $@"{Regex.Escape(Path.GetFileName(snippet.File))}:(\d+)",
            place => $"Program.cs:{int.Parse(place.Groups[1].Value, CultureInfo.InvariantCulture) - snippet.Line + 1}");
        return new SnippetOutcome(program.GetField("Console")!.GetValue(null)!.ToString()!, message);
    };

    private static Exception? Error(Type program)
    {
        try
        {
            program.GetMethod("Run")!.Invoke(null, null);
            return null;
        }
        catch (TargetInvocationException e)
        {
            return e.InnerException;
        }
    }

    /// <summary>A namespace with the snippet's types and with a method that consists of its statements.</summary>
    private static string Program(Snippet snippet, int number, string members, CSharpParseOptions options)
    {
        var root = CSharpSyntaxTree.ParseText(snippet.Code, options).GetCompilationUnitRoot();
        var usings = root.Usings.Select(directive => directive.ToString()).Where(text => !Usings.Contains(text, StringComparison.Ordinal));
        string types = string.Concat(root.Members.Where(member => member is not GlobalStatementSyntax).Select(Placed));
        string statements = string.Concat(root.Members.OfType<GlobalStatementSyntax>().Select(Placed));
        return $$"""
            {{Usings}}
            {{string.Join('\n', usings)}}
            namespace Snippet{{number}}
            {
                {{types}}
            #line hidden
                public static class Program
                {
                    public static readonly RecordingConsole Console = new();
            {{members}}
                    public static void Run()
                    {
                        {{statements}}
            #line hidden
                    }
                }
            }
            """;

        string Placed(SyntaxNode node) =>
            $"\n#line {snippet.Line + root.SyntaxTree.GetLineSpan(node.FullSpan).StartLinePosition.Line} \"{snippet.File}\"\n{node.ToFullString()}\n";
    }
}
