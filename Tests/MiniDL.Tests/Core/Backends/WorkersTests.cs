using MiniDL.Backends.Cpu;

namespace MiniDL.Tests.Core.Backends;

[Collection(ThreadCounts.Collection)]
public class WorkersTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 40)]
    [InlineData(2, 2)]
    [InlineData(2, 1000)]
    [InlineData(3, 1000)]
    [InlineData(8, 3)]
    public void Every_chunk_runs_exactly_once(int threads, int chunks)
    {
        using var _ = new ThreadCounts(threads);
        for (int repetition = 0; repetition < 200; repetition++)
        {
            var runs = new int[chunks];
            Workers.Run(chunks, chunk => Interlocked.Increment(ref runs[chunk]));
            Assert.All(runs, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void No_chunks_call_nothing()
    {
        using var _ = new ThreadCounts(2);
        Workers.Run(0, _ => Assert.Fail("called"));
        Workers.Split(0, 10, (_, _) => Assert.Fail("called"));
    }

    [Fact]
    public void Split_covers_the_range_with_boundaries_at_multiples_of_the_grain()
    {
        using var _ = new ThreadCounts(3);
        var seen = new int[100];
        Workers.Split(100, 32, (start, length) =>
        {
            Assert.Equal(0, start % 32);
            for (int i = start; i < start + length; i++) Interlocked.Increment(ref seen[i]);
        });
        Assert.All(seen, count => Assert.Equal(1, count));
    }

    [Fact]
    public void A_nested_run_runs_inside_its_chunk()
    {
        using var _ = new ThreadCounts(3);
        int sum = 0;
        Workers.Run(10, outer => Workers.Run(10, inner => Interlocked.Add(ref sum, outer * 10 + inner)));
        Assert.Equal(99 * 100 / 2, sum);
    }

    [Fact]
    public void An_exception_reaches_the_caller_and_the_next_run_works()
    {
        using var _ = new ThreadCounts(2);
        for (int repetition = 0; repetition < 20; repetition++)
        {
            var error = Assert.Throws<InvalidOperationException>(() =>
                Workers.Run(50, chunk =>
                {
                    if (chunk == 31) throw new InvalidOperationException("chunk 31");
                }));
            Assert.Equal("chunk 31", error.Message);
            int runs = 0;
            Workers.Run(50, _ => Interlocked.Increment(ref runs));
            Assert.Equal(50, runs);
        }
    }

    [Fact]
    public void Several_threads_may_call_at_once()
    {
        using var _ = new ThreadCounts(2);
        var sums = new int[4];
        var callers = Enumerable.Range(0, sums.Length).Select(caller => new Thread(() =>
        {
            for (int repetition = 0; repetition < 300; repetition++)
                Workers.Run(20, chunk => Interlocked.Add(ref sums[caller], chunk));
        })).ToArray();
        foreach (var caller in callers) caller.Start();
        foreach (var caller in callers) caller.Join();
        Assert.All(sums, sum => Assert.Equal(300 * 190, sum));
    }

    [Fact]
    public void A_caller_with_one_thread_of_its_own_works_alone_while_others_have_helpers()
    {
        using var _ = new ThreadCounts(2);
        int elsewhere = 0;
        var alone = new Thread(() =>
        {
            CpuThreads.OnThisThread = 1;
            var caller = Thread.CurrentThread;
            Workers.Run(5000, _ => elsewhere += Thread.CurrentThread == caller ? 0 : 1);
        });
        alone.Start();
        alone.Join();
        Assert.Equal(0, elsewhere);
        Assert.Null(CpuThreads.OnThisThread);
        int entered = 0;
        Workers.Run(2, _ =>
        {
            Interlocked.Increment(ref entered);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref entered) == 2, TimeSpan.FromSeconds(30)));
        });
    }

    [Fact]
    public void Sleeping_helpers_wake_up_again()
    {
        using var _ = new ThreadCounts(2);
        for (int repetition = 0; repetition < 5; repetition++)
        {
            int entered = 0;
            Workers.Run(2, _ =>
            {
                // Both chunks only end when both have begun: a helper has to come.
                Interlocked.Increment(ref entered);
                SpinWait.SpinUntil(() => Volatile.Read(ref entered) == 2);
            });
            Thread.Sleep(20);
        }
    }

    [Fact]
    public void A_thread_count_below_one_is_refused()
    {
        var error = Assert.Throws<MiniDLException>(() => CpuThreads.Count = 0);
        Assert.StartsWith("[cpu]", error.Message);
        Assert.Throws<MiniDLException>(() => CpuThreads.OnThisThread = 0);
    }
}
