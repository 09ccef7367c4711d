using MiniDL.Backends.Cuda;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Training;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>
/// In a recorded step gradients of weights and running statistics stand beside the rest, and nothing comes too early or too late.
/// </summary>
public class BranchTests
{
    /// <summary>A step of ResNet-8, recorded from the third run on unless it should run singly.</summary>
    private static double[] Train(Device device, string norm, bool graph, int steps = 5)
    {
        var random = new RandomStream(1);
        var model = new ResNet(8, NormFactory.Named(norm), random).To(device);
        var sgd = new Sgd(model.Parameters(), 0.05f, momentum: 0.9f, weightDecay: 1e-3f);
        Tensor images = Tensor.Normal([2, 3, 8, 8], random, device: device), labels = Tensor.From([1L, 7], [2], device);
        Tensor[] Step() => SgdTraining.Step(model, sgd, images, labels);
        using var recorded = device.Record(Step);
        var values = new List<double>();
        for (int step = 0; step < steps; step++) values.Add((graph ? recorded.Run() : Step())[0].Item());
        foreach (var value in model.StateDict().Values) values.AddRange(value.ToArray<double>());
        return [.. values];
    }

    /// <summary>Nets where sums are changed in place beside a branch, and where weights are computed from others.</summary>
    [GpuTheory]
    [InlineData("bn", Precision.Bf16)]
    [InlineData("bn", Precision.Fp32)]
    [InlineData("bn", Precision.Tf32)]
    [InlineData("gn", Precision.Fp32)]
    [InlineData("gn", Precision.Tf32)]
    [InlineData("gn", Precision.Bf16)]
    [InlineData("fixup", Precision.Bf16)]
    [InlineData("brn", Precision.Fp32)]
    [InlineData("ws", Precision.Fp32)]
    public void Whatever_order_branches_run_in_the_bits_are_those_of_single_steps(string norm, Precision precision)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open(precision);
        var single = Train(device, norm, graph: false);
        var branch = ((CudaBackend)device.Backend).Stream.Branch;
        foreach (var (order, kept) in new[] { (0, 0L), (1, 20_000L), (1, long.MaxValue), (7, long.MaxValue) })
        {
            fake.Set("order", order);
            branch.MaxKeptBytes = kept;
            int waits = branch.WaitsForMemory;
            Assert.Equal(single, Train(device, norm, graph: true));
            // With ws, gradients of weights go on into an operator and stay on the trunk.
            Assert.Equal(kept < long.MaxValue && norm != "ws", branch.WaitsForMemory > waits);
        }
    }

    /// <summary>Whatever --norm names can be recorded: it reads nothing on the host.</summary>
    [GpuFact]
    public void A_step_with_any_norm_is_that_of_single_steps()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open(Precision.Fp32);
        foreach (string norm in NormFactory.Names.Except(["bn", "gn", "fixup", "brn", "ws"]))
        {
            var single = Train(device, norm, graph: false, steps: 3);
            Assert.True(single.SequenceEqual(Train(device, norm, graph: true, steps: 3)), norm);
        }
    }

    /// <summary>
    /// The gradient of y goes to the convolution and to a, where the gradient by way of b is added to it in place; or x is overwritten
    /// after the pass. Both are read by the gradient of the weight, which may come last.
    /// </summary>
    [GpuTheory, InlineData(0, true), InlineData(1, true), InlineData(0, false), InlineData(1, false)]
    public void What_the_branch_reads_is_not_changed_under_it(int order, bool overwrite)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Set("order", order).Open();
        var random = new RandomStream(5);
        Tensor New(Shape shape, Layout layout) => Tensor.Normal(shape, random, device: device).ToLayout(layout);
        Tensor x = New([2, 3, 5, 5], Layout.ChannelsLast), other = New(x.Shape, Layout.ChannelsLast);
        Tensor a = New([2, 4, 5, 5], Layout.ChannelsLast), weight = New([4, 3, 3, 3], Layout.RowMajor);
        (a.RequiresGrad, weight.RequiresGrad) = (true, true);
        double[] first = x.ToArray<double>();
        Tensor[] Step()
        {
            weight.ZeroGrad();
            a.ZeroGrad();
            var b = a * 3;
            var y = x.Conv2d(weight, padding: (1, 1)) + a;
            var loss = y.Square().Sum();
            (overwrite ? loss : loss + b.Square().Sum()).Backward();
            if (overwrite) other.CopyTo(x);
            return [];
        }
        using var recorded = device.Record(Step);
        double[] Gradient(Action step)
        {
            Tensor.From(first, x.Shape).CopyTo(x);
            step();
            return [.. weight.Grad!.ToArray<double>(), .. a.Grad!.ToArray<double>()];
        }
        double[] single = Gradient(() => Step());
        for (int run = 0; run < 4; run++) Assert.Equal(single, Gradient(() => recorded.Run()));
        Assert.True(fake.Get("graph_nodes") > fake.Get("graph_depth"));
    }

    [GpuFact]
    public void A_recording_that_fails_beside_a_branch_leaves_the_stream_as_it_was()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open(Precision.Fp32);
        var expected = Train(device, "none", graph: true, steps: 4);
        Tensor x = Tensor.Ones([1, 2, 3, 3], device), weight = Tensor.Ones([2, 2, 3, 3], device);
        weight.RequiresGrad = true;
        using var recorded = device.Record(() =>
        {
            x.Conv2d(weight).Square().Sum().Backward();
            return [Tensor.Scalar(weight.Grad!.ToArray()[0])];
        });
        for (int run = 0; run < 2; run++) recorded.Run();
        for (int run = 0; run < 2; run++)
        {
            string error = Assert.Throws<MiniDLException>(() => recorded.Run()).Message;
            Assert.Contains("was read by the host inside a recorded step", error);
        }
        Assert.Equal(expected, Train(device, "none", graph: true, steps: 4));
    }

    [GpuFact]
    public void The_chain_of_a_step_has_no_gradients_of_weights_and_no_running_statistics()
    {
        using var fake = Gpu.OwnFake();
        Train(fake.Open(), "bn", graph: true);
        // Nine convolutions with as many norms, but what stands at the end of the pass is waited for at once.
        long beside = fake.Get("graph_nodes") - fake.Get("graph_depth");
        Assert.InRange(beside, 14, 40);
    }
}
