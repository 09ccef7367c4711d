using System.Diagnostics;
using System.Runtime.InteropServices;
using MiniDL.Backends.Cuda;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>
/// The GPU of the tests: that of the library which MINIDL_CUDA_LIB names, else the fake driver, which runs the kernels on the CPU
/// and is built by g++ when the first test asks for it.
/// </summary>
internal static class Gpu
{
    private static readonly Lazy<(string? Library, string? Missing)> Found = new(Find);

    /// <summary>Why there is none; null where there is one.</summary>
    public static string? Missing => Found.Value.Missing;

    /// <summary>Whether the kernels run on the CPU, a thousand times slower.</summary>
    public static bool IsEmulated => Library.Contains("fake", StringComparison.Ordinal);

    /// <summary>The driver library.</summary>
    public static string Library => Found.Value.Library!;

    /// <summary>The device, the same for all tests: in full float.</summary>
    public static Device Device => Missing is null ? Device.Cuda.In(Precision.Fp32) : throw new InvalidOperationException(Missing);

    /// <summary>A device of its own with a precision; dispose of it, since the fake driver has a guard page for every block of memory.</summary>
    public static Device Open(Precision precision) => Device.In(precision).NewStream();

    /// <summary>A GPU that no other test waits for, where it is emulated: a driver of its own. Dispose of it.</summary>
    public static OwnGpu Own(Precision precision) => new(precision);

    public static CudaStream Stream => ((CudaBackend)Device.Backend).Stream;

    private static (string? Library, string? Missing) Find()
    {
        if (Environment.GetEnvironmentVariable("MINIDL_CUDA_LIB") is { Length: > 0 } named) return (named, null);
        if (!OperatingSystem.IsLinux()) return (null, "the fake GPU driver is built on Linux only");
        string script = Path.Combine(Root(), "Tests", "gpu", "fake", "build.sh");
        try
        {
            var (exit, output, error) = Run(script);
            if (exit != 0) return (null, $"the fake GPU driver could not be built: {error.ReplaceLineEndings(" ")}");
            Environment.SetEnvironmentVariable("MINIDL_CUDA_LIB", output.Trim());
            return (output.Trim(), null);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (null, $"the fake GPU driver could not be built: {e.Message}");
        }
    }

    /// <summary>A fake driver with a state of its own, which may be told to fail.</summary>
    public static FakeDriver OwnFake() => new(Library);

    private static (int Exit, string Output, string Error) Run(string program)
    {
        using var process = Process.Start(new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>The folder of the repository.</summary>
    public static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "MiniDL.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("the tests run outside the repository");
    }
}

/// <summary>A copy of the fake driver: loaded from another file it is another driver.</summary>
internal sealed unsafe class FakeDriver : IDisposable
{
    private readonly string _copy = Path.Combine(Path.GetTempPath(), $"minidl-fake-{Guid.NewGuid():N}.so");
    private readonly nint _library;

    public FakeDriver(string library)
    {
        File.Copy(library, _copy);
        _library = NativeLibrary.Load(_copy);
    }

    public string Library => _copy;

    /// <summary>Sets a knob: devices, driver, memory, capability, fail_launch, fail_load, …</summary>
    public FakeDriver Set(string knob, long value)
    {
        var set = (delegate* unmanaged[Cdecl]<byte*, long, int>)Export("fakeSet");
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(knob + "\0")) Assert.Equal(0, set(name, value));
        return this;
    }

    /// <summary>What it has counted: launches, graph_launches, modules, bytes, allocations.</summary>
    public long Get(string counter)
    {
        var get = (delegate* unmanaged[Cdecl]<byte*, long>)Export("fakeGet");
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(counter + "\0")) return get(name);
    }

    /// <summary>A function that it has beside a driver's own.</summary>
    public nint Export(string function) => NativeLibrary.GetExport(_library, function);

    /// <summary>Its GPU.</summary>
    public Device Open(Precision precision = Precision.Tf32) => Device.OpenCuda(_copy, precision);

    public void Dispose()
    {
        // Tests that run later would not have the memory of this one's tensors.
        ((delegate* unmanaged[Cdecl]<void>)NativeLibrary.GetExport(_library, "fakeEnd"))();
        File.Delete(_copy);
    }
}

/// <summary>A device of its own, and where it is emulated a driver of its own: one runs a single kernel at a time, whoever asks.</summary>
internal sealed class OwnGpu : IDisposable
{
    private readonly FakeDriver? _fake;

    public OwnGpu(Precision precision)
    {
        _fake = Gpu.IsEmulated ? Gpu.OwnFake() : null;
        Device = _fake?.Open(precision) ?? Gpu.Open(precision);
    }

    public Device Device { get; }

    public void Dispose()
    {
        Device.Dispose();
        _fake?.Dispose();
    }
}

/// <summary>A test that is skipped where there is not a GPU, not even the fake one.</summary>
public sealed class GpuFactAttribute : FactAttribute
{
    public GpuFactAttribute() => Skip = Gpu.Missing;
}

/// <inheritdoc cref="GpuFactAttribute"/>
public sealed class GpuTheoryAttribute : TheoryAttribute
{
    public GpuTheoryAttribute() => Skip = Gpu.Missing;
}
