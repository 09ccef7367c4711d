// A net of your own as a Module: LeNet-5, the net that read the digits on cheques (LeCun et al. 1998), here with ReLU and max pooling.
//   dotnet run Examples/Tour/11-lenet.cs                                         built-in synthetic images, no files
//   dotnet run Examples/Tour/11-lenet.cs -- fashion-mnist [folder of its files]  60,000 pictures of clothes
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../../Optim/MiniDL.Optim.csproj
#:project ../../Data/MiniDL.Data.csproj

using MiniDL;
using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

// Debian's package dataset-fashion-mnist puts the files there.
const string Debian = "/usr/share/datasets/fashion-mnist";
string dataset = args.ElementAtOrDefault(0) ?? "synthetic";
string folder = args.ElementAtOrDefault(1) ?? (Directory.Exists(Debian) ? Debian : "data");
var (train, test) = Datasets.Load(dataset, new DatasetOptions { DataDirectory = folder });
Console.WriteLine(train);

var random = new RandomStream(seed: 0);
var model = new LeNet(train.InputShape, train.Classes, random);
// A summary is a forward pass that notes shapes: the place to look first when an input does not fit.
Console.WriteLine(model.Summary(Tensor.Zeros([1, .. train.InputShape.Sizes])));

var adam = new Adam(model.Parameters(), learningRate: 1e-3f);
int epochs = dataset == "synthetic" ? 5 : 2;
double loss = 0;
var loader = new DataLoader(train, batchSize: 32, random);
foreach (var batch in loader.Epochs(epochs))
{
    using var step = Scope.Step();
    var batchLoss = Loss.CrossEntropy(model.Forward(batch.Images), batch.Labels);
    adam.ZeroGrad();
    batchLoss.Backward();
    adam.Step();
    loss += batchLoss.Item() / loader.BatchesPerEpoch;
    if (batch.Index < loader.BatchesPerEpoch - 1) continue;
    Console.WriteLine($"~ epoch {batch.Epoch + 1}: mean loss {loss:F3}, test error {Confusions(model, test).Error:F1} %");
    loss = 0;
}

// What is mistaken for what says more than a percentage.
var (error, confused) = Confusions(model, test);
Console.WriteLine($"~ most often mistaken: {string.Join("; ", confused)}");

// The last bit of a sum depends on the order of its terms, and that on the vector instructions of the processor; training magnifies it.
// Lines that begin with ~ may therefore look different on another machine. This one must not.
int limit = dataset == "synthetic" ? 30 : 15;
Console.WriteLine($"error below {limit} %, where guessing has {100 - 100 / test.Classes} %: {(error < limit ? "yes" : "no")}");

static (double Error, IEnumerable<string> Pairs) Confusions(Module model, Dataset test)
{
    model.Eval();
    using var noGrad = new NoGrad();                // no graph: evaluation needs no memory for a backward pass
    var wrong = new List<(string Is, string Taken)>();
    foreach (var batch in new DataLoader(test, batchSize: 100, new RandomStream(0), shuffle: false).Epoch(0))
    {
        using var step = Scope.Step();
        float[] logits = model.Forward(batch.Images).ToArray();
        foreach (var (row, label) in batch.Labels.ToArray<long>().Index())
        {
            var scores = logits.AsSpan(row * test.Classes, test.Classes);
            int best = TensorPrimitives.IndexOfMax<float>(scores);
            if (best != label) wrong.Add((test.ClassNames[(int)label], test.ClassNames[best]));
        }
    }
    model.Train();
    var pairs = wrong.CountBy(pair => pair).OrderByDescending(pair => pair.Value).Take(3);
    return (100.0 * wrong.Count / test.Count, pairs.Select(pair => $"{pair.Value} × {pair.Key.Is} for {pair.Key.Taken}"));
}

/// <summary>Two convolutions, each followed by pooling, which halves the picture; then three linear layers.</summary>
internal sealed class LeNet : Module
{
    private readonly Conv2d _conv1, _conv2;
    private readonly Linear _fc1, _fc2, _fc3;

    public LeNet(Shape input, int classes, RandomStream random)
    {
        // Register gives the module a name, and a place in Parameters() and StateDict(). One that is forgotten would not be trained:
        // running it is an error.
        _conv1 = Register("conv1", new Conv2d(input[0], 6, kernelSize: 5, padding: 2, random: random));
        _conv2 = Register("conv2", new Conv2d(6, 16, kernelSize: 5, random: random));
        int height = (input[1] / 2 - 4) / 2, width = (input[2] / 2 - 4) / 2;
        _fc1 = Register("fc1", new Linear(16 * height * width, 120, random: random));
        _fc2 = Register("fc2", new Linear(120, 84, random: random));
        _fc3 = Register("fc3", new Linear(84, classes, random: random));
    }

    protected override Tensor ForwardCore(Tensor x)
    {
        x = _conv1.Forward(x).Relu().MaxPool2d((2, 2));
        x = _conv2.Forward(x).Relu().MaxPool2d((2, 2));
        x = x.Reshape(x.Shape[0], -1);
        return _fc3.Forward(_fc2.Forward(_fc1.Forward(x).Relu()).Relu());
    }
}
