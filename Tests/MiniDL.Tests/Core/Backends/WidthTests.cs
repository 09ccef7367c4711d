using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Text.RegularExpressions;
using MiniDL.Backends.Cpu;

namespace MiniDL.Tests.Core.Backends;

/// <summary>
/// Every kernel at every width, on any machine: the tests of this folder run again in child processes that are denied wide
/// registers. On a machine without AVX-512 the first child has the width that the parent has.
/// </summary>
public class WidthTests
{
    private const string Expected = "MINIDL_TEST_WIDTH";

    [Theory]
    [InlineData("DOTNET_EnableAVX512", 256)]
    [InlineData("DOTNET_EnableAVX2", 128)]
    [InlineData("DOTNET_EnableHWIntrinsic", 32)]
    public async Task Kernels_pass_their_tests_with_narrower_registers(string switchedOff, int width)
    {
        // Only children have the variable: they must not start children of their own.
        if (Environment.GetEnvironmentVariable(Expected) is not null) return;
        width = X86Base.IsSupported ? Math.Min(width, CpuBackend.Width) : CpuBackend.Width;
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["vstest", typeof(WidthTests).Assembly.Location, $"--TestCaseFilter:{Filter}"])
            start.ArgumentList.Add(argument);
        start.Environment[switchedOff] = "0";
        start.Environment[Expected] = width.ToString(CultureInfo.InvariantCulture);

        // Without a time limit: a busy machine takes as long as it takes, and whoever runs the tests has a limit for all of them.
        using var child = Process.Start(start)!;
        var (output, errors) = (child.StandardOutput.ReadToEndAsync(), child.StandardError.ReadToEndAsync());
        await child.WaitForExitAsync();
        string text = await output + await errors;
        Assert.True(child.ExitCode == 0, $"{switchedOff}=0 failed:\n{text}");
        Assert.True(Regex.Match(text, @"Passed:\s+(\d+)") is { Success: true } passed && int.Parse(passed.Groups[1].Value) > 100,
            $"{switchedOff}=0 ran too few tests:\n{text}");
    }

    private static string Filter => $"FullyQualifiedName~{typeof(WidthTests).Namespace}";

    [Fact]
    public void Kernels_have_the_width_that_a_child_is_told_to_expect()
    {
        string width = CpuBackend.Width.ToString(CultureInfo.InvariantCulture);
        Assert.Equal(Environment.GetEnvironmentVariable(Expected) ?? width, width);
        Assert.Contains(CpuBackend.Width, (int[])[512, 256, 128, 32]);
    }
}
