using System.Globalization;
using MiniDL.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace MiniDL.Examples.Verbs;

/// <summary>The time of each kernel of a GPU's training step.</summary>
internal static class KernelProfileTable
{
    public static IRenderable Of(string title, KernelProfile profile)
    {
        var table = new Table { Title = new TableTitle(Markup.Escape(title)), Border = TableBorder.Simple };
        table.Caption = new TableTitle("alone: between two events, which with nothing between them are "
            + $"{Text(profile.EventMicroseconds)} µs apart; recorded: what the step gains where the kernel's launches are doubled; medians");
        table.AddColumn("kernel");
        foreach (string heading in new[] { "launches", "alone µs", "%", "recorded µs", "%" }) table.AddColumn(new TableColumn(heading).RightAligned());
        double alone = profile.Kernels.Sum(kernel => kernel.SinglyMicroseconds), recorded = profile.Kernels.Sum(kernel => kernel.RecordedMicroseconds);
        foreach (var kernel in profile.Kernels)
            table.AddRow(Markup.Escape(kernel.Name), kernel.Launches.ToString(CultureInfo.InvariantCulture), Text(kernel.SinglyMicroseconds),
                Text(100 * kernel.SinglyMicroseconds / alone), Text(kernel.RecordedMicroseconds), Text(100 * kernel.RecordedMicroseconds / profile.StepMicroseconds));
        table.AddRow("together", profile.Kernels.Sum(kernel => kernel.Launches).ToString(CultureInfo.InvariantCulture), Text(alone), Text(100),
            Text(recorded), Text(100 * recorded / profile.StepMicroseconds));
        table.AddRow("the recorded step", "", "", "", Text(profile.StepMicroseconds), Text(100));
        return table;
    }

    private static string Text(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
}
