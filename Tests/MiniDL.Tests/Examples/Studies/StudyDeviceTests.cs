using MiniDL.Data;
using MiniDL.Examples.Studies.NormsInTraining;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Examples.Studies;

public sealed class StudyDeviceTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [GpuFact]
    public void A_study_trains_on_the_gpu_what_it_trains_on_the_cpu()
    {
        var (scores, gpuScores) = (Train(Device.Cpu), Train(Gpu.Device));
        foreach (var (score, gpu) in scores.Zip(gpuScores))
        {
            Assert.Equal(score.Loss, gpu.Loss, 1e-4);
            Assert.Equal(score.Error, gpu.Error);
        }
        Assert.True(scores[^1].Loss < scores[0].Loss);
    }

    [Fact]
    public void A_study_that_trains_nothing_takes_no_device()
    {
        Assert.Equal(2, _minidl.Run("study deep-mlp --device cuda"));
        Assert.Equal("error: study deep-mlp trains nothing and runs on the CPU. Leave out --device cuda.\n", _minidl.Error);
        Assert.Equal(2, _minidl.Run("study vgg --device tpu"));
        Assert.Equal("error: --device tpu must be cpu or cuda.\n", _minidl.Error);
    }

    private static Score[] Train(Device device)
    {
        var data = Datasets.Load("synthetic", new DatasetOptions { TrainImages = 24, TestImages = 10 });
        var model = new Mlp([data.Train.InputShape.Count, 16, data.Train.Classes], NormFactory.Named("bn"), new RandomStream(1));
        var batches = new DataLoader(data.Train, 8, new RandomStream(2), dropLast: true);
        var classifier = new Classifier(model.To(device), batches, learningRate: 0.1);
        var scores = classifier.Epochs(epochs: 2, new MiniDL.Optim.ConstantSchedule(), _ => { }).ToArray();
        return [.. scores, classifier.Evaluate(data.Test)];
    }
}
