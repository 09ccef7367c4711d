using System.Diagnostics;
using MiniDL.Examples;

namespace MiniDL.Tests.Examples;

/// <summary>The program as a process of its own: signals, limits and streams that cannot be written.</summary>
public sealed class SignalTests : IDisposable
{
    private const string Train = "train --model mlp --train-images 200 --test-images 20 --batch-size 10 --epochs 1000000 --schedule none";

    /// <summary>A run that has written so many rows since it was told to stop goes on for ever.</summary>
    private const int MaxRowsAfter = 1000;

    private static readonly string Program = Path.ChangeExtension(typeof(CommandLineProgram).Assembly.Location, ".dll");

    private readonly string _root = Directory.CreateTempSubdirectory("minidl-signals-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [PosixTheory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public async Task A_signal_saves_where_the_run_stands_and_sets_the_exit_code(string signal, int code)
    {
        var (exit, output, error) = await RunAndKill("", signal);
        Assert.Equal((code, ""), (exit, error));
        Assert.Contains("go on with:", output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_root, "run/checkpoint/last.safetensors")));
    }

    [PosixFact]
    public async Task A_hangup_that_nohup_ignores_does_not_end_the_run()
    {
        var (exit, _, _) = await RunAndKill("nohup ", "HUP", "TERM");
        Assert.Equal(143, exit);
    }

    [PosixFact]
    public async Task A_file_that_grows_over_a_limit_is_one_line()
    {
        // The code of the runtime is a file too, unless it is told not to write and execute by turns.
        var (exit, _, error) = await Run($"export DOTNET_EnableWriteXorExecute=0; ulimit -f 3000; exec dotnet {Program} {Train} --out {_root}/run");
        Assert.Equal(1, exit);
        Assert.Matches(@"^error: .*cannot be written: .*\n$", error);
        Assert.DoesNotContain("bug", error, StringComparison.Ordinal);
    }

    [PosixFact]
    public Task An_output_that_is_closed_is_one_line() => AssertOneLine(">&-");

    [PosixFact(needs: "/dev/full")]
    public Task An_output_to_a_full_disk_is_one_line() => AssertOneLine(">/dev/full");

    private async Task AssertOneLine(string output)
    {
        var (exit, _, error) = await Run($"exec dotnet {Program} train --model mlp --train-images 20 --test-images 10 --epochs 1 --batch-size 10 "
            + $"--out {_root}/run {output}");
        Assert.Equal(1, exit);
        Assert.Matches(@"^error: the standard output cannot be written: .*\n$", error);
    }

    [PosixFact]
    public async Task An_error_stream_that_is_closed_costs_the_line_and_nothing_else()
    {
        var (exit, _, _) = await Run($"exec dotnet {Program} trian 2>&-");
        Assert.Equal(2, exit);
    }

    /// <summary>Starts a run that would take hours, and sends it signals once it has made a checkpoint.</summary>
    private async Task<(int Exit, string Output, string Error)> RunAndKill(string before, params string[] signals)
    {
        // Whoever runs the tests may ignore signals, as nohup and shells in the background do, which processes hand on.
        string handed = OperatingSystem.IsLinux() ? "env --default-signal=INT,HUP,TERM " : "";
        using var process = Start($"exec {handed}{before}dotnet {Program} {Train} --out {_root}/run");
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        string metrics = Path.Combine(_root, "run/metrics.csv");
        foreach (string signal in signals)
        {
            // A row more than before: the run is under way, and a signal that it ignores has not ended it.
            int rows = Rows(metrics);
            while (Rows(metrics) <= rows && !process.HasExited) await Task.Delay(20);
            using var kill = Process.Start("sh", ["-c", $"kill -{signal} {process.Id}"]);
            await kill.WaitForExitAsync();
        }
        int last = Rows(metrics) + MaxRowsAfter;
        while (!process.HasExited && Rows(metrics) < last) await Task.Delay(20);
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode != 137, $"the run went on after {string.Join(", ", signals)}");
        return (process.ExitCode, await output, await error);
    }

    private static int Rows(string path) => File.Exists(path) ? File.ReadLines(path).Count() : 1;

    private static async Task<(int Exit, string Output, string Error)> Run(string script)
    {
        using var process = Start(script);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    private static Process Start(string script) => Process.Start(new ProcessStartInfo("sh", ["-c", script])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;
}
