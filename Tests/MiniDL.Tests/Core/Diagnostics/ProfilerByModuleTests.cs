using System.Globalization;
using MiniDL.Diagnostics;
using MiniDL.Layers;
using MiniDL.Memory;

namespace MiniDL.Tests.Core.Diagnostics;

/// <summary>Which module an entry belongs to, what memory it took, and the table of it all.</summary>
public sealed class ProfilerByModuleTests
{
    private const int Batch = 4;

    private static readonly RandomStream Random = new(5);

    [Fact]
    public void Forward_and_backward_belong_to_the_module_that_ran_the_operator()
    {
        using var profiler = ProfiledStep();
        var convolutions = profiler.ByModule.Where(entry => entry.Name == "conv2d").ToLookup(entry => entry.Part, entry => entry.Module);
        string[] all = ["conv", .. from block in Enumerable.Range(0, 3) from conv in new[] { 1, 2 } select $"blocks.{block}.conv{conv}"];
        Assert.Equal(all, convolutions["forward"]);
        // Backward comes by in the other order; the images get no gradient.
        Assert.Equal(all.Reverse(), convolutions["weight gradient"]);
        Assert.Equal(all.Skip(1).Reverse(), convolutions["input gradient"]);
        Assert.Equal(["fc"], Modules("linear", "forward"));
        Assert.Equal(["fc"], Modules("linear", "backward"));
        Assert.Contains("blocks.2.norm1", Modules("normalize", "backward"));
        // The loss is outside of all modules.
        Assert.Equal([""], Modules("cross_entropy", "backward"));
        // Where a shortcut's gradient and a convolution's meet, the second adds to the first in place.
        Assert.Empty(Modules("autograd", "sum"));

        IEnumerable<string> Modules(string name, string part) =>
            profiler.ByModule.Where(entry => entry.Name == name && entry.Part == part).Select(entry => entry.Module);
    }

    [Fact]
    public void Operators_that_a_backward_runs_belong_to_its_module()
    {
        var model = new Sequential(new Composed());
        var x = Tensor.Normal([2, 3], Random);
        x.RequiresGrad = true;
        using var profiler = Profiler.Start();
        var y = model.Forward(x);
        (y.Relu() + y.Square()).Sum().Backward();
        profiler.Dispose();
        // Cube.Backward multiplies three times; Forward twice.
        Assert.Equal(("0", 5), Assert.Single(profiler.ByModule.Where(entry => entry.Name == "mul" && entry.Module.Length > 0)
            .Select(entry => (entry.Module, entry.Calls))));
        // So does the sum of the two gradients of its result.
        Assert.Equal("0", Assert.Single(profiler.ByModule, entry => entry.Name == "autograd").Module);
    }

    [Fact]
    public void Entries_are_the_sums_over_the_modules()
    {
        using var profiler = ProfiledStep();
        Assert.All(profiler.Entries, sum =>
        {
            ProfileEntry[] parts = [.. profiler.ByModule.Where(entry => entry.Name == sum.Name && entry.Part == sum.Part)];
            Assert.Equal((sum.Calls, sum.Operations, sum.Bytes, sum.TakenBytes, sum.FreshBytes), (parts.Sum(part => part.Calls),
                parts.Sum(part => part.Operations), parts.Sum(part => part.Bytes), parts.Sum(part => part.TakenBytes), parts.Sum(part => part.FreshBytes)));
            Assert.Equal(sum.Milliseconds, parts.Sum(part => part.Milliseconds), 9);
        });
        Assert.All(profiler.Entries, entry => Assert.InRange(entry.Milliseconds, 0, entry.InclusiveMilliseconds));
    }

    [Fact]
    public void Matrix_products_have_two_operations_for_each_multiplication_and_addition_in_each_direction()
    {
        var (a, b, weight) = (Leaf([5, 7]), Leaf([7, 3]), Leaf([11, 3]));
        using var profiler = Profiler.Start();
        a.MatMul(b).Linear(weight).Sum().Backward();
        profiler.Dispose();
        Assert.Equal(2 * 5 * 7 * 3, Entry("matmul", "forward").Operations);
        Assert.Equal(2 * 2 * 5 * 7 * 3, Entry("matmul", "backward").Operations);
        Assert.Equal(2 * 5 * 3 * 11, Entry("linear", "forward").Operations);
        Assert.Equal(2 * 2 * 5 * 3 * 11, Entry("linear", "backward").Operations);

        ProfileEntry Entry(string name, string part) => profiler.Entries.Single(entry => entry.Name == name && entry.Part == part);
    }

    [Fact]
    public void Memory_that_a_region_takes_is_counted_there_and_is_fresh_the_first_time()
    {
        var pool = new StoragePool((_, capacity) => new HostStorage<float>(Device.Cpu, capacity));
        using var profiler = Profiler.Start();
        for (int call = 0; call < 3; call++)
            using (Profiler.Time("outer", ""))
            {
                var small = pool.Rent(DType.F32, 16);
                using (Profiler.Time("inner", "")) pool.Return(pool.Rent(DType.F32, 4096));
                pool.Return(small);
            }
        profiler.Dispose();
        pool.Rent(DType.F32, 16);
        Assert.Equal([(3 * 4 * 16, 4 * 16), (3 * 4 * 4096, 4 * 4096)], profiler.Entries.Select(entry => (entry.TakenBytes, entry.FreshBytes)));
        Assert.Equal(pool.CreatedBytes, profiler.Entries.Sum(entry => entry.FreshBytes));
    }

    [Fact]
    public void An_operator_takes_the_memory_of_its_result()
    {
        // 64 × 64 floats are a size class of the pool, so that the result takes exactly its bytes.
        var x = Tensor.Ones([64, 64]);
        using var profiler = Profiler.Start();
        x.Relu();
        Assert.Equal(4 * 64 * 64, Assert.Single(profiler.Entries).TakenBytes);
    }

    [Fact]
    public void The_table_has_a_row_for_each_entry_the_longest_first_and_the_whole_at_the_end()
    {
        using var profiler = ProfiledStep();
        string[] lines = profiler.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["name", "part", "calls", "ms", "%", "GFLOP/s", "GB/s", "moved", "taken", "fresh"], lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        // Headings, two lines, what is outside, and the total.
        Assert.Equal(profiler.Entries.Count + 5, lines.Length);
        double[] times = [.. lines[2..^2].Select(Time)];
        Assert.Equal(times.OrderDescending(), times);
        Assert.Equal(times.Sum(), Time(lines[^1]), 0.002 * times.Length);
        Assert.Contains(profiler.ByModule.Select(entry => entry.Module), module => module == "blocks.2.conv1");
        Assert.Contains(profiler.Table(byModule: true).Split(Environment.NewLine),
            line => line.StartsWith("blocks.2.conv1  conv2d", StringComparison.Ordinal) && line.Contains("weight gradient", StringComparison.Ordinal));

        // The only number of a row with three decimals.
        static double Time(string line) => double.Parse(line.Split(' ').Single(word => word.IndexOf('.') is >= 0 and var point && word.Length == point + 4),
            CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(999, "999 B")]
    [InlineData(999.6, "1.00 kB")]
    [InlineData(1_234_000, "1.23 MB")]
    [InlineData(99_960_000, "100 MB")]
    [InlineData(9_996, "10.0 kB")]
    public void Bytes_have_three_digits(double bytes, string text) => Assert.Equal(text, TextTable.Bytes(bytes));

    /// <summary>A training step of ResNet-8.</summary>
    internal static Profiler ProfiledStep(bool trace = false)
    {
        var model = new ResNet(8, NormFactory.Named("bn"), new RandomStream(0));
        var labels = Tensor.From(new long[] { 1, 2, 3, 4 }, [Batch]);
        var images = Tensor.Normal([Batch, 3, 16, 16], Random);
        var profiler = Profiler.Start(trace);
        Loss.CrossEntropy(model.Forward(images), labels).Backward();
        profiler.Dispose();
        return profiler;
    }

    private static Tensor Leaf(Shape shape)
    {
        var leaf = Tensor.Normal(shape, Random);
        leaf.RequiresGrad = true;
        return leaf;
    }

    private sealed class Composed : Module
    {
        protected override Tensor ForwardCore(Tensor x) => new Cube(x).Run();
    }

    private sealed class Cube(Tensor x) : Operator("cube", x)
    {
        protected override Tensor Forward() => x * x * x;

        protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * x * x * 3;
    }
}
