using System.Diagnostics;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Examples;

/// <summary>
/// The script that is run on a machine with a GPU, with a program and tools that only pretend: does it see what goes wrong, and say what
/// it left out?
/// </summary>
public sealed class GpuCheckTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("minidl-check-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Notes how it was started, and prints a JSON line for bench.</summary>
    private const string Program = """
        echo "$*" >> starts
        [ "$1" = bench ] && echo '{"framework":"minidl"}'
        """ + "\ntrue";

    [LinuxFact]
    public void Everything_in_order()
    {
        var (code, output) = Check(Program);
        Assert.True(code == 0, output);
        Assert.Contains("6 of 6 checks passed; results in " + Path.Combine(_folder, "out"), output);
        Assert.Contains("skipped: compute-sanitizer is not installed", output);
        Assert.Contains("skipped: ptxas is not installed", output);
        foreach (string name in new[] { "bench.jsonl", "bench-in-line.jsonl" }) Assert.Single(File.ReadAllLines(Path.Combine(_folder, "out", name)));
        Assert.Equal(6, Starts().Length);
    }

    [LinuxFact]
    public void In_full_with_every_tool_the_program_is_started_ten_times()
    {
        Tool("compute-sanitizer", "shift 4\nexec \"$@\"");
        var (code, output) = Run(Program, "--data-dir", "cifar");
        Assert.True(code == 0, output);
        Assert.Equal(10, Starts().Length);
        Assert.Contains(Starts(), start => start.StartsWith("compare", StringComparison.Ordinal) && start.Contains("--data-dir cifar --batch-sizes 2,32,128"));
    }

    [LinuxFact]
    public void Only_the_stages_that_are_asked_for()
    {
        var (code, output) = Check(Program, "--only", "bits,profile");
        Assert.True(code == 0, output);
        Assert.Contains("2 of 2 checks passed", output);
        Assert.Equal(["bench", "doctor"], Starts().Select(start => start.Split(' ')[0]));
        Assert.DoesNotContain("compute-sanitizer", output);
    }

    [LinuxFact]
    public void A_stage_that_takes_too_long_is_ended_and_the_next_one_runs()
    {
        var (code, output) = Check("case \"$*\" in *--profile*) sleep 60;; esac\n" + Program, "--budget", "2");
        Assert.Equal(1, code);
        Assert.Contains("== profile: FAILED: the stage may take 2 s", output);
        Assert.Contains("== train: passed", output);
        Assert.Contains("5 of 6", output);
    }

    [LinuxTheory]
    [InlineData("there is no stage bench2; choose of doctor bench profile bits train sanitizer", "--only", "bench2")]
    [InlineData("there is no option --quick", "--quick")]
    [InlineData("--out needs a value", "--out")]
    [InlineData("--budget 2m is no number of seconds", "--budget", "2m")]
    public void What_it_does_not_know(string error, params string[] options)
    {
        var (code, output) = Check(Program, options);
        Assert.Equal(2, code);
        Assert.Equal($"check.sh: {error}\n", output);
    }

    [LinuxFact]
    public void A_folder_that_holds_something_else_is_left_alone()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "out")).FullName;
        File.WriteAllText(Path.Combine(folder, "thesis.txt"), "");
        var (code, output) = Check(Program);
        Assert.Equal(2, code);
        Assert.Contains("holds something else", output);
        Assert.True(File.Exists(Path.Combine(folder, "thesis.txt")));
    }

    [LinuxFact]
    public void An_operator_that_is_wrong()
    {
        var (code, output) = Check("case \"$*\" in *doctor*--repeat*) echo wrong; exit 1;; esac\n" + Program);
        Assert.Equal(1, code);
        Assert.Contains("failed: doctor\n", output);
        Assert.Contains("5 of 6", output);
    }

    [LinuxFact]
    public void Runs_that_do_not_repeat_themselves()
    {
        var (code, output) = Check("case \"$*\" in *--bits*) exit 1;; esac\n" + Program);
        Assert.Equal(1, code);
        Assert.Contains("failed: bits\n", output);
    }

    [LinuxFact]
    public void A_kernel_that_spills_is_listed_with_its_registers()
    {
        Tool("ptxas", """
            echo "ptxas info    : Compiling entry function 'conv' for 'sm_90'"
            echo "ptxas info    : Function properties for conv"
            case "$*" in *sm_80*bf16*) spilled=8 ;; *) spilled=0 ;; esac
            echo "    0 bytes stack frame, $spilled bytes spill stores, 0 bytes spill loads"
            echo "ptxas info    : Used 40 registers, used 1 barriers, 380 bytes cmem[0]"
            """);
        var (code, output) = Check(Program);
        Assert.Equal(1, code);
        Assert.Matches(@"conv +40 registers\n", output);
        Assert.Matches(@"conv +40 registers  SPILLS 8 bytes", output);
        Assert.Contains("failed: registers-bf16\n", output);
        Assert.DoesNotContain("failed: registers-f32", output);
    }

    [LinuxFact]
    public void A_kernel_that_is_not_assembled()
    {
        Tool("ptxas", "echo \"ptxas tf32.ptx, line 9; error   : Unknown modifier\"; exit 1");
        var (code, output) = Check(Program);
        Assert.Equal(1, code);
        Assert.Contains("failed: registers-tf32\n", output);
    }

    [LinuxFact]
    public void An_access_that_is_out_of_bounds()
    {
        Tool("compute-sanitizer", "case \"$*\" in *memcheck*) exit 9 ;; esac");
        var (code, output) = Check(Program);
        Assert.Equal(1, code);
        Assert.Contains("failed: memcheck\n", output);
        Assert.DoesNotContain("skipped: compute-sanitizer", output);
    }

    /// <summary>How the program was started.</summary>
    private string[] Starts() => File.ReadAllLines(Path.Combine(_folder, "starts"));

    private (int Code, string Output) Check(string program, params string[] options) => Run(program, ["--small", .. options]);

    private (int Code, string Output) Run(string program, params string[] options)
    {
        Tool("minidl", program);
        string script = Path.Combine(Gpu.Root(), "Tests", "gpu", "check.sh");
        var start = new ProcessStartInfo(script, ["--out", Path.Combine(_folder, "out"), Path.Combine(_folder, "minidl"), .. options])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        // Only what every system has, and the tools that pretend.
        start.Environment["PATH"] = $"{_folder}:{SystemTools()}";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }

    private string SystemTools()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "system")).FullName;
        foreach (string name in new[] { "bash", "sh", "env", "dirname", "basename", "mkdir", "rm", "ls", "tee", "awk", "grep", "timeout", "sleep" })
            File.CreateSymbolicLink(Path.Combine(folder, name), File.Exists($"/usr/bin/{name}") ? $"/usr/bin/{name}" : $"/bin/{name}");
        return folder;
    }

    private void Tool(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, $"#!/bin/sh\n{text.ReplaceLineEndings("\n")}\n");
        const UnixFileMode all = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, all);
    }

    private const string OnLinux = "this tests Tests/gpu/check.sh, a bash script for Linux machines with a GPU; run the tests on Linux";

    private sealed class LinuxFactAttribute : FactAttribute
    {
        public LinuxFactAttribute() => Skip = OperatingSystem.IsLinux() ? null : OnLinux;
    }

    private sealed class LinuxTheoryAttribute : TheoryAttribute
    {
        public LinuxTheoryAttribute() => Skip = OperatingSystem.IsLinux() ? null : OnLinux;
    }
}
