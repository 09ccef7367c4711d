using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core.Backends.Cuda.Ptx.Interpreter;
using Xunit.Abstractions;

namespace MiniDL.Tests.Core.Backends.Cuda.Ptx.Profile;

/// <summary>What the kernels of a training step of ResNet-20 do, by the counters, at batch 128.</summary>
public class TrainingStepProfileTests(ITestOutputHelper output)
{
    [GpuTheory]
    [InlineData("bn", Precision.Tf32)]
    [InlineData("bn", Precision.Bf16)]
    [InlineData("gn", Precision.Tf32)]
    public void Step(string norm, Precision precision)
    {
        using var gpu = new PtxGpu("sm_90", precision);
        var random = new RandomStream(1);
        var device = gpu.Device;
        const int batch = 128;
        var model = new ResNet(20, NormChoice.Parse(norm), random).To(device);
        var sgd = new Sgd(model.Parameters(), learningRate: 0.1f, momentum: 0.9f, weightDecay: 1e-4f);
        var images = Tensor.Normal([batch, 3, 32, 32], random.Fork("images"), device: device);
        var labels = Tensor.From([.. Enumerable.Range(0, batch).Select(i => (long)(i % 10))], [batch], device);
        model.Train();
        gpu.Profile = new GpuProfile(2);
        using (Scope.Step())
        {
            var loss = Loss.CrossEntropy(model.Forward(images), labels);
            sgd.ZeroGrad();
            loss.Backward();
            sgd.Step();
            device.Backend.Synchronize();
        }
        Assert.Empty(gpu.Faults);
        foreach (string line in ProfileTable.Of(gpu.Profile.Launches)) output.WriteLine(line);
    }
}
