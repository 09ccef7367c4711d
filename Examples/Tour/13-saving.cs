// Saving, loading and going on: a training that was interrupted ends with the same bits as one that was not. What has to be saved for that?
//   dotnet run Examples/Tour/13-saving.cs
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../../Optim/MiniDL.Optim.csproj
#:project ../../Data/MiniDL.Data.csproj

using System.Globalization;
using MiniDL;
using MiniDL.Data;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Serialization;

string folder = Directory.CreateTempSubdirectory("tour").FullName;
string modelFile = Path.Combine(folder, "model.safetensors"), adamFile = Path.Combine(folder, "adam.safetensors");

// Which of three colours is stronger? Four hundred points, two features of which are noise.
var draw = new RandomStream(seed: 0);
float[] points = [.. Enumerable.Range(0, 400 * 5).Select(_ => draw.NextFloat())];
long[] labels = [.. points.Chunk(5).Select(p => (long)Array.IndexOf(p, p.Take(3).Max()))];
var data = new ArrayDataset(points, [5], labels);

// One run without a break: epochs 0 to 5.
var whole = new Run();
whole.Train(data, epochs: 6, first: 0);

// Three epochs, then everything into files, and the program could end here.
var half = new Run();
half.Train(data, epochs: 3, first: 0);
SafeTensors.Save(modelFile, half.Model.StateDict(), new Dictionary<string, string>
{
    // Random streams are a seed and a position. The loader needs none: its order depends on the seed and the number of the epoch.
    ["dropout"] = half.Dropout.Position.ToString(CultureInfo.InvariantCulture),
    ["epoch"] = "3",
});
SafeTensors.Save(adamFile, half.Adam.StateDict());
Console.WriteLine("the model's state:");
foreach (var (name, tensor) in half.Model.StateDict()) Console.WriteLine($"  {name,-24}{tensor.DType,-5}{tensor.Shape}");
Console.WriteLine($"Adam's: {half.Adam.StateDict().Count} tensors, such as {string.Join(", ", half.Adam.StateDict().Keys.Take(3))}");

// Another run, as if in another process: it begins with initial values, and what was saved takes their place.
var resumed = new Run();
var saved = SafeTensors.Load(modelFile);
resumed.Model.LoadStateDict(saved.Tensors);
resumed.Adam.LoadStateDict(SafeTensors.Load(adamFile).Tensors);
resumed.Dropout.Position = ulong.Parse(saved.Metadata["dropout"], CultureInfo.InvariantCulture);
resumed.Train(data, epochs: 3, first: int.Parse(saved.Metadata["epoch"], CultureInfo.InvariantCulture));
Console.WriteLine($"resumed from all of it:        {Differences(whole.Model, resumed.Model)}");

// The usual mistakes. The net still learns, so nobody notices.
var forgetful = new Run();
forgetful.Model.LoadStateDict(saved.Tensors);
forgetful.Dropout.Position = resumed.Dropout.Position;
forgetful.Train(data, epochs: 3, first: 3);
Console.WriteLine($"without the optimizer's state: {Differences(whole.Model, forgetful.Model)}");

var again = new Run();
again.Model.LoadStateDict(saved.Tensors);
again.Adam.LoadStateDict(SafeTensors.Load(adamFile).Tensors);
again.Train(data, epochs: 3, first: 3);
Console.WriteLine($"dropout's stream from 0:       {Differences(whole.Model, again.Model)}");

// What does not fit is refused by name, and nothing is changed.
try
{
    new Linear(5, 3).LoadStateDict(saved.Tensors);
}
catch (MiniDLException e)
{
    Console.WriteLine($"into another net: {e.Message}");
}
Directory.Delete(folder, recursive: true);

static string Differences(Module a, Module b)
{
    int values = 0, different = 0;
    foreach (var ((_, x), (_, y)) in a.StateDict().Zip(b.StateDict()))
        foreach (var (p, q) in x.ToArray().Zip(y.ToArray()))
            (values, different) = (values + 1, different + (BitConverter.SingleToInt32Bits(p) == BitConverter.SingleToInt32Bits(q) ? 0 : 1));
    return different == 0 ? $"all {values} values have the same bits" : "different weights";
}

/// <summary>All that changes in training: the model with its running statistics, the optimizer, the random stream of dropout.</summary>
internal sealed class Run
{
    public Run()
    {
        var random = new RandomStream(seed: 1);
        Model = new Sequential(new Linear(5, 32, random: random), new BatchNorm1d(32), new Relu(), new Dropout(0.2, Dropout),
            new Linear(32, 3, random: random));
        Adam = new Adam(Model.Parameters(), learningRate: 0.01f);
    }

    public Sequential Model { get; }

    public Adam Adam { get; }

    public RandomStream Dropout { get; } = new(seed: 2);

    public void Train(ArrayDataset data, int epochs, int first)
    {
        foreach (var batch in new DataLoader(data, batchSize: 40, new RandomStream(seed: 3)).Epochs(epochs, first))
        {
            using var step = Scope.Step();
            var loss = Loss.CrossEntropy(Model.Forward(batch.Images), batch.Labels);
            Adam.ZeroGrad();
            loss.Backward();
            Adam.Step();
        }
    }
}
