using MiniDL.Backends.Cuda;
using MiniDL.Diagnostics;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Training;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>The times of a GPU's kernels, and what looks at launches.</summary>
public class KernelProfileTests
{
    [GpuFact]
    public void Every_launch_of_a_step_is_counted_and_timed()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        Tensor x = Tensor.Ones([2, 3], device), other = Tensor.Ones([2, 3], device);
        Tensor[] Step() => [(x + other).Exp().Exp().Sum()];
        int steps = 0;
        var profile = KernelProfile.Of(device, () => { steps++; return Step(); }, measurements: 2);
        Assert.Equal([("map_exp", 2), ("sum", 1), ("zip_add", 1)], profile.Kernels.Select(k => (k.Name, k.Launches)).Order());
        Assert.All(profile.Kernels, kernel => Assert.InRange(kernel.SinglyMicroseconds, double.Epsilon, double.MaxValue));
        Assert.True(profile.StepMicroseconds > 0);
        // The step is left as it was: no event, no doubled kernel.
        long before = fake.Get("launches");
        Step()[0].Item();
        Assert.Equal(4, fake.Get("launches") - before);
        Assert.True(steps > 4);
    }

    [GpuFact]
    public void A_doubled_kernel_stands_twice_in_the_graph_wherever_it_stood()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var stream = ((CudaBackend)device.Backend).Stream;
        Tensor x = Tensor.Full([3], 2, device);
        long Nodes(Kernel? doubled)
        {
            using var graph = device.Record(() => [x.Exp().Exp().Square()]);
            stream.Probe = new DoubledKernel(doubled);
            for (int run = 0; run < 3; run++) graph.Run();
            stream.Probe = null;
            device.Backend.Synchronize();
            return fake.Get("graph_nodes");
        }
        Assert.Equal(3, Nodes(null));
        Assert.Equal(5, Nodes(Kernels.OfUnary<ExpFunction>.Forward.F32));
        Assert.Equal(4, Nodes(Kernels.OfUnary<SquareFunction>.Forward.F32));
    }

    [GpuFact]
    public void A_kernel_is_timed_by_what_the_driver_took_for_it()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        Tensor few = Tensor.Ones([16], device), many = Tensor.Ones([1 << 20], device);
        var profile = KernelProfile.Of(device, () => [few.Exp(), many.Square()], measurements: 3);
        double Time(string kernel) => profile.Kernels.Single(k => k.Name == kernel).SinglyMicroseconds;
        Assert.True(Time("map_square") > 20 * Time("map_exp"));
        Assert.Equal("map_square", profile.Kernels[0].Name);
    }

    [GpuFact]
    public void What_cannot_be_measured_is_refused()
    {
        Assert.Contains("[profile] cpu is not a GPU", Assert.Throws<MiniDLException>(() => KernelProfile.Of(Device.Cpu, () => [])).Message);
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        ((CudaBackend)device.Backend).Stream.RepeatsGraphs = false;
        Assert.Contains("MINIDL_CUDA_GRAPH=0", Assert.Throws<MiniDLException>(() => KernelProfile.Of(device, () => [])).Message);
    }

    [GpuTheory, InlineData("bn"), InlineData("gn")]
    public void Steps_that_are_not_recorded_give_the_same_bits_without_a_graph(string norm)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        double[] Train()
        {
            var random = new RandomStream(1);
            var model = new ResNet(8, NormFactory.Named(norm), random).To(device);
            var sgd = new Sgd(model.Parameters(), 0.05f, momentum: 0.9f);
            Tensor images = Tensor.Normal([2, 3, 8, 8], random, device: device), labels = Tensor.From([1L, 7], [2], device);
            using var step = device.Record(() => SgdTraining.Step(model, sgd, images, labels));
            for (int run = 0; run < 4; run++) step.Run();
            return [.. model.StateDict().Values.SelectMany(value => value.ToArray<double>())];
        }
        double[] recorded = Train();
        long graphs = fake.Get("graph_launches");
        Assert.Equal(2, graphs);
        ((CudaBackend)device.Backend).Stream.RepeatsGraphs = false;
        Assert.Equal(recorded, Train());
        Assert.Equal(graphs, fake.Get("graph_launches"));
    }

    /// <summary>Blocks on GPUs with so many multiprocessors: an A100, an H100 for PCIe, an H100.</summary>
    [GpuTheory, InlineData(108), InlineData(114), InlineData(132), InlineData(16)]
    public void Convolutions_on_tensor_cores_start_no_more_blocks_than_fit_at_once(int multiprocessors)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Set("multiprocessors", multiprocessors).Open();
        var seen = new SeenLaunches();
        ((CudaBackend)device.Backend).Stream.Probe = seen;
        var random = new RandomStream(1);
        var model = new ResNet(20, NormFactory.Named("bn"), random).To(device);
        var sgd = new Sgd(model.Parameters(), 0.1f);
        using (MiniDL.Scope.Step())
            SgdTraining.Step(model, sgd, Tensor.Ones([128, 3, 32, 32], device), Tensor.From(new long[128], [128], device));
        var convolutions = seen.Launches.Where(launch => launch.Kernel.SharedBytes > 0).ToList();
        Assert.InRange(convolutions.Count, 50, 70);
        // The least of the two that a multiprocessor of compute capability 9.0 has: 228 KB of shared memory, 1 KB of it the system's for each block.
        int Together(Kernel kernel) => (228 << 10) / (kernel.SharedBytes + 1024);
        Assert.All(convolutions, launch => Assert.InRange(launch.Blocks, 1, Math.Max(32, multiprocessors) * Together(launch.Kernel)));
        // And most of the GPU is used.
        Assert.All(convolutions.Where(launch => launch.Kernel.Name.Contains("_16_16", StringComparison.Ordinal)),
            launch => Assert.True(launch.Blocks >= 0.75 * multiprocessors, $"{launch.Kernel} {launch.Blocks}"));
    }

    [GpuFact]
    public void Gpus_that_are_nearly_alike_cut_work_alike()
    {
        int Blocks(int multiprocessors)
        {
            using var fake = Gpu.OwnFake();
            return ((CudaBackend)fake.Set("multiprocessors", multiprocessors).Open().Backend).Context.BlocksAtOnce;
        }
        Assert.Equal([32, 64, 96, 96, 128, 128, 128], new[] { 16, 84, 108, 114, 128, 132, 148 }.Select(Blocks));
    }

    /// <summary>Takes note of launches, and has none of them run.</summary>
    private sealed class SeenLaunches : LaunchProbe
    {
        public List<(Kernel Kernel, int Blocks)> Launches { get; } = [];

        public override int Before(Kernel kernel, int blocks)
        {
            Launches.Add((kernel, blocks));
            return 0;
        }
    }
}
