using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies;

/// <summary>
/// An experiment of a paper, repeated: what <c>study NAME</c> runs. One study a file; its documentation says which figure it
/// repeats, which choices the paper leaves open and how they were made.
/// </summary>
internal abstract class Study
{
    /// <summary>What it is called on the command line: <c>deep-mlp</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The question in a line: the page's heading, and what <c>study</c> lists.</summary>
    public abstract string Title { get; }

    /// <summary>Authors, year, title and figure.</summary>
    public abstract string Paper { get; }

    /// <summary>The data of the preset and of <c>--full</c>; <c>none</c> where nothing is read.</summary>
    public abstract string DataNote { get; }

    /// <summary>Whether it reads a dataset, from <c>--data-dir</c>.</summary>
    public bool ReadsData => !DataNote.StartsWith("none", StringComparison.Ordinal);

    /// <summary>Whether nets are trained, on the device of the context; else all of it is a matter of seconds on the CPU.</summary>
    public virtual bool Trains => true;

    /// <summary>Runs it. The verb adds paper, command, seed and data to the report, and saves it.</summary>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public abstract Report Run(StudyContext context);
}
