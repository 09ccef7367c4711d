using System.Runtime.CompilerServices;
using MiniDL.Backends.Cuda;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Training;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>A step that is recorded and repeated does what the step does.</summary>
public class RecordedStepTests
{
    private const int Batch = 6, Features = 5, Classes = 3, Steps = 7;

    private static float[] Images(int step) =>
        [.. Enumerable.Range(0, Batch * Features).Select(i => (float)Math.Sin(1 + i * (step + 1)))];

    private static long[] Labels(int step) => [.. Enumerable.Range(0, Batch).Select(i => (long)((i + step) % Classes))];

    private static float Rate(int step) => 0.3f / (1 + step);

    /// <summary>Losses of a few steps and the state afterwards.</summary>
    private static (float[] Losses, Dictionary<string, double[]> State) Train(Device device, bool graph)
    {
        var random = new RandomStream(3);
        var model = new Sequential(new Linear(Features, 8, random: random), new BatchNorm1d(8), new Relu(),
            new Dropout(0.4, random.Fork("dropout")), new Linear(8, Classes, random: random)).To(device);
        var sgd = new Sgd(model.Parameters(), 1, momentum: 0.9f, weightDecay: 0.01f);
        Tensor images = Tensor.Zeros([Batch, Features], device), labels = Tensor.Zeros([Batch], device, DType.I64);
        Tensor[] Step() => SgdTraining.Step(model, sgd, images, labels);
        using var recorded = device.Record(Step);
        var losses = new float[Steps];
        for (int step = 0; step < Steps; step++)
        {
            using var scope = MiniDL.Scope.Step();
            Tensor.From(Images(step), images.Shape).CopyTo(images);
            Tensor.From(Labels(step), labels.Shape).CopyTo(labels);
            sgd.LearningRate = Rate(step);
            losses[step] = (graph ? recorded.Run() : Step())[0].Item();
        }
        return (losses, model.StateDict().ToDictionary(s => s.Key, s => s.Value.ToArray<double>()));
    }

    [GpuFact]
    public void Training_repeats_bit_for_bit_what_single_steps_do_with_rates_dropout_and_batch_counts()
    {
        var single = Train(Gpu.Device, graph: false);
        var repeated = Train(Gpu.Device, graph: true);
        Assert.Equal(single.Losses, repeated.Losses);
        foreach (var (key, value) in single.State) Assert.True(value.SequenceEqual(repeated.State[key]), key);
        Assert.Equal(Steps, repeated.State.Single(s => s.Key.EndsWith("num_batches_tracked", StringComparison.Ordinal)).Value[0]);
    }

    [GpuFact]
    public void Training_on_the_GPU_agrees_with_the_cpu()
    {
        var here = Train(Device.Cpu, graph: true);
        var there = Train(Gpu.Device, graph: true);
        for (int step = 0; step < Steps; step++) Assert.Equal(here.Losses[step], there.Losses[step], 1e-5);
        foreach (var (key, value) in here.State)
            foreach (var (a, b) in value.Zip(there.State[key])) Assert.Equal(a, b, 1e-4);
    }

    [Fact]
    public void On_the_cpu_the_step_simply_runs()
    {
        int runs = 0;
        using var graph = Device.Cpu.Record(() => [Tensor.Scalar(++runs)]);
        Assert.Equal([1, 2, 3, 4], Enumerable.Range(0, 4).Select(_ => graph.Run()[0].Item()));
    }

    [GpuFact]
    public void After_it_is_recorded_the_step_no_longer_runs_on_the_host()
    {
        int runs = 0;
        var x = Tensor.Zeros([3], Gpu.Device);
        using var graph = Gpu.Device.Record(() =>
        {
            runs++;
            return [x * 2 + 1];
        });
        for (int i = 0; i < 6; i++)
        {
            Tensor.From([i, i + 1f, -i], [3]).CopyTo(x);
            Assert.Equal([2 * i + 1, 2 * i + 3, 1 - 2 * i], graph.Run()[0].ToArray());
        }
        Assert.Equal(3, runs);
    }

    [GpuFact]
    public void What_is_made_between_runs_has_memory_of_its_own()
    {
        var x = Tensor.Ones([100], Gpu.Device);
        using var graph = Gpu.Device.Record(() =>
        {
            using var scope = MiniDL.Scope.Step();
            return [(x * 3).Exp().Keep()];
        });
        var others = new List<Tensor>();
        for (int i = 0; i < 6; i++)
        {
            graph.Run();
            for (int k = 0; k < 4; k++) others.Add(Tensor.Full([100], others.Count, Gpu.Device));
        }
        for (int i = 0; i < others.Count; i++) Assert.All(others[i].ToArray(), value => Assert.Equal(i, value));
    }

    [GpuFact]
    public void Repeating_takes_no_memory()
    {
        var x = Tensor.Ones([50, 7], Gpu.Device);
        using var graph = Gpu.Device.Record(() => [(x * x).Sum([0])]);
        for (int i = 0; i < 3; i++) graph.Run();
        int collected = GC.CollectionCount(0);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) graph.Run();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100 * 400);
        Assert.Equal([50, 50, 50, 50, 50, 50, 50], graph.Run()[0].ToArray());
    }

    [GpuFact]
    public void A_recorded_step_inside_another_is_a_part_of_it()
    {
        RandomStream once = new RandomStream(3), repeated = new RandomStream(3);
        var x = Tensor.Ones([64], Gpu.Device);
        using var inner = Gpu.Device.Record(() => [x.Dropout(0.5, repeated)]);
        using var outer = Gpu.Device.Record(() => [inner.Run()[0] * 2]);
        for (int i = 0; i < 6; i++) Assert.Equal((x.Dropout(0.5, once) * 2).ToArray(), outer.Run()[0].ToArray());
        Assert.Equal(x.Dropout(0.5, once).ToArray(), inner.Run()[0].ToArray());
    }

    [GpuFact]
    public void Values_that_are_asked_for_are_those_of_that_moment()
    {
        var x = Tensor.Zeros([3], Gpu.Device);
        using var graph = Gpu.Device.Record(() => [x + 1]);
        var later = new List<Func<float[]>>();
        for (int i = 0; i < 6; i++)
        {
            Tensor.Full([3], i).CopyTo(x);
            later.Add(graph.Run()[0].ToArrayLater<float>());
        }
        for (int i = 5; i >= 0; i--)
        {
            Assert.Equal([i + 1, i + 1, i + 1], later[i]());
            Assert.Same(later[i](), later[i]());
        }
    }

    [GpuFact]
    public void A_value_that_the_host_reads_inside_is_named_and_the_device_goes_on()
    {
        var x = Tensor.Ones([4], Gpu.Device);
        using var graph = Gpu.Device.Record(() =>
        {
            var y = x.Exp();
            if (y.Sum().Item() < 0) throw new InvalidOperationException();
            return [y];
        });
        graph.Run();
        graph.Run();
        string message = Assert.Throws<MiniDLException>(() => graph.Run()).Message;
        Assert.StartsWith("[record] f32[] on cuda in fp32 from sum was read by the host", message);
        Assert.Contains("Return it from the step", message);
        Assert.Equal(4, x.Sum().Item());
    }

    [GpuFact]
    public void A_value_that_the_host_puts_in_inside_is_refused()
    {
        var x = Tensor.Ones([2], Gpu.Device);
        using var graph = Gpu.Device.Record(() => [x + Tensor.From([1f, 2], [2], Gpu.Device)]);
        graph.Run();
        graph.Run();
        Assert.Contains("inside a recorded step", Assert.Throws<MiniDLException>(() => graph.Run()).Message);
    }

    [GpuFact]
    public void Averages_over_all_batches_need_the_host_and_say_so()
    {
        var norm = new BatchNorm1d(2, momentum: null);
        norm.To(Gpu.Device);
        var x = Tensor.From([1f, 2, 3, 4], [2, 2], Gpu.Device);
        using var graph = Gpu.Device.Record(() => [norm.Forward(x)]);
        graph.Run();
        graph.Run();
        Assert.StartsWith("[record] i64[] on cuda in fp32 was read by the host", Assert.Throws<MiniDLException>(() => graph.Run()).Message);
    }

    [GpuFact]
    public void Labels_are_looked_at_before_every_run()
    {
        Tensor logits = Tensor.Zeros([2, 3], Gpu.Device), labels = Tensor.From([0L, 2], [2], Gpu.Device);
        using var graph = Gpu.Device.Record(() => [logits.CrossEntropy(labels)]);
        for (int i = 0; i < 5; i++) Assert.Equal(Math.Log(3), graph.Run()[0].Item(), 1e-6);
        Tensor.From([1L, 3], [2]).CopyTo(labels);
        Assert.Contains("label 3", Assert.Throws<ShapeException>(() => graph.Run()).Message);
        Tensor.From([1L, 1], [2]).CopyTo(labels);
        Assert.Equal(Math.Log(3), graph.Run()[0].Item(), 1e-6);
    }

    [GpuFact]
    public void Counters_that_a_recorded_step_is_the_first_to_need_are_zero_even_if_it_fails()
    {
        // Enough positions for several blocks, the last of which combines what they found.
        using var stream = Gpu.Device.NewStream();
        var x = Tensor.Normal([9000, 1], new RandomStream(1), mean: 3, device: stream);
        var norm = new BatchNorm1d(1);
        norm.To(Gpu.Device);
        norm.Forward(Tensor.Ones([2, 1], Gpu.Device));  // its kernels are there, its counters are not
        norm.To(stream);
        int runs = 0;
        using var graph = stream.Record(() =>
        {
            if (++runs < 3) return [x * 1];
            var y = norm.Forward(x);
            return runs > 3 ? [y] : throw new InvalidOperationException();
        });
        graph.Run();
        graph.Run();
        Assert.Throws<InvalidOperationException>(() => graph.Run());
        float[] now = norm.Forward(x).ToArray();
        Assert.InRange(now.Average(), -1e-3, 1e-3);
        Assert.Equal(now, graph.Run()[0].ToArray());
        Assert.Equal(now, norm.Forward(x).ToArray());
    }

    [GpuFact]
    public void Warm_ups_outside_of_a_scope_use_the_same_memory_again()
    {
        using var stream = Gpu.Device.NewStream();
        var memory = ((CudaBackend)stream.Backend).Stream.Memory;
        var x = Tensor.Ones([100_000], stream);
        using var graph = stream.Record(() => [(x * 2 + 1).Exp().Sum()]);
        graph.Run();
        long held = memory.HeldBytes;
        graph.Run();
        graph.Run();
        Assert.InRange(memory.HeldBytes - held, 0, 1000);
    }

    [GpuFact]
    public void Disposed_of_it_gives_its_memory_back_but_not_what_others_refer_to()
    {
        using var stream = Gpu.Device.NewStream();
        var memory = ((CudaBackend)stream.Backend).Stream.Memory;
        var x = Tensor.Ones([100_000], stream);
        x.RequiresGrad = true;
        var (graph, before) = RunAndDispose(x, memory);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        memory.GiveBack();
        // The gradient, and what a graph has of its own.
        Assert.InRange(memory.HeldBytes, before + 400_000, before + 500_000);
        Assert.All(x.Grad!.ToArray(), gradient => Assert.Equal(24, gradient));
        graph.Dispose();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (RecordedStep Step, long Before) RunAndDispose(Tensor x, CudaMemory memory)
    {
        memory.GiveBack();
        long before = memory.HeldBytes;
        var graph = x.Device.Record(() =>
        {
            var y = (x * 2).Square() * 0.75;
            y.Sum().Backward();
            return [y];
        });
        for (int i = 0; i < 4; i++) graph.Run();
        graph.Dispose();
        return (graph, before);
    }

    [GpuFact]
    public void A_forgotten_one_is_given_back_when_memory_is_next_asked_for()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var x = Tensor.Ones([10], device);
        Forget(x);
        Assert.Equal(1, fake.Get("graphs"));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(1, fake.Get("graphs"));
        Tensor.Ones([10], device);
        Assert.Equal(0, fake.Get("graphs"));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(Tensor x)
    {
        var graph = x.Device.Record(() => [x * 2]);
        for (int i = 0; i < 4; i++) graph.Run();
    }
}
