using System.Diagnostics;
using MiniDL.Examples;
using MiniDL.Examples.Output;

namespace MiniDL.Tests.Examples;

/// <summary>What is printed to be pasted goes through a real shell, with a function in place of dotnet that prints its arguments.</summary>
public sealed class ShellCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("minidl-shell-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> NastyNames =>
    [
        "plain", "runs/bn-b8_s0.1", "two words", " led and trailed ", "it's", "'quoted'", "a\"b", "$HOME", "$(touch x)", "`touch x`", "a;touch x", "a|b",
        "a&b", "a>b", "*", "?", "[a-z]", "{a,b}", "~", "~root", "a\\b", "back\\", "#no", "a#b", "!x", "-x", "--out", "-", "=ls", "a=b", "first\nsecond",
        "ends\n", "tab\there", "größe", "百", "$'x'", "''", "%1", "^a", "(a)", "<a",
    ];

    [Theory, MemberData(nameof(NastyNames))]
    public void What_a_shell_makes_of_the_command_is_what_was_meant(string name)
    {
        string command = new ShellCommand("train", name).Option("out", name).Flag("augment", true).Option("lr", 0.05).Option("seed", null).ToString();
        string[] call = [.. HelpPage.Call.Split(' ').Skip(1)];
        string[] value = name.StartsWith('-') ? [$"--out={name}"] : ["--out", name];
        Assert.Equal([.. call, "train", name, .. value, "--augment", "--lr", "0.05"], PastedShell.Arguments(command, _folder));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void A_word_that_needs_no_quotes_has_none()
    {
        Assert.Equal("--out runs/a-b_c.1,2:3@4%5+6=7", ShellCommand.Given("out", "runs/a-b_c.1,2:3@4%5+6=7"));
        Assert.Equal("--out ''", ShellCommand.Given("out", ""));
        Assert.Equal(@"--out 'Ann'\''s run'", ShellCommand.Given("out", "Ann's run"));
    }

    [Fact]
    public void Exact_convolutions_are_asked_for_before_the_call()
    {
        Assert.Equal($"MINIDL_CONV_ALGORITHM=exact {HelpPage.Call} compare", new ShellCommand(["compare"], ConvAlgorithm.Exact).ToString());
        Assert.Equal($"{HelpPage.Call} compare", new ShellCommand(["compare"], ConvAlgorithm.Fastest).ToString());
    }
}

/// <summary>A shell into which a command is pasted, with a function in place of dotnet that prints its arguments.</summary>
internal static class PastedShell
{
    /// <param name="folder">Where the shell is.</param>
    public static string[] Arguments(string command, string folder)
    {
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true, RedirectStandardInput = true, WorkingDirectory = folder };
        using var shell = Process.Start(start)!;
        shell.StandardInput.Write($"dotnet() {{ printf '%s\\0' \"$@\"; }}\n{command}\n");
        shell.StandardInput.Close();
        string output = shell.StandardOutput.ReadToEnd();
        shell.WaitForExit();
        return output.Length == 0 ? [] : output[..^1].Split('\0');
    }
}
