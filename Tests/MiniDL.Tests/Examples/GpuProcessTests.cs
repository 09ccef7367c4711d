using System.Diagnostics;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Examples;

/// <summary>What the environment of a whole process says about the GPU.</summary>
public sealed class GpuProcessTests : IDisposable
{
    private const string Train = "train --model mlp --train-images 24 --test-images 4 --batch-size 4 --epochs 2 --device cuda";

    private readonly string _folder = Directory.CreateTempSubdirectory("minidl-gpu-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>The launch fails in the fourth step: which is recorded, unless the environment says otherwise.</summary>
    [GpuFact]
    public void A_fault_in_a_recorded_step_says_how_to_find_its_kernel_and_there_it_is_named()
    {
        var (exit, recorded) = Run(Train, ("FAKE_CUDA_FAIL_LAUNCH", "100"));
        Assert.Equal(1, exit);
        Assert.Contains("(or a kernel before it: MINIDL_CUDA_GRAPH=0 MINIDL_CUDA_SYNC=1 finds out which) failed: CUDA_ERROR_LAUNCH_FAILED", recorded);
        (exit, string eager) = Run(Train, ("FAKE_CUDA_FAIL_LAUNCH", "100"), ("MINIDL_CUDA_GRAPH", "0"), ("MINIDL_CUDA_SYNC", "1"));
        Assert.Equal(1, exit);
        Assert.Matches(@"\[cuda\] cuLaunchKernel of \w+\(.+\) failed: CUDA_ERROR_LAUNCH_FAILED", eager);
    }

    [GpuFact]
    public void Where_the_driver_s_own_cache_cannot_be_written_it_is_given_another_of_this_user()
    {
        string temporary = Directory.CreateDirectory(Path.Combine(_folder, "tmp")).FullName;
        var (exit, output) = Run("doctor --device cuda --batch 2 --repeat 0", ("HOME", "/proc/nothing"), ("TMPDIR", temporary));
        Assert.True(exit == 0, output);
        string cache = Assert.Single(Directory.GetDirectories(temporary, "minidl-cuda-cache-*"));
        Assert.Contains($"The driver keeps compiled kernels in {cache}.", output);
        // The driver was told, and used it.
        Assert.True(File.Exists(Path.Combine(cache, "index")));
    }

    [GpuFact]
    public void A_folder_that_others_can_write_is_not_trusted_with_code()
    {
        string temporary = Directory.CreateDirectory(Path.Combine(_folder, "tmp")).FullName;
        string open = Directory.CreateDirectory(Path.Combine(temporary, $"minidl-cuda-cache-{Environment.UserName}")).FullName;
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(open, (UnixFileMode)0x1FF);
        var (exit, output) = Run("doctor --device cuda --batch 2 --repeat 0", ("HOME", "/proc/nothing"), ("TMPDIR", temporary));
        Assert.True(exit == 0, output);
        Assert.Contains("The driver keeps nothing that it compiles", output);
        Assert.Empty(Directory.GetFiles(open));
    }

    [GpuFact]
    public void Where_no_cache_can_be_written_doctor_says_so()
    {
        var (exit, output) = Run("doctor --device cuda --batch 2 --repeat 0", ("CUDA_CACHE_PATH", "/proc/nothing"));
        Assert.True(exit == 0, output);
        Assert.Contains("The driver keeps nothing that it compiles, so that every start takes as long; unset CUDA_CACHE_DISABLE, or let CUDA_CACHE_PATH name", output);
    }

    private (int Exit, string Output) Run(string command, params (string Name, string Value)[] environment)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "minidl.dll");
        var start = new ProcessStartInfo("dotnet", [program, .. command.Split(' ')])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["MINIDL_CUDA_LIB"] = Gpu.Library;
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
