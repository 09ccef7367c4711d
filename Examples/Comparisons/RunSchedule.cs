using System.Runtime.ExceptionServices;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Comparisons;

/// <summary>
/// When each run of a comparison runs: one after another with the whole device where a step is work enough for it, else side by
/// side, each on a thread of its own, on a GPU on a stream of its own. The results are the same bits either way.
/// </summary>
/// <param name="parallel">How many at once; 0 decides by the batch size.</param>
internal sealed class RunSchedule(IEnumerable<TrainSettings> runs, int parallel)
{
    /// <summary>With fewer images a thread, a step is shared out at a loss.</summary>
    private const int ImagesPerThread = 16;

    /// <summary>With more images, or more runs at once, a step fills a GPU: there is no time left for another run.</summary>
    private const int LargestBatchBeside = 32, MaxOnGpu = 4;

    private readonly TrainSettings[] _runs = [.. runs];
    private int _underWay;

    /// <summary>How many runs there are at once at most.</summary>
    public int MaxAtOnce => Together.Length == 0 ? 1 : Math.Min(parallel > 0 ? parallel : MaxByDefault, Together.Length);

    /// <summary>How the runs go: <c>up to 2 at once</c>.</summary>
    public string Description => MaxAtOnce == 1 ? "one after another" : $"up to {MaxAtOnce} at once";

    /// <summary>Runs that have the machine to themselves.</summary>
    public TrainSettings[] Alone => [.. _runs.Where(run => !SharesTheMachine(run))];

    /// <summary>Runs that go side by side: of each seed those that take longest first, so that they end together.</summary>
    public TrainSettings[] Together => [.. _runs.Where(SharesTheMachine).OrderBy(run => run.Seed).ThenBy(run => run.BatchSize)];

    /// <summary>Runs all; when one fails the others are stopped.</summary>
    /// <param name="train">Does one run; it calls <see cref="TakeShare"/> now and then.</param>
    public void Execute(Action<TrainSettings, CancellationToken> train, CancellationToken stop)
    {
        _underWay = 1;
        foreach (var run in Alone) train(run, stop);
        var queue = new Queue<TrainSettings>(Together);
        if (MaxAtOnce == 1)
            foreach (var run in queue) train(run, stop);
        else ExecuteTogether(queue, train, stop);
    }

    /// <summary>
    /// Gives the current thread its share of the processors: more of them once there are fewer runs left than that.
    /// </summary>
    public void TakeShare()
    {
        int underWay = Volatile.Read(ref _underWay);
        CpuThreads.OnThisThread = underWay > 1 ? Math.Max(1, CpuThreads.Count / underWay) : null;
    }

    private void ExecuteTogether(Queue<TrainSettings> queue, Action<TrainSettings, CancellationToken> train, CancellationToken stop)
    {
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(stop);
        ExceptionDispatchInfo? error = null;
        void Work()
        {
            try
            {
                while (true)
                {
                    TrainSettings? run;
                    lock (queue)
                        if (!queue.TryDequeue(out run)) return;
                    TakeShare();
                    train(run, failed.Token);
                }
            }
            catch (Exception e)
            {
                lock (queue) error ??= ExceptionDispatchInfo.Capture(e);
                failed.Cancel();
            }
            finally
            {
                Interlocked.Decrement(ref _underWay);
            }
        }
        _underWay = MaxAtOnce;
        Thread[] threads = [.. Enumerable.Range(1, _underWay)
            .Select(n => new Thread(Work) { IsBackground = true, Name = $"run {n}" })];
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        error?.Throw();
    }

    private int MaxByDefault => Array.Exists(_runs, run => DeviceKind.Named(run.Device).IsAsynchronous) ? MaxOnGpu : CpuThreads.Count;

    /// <summary>
    /// Where several were asked for, or a step is too little work for the device, as it always is for one that uses a single thread.
    /// </summary>
    private bool SharesTheMachine(TrainSettings run) => DeviceKind.Named(run.Device) switch
    {
        { IsMultithreaded: true } => parallel > 1 || (parallel == 0 && run.BatchSize < ImagesPerThread * CpuThreads.Count),
        { IsAsynchronous: true } => parallel > 1 || (parallel == 0 && run.BatchSize <= LargestBatchBeside),
        _ => parallel != 1,
    };
}
