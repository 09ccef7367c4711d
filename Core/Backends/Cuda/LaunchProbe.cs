namespace MiniDL.Backends.Cuda;

/// <summary>Observes every launch on a stream, and may have a kernel launched several times: for measurements.</summary>
internal abstract class LaunchProbe
{
    /// <summary>Called before a kernel is put on the stream.</summary>
    /// <param name="blocks">The number of blocks.</param>
    /// <returns>How many times to launch it; 0 leaves it out.</returns>
    public abstract int Before(Kernel kernel, int blocks);

    /// <summary>Called after it has been put there.</summary>
    public virtual void After()
    {
    }
}

/// <summary>Launches one kernel twice every time: the step gets longer by the time that the kernel takes in it.</summary>
/// <param name="doubled">The kernel; null to double none.</param>
internal sealed class DoubledKernel(Kernel? doubled) : LaunchProbe
{
    public override int Before(Kernel kernel, int blocks) => ReferenceEquals(kernel, doubled) ? 2 : 1;
}

/// <summary>Puts an event before and after every kernel.</summary>
internal sealed class TimedLaunches(CudaStream stream) : LaunchProbe, IDisposable
{
    private readonly List<(Kernel Kernel, nint Begin, nint End)> _launches = [];

    public override int Before(Kernel kernel, int blocks)
    {
        nint begin = stream.NewEvent(timed: true);
        _launches.Add((kernel, begin, stream.NewEvent(timed: true)));
        stream.Record(begin);
        return 1;
    }

    public override void After() => stream.Record(_launches[^1].End);

    /// <summary>Waits for all of the launches.</summary>
    /// <returns>The kernel and the microseconds of each launch, in order.</returns>
    public List<(Kernel Kernel, double Microseconds)> Read()
    {
        stream.Synchronize();
        return [.. _launches.Select(launch => (launch.Kernel, 1000 * stream.Milliseconds(launch.Begin, launch.End)))];
    }

    public void Dispose()
    {
        foreach (var (_, begin, end) in _launches)
        {
            stream.Destroy(begin);
            stream.Destroy(end);
        }
        _launches.Clear();
    }
}
