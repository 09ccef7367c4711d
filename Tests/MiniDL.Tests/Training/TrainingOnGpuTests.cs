using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Training;

/// <summary>Ten steps of a small ResNet: the GPU, step by step and as a graph, against the CPU.</summary>
public class TrainingOnGpuTests
{
    private const int Batch = 3, Size = 8, Steps = 10, Classes = 4;

    [GpuTheory, InlineData("bn"), InlineData("gn")]
    public void Ten_steps_of_a_resnet_agree_with_the_cpu(string norm)
    {
        var (losses, state, logits) = Train(norm, Device.Cpu, graph: false);
        var (graphLosses, graphState, graphLogits) = Train(norm, Gpu.Device, graph: true);
        for (int step = 0; step < Steps; step++) Assert.Equal(losses[step], graphLosses[step], 2e-3 * (1 + losses[step]));
        foreach (var (key, value) in state) Assert.True(Distance(value, graphState[key]) < 2e-2, $"{key} is off by {Distance(value, graphState[key]):E1}");
        Assert.InRange(Distance(logits, graphLogits), 0, 2e-2);
        Assert.True(graphLosses[^1] < graphLosses[0] / 2, $"the loss went from {graphLosses[0]} to {graphLosses[^1]}");
    }

    [GpuTheory, InlineData("bn", Precision.Tf32), InlineData("bn", Precision.Bf16), InlineData("gn", Precision.Bf16)]
    public void A_recorded_step_gives_the_bits_of_single_steps(string norm, Precision precision)
    {
        using Device one = Gpu.Open(precision), other = Gpu.Open(precision);
        var (losses, state, logits) = Train(norm, one, graph: false, steps: 4);
        var (graphLosses, graphState, graphLogits) = Train(norm, other, graph: true, steps: 4);
        Assert.Equal(losses, graphLosses);
        foreach (var (key, value) in state) Assert.Equal(value, graphState[key]);
        Assert.Equal(logits, graphLogits);
    }

    private static (float[] Losses, Dictionary<string, double[]> State, double[] Logits) Train(string norm, Device device, bool graph, int steps = Steps)
    {
        var random = new RandomStream(1);
        var model = new ResNet(8, NormFactory.Named(norm), random.Fork("weights"), Classes).To(device);
        var sgd = new Sgd(model.Parameters(), learningRate: 0.05f, momentum: 0.9f, weightDecay: 1e-4f);
        var images = Tensor.Normal([Batch, 3, Size, Size], random.Fork("images")).ToLayout(Layout.ChannelsLast).To(device);
        var labels = Tensor.From([0L, 3, 1], [Batch], device);
        Tensor[] Step() => SgdTraining.Step(model, sgd, images, labels);
        using var recorded = device.Record(Step);
        var losses = new float[steps];
        for (int step = 0; step < steps; step++)
        {
            using var scope = Scope.Step();
            losses[step] = (graph ? recorded.Run() : Step())[0].Item();
        }
        model.Eval();
        using var noGrad = new NoGrad();
        return (losses, model.StateDict().ToDictionary(s => s.Key, s => s.Value.ToArray<double>()), model.Forward(images).ToArray<double>());
    }

    private static double Distance(double[] a, double[] b) =>
        Math.Sqrt(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum() / Math.Max(1e-6, a.Sum(x => x * x)));
}
