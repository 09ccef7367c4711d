namespace MiniDL.Examples.Training;

/// <summary>Says when the next checkpoint is due.</summary>
internal sealed class CheckpointClock(CheckpointInterval interval, TimeProvider time)
{
    private long _last = time.GetTimestamp();

    /// <summary>Whether it is time, by the clock; never where epochs count.</summary>
    public bool IsDue => interval.Time is { } every && time.GetElapsedTime(_last) >= every;

    /// <summary>Whether it is time at the end of an epoch.</summary>
    public bool IsDueAfter(int epoch) => interval.Epochs is { } every ? epoch % every == 0 : IsDue;

    /// <summary>A checkpoint was written.</summary>
    public void Restart() => _last = time.GetTimestamp();
}
