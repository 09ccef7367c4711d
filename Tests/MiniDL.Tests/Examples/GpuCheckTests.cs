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

    /// <summary>Writes what train and compare would, and a JSON line for bench.</summary>
    private const string Program = """
        while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; [ "$1" = bench ] && echo '{"framework":"minidl"}'; shift; done
        [ -n "${out:-}" ] && mkdir -p "$out/checkpoint" || exit 0
        for file in checkpoint/model.safetensors checkpoint/last.safetensors layers.csv evaluation.csv summary.csv; do
            echo 1 > "$out/$file"
        done
        """;

    [LinuxFact]
    public void Everything_in_order()
    {
        var (code, output) = Check(Program);
        Assert.True(code == 0, output);
        Assert.Contains("34 of 34 checks passed", output);
        Assert.Contains("skipped: compute-sanitizer is not installed", output);
        Assert.Contains("skipped: ptxas is not installed", output);
        Assert.Equal(3, File.ReadAllLines(Path.Combine(_folder, "out", "bench.jsonl")).Length);
    }

    [LinuxFact]
    public void An_operator_that_is_wrong()
    {
        var (code, output) = Check("case \"$*\" in *doctor*bf16*) echo wrong; exit 1;; esac\n" + Program);
        Assert.Equal(1, code);
        Assert.Contains("failed: doctor-bf16\n", output);
        Assert.Contains("33 of 34", output);
    }

    [LinuxFact]
    public void Runs_that_do_not_repeat_themselves()
    {
        var (code, output) = Check(Program + "\ncase \"$out\" in *compare-tf32-2) echo 2 > \"$out/layers.csv\";; esac");
        Assert.Equal(1, code);
        Assert.Contains("failed: compare-tf32-same\n", output);
        Assert.Contains("33 of 34", output);
    }

    [LinuxFact]
    public void A_kernel_that_spills_is_listed_with_its_registers()
    {
        Tool("ptxas", """
            echo "ptxas info    : Compiling entry function 'conv' for 'sm_90'"
            echo "ptxas info    : Function properties for conv"
            case "$*" in *bf16.sm_80*) spilled=8 ;; *) spilled=0 ;; esac
            echo "    0 bytes stack frame, $spilled bytes spill stores, 0 bytes spill loads"
            echo "ptxas info    : Used 40 registers, used 1 barriers, 380 bytes cmem[0]"
            """);
        var (code, output) = Check(Program);
        Assert.Equal(1, code);
        Assert.Matches(@"conv +40 registers\n", output);
        Assert.Matches(@"conv +40 registers  SPILLS 8 bytes", output);
        Assert.Contains("failed: registers-bf16.sm_80\n", output);
        Assert.DoesNotContain("failed: registers-bf16.sm_90", output);
    }

    [LinuxFact]
    public void A_kernel_that_is_not_assembled()
    {
        Tool("ptxas", "echo \"ptxas tf32.ptx, line 9; error   : Unknown modifier\"; exit 1");
        var (code, output) = Check(Program);
        Assert.Equal(1, code);
        Assert.Contains("failed: registers-tf32.sm_90\n", output);
    }

    [LinuxFact]
    public void An_access_that_is_out_of_bounds()
    {
        Tool("compute-sanitizer", "case \"$*\" in *memcheck*fp32*) exit 9 ;; esac");
        var (code, output) = Check(Program);
        Assert.Equal(1, code);
        Assert.Contains("failed: memcheck-fp32\n", output);
        Assert.DoesNotContain("skipped: compute-sanitizer", output);
    }

    private (int Code, string Output) Check(string program)
    {
        Tool("minidl", program);
        string script = Path.Combine(Gpu.Root(), "Tests", "gpu", "check.sh");
        var start = new ProcessStartInfo(script, ["--small", "--out", Path.Combine(_folder, "out"), Path.Combine(_folder, "minidl")])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = _folder,
        };
        // Only what every system has, and the tools that pretend.
        start.Environment["PATH"] = $"{_folder}:{SystemTools()}";
        using var process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    private string SystemTools()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "system")).FullName;
        foreach (string name in new[] { "bash", "sh", "env", "dirname", "basename", "mkdir", "rm", "tee", "cmp", "awk", "grep" })
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

    private sealed class LinuxFactAttribute : FactAttribute
    {
        public LinuxFactAttribute() => Skip = OperatingSystem.IsLinux() ? null
            : "Tests/gpu/check.sh, which this tests, is a bash script for Linux machines with a GPU; run the tests on Linux";
    }
}
