// ResNet-8 with batch norm and with group norm, at 32 and at 4 images a step: who needs the batch?
//   dotnet run Examples/Tour/12-resnet.cs                                    built-in synthetic images, no files
//   dotnet run Examples/Tour/12-resnet.cs -- cifar10 [folder of its files]   the first 1,600 images of CIFAR-10
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../../Optim/MiniDL.Optim.csproj
#:project ../../Data/MiniDL.Data.csproj

using System.Diagnostics;
using MiniDL;
using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

string dataset = args.ElementAtOrDefault(0) ?? "synthetic";
var options = new DatasetOptions { DataDirectory = args.ElementAtOrDefault(1) ?? "data", TrainImages = 1600, TestImages = 500 };
var (train, test) = Datasets.Load(dataset, options);
Console.WriteLine(train);
var anyNet = new ResNet(8, NormFactory.Named("gn"), new RandomStream(seed: 0));
Console.WriteLine($"ResNet-8: {anyNet.ParameterCount} parameters in {anyNet.Parameters().Count()} tensors");

int[] batchSizes = [32, 4];
var bn = batchSizes.Select(size => TrainAndTest("bn", size)).ToArray();
var gn = batchSizes.Select(size => TrainAndTest("gn", size)).ToArray();
Console.WriteLine("test error in %, and in parentheses how many of 100 images change class when other images are next to them");
Console.WriteLine($"       {string.Concat(batchSizes.Select(size => $"{"batch " + size,16}"))}");
Console.WriteLine($"~ bn   {string.Concat(bn.Select(result => $"{result.Error,9:F1} ({result.Changed,4:F1})"))}");
Console.WriteLine($"~ gn   {string.Concat(gn.Select(result => $"{result.Error,9:F1} ({result.Changed,4:F1})"))}");

// With batch statistics, as in training, what BN makes of an image depends on its neighbours: a little among 32, a lot among 4. The test
// error is measured with running statistics, which hides that noise; training has had to live with it. GN has none: it normalizes an
// image by itself. In a training as short as this one it lags behind, and gains most from the many steps that a small batch has. The verb
// "compare" of the program in Examples trains for longer, and draws both over the size of the batch.
Console.WriteLine($"bn: more images change class among 4 than among 32: {YesNo(bn[1].Changed > bn[0].Changed)}");
Console.WriteLine($"gn: none does: {YesNo(gn.All(result => result.Changed == 0))}");
Console.WriteLine($"all are better than guessing, 90 %: {YesNo(bn.Concat(gn).All(result => result.Error < 88))}");

(double Error, double Changed) TrainAndTest(string norm, int batchSize)
{
    var clock = Stopwatch.StartNew();
    var random = new RandomStream(seed: 1);         // the same weights and the same order of images for all
    var model = new ResNet(8, NormFactory.Named(norm), random);
    // Linear scaling (Goyal et al. 2017): with an eighth of the images a step is an eighth as long, and there are eight times as many.
    var sgd = new Sgd(model.Parameters(), learningRate: 0.1f * batchSize / 32, momentum: 0.9f, weightDecay: 1e-4f);
    var schedule = Schedule.Parse("warmup:0.1,cosine");
    const int Epochs = 4;
    float rate = sgd.LearningRate;
    var loader = new DataLoader(train, batchSize, random, dropLast: true);
    foreach (var batch in loader.Epochs(Epochs))
    {
        using var step = Scope.Step();
        sgd.LearningRate = rate * (float)schedule.Factor((batch.Epoch + (double)batch.Index / loader.BatchesPerEpoch) / Epochs);
        var loss = Loss.CrossEntropy(model.Forward(Middle(batch.Images)), batch.Labels);
        sgd.ZeroGrad();
        loss.Backward();
        sgd.Step();
    }
    Console.WriteLine($"~ {norm} at batch {batchSize}: {clock.Elapsed.TotalSeconds:F1} s");
    var labels = Enumerable.Range(0, test.Count).Select(i => (int)test.Label(i));
    double error = Different(Classes(model.Eval(), test, batchSize), labels);
    // Once more with batches that begin half a batch later. Training mode changes running statistics, so it comes last.
    var classes = Classes(model.Train(), test, batchSize);
    return (error, Different(classes.Skip(batchSize / 2), Classes(model, test.Skip(batchSize / 2), batchSize)));
}

static double Different(IEnumerable<int> a, IEnumerable<int> b) => 100 * a.Zip(b).Average(pair => pair.First == pair.Second ? 0.0 : 1.0);

static List<int> Classes(Module model, Dataset images, int batchSize)
{
    using var noGrad = new NoGrad();
    var classes = new List<int>();
    foreach (var batch in new DataLoader(images, batchSize, new RandomStream(0), shuffle: false).Epoch(0))
    {
        using var step = Scope.Step();
        var logits = model.Forward(Middle(batch.Images));
        classes.AddRange(logits.ToArray().Chunk(images.Classes).Select(row => TensorPrimitives.IndexOfMax<float>(row)));
    }
    return classes;
}

// The middle of the pictures: nearly half the work.
static Tensor Middle(Tensor images) => images[.., .., 4..28, 4..28];

static string YesNo(bool condition) => condition ? "yes" : "no";
