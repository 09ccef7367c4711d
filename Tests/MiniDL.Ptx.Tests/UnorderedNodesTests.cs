using MiniDL.Backends.Cuda;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Ptx.Tests.Interpreter;
using MiniDL.Tests.Training;

namespace MiniDL.Ptx.Tests;

/// <summary>
/// Kernels of a recorded step that no path through its graph orders may run at the same time: none may change what the other uses. The
/// addresses are those that the shipped PTX was seen at, not those that the backend meant.
/// </summary>
public class UnorderedNodesTests
{
    [GpuTheory]
    [InlineData("bn", Precision.Tf32)]
    [InlineData("bn", Precision.Bf16)]
    [InlineData("bn", Precision.Bf16, 20_000)]
    [InlineData("gn", Precision.Fp32)]
    [InlineData("gn", Precision.Tf32, 20_000)]
    [InlineData("gn", Precision.Bf16)]
    [InlineData("fixup", Precision.Fp32)]
    public void Share_nothing_that_one_of_them_changes(string norm, Precision precision, long maxKeptBytes = 32 << 20)
    {
        using var gpu = new PtxGpu(90, precision);
        gpu.Interpret(false);
        var (device, random) = (gpu.Device, new RandomStream(1));
        var branch = ((CudaBackend)device.Backend).Stream.Branch;
        branch.MaxKeptBytes = maxKeptBytes;
        var model = new ResNet(8, NormFactory.Named(norm), random).To(device);
        var sgd = new Sgd(model.Parameters(), 0.05f, momentum: 0.9f, weightDecay: 1e-3f);
        Tensor images = Tensor.Normal([2, 3, 8, 8], random, device: device), labels = Tensor.From([1L, 7], [2], device);
        using var step = device.Record(() => SgdTraining.Step(model, sgd, images, labels));
        for (int warmUp = 0; warmUp < 2; warmUp++) step.Run();
        device.Backend.Synchronize();
        gpu.Interpret(true);
        step.Run();
        device.Backend.Synchronize();
        Assert.Empty(gpu.Faults);
        Assert.Empty(Conflicts(gpu.Nodes, out int unordered));
        bool reachesLimit = maxKeptBytes < 32 << 20;
        Assert.InRange(unordered, reachesLimit ? 10 : 40, int.MaxValue);
        Assert.Equal(reachesLimit, branch.WaitsForMemory > 0);
    }

    private static List<string> Conflicts(IReadOnlyDictionary<int, GraphNode> nodes, out int unordered)
    {
        var before = new Dictionary<int, HashSet<int>>();
        var conflicts = new List<string>();
        unordered = 0;
        foreach (var (number, node) in nodes.OrderBy(n => n.Key))
        {
            before[number] = [.. node.After, .. node.After.SelectMany(other => before[other])];
            foreach (int other in before.Keys.Where(other => other != number && !before[number].Contains(other)))
            {
                unordered++;
                ulong address = node.Conflict(nodes[other]);
                if (address != 0) conflicts.Add($"{nodes[other].Kernel} and {node.Kernel}, nodes {other} and {number}, at {address:X}");
            }
        }
        return conflicts;
    }
}
