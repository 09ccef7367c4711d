// usage: Peer NORM BATCHES STEPS THREADS [NET]   bn or gn (none for a toy net); 2,8,32; steps to time, the median counts; CPU threads;
//                                               resnet20 (the default), or a toy net of `minidl bench --toy`
// Prints one JSON line per batch size, with the keys of `minidl bench`, which measures in the same way.
using System.Diagnostics;
using System.Globalization;
using MiniDL.Benchmarks.Peer;
using static TorchSharp.torch;

const int warmUpSteps = 3;
const double warmUpSeconds = 1.5;

string norm = args[0], net = args.Length > 4 ? args[4] : "resnet20";
int steps = int.Parse(args[2], CultureInfo.InvariantCulture), threads = int.Parse(args[3], CultureInfo.InvariantCulture);
set_num_threads(threads);
foreach (int batch in args[1].Split(',').Select(size => int.Parse(size, CultureInfo.InvariantCulture)))
{
    random.manual_seed(0);
    using var model = net == "resnet20" ? new ResNet(norm) : Toy.Create(net);
    var (shape, classes) = net == "resnet20" ? ([3, 32, 32], 10) : Toy.Input(net);
    using var sgd = optim.SGD(model.parameters(), learningRate: 0.1, momentum: 0.9, weight_decay: 1e-4);
    using Tensor images = randn([batch, .. shape]), labels = arange(batch, int64).remainder(classes);

    model.train();
    double train = MedianMilliseconds(() =>
    {
        using var scope = NewDisposeScope();
        sgd.zero_grad();
        nn.functional.cross_entropy(model.forward(images), labels).backward();
        sgd.step();
    });
    model.eval();
    double eval = MedianMilliseconds(() =>
    {
        using var scope = NewDisposeScope();
        using var mode = inference_mode();
        model.forward(images);
    });
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $$"""{"framework":"torchsharp","model":"{{net}}","norm":"{{norm}}","batch":{{batch}},"threads":{{threads}}"""
        + $$""","train_ms":{{train:F3}},"train_images_per_s":{{batch / train * 1e3:F1}}"""
        + $$""","eval_ms":{{eval:F3}},"eval_images_per_s":{{batch / eval * 1e3:F1}}"""
        + $$""","peak_rss_mb":{{Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:F0}}}"""));
}

double MedianMilliseconds(Action step)
{
    double Time()
    {
        long start = Stopwatch.GetTimestamp();
        step();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
    long begin = Stopwatch.GetTimestamp();
    for (int i = 0; i < warmUpSteps || Stopwatch.GetElapsedTime(begin).TotalSeconds < warmUpSeconds; i++) Time();
    double[] times = [.. Enumerable.Range(0, steps).Select(_ => Time()).Order()];
    return times[times.Length / 2];
}
