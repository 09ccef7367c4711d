using System.Diagnostics;
using System.Globalization;
using MiniDL.Diagnostics;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;
using Spectre.Console.Rendering;

namespace MiniDL.Examples.Verbs;

/// <summary><c>bench</c>: median times of a training step and of an evaluation forward pass on random images.</summary>
internal sealed class BenchVerb(BenchOptions options, Terminal terminal)
{
    private const int WarmUpSteps = 3, AsynchronousSteps = 10, MaxMeasurements = 5;

    private readonly List<IRenderable> _profiles = [];

    public int Run(CancellationToken stop)
    {
        var cases = options.Cases();
        var trace = TraceFile.At(options.Trace);
        var progress = terminal.LinesAside(cases.Length);
        foreach (var (index, settings) in cases.Index())
            terminal.Results.WriteLine(Measure(settings, (done, what) => progress.Report(index + done, $"{Name(settings)}: {what}"), trace, stop));
        foreach (var profile in _profiles) terminal.WriteResult(profile);
        return 0;
    }

    private static string Name(TrainSettings settings) =>
        $"{(DeviceChoice.HasPrecisions(settings.Device) ? $"{settings.Precision}, " : "")}{settings.Norm}, batch {settings.BatchSize}";

    private string Measure(TrainSettings settings, Action<double, string> progress, TraceFile? trace, CancellationToken stop)
    {
        var (norm, batch) = (settings.Norm, settings.BatchSize);
        var device = DeviceChoice.Open(settings.Device, settings.Precision);
        // What the case before used is of other sizes: it would only add to this one's memory.
        device.Backend.TrimPool();
        var random = new RandomStream(0);
        var (model, input, classes) = Net(settings, random.Fork("weights"));
        model.To(device);
        var sgd = new Sgd(model.Parameters(), learningRate: 0.1f, momentum: 0.9f, weightDecay: 1e-4f);
        var data = OneBatch.Random(batch, input, classes, random.Fork("images"), device);

        model.Train();
        using var step = new TrainingStep(model, sgd, data, device, stopsShort: false);
        void Step()
        {
            StepGarbage.Collect();
            using var scope = Scope.Step();
            step.Run();
        }
        double train = MedianMilliseconds(Step, device, done => progress(done / 2, "training"), stop);
        if (options.Profile && !device.Kind.IsAsynchronous)
        {
            // Steps of their own, so that the times above are of steps that nobody watched.
            var profile = new StepProfile($"{options.Model} {norm}, batch {batch}, {Counted.Of(CpuThreads.Count, "thread")}, {Counted.Of(options.Steps, "step")}");
            for (int i = 0; i < options.Steps && !stop.IsCancellationRequested; i++) profile.Add(Step);
            _profiles.Add(profile.ToTable());
        }
        if (trace is not null) terminal.LineAside(Traced(trace, Step));
        model.Eval();
        using var evaluation = device.Record(() => [model.Forward(data.Images)]);
        double eval = MedianMilliseconds(() =>
        {
            using var noGrad = new NoGrad();
            StepGarbage.Collect();
            using var scope = Scope.Step();
            evaluation.Run();
        }, device, done => progress((1 + done) / 2, "evaluation"), stop);
        if (options.Profile && device.Kind.IsAsynchronous)
        {
            model.Train();
            string title = $"{options.Model} {norm}, batch {batch}, {settings.Precision}";
            _profiles.Add(KernelProfileTable.Of(title, step.Profile(Math.Min(options.Steps, MaxMeasurements), done => progress(done, "kernels"), stop)));
        }
        return string.Create(CultureInfo.InvariantCulture,
            $$"""{"framework":"minidl",{{Hardware(device, settings.Precision)}}"model":"{{options.Model}}","norm":"{{norm}}","batch":{{batch}}"""
            + $$""","threads":{{CpuThreads.Count}}"""
            + $$""","train_ms":{{train:F3}},"train_images_per_s":{{batch / train * 1e3:F1}}"""
            + $$""","eval_ms":{{eval:F3}},"eval_images_per_s":{{batch / eval * 1e3:F1}}"""
            + $$""","peak_rss_mb":{{Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:F0}}}""");
    }

    private (Module Net, Shape Input, int Classes) Net(TrainSettings settings, RandomStream random)
    {
        if (options.Toy is { } name)
        {
            var toy = ToyNet.Named(name);
            return (toy.Create(random), toy.Input, toy.Classes);
        }
        Shape input = [3, 32, 32];
        const int classes = 10;
        var norm = NormFactory.Named(settings.Norm, settings.Groups, settings.VirtualBatch);
        return (Models.Create(options.Model, norm, random, input, classes), input, classes);
    }

    /// <summary>Traces some steps, all of them after those that were timed.</summary>
    private static string Traced(TraceFile trace, Action step)
    {
        // Compiles the tracing itself, which would count as the first step's time.
        using (Profiler.Start(trace: true)) step();
        using var profiler = Profiler.Start(trace: true);
        for (int i = 0; i < TraceFile.Steps; i++)
            using (Profiler.Time("training", "step")) step();
        profiler.Dispose();
        return trace.Write(profiler, $"{TraceFile.Steps} training steps");
    }

    /// <summary>Names the GPU; nothing on the CPU.</summary>
    private static string Hardware(Device device, string precision) => device == Device.Cpu ? ""
        : $"\"device\":\"{device.Name}\",\"hardware\":\"{device.Backend.Description}\",\"precision\":\"{precision}\",";

    /// <summary>A GPU works through several steps before it is waited for, as in training.</summary>
    private double MedianMilliseconds(Action step, Device device, Action<double> progress, CancellationToken stop)
    {
        int steps = device.Kind.IsAsynchronous ? AsynchronousSteps : 1;
        double Time()
        {
            stop.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < steps; i++) step();
            device.Backend.Synchronize();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds / steps;
        }
        long begin = Stopwatch.GetTimestamp();
        int least = options.WarmUp > 0 ? WarmUpSteps : 0;
        for (int i = 0; i < least || Stopwatch.GetElapsedTime(begin).TotalSeconds < options.WarmUp; i++)
        {
            progress(0);
            Time();
        }
        double[] times = new double[options.Steps];
        for (int i = 0; i < times.Length; i++)
        {
            progress((double)i / times.Length);
            times[i] = Time();
        }
        Array.Sort(times);
        return times[times.Length / 2];
    }
}
