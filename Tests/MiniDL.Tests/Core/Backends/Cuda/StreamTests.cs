using System.Runtime.CompilerServices;
using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Training;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>Several streams of one GPU, each a device with memory of its own.</summary>
public class StreamTests
{
    [Fact]
    public void A_device_without_streams_is_its_only_one()
    {
        using (var stream = Device.Cpu.NewStream()) Assert.Same(Device.Cpu, stream);
        Assert.Equal([1, 1], Tensor.Ones([2], Device.Cpu).ToArray());
    }

    [GpuFact]
    public void A_stream_is_a_device_of_the_same_name_and_precision()
    {
        using var stream = Gpu.Device.NewStream();
        Assert.NotSame(Gpu.Device, stream);
        Assert.Equal(("cuda", Precision.Fp32), (stream.Name, stream.Precision));
        Assert.Equal([0.5f, 1], (Tensor.From([1f, 2], [2], stream) * 0.5).ToArray());
    }

    [GpuFact]
    public void Tensors_of_two_streams_do_not_meet_unless_one_is_moved()
    {
        using var stream = Gpu.Device.NewStream();
        Tensor here = Tensor.From([1f, 2], [2], Gpu.Device), there = Tensor.From([10f, 20], [2], stream);
        string message = Assert.Throws<ShapeException>(() => here + there).Message;
        Assert.Contains("is on cuda in fp32 (stream ", message);
        Assert.Equal([11, 22], (here + there.To(Gpu.Device)).ToArray());
    }

    [GpuFact]
    public void A_value_moves_after_the_work_that_makes_it_and_before_its_memory_is_used_again()
    {
        using var stream = Gpu.Device.NewStream();
        for (int i = 0; i < 20; i++)
        {
            Tensor moved;
            using (MiniDL.Scope.Step())
            {
                moved = (Tensor.Full([300], i, stream) * 2 + 1).To(Gpu.Device).Keep();
            }
            Tensor.Full([300], -1, stream);
            Assert.All(moved.ToArray(), value => Assert.Equal(2 * i + 1, value));
        }
    }

    /// <summary>The fake driver runs a stream when somebody waits for it, as late as a GPU may.</summary>
    [GpuFact]
    public void Memory_that_another_stream_reads_is_not_handed_out_before_it_has_read()
    {
        const int count = 16;
        using var fake = Gpu.OwnFake();
        var home = fake.Open();
        using var stream = home.NewStream();
        var drawn = DrawAndDrop(count, stream);
        // The data set, its table of copies, their memory: one after the other.
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        // The block of the training set is taken and overwritten here, where nothing waits for the other stream.
        long before = fake.Get("allocations");
        var others = new List<Tensor>();
        for (int i = 0; i < 4; i++)
        {
            others.Add(Tensor.New([count * 3 * 32 * 32], home, DType.U8));
            home.Backend.Fill(others[^1], 255);
        }
        home.Backend.Synchronize();
        Assert.Equal(3, fake.Get("allocations") - before);
        Assert.All(drawn.ToArray(), value => Assert.Equal(0, value));
        GC.KeepAlive(others);
    }

    /// <summary>Black images, of which nothing but a batch on the stream is left, not yet drawn.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Tensor DrawAndDrop(int count, Device stream)
    {
        var images = new ImageDataset("black", new byte[count * 3 * 32 * 32], [3, 32, 32], new long[count], ["a"], mean: [0, 0, 0], std: [1, 1, 1]);
        var resident = new ResidentImages(images, count, new RandomStream(1), null, stream);
        resident.Start(0);
        stream.Backend.Synchronize();
        resident.Draw();
        return resident.Images;
    }

    [GpuFact]
    public void A_stream_that_is_disposed_of_gives_everything_back()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        Tensor.Ones([1000], device).ToArray();
        string[] counters = ["bytes", "allocations", "host_bytes", "streams", "events", "graphs"];
        long[] before = [.. counters.Select(fake.Get)];
        var stream = device.NewStream();
        var x = Tensor.Ones([5000], stream);
        var graph = stream.Record(() => [(x * 3).Sum()]);
        var later = x.ToArrayLater<float>();
        for (int i = 0; i < 4; i++) Assert.Equal(15_000, graph.Run()[0].Item());
        stream.Backend.Synchronize();
        for (int i = 0; i < counters.Length; i++) Assert.True(fake.Get(counters[i]) > before[i], counters[i]);

        stream.Dispose();
        stream.Dispose();
        Assert.Equal(before, counters.Select(fake.Get));
        Assert.Contains("disposed of", Assert.Throws<MiniDLException>(() => x.ToArray()).Message);
        Assert.Contains("disposed of", Assert.Throws<MiniDLException>(() => later()).Message);
        Assert.Contains("disposed of", Assert.Throws<MiniDLException>(() => graph.Run()).Message);
        Assert.Equal(1000, Tensor.Ones([1000], device).Sum().Item());
    }

    [GpuFact]
    public void The_first_stream_of_a_gpu_is_never_disposed_of()
    {
        Gpu.Device.Dispose();
        Assert.Equal([1, 1], Tensor.Ones([2], Gpu.Device).ToArray());
    }

    [GpuFact]
    public void A_forgotten_stream_is_given_back_when_the_next_one_is_made()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        Forget(device);
        Assert.Equal(2, fake.Get("streams"));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(2, fake.Get("streams"));
        long bytes = fake.Get("bytes");
        device.NewStream();
        Assert.Equal(2, fake.Get("streams"));
        Assert.True(fake.Get("bytes") <= bytes - 4_000_000);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(Device device)
    {
        var stream = device.NewStream();
        Tensor.Ones([1_000_000], stream).Sum().Item();
    }

    [GpuFact]
    public void A_recorded_step_stays_on_its_stream()
    {
        using var stream = Gpu.Device.NewStream();
        Tensor here = Tensor.Ones([4], Gpu.Device), there = Tensor.Ones([4], stream);
        using var graph = stream.Record(() =>
        {
            here.Exp();
            return [there * 2];
        });
        graph.Run();
        graph.Run();
        Assert.Contains("another stream", Assert.Throws<MiniDLException>(() => graph.Run()).Message);
        Assert.Equal(8, (here + there.To(Gpu.Device)).Sum().Item());
    }

    [GpuFact]
    public void What_another_stream_gives_back_meanwhile_does_not_spoil_a_capture()
    {
        // Freeing memory waits for the whole GPU, which no thread may do while another one captures: it waits for the capture's end.
        Device stream = Gpu.Device.NewStream(), other = Gpu.Device.NewStream();
        Tensor x = Tensor.Ones([4], stream), y = Tensor.Ones([5000], other);
        Assert.Equal(5000, y.Sum().Item());
        Exception? error = null;
        var disposing = new Thread(() => error = Record.Exception(other.Dispose));
        int runs = 0;
        using var graph = stream.Record(() =>
        {
            if (++runs == 3)
            {
                disposing.Start();
                disposing.Join(TimeSpan.FromMilliseconds(100));
            }
            return [x * 2];
        });
        for (int i = 0; i < 4; i++) Assert.Equal([2, 2, 2, 2], graph.Run()[0].ToArray());
        disposing.Join();
        Assert.Null(error);
        stream.Dispose();
    }

    [GpuFact]
    public void Runs_on_streams_of_their_own_side_by_side_give_the_bits_of_runs_one_after_another()
    {
        const int runs = 4;
        var serial = new double[runs][];
        for (int run = 0; run < runs; run++) serial[run] = Train(Gpu.Device, run);
        for (int round = 0; round < 3; round++)
        {
            var parallel = new double[runs][];
            Exception?[] errors = new Exception?[runs];
            Thread[] threads = [.. Enumerable.Range(0, runs).Select(run => new Thread(() =>
            {
                try
                {
                    using var stream = Gpu.Device.NewStream();
                    parallel[run] = Train(stream, run);
                }
                catch (Exception e)
                {
                    errors[run] = e;
                }
            }))];
            foreach (var thread in threads) thread.Start();
            foreach (var thread in threads) thread.Join();
            Assert.All(errors, Assert.Null);
            for (int run = 0; run < runs; run++) Assert.Equal(serial[run], parallel[run]);
        }
    }

    /// <summary>Losses of a few recorded steps and the weights afterwards; every run has other sizes and values.</summary>
    private static double[] Train(Device device, int run)
    {
        const int batch = 3, features = 4, classes = 2;
        var random = new RandomStream((ulong)run);
        var model = new Sequential(new Linear(features, 5 + run, random: random), new BatchNorm1d(5 + run), new Relu(),
            new Dropout(0.3, random.Fork("dropout")), new Linear(5 + run, classes, random: random)).To(device);
        var sgd = new Sgd(model.Parameters(), 0.1f, momentum: 0.9f);
        Tensor images = Tensor.Zeros([batch, features], device), labels = Tensor.From([0L, 1, 0], [batch], device);
        using var recorded = device.Record(() => SgdTraining.Step(model, sgd, images, labels));
        var numbers = new List<double>();
        for (int step = 0; step < 5; step++)
        {
            using var scope = MiniDL.Scope.Step();
            Tensor.Normal([batch, features], random).CopyTo(images);
            numbers.Add(recorded.Run()[0].Item());
        }
        foreach (var parameter in model.Parameters()) numbers.AddRange(parameter.Value.ToArray<double>());
        return [.. numbers];
    }
}
