// Trains a net on arrays of your own: which of two spirals is a point on?
//   dotnet run Examples/Tour/02-own-arrays.cs
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../../Optim/MiniDL.Optim.csproj
#:project ../../Data/MiniDL.Data.csproj

using MiniDL;
using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;

var random = new RandomStream(seed: 0);
var (points, labels) = Spirals(count: 1000, random);
var data = new ArrayDataset(points, [2], labels);
var model = new Mlp([2, 32, 32, 2], NormFactory.Named("bn"), random);
var sgd = new Sgd(model.Parameters(), learningRate: 0.02f, momentum: 0.9f);

foreach (var batch in new DataLoader(data, batchSize: 50, random).Epochs(30))
{
    using var step = Scope.Step();                  // what is made below is recycled at its end
    var loss = Loss.CrossEntropy(model.Forward(batch.Images), batch.Labels);
    sgd.ZeroGrad();
    loss.Backward();
    sgd.Step();
    if (batch.Index == 0 && batch.Epoch % 5 == 0) Console.WriteLine($"epoch {batch.Epoch,2}: loss {loss.Item():F3}");
}

model.Eval();
var logits = model.Forward(Tensor.From(points, [1000, 2]));
Console.WriteLine($"error {Metrics.ErrorPercent(logits, Tensor.From(labels, [1000])):F1} %");

static (float[] Points, long[] Labels) Spirals(int count, RandomStream random)
{
    var (points, labels) = (new float[2 * count], new long[count]);
    for (int i = 0; i < count; i++)
    {
        labels[i] = i % 2;
        double radius = random.NextDouble(), angle = 10 * radius + Math.PI * labels[i] + 0.1 * random.NextNormal();
        points[2 * i] = (float)(radius * Math.Cos(angle));
        points[2 * i + 1] = (float)(radius * Math.Sin(angle));
    }
    return (points, labels);
}
