using System.Globalization;
using MiniDL.Diagnostics;
using MiniDL.Examples.Output;
using Spectre.Console;

namespace MiniDL.Examples.Doctor;

/// <summary>What the driver's compiler made of each kernel: registers, local memory, and how long it took.</summary>
internal static class KernelTable
{
    public static void Print(KernelReport report, Terminal terminal)
    {
        var kernels = report.Kernels;
        var table = new Table { Border = TableBorder.Simple };
        foreach (string heading in new[] { "kernel", "module" }) table.AddColumn(heading);
        foreach (string heading in new[] { "registers", "local bytes", "shared bytes", "ms to find" })
            table.AddColumn(new TableColumn(heading).RightAligned());
        foreach (var kernel in kernels.OrderByDescending(kernel => kernel.LocalBytes).ThenByDescending(kernel => kernel.Registers))
            table.AddRow(Markup.Escape(kernel.Name), kernel.Module, Text(kernel.Registers), Text(kernel.LocalBytes), Text(kernel.SharedBytes),
                kernel.LoadMilliseconds.ToString("F2", CultureInfo.InvariantCulture));
        terminal.Write(table);
        string times = string.Join(", ", report.ModuleTimes
            .Select(module => string.Create(CultureInfo.InvariantCulture, $"{module.Module} {module.Milliseconds:F0} ms")));
        int spilled = kernels.Count(kernel => kernel.LocalBytes > 0);
        terminal.Line($"{kernels.Count} kernels; modules were compiled, or found in the driver's cache, in: {times}. "
            + (spilled == 0 ? "None uses local memory." : $"{Counted.Of(spilled, "kernel")} with local memory: values that found no register."));
        terminal.Line(report.CacheFolder is { } folder ? $"The driver keeps compiled kernels in {folder}."
            : "The driver keeps nothing that it compiles, so that every start takes as long; unset CUDA_CACHE_DISABLE, or let CUDA_CACHE_PATH name a folder that can be written.");
    }

    private static string Text(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
