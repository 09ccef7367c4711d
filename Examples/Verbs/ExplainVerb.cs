using MiniDL.Data;
using MiniDL.Diagnostics;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using MiniDL.Explaining;
using MiniDL.Layers;
using MiniDL.Serialization;

namespace MiniDL.Examples.Verbs;

/// <summary><c>explain</c>: one training step, recorded and shown: its graph, and backward to step through.</summary>
internal sealed class ExplainVerb(ExplainOptions options, Terminal terminal)
{
    private const string PageName = "explain.html";

    public int Run(CancellationToken stop)
    {
        var device = Device.Named(options.Device);
        var (model, images, labels, what) = options.Model is null ? Points(device) : Images(device, stop);
        if (options.Plain)
            foreach (var (_, module) in model.NamedModules())
                if (module is Norm norm) norm.Fused = false;
        Tensor Loss() => MiniDL.Layers.Loss.CrossEntropy(model.Forward(images), labels);
        // The first step of a program takes the compiler's time, too: what is shown is the second.
        using (new KeptBuffers(model)) Autograd.Record(Loss);
        model.ZeroGrad();
        var recording = Autograd.Record(Loss);
        if (options.Text) terminal.Results.Write(recording.ToString());
        else if (options.Dot) terminal.Results.Write(recording.ToDot());
        else WritePage(recording, what);
        return 0;
    }

    private void WritePage(GraphRecording recording, string what)
    {
        using var folder = RunFolder.Create(options.Out, "explain");
        string page = folder.File(PageName);
        AtomicFile.Write(page, stream => ExplorerPage.Write(recording, stream, $"One training step of {what}",
            $"{recording.Operators} operators on {options.Device}, {Counted.Of(CpuThreads.Count, "thread")}, MiniDL {typeof(Tensor).Assembly.GetName().Version?.ToString(3)}"),
            folder.Files);
        terminal.Line($"{Counted.Of(recording.Operators, "operator")}; open {page} in a browser");
    }

    /// <summary>The corners of a square, of two classes that no line separates.</summary>
    private (Module Model, Tensor Images, Tensor Labels, string What) Points(Device device)
    {
        var random = new RandomStream(options.Seed);
        var model = new Mlp([2, 4, 2], NormFactory.Named(options.Norm, groups: 2, virtualBatch: 2), random.Fork("weights")).To(device);
        float[] corners = [-1, -1, -1, 1, 1, -1, 1, 1];
        return (model, Tensor.From(corners, [4, 2]).To(device), Tensor.From<long>([0, 1, 1, 0], [4]).To(device), $"an MLP 2-4-2 with {options.Norm} on four points");
    }

    private (Module Model, Tensor Images, Tensor Labels, string What) Images(Device device, CancellationToken stop)
    {
        var settings = options.Settings;
        var source = new DatasetOptions { DataDirectory = options.DataDirectory ?? "data", TrainImages = settings.BatchSize, TestImages = 1 };
        var data = TrainingData.Load(settings.Dataset, source, terminal, stop);
        var random = new RandomStream(settings.Seed);
        var model = Models.Create(settings.Model, NormFactory.Named(settings.Norm), random.Fork("weights"), data.Train.InputShape, data.Train.Classes);
        var batch = new DataLoader(data.Train, settings.BatchSize, random.Fork("data")).Epoch(0).First();
        return (model.To(device), batch.Images.To(device), batch.Labels.To(device),
            $"{settings.Model} with {settings.Norm} on {Counted.Of(settings.BatchSize, "image")} of {settings.Dataset}");
    }
}
