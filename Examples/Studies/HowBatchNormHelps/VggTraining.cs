using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>How large the experiments on VGG are.</summary>
/// <param name="Width">What the net's channels are multiplied by.</param>
/// <param name="Batch">Images in a step.</param>
/// <param name="Steps">Steps of each training.</param>
/// <param name="Evaluations">How often the test images are evaluated.</param>
internal sealed record VggSettings(double Width, int Batch, int Steps, int Evaluations, int? TrainImages, int? TestImages)
{
    /// <summary>
    /// The paper's: VGG-13, all of CIFAR-10, batch 128, 15,000 steps. The others have an eighth of the channels.
    /// </summary>
    public static VggSettings Of(StudyContext context) => context.Pick(
        smallest: new VggSettings(0.125, Batch: 32, Steps: 60, Evaluations: 2, TrainImages: 32, TestImages: 20),
        preset: new VggSettings(0.125, Batch: 64, Steps: 1000, Evaluations: 20, TrainImages: 10_000, TestImages: 1000),
        full: new VggSettings(1, Batch: 128, Steps: 15_000, Evaluations: 30, TrainImages: null, TestImages: null));

    /// <summary>The net, for a report.</summary>
    public string Net => Width == 1 ? "VGG-13" : $"VGG-13 with {Width:0.###} of its channels";

    public override string ToString() => $"{Counted.Of(Steps, "step")} of {Counted.Of(Batch, "image")}, plain gradient descent, no augmentation";
}

/// <summary>One of the nets that are compared.</summary>
/// <param name="Name">What legends call it.</param>
/// <param name="Norm">What stands between its layers and their ReLU: a name of <see cref="NormFactory"/>.</param>
internal sealed record VggSetup(string Name, string Norm, double Rate)
{
    /// <summary>What the legend calls it where a chart shows one rate; the name by default.</summary>
    public string Legend { get; init; } = Name;

    /// <summary>Whether the norms' outputs are disturbed by <see cref="CovariateShiftNoise"/>.</summary>
    public bool Noise { get; init; }

    /// <summary>Its colour in every chart.</summary>
    public int Color { get; init; }
}

/// <summary>How a training went.</summary>
/// <param name="test">The images on which accuracy is measured.</param>
internal sealed class VggRecord(VggSetup setup, int steps, Dataset test)
{
    /// <summary>A point of the curves is a mean over a sixtieth of the training.</summary>
    private const int CurvePoints = 60;

    private readonly List<(double Step, double Loss, double Accuracy)> _training = [];
    private double _loss, _correct, _images;
    private int _pending;

    public VggSetup Setup => setup;

    public int TestImages => test.Count;

    public int Classes => test.Classes;

    /// <summary>Mean loss and accuracy, in percent, over stretches of the training, and where each ends.</summary>
    public IReadOnlyList<(double Step, double Loss, double Accuracy)> Training => _training;

    /// <summary>Accuracy on the test images, in percent, with running statistics and without noise.</summary>
    public List<(double Step, double Accuracy)> Test { get; } = [];

    /// <summary>After which step the loss became NaN or infinite; null where it did not.</summary>
    public int? DivergedAt { get; set; }

    /// <summary>The training loss over the last stretch; infinite where it diverged.</summary>
    public double FinalLoss => DivergedAt is null ? _training[^1].Loss : double.PositiveInfinity;

    public double FinalAccuracy => _training.Count > 0 ? _training[^1].Accuracy : double.NaN;

    public double FinalTestAccuracy => Test.Count > 0 ? Test[^1].Accuracy : double.NaN;

    /// <summary>The mean training loss over all steps, so to speak how slow it was; infinite where it diverged.</summary>
    public double MeanLoss => DivergedAt is null ? _training.Average(t => t.Loss) : double.PositiveInfinity;

    public void Add(int step, double loss, int errors, int images)
    {
        (_loss, _correct, _images, _pending) = (_loss + loss, _correct + images - errors, _images + images, _pending + 1);
        if (step % Math.Max(1, steps / CurvePoints) != 0 && step != steps) return;
        _training.Add((step, _loss / _pending, 100 * _correct / _images));
        (_loss, _correct, _images, _pending) = (0, 0, 0, 0);
    }
}

/// <summary>Trains VGG-13 as the paper does, and lets others look into its steps.</summary>
internal sealed class VggTraining
{
    private readonly VggSettings _settings;
    private readonly DataSplit _data;
    private readonly Device _device;
    private readonly DataLoader _batches, _tests;

    /// <summary>The net's initial values and the order of images are the same for every setup with the same seed.</summary>
    public VggTraining(VggSettings settings, VggSetup setup, DataSplit data, StudyContext context)
    {
        (_settings, Setup, _data, _device) = (settings, setup, data, context.Device);
        var random = context.Random;
        Net = new LayeredNet(new Vgg(13, NormFactory.Named(setup.Norm), random.Fork("weights"), data.Train.InputShape,
            data.Train.Classes, settings.Width));
        Net.Module.To(_device);
        if (setup.Noise) CovariateShiftNoise.AddTo(Net, random.Fork("noise"));
        _batches = new DataLoader(data.Train, settings.Batch, random.Fork("data"), shuffle: true, dropLast: true);
        _tests = new DataLoader(data.Test, Math.Min(100, data.Test.Count), random.Fork("test"), shuffle: false);
    }

    public VggSetup Setup { get; }

    public LayeredNet Net { get; }

    public Device Device => _device;

    /// <summary>
    /// Called in every step between the gradients and the update, with the number of the step, from 0, and a function that
    /// computes the loss on its batch again; must leave the net as it was.
    /// </summary>
    public Action<int, Func<Tensor>>? Look { get; set; }

    /// <summary>Called before the steps at multiples of this many, and after the last; 0 for never.</summary>
    public (int Every, Action<int> Call) Between { get; set; } = (0, _ => { });

    /// <summary>Trains to the end, or until the loss is NaN or infinite.</summary>
    /// <param name="progress">Told the steps made.</param>
    public VggRecord Run(Action<int> progress)
    {
        var record = new VggRecord(Setup, _settings.Steps, _data.Test);
        int step = 0;
        var sgd = new Sgd(Net.Module.Parameters(), (float)Setup.Rate);
        // Looked into always, since the noise comes from the host and cannot be recorded.
        using var loop = new TrainingLoop(Net.Module, sgd, BatchSource.Of(_batches, _device), _device, _ => (float)Setup.Rate,
            stopsShort: true, look: loss => Look?.Invoke(step, loss));
        if (Between.Every > 0) Between.Call(0);
        foreach (var trained in loop.Steps(_settings.Steps))
        {
            step = trained.Step;
            double loss = trained.Result.Loss;
            if (!double.IsFinite(loss))
            {
                record.DivergedAt = step;
                break;
            }
            record.Add(step, loss, trained.Result.Errors, trained.Result.Images);
            if (step % Math.Max(1, _settings.Steps / _settings.Evaluations) == 0 || step == _settings.Steps)
                record.Test.Add((step, TestAccuracy()));
            progress(step);
            if (step < _settings.Steps && Between.Every > 0 && step % Between.Every == 0) Between.Call(step);
        }
        if (Between.Every > 0) Between.Call(step);
        return record;
    }

    /// <summary>On the test images, in percent, with running statistics.</summary>
    private double TestAccuracy()
    {
        Net.Module.Eval();
        var score = Score.Of(Net.Module, _device, _tests.Epoch(0));
        Net.Module.Train();
        return 100 - score.Error;
    }
}
