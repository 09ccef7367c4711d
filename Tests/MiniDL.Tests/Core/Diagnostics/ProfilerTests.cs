using System.Diagnostics;
using MiniDL.Diagnostics;

namespace MiniDL.Tests.Core.Diagnostics;

public sealed class ProfilerTests
{
    private static readonly RandomStream Random = new(3);

    [Fact]
    public void Convolution_forward_and_both_gradients_are_entries_with_the_operations_of_the_definition()
    {
        var profiler = Profiler.Start();
        using (profiler) Convolve().Backward();

        // 2 images × 5×5 pixels × 4 channels out × 3 channels in × 3×3 taps, a multiplication and an addition each.
        const double expected = 2 * 25 * 4 * 3 * 9 * 2;
        foreach (string part in new[] { "forward", "input gradient", "weight gradient" })
        {
            var entry = Assert.Single(profiler.Entries, entry => entry is { Name: "conv2d" } && entry.Part == part);
            Assert.Equal((1, expected), (entry.Calls, entry.Operations));
        }
        Assert.Single(profiler.Entries, entry => entry is { Name: "sum", Part: "backward" });
    }

    [Fact]
    public void Bytes_count_operands_and_results_once_in_each_direction()
    {
        var x = Tensor.Normal([6, 10], Random);
        x.RequiresGrad = true;
        var weight = Tensor.Normal([7, 10], Random);
        using var profiler = Profiler.Start();
        x.Linear(weight).Sum().Backward();

        // 60 inputs, 70 weights, 42 results of 4 bytes; backward reads them with their gradient and makes that of the input.
        Assert.Equal(4 * (60 + 70 + 42), Entry("forward").Bytes);
        Assert.Equal(4 * (60 + 70 + 42 + 60), Entry("backward").Bytes);
        ProfileEntry Entry(string part) => profiler.Entries.Single(entry => entry.Name == "linear" && entry.Part == part);
    }

    [Fact]
    public void Times_are_exclusive_so_that_they_never_exceed_the_time_that_passed()
    {
        long start = Stopwatch.GetTimestamp();
        var profiler = Profiler.Start();
        using (profiler)
        using (Profiler.Time("outer", ""))
            for (int i = 0; i < 100; i++)
                using (Profiler.Time("middle", ""))
                using (Profiler.Time("inner", ""))
                    Convolve();
        double passed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        double sum = profiler.Entries.Sum(entry => entry.Milliseconds) + profiler.OutsideMilliseconds;
        Assert.InRange(sum, double.Epsilon, passed);
        Assert.Equal([1, 100, 100], profiler.Entries.Take(3).Select(entry => entry.Calls));
    }

    [Fact]
    public void Nothing_is_counted_before_the_start_after_the_end_on_other_threads_or_by_an_outer_profiler()
    {
        Convolve();
        var outer = Profiler.Start();
        using (var inner = Profiler.Start())
        {
            Convolve();
            Assert.NotEmpty(inner.Entries);
        }
        var other = new Thread(() => Convolve());
        other.Start();
        other.Join();
        Assert.Empty(outer.Entries);
        Convolve();
        int calls = outer.Entries.Sum(entry => entry.Calls);
        outer.Dispose();
        Convolve();
        Assert.True(calls > 0);
        Assert.Equal(calls, outer.Entries.Sum(entry => entry.Calls));
    }

    private static Tensor Convolve()
    {
        var x = Tensor.Normal([2, 3, 5, 5], Random);
        x.RequiresGrad = true;
        var weight = Tensor.Normal([4, 3, 3, 3], Random);
        weight.RequiresGrad = true;
        return x.Conv2d(weight, padding: (1, 1)).Sum();
    }
}
