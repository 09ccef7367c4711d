using System.Text.Json;
using MiniDL.Diagnostics;

namespace MiniDL.Tests.Core.Diagnostics;

public sealed class TraceTests
{
    [Fact]
    public void Events_are_complete_ones_after_the_names_of_process_and_thread()
    {
        using var profiler = ProfilerByModuleTests.ProfiledStep(trace: true);
        using var trace = Parsed(profiler);
        var all = trace.RootElement.GetProperty("traceEvents").EnumerateArray().ToArray();
        Assert.Equal(["process_name", "thread_name"], all.Where(e => Text(e, "ph") == "M").Select(e => Text(e, "name")));
        Assert.All(all.Skip(2), e => Assert.Equal("X", Text(e, "ph")));
        Assert.Single(all.Select(e => (e.GetProperty("pid").GetInt32(), e.GetProperty("tid").GetInt32())).Distinct());
        Assert.Equal(profiler.Entries.Sum(entry => entry.Calls), all.Length - 2);
    }

    [Fact]
    public void Events_that_overlap_lie_one_in_the_other()
    {
        var events = Events(ProfilerByModuleTests.ProfiledStep(trace: true));
        var open = new Stack<TestEvent>();
        int nested = 0;
        foreach (var e in events)
        {
            while (open.Count > 0 && open.Peek().End <= e.Start) open.Pop();
            Assert.True(open.Count == 0 || e.End <= open.Peek().End, $"{e.Name} ends after {(open.Count > 0 ? open.Peek().Name : "")}");
            if (open.Count > 0) nested++;
            open.Push(e);
        }
        // The gradients of seven convolutions lie in their backward.
        Assert.True(nested >= 13, $"{nested} nested events");
        var gradients = events.Where(e => e.Part is "input gradient" or "weight gradient");
        Assert.All(gradients, gradient => Assert.Contains(events,
            e => e.Part == "backward" && e.Module == gradient.Module && e.Start <= gradient.Start && gradient.End <= e.End));
    }

    [Fact]
    public void Times_without_what_is_inside_bytes_and_operations_add_up_to_the_entries()
    {
        var profiler = ProfilerByModuleTests.ProfiledStep(trace: true);
        var events = Events(profiler);
        foreach (var entry in profiler.ByModule)
        {
            TestEvent[] own = [.. events.Where(e => (e.Operator, e.Part, e.Module) == (entry.Name, entry.Part, entry.Module))];
            Assert.Equal((entry.Calls, entry.Bytes, entry.Operations, entry.TakenBytes),
                (own.Length, own.Sum(e => e.Bytes), own.Sum(e => e.Operations), own.Sum(e => e.TakenBytes)));
            decimal exclusive = own.Sum(e => e.Duration - events.Where(inner => Parent(inner) == e).Sum(inner => inner.Duration));
            Assert.Equal(entry.Milliseconds, (double)exclusive / 1000, 1e-5 * own.Length);
        }

        TestEvent? Parent(TestEvent inner) => events.Take(events.IndexOf(inner)).LastOrDefault(e => e.Start <= inner.Start && inner.End <= e.End);
    }

    [Fact]
    public void Names_have_the_path_of_the_module_and_arguments_shapes()
    {
        using var trace = Parsed(ProfilerByModuleTests.ProfiledStep(trace: true));
        var all = trace.RootElement.GetProperty("traceEvents").EnumerateArray().ToArray();
        var forward = Assert.Single(all, e => Text(e, "name") == "conv2d forward blocks.1.conv1");
        Assert.Equal("forward", Text(forward, "cat"));
        var args = forward.GetProperty("args");
        Assert.Equal(["[4, 16, 16, 16]", "[32, 16, 3, 3]"], Shapes(args, "operands"));
        Assert.Equal(["[4, 32, 8, 8]"], Shapes(args, "results"));
        Assert.Equal(2.0 * 4 * 8 * 8 * 32 * 16 * 9, args.GetProperty("flops").GetDouble());
        Assert.Equal(4.0 * (4 * 16 * 16 * 16 + 32 * 16 * 9 + 4 * 32 * 8 * 8), args.GetProperty("bytes").GetDouble());

        var backward = Assert.Single(all, e => Text(e, "name") == "linear backward fc");
        Assert.Equal("backward", Text(backward, "cat"));
        // Input, weight, bias, the gradient that comes in; then those of the first three.
        Assert.Equal(["[4, 64]", "[10, 64]", "[10]", "[4, 10]"], Shapes(backward.GetProperty("args"), "operands"));
        Assert.Equal(["[4, 64]", "[10, 64]", "[10]"], Shapes(backward.GetProperty("args"), "results"));

        static string[] Shapes(JsonElement args, string name) => [.. args.GetProperty(name).EnumerateArray().Select(shape => shape.GetString()!)];
    }

    [Fact]
    public void A_region_that_ends_after_the_profiler_ends_with_it()
    {
        var profiler = Profiler.Start(trace: true);
        using (Profiler.Time("outer", "step"))
        {
            Tensor.Ones([2]).Relu();
            profiler.Dispose();
        }
        var events = Events(profiler);
        Assert.Equal(["outer step", "relu forward"], events.Select(e => e.Name));
        Assert.True(events[1].End <= events[0].End);
    }

    [Fact]
    public void Without_being_asked_for_no_events_are_recorded()
    {
        using var profiler = ProfilerByModuleTests.ProfiledStep();
        using var stream = new MemoryStream();
        var error = Assert.Throws<MiniDLException>(() => profiler.WriteTrace(stream));
        Assert.Contains("Profiler.Start(trace: true)", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, stream.Length);
    }

    [Fact]
    public void A_file_is_written_and_a_folder_that_is_not_there_is_an_error()
    {
        using var profiler = ProfilerByModuleTests.ProfiledStep(trace: true);
        string folder = Directory.CreateTempSubdirectory("minidl-trace-").FullName;
        try
        {
            string path = Path.Combine(folder, "trace.json");
            profiler.WriteTrace(path);
            using var trace = JsonDocument.Parse(File.ReadAllText(path));
            Assert.True(trace.RootElement.GetProperty("traceEvents").GetArrayLength() > 2);
            Assert.Throws<MiniDLException>(() => profiler.WriteTrace(Path.Combine(folder, "nothing", "trace.json")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static JsonDocument Parsed(Profiler profiler)
    {
        using var stream = new MemoryStream();
        profiler.WriteTrace(stream);
        return JsonDocument.Parse(stream.ToArray());
    }

    private static List<TestEvent> Events(Profiler profiler)
    {
        using var trace = Parsed(profiler);
        return [.. trace.RootElement.GetProperty("traceEvents").EnumerateArray().Where(e => Text(e, "ph") == "X").Select(e =>
        {
            var args = e.GetProperty("args");
            decimal start = e.GetProperty("ts").GetDecimal(), duration = e.GetProperty("dur").GetDecimal();
            return new TestEvent(Text(e, "name"), Text(args, "operator"), Text(args, "part"), Text(args, "module"), start, duration,
                args.GetProperty("bytes").GetDouble(), args.GetProperty("flops").GetDouble(), args.GetProperty("taken_bytes").GetInt64());
        })];
    }

    private static string Text(JsonElement element, string property) => element.GetProperty(property).GetString()!;

    private sealed record TestEvent(string Name, string Operator, string Part, string Module, decimal Start, decimal Duration, double Bytes,
        double Operations, long TakenBytes)
    {
        public decimal End => Start + Duration;
    }
}
