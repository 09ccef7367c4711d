using MiniDL.Backends.Cuda;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Training;
using MiniDL.Tests.Core.Backends;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Examples;

// Sets the number of threads, so nothing may run beside it.
[Collection(ThreadCounts.Collection)]
public sealed class CompareParallelTests : IDisposable
{
    private readonly Minidl _minidl = new();
    private readonly ThreadCounts _threads = new(4);

    public void Dispose()
    {
        _threads.Dispose();
        _minidl.Dispose();
    }

    [Fact]
    public void Runs_side_by_side_give_the_bits_of_runs_one_after_another()
    {
        const string compare = "compare --model resnet8 --train-images 24 --test-images 12 --epochs 2 --augment --norms bn,gn,brn "
            + "--batch-sizes 4,12 --seeds 2 ";
        Assert.Equal(0, _minidl.Run(compare + "--threads 4 --parallel 1 --out @serial"));
        Assert.Contains("one after another", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run(compare + "--threads 4 --parallel 5 --out @parallel"));
        Assert.Contains("up to 5 at once", _minidl.Output, StringComparison.Ordinal);
        AssertSameResults();
        Assert.Null(CpuThreads.OnThisThread);
    }

    [Fact]
    public void By_default_runs_share_the_machine_where_their_batches_are_too_small_for_it()
    {
        TrainSettings[] runs = [.. new[] { 128, 64, 32, 2 }.Select(size => new TrainSettings { BatchSize = size })];
        var automatic = new RunSchedule(runs, parallel: 0);
        Assert.Equal([128, 64], automatic.Alone.Select(run => run.BatchSize));
        Assert.Equal([2, 32], automatic.Together.Select(run => run.BatchSize));
        Assert.Equal(2, automatic.MaxAtOnce);
        Assert.Equal(4, new RunSchedule(runs, parallel: 9).MaxAtOnce);
        Assert.Equal(1, new RunSchedule(runs, parallel: 1).MaxAtOnce);
    }

    [Fact]
    public void On_a_gpu_runs_with_small_batches_go_side_by_side_and_those_that_fill_it_alone()
    {
        int[] sizes = [128, 33, 32, 16, 8, 4, 2];
        TrainSettings[] runs = [.. sizes.Select(size => new TrainSettings { BatchSize = size, Device = "cuda" })];
        var automatic = new RunSchedule(runs, parallel: 0);
        Assert.Equal([128, 33], automatic.Alone.Select(run => run.BatchSize));
        Assert.Equal(4, automatic.MaxAtOnce);
        Assert.Equal(7, new RunSchedule(runs, parallel: 9).MaxAtOnce);
        Assert.Equal(1, new RunSchedule(runs, parallel: 1).MaxAtOnce);
    }

    [GpuFact]
    public void Runs_side_by_side_on_a_gpu_give_the_bits_of_runs_one_after_another()
    {
        const string compare = "compare --device cuda --precision fp32 --model mlp --train-images 12 --test-images 4 --epochs 2 --augment "
            + "--norms bn,gn,none --batch-sizes 4 ";
        Assert.Equal(0, _minidl.Run(compare + "--parallel 1 --out @serial"));
        Assert.Contains("one after another", _minidl.Output, StringComparison.Ordinal);
        int streams = Streams();
        Assert.Equal(0, _minidl.Run(compare + "--out @parallel"));
        Assert.Contains("up to 3 at once", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(3, Streams() - streams - 1);
        AssertSameResults();
        Assert.Equal(1, _minidl.Run(compare.Replace("fp32", "bf16", StringComparison.Ordinal) + "--out @serial"));
        Assert.Contains("holds a comparison with other settings: precision", _minidl.Error, StringComparison.Ordinal);

        static int Streams()
        {
            using var last = Device.Cuda.NewStream();
            return ((CudaBackend)last.Backend).Stream.Number;
        }
    }

    [Fact]
    public void Every_run_is_done_once_with_a_share_of_the_threads_that_grows_when_others_have_ended()
    {
        TrainSettings[] runs = [.. Enumerable.Range(0, 5).Select(seed => new TrainSettings { BatchSize = 2, Seed = (ulong)seed })];
        var schedule = new RunSchedule(runs, parallel: 2);
        using var othersEnded = new CountdownEvent(4);
        List<(ulong Seed, int? Threads)> done = [];
        int? shareOfTheLast = 0;
        schedule.Execute((run, _) =>
        {
            lock (done) done.Add((run.Seed, CpuThreads.OnThisThread));
            if (run.Seed > 0)
            {
                othersEnded.Signal();
                return;
            }
            othersEnded.Wait();
            Assert.True(SpinWait.SpinUntil(() =>
            {
                schedule.TakeShare();
                shareOfTheLast = CpuThreads.OnThisThread;
                return shareOfTheLast is null;
            }, TimeSpan.FromSeconds(30)));
        }, CancellationToken.None);
        Assert.Equal([0UL, 1UL, 2UL, 3UL, 4UL], done.Select(run => run.Seed).Order());
        Assert.Equal(2, done[0].Threads);
        Assert.Null(shareOfTheLast);
    }

    [Fact]
    public void A_run_that_fails_stops_the_others_and_its_error_is_the_one_that_is_seen()
    {
        TrainSettings[] runs = [.. Enumerable.Range(0, 6).Select(seed => new TrainSettings { BatchSize = 2, Seed = (ulong)seed })];
        int begun = 0;
        var error = Assert.Throws<MiniDLException>(() => new RunSchedule(runs, parallel: 3).Execute((run, stop) =>
        {
            Interlocked.Increment(ref begun);
            if (run.Seed == 1) throw new MiniDLException("run 1");
            Assert.True(stop.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
            stop.ThrowIfCancellationRequested();
        }, CancellationToken.None));
        Assert.Equal("run 1", error.Message);
        Assert.InRange(begun, 1, 3);
    }

    private void AssertSameResults()
    {
        foreach (string file in new[] { "layers.csv", "evaluation.csv", "summary.csv" })
            Assert.Equal(_minidl.Read($"serial/{file}"), _minidl.Read($"parallel/{file}"));
        Assert.Equal(WithoutSeconds("serial"), WithoutSeconds("parallel"));
    }

    private string[] WithoutSeconds(string run) =>
        [.. _minidl.Rows($"{run}/runs.csv").Select(row => string.Join(",", [.. row[..8], .. row[9..]]))];
}
