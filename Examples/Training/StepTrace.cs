using MiniDL.Diagnostics;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Training;

/// <summary>
/// Traces three steps in the middle of a training: not the first ones, in which the just-in-time compiler is at work and memory is fresh,
/// and where possible within an epoch, so that no evaluation is between them.
/// </summary>
internal sealed class StepTrace : IDisposable
{
    /// <summary>Steps before those that are traced, where the run has as many.</summary>
    private const int WarmUpSteps = 10;

    private readonly TraceFile _file;
    private readonly int _first, _last;
    private Profiler? _profiler;

    /// <summary>To be made on the thread that trains, right before the first step.</summary>
    /// <param name="done">Steps that were taken by earlier calls.</param>
    public StepTrace(TraceFile file, int done, int total, int stepsPerEpoch)
    {
        _file = file;
        (_first, _last) = Range(done, total, stepsPerEpoch);
        if (_first == done + 1) _profiler = Profiler.Start(trace: true);
    }

    /// <summary>The first and the last step that are traced, counted from 1; the last is before the first where no step is left.</summary>
    public static (int First, int Last) Range(int done, int total, int stepsPerEpoch)
    {
        int start = done + WarmUpSteps, batch = start % stepsPerEpoch;
        // The profiler starts when the step before has ended, behind which an epoch's evaluation comes.
        if (batch == 0) start++;
        else if (batch + TraceFile.Steps > stepsPerEpoch) start += stepsPerEpoch - batch + 1;
        start = Math.Max(done, Math.Min(start, total - TraceFile.Steps));
        return (start + 1, Math.Min(start + TraceFile.Steps, total));
    }

    /// <summary>A step has ended.</summary>
    /// <param name="step">Counted from 1.</param>
    /// <returns>A line to show when the trace is written.</returns>
    public string? After(int step)
    {
        if (step == _first - 1) _profiler = Profiler.Start(trace: true);
        if (step != _last || _profiler is null) return null;
        _profiler.Dispose();
        return _file.Write(_profiler, _first == _last ? $"step {_first}" : $"steps {_first} to {_last}");
    }

    public void Dispose() => _profiler?.Dispose();
}
