using MiniDL.Examples;

namespace MiniDL.Tests.Examples;

/// <summary>Runs the program in this process, in a folder of its own that is deleted afterwards.</summary>
public sealed class Minidl : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("minidl-tests-").FullName;

    /// <summary>A short training: the smallest ResNet on a few synthetic images.</summary>
    public const string Small = "--model resnet8 --train-images 40 --test-images 20 --epochs 3";

    public string Output { get; private set; } = "";

    public string Error { get; private set; } = "";

    public string Folder(string name) => Path.Combine(_root, name);

    public string Read(string name) => File.ReadAllText(Folder(name));

    /// <summary>The cells of a CSV file, row by row, without its header.</summary>
    public string[][] Rows(string name) =>
        [.. Read(name).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Split(','))];

    /// <summary>Runs a command line; <c>@name</c> stands for a path in this run's folder.</summary>
    public int Run(string arguments) => Run(Split(arguments));

    /// <summary>Runs the program with these arguments as they are.</summary>
    public int Run(string[] args)
    {
        using var output = new StringWriter();
        return Run(args, output, CancellationToken.None);
    }

    /// <summary>Runs a command line and presses Ctrl-C, so to speak, when it prints this text.</summary>
    public int RunUntil(string text, string arguments) => RunUntil(text, Split(arguments));

    /// <inheritdoc cref="RunUntil(string, string)"/>
    public int RunUntil(string text, string[] args)
    {
        using var stop = new CancellationTokenSource();
        using var output = new WatchingWriter(text, stop.Cancel);
        return Run(args, output, stop.Token);
    }

    /// <summary>Runs a command line, and does something when it first prints this text.</summary>
    public int RunAndOnce(string text, Action action, string arguments)
    {
        using var output = new WatchingWriter(text, action);
        return Run(Split(arguments), output, CancellationToken.None);
    }

    private string[] Split(string arguments) => [.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select(argument => argument.StartsWith('@') ? Folder(argument[1..]) : argument)];

    private int Run(string[] args, StringWriter output, CancellationToken stop)
    {
        using var error = new StringWriter();
        int code = CommandLineProgram.Run(args, output, error, stop);
        (Output, Error) = (output.ToString(), error.ToString());
        return code;
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private sealed class WatchingWriter(string text, Action action) : StringWriter
    {
        private bool _seen;

        public override void Write(string? value)
        {
            base.Write(value);
            if (_seen || !ToString().Contains(text, StringComparison.Ordinal)) return;
            _seen = true;
            action();
        }
    }
}
