// Who owns memory: scopes, Keep, the pool that tensors come from, and what a backward pass needs.
//   dotnet run Examples/Tour/16-memory.cs
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../../Optim/MiniDL.Optim.csproj

using MiniDL;
using MiniDL.Diagnostics;
using MiniDL.Layers;
using MiniDL.Optim;

Console.WriteLine("1. A scope recycles what is made in it, except for what is kept.");
Tensor lost, kept;
using (Scope.Step())
{
    lost = Tensor.Full([1000], 7);
    kept = Tensor.Full([1000], 8).Keep();
}
Console.WriteLine($"   kept: {kept.Span[0]}");
// Without the check one would read whatever the memory holds by then, such as a value of the next batch.
Console.WriteLine($"   lost: {Refusal(() => lost.ToArray())}");

Console.WriteLine("\n2. The next tensor of about that size gets the same memory: nothing is asked of the operating system.");
var backend = Device.Cpu.Backend;
long before = backend.CreatedStorageBytes;
for (int i = 0; i < 1000; i++)
{
    using var scope = Scope.Step();
    _ = Tensor.Full([1000], i);
}
Console.WriteLine($"   1000 tensors in scopes: {backend.CreatedStorageBytes - before:N0} new bytes");
before = backend.CreatedStorageBytes;
for (int i = 0; i < 1000; i++) _ = Tensor.Full([1000], i);
// That works, too: the garbage collector frees them. But every tensor is new memory, and new memory is slow.
Console.WriteLine($"   1000 without:           {backend.CreatedStorageBytes - before:N0} new bytes");

Console.WriteLine("\n3. A training soon reaches a steady state: what a step takes from the pool is what the step before put back.");
var random = new RandomStream(seed: 0);
var model = new Mlp([256, 512, 512, 512, 512, 512, 512, 10], NormFactory.Named("bn"), random);
var sgd = new Sgd(model.Parameters(), learningRate: 0.1f, momentum: 0.9f);
var x = Tensor.Normal([64, 256], random);
var labels = Tensor.From([.. Enumerable.Range(0, 64).Select(i => (long)i % 10)], [64]);
Memory step = default;
for (int number = 1; number <= 4; number++)
{
    step = Measure(() =>
    {
        using var scope = Scope.Step();
        var loss = LossNow();
        sgd.ZeroGrad();
        loss.Backward();
        sgd.Step();
    });
    Console.WriteLine($"~  step {number}: {step}");
}
Console.WriteLine($"   fresh bytes in the end: {step.Fresh}");
// The first step makes memory for everything, among it the gradients and SGD's velocity. These are kept, so that later steps take less.

Console.WriteLine("\n4. Forward keeps what backward will read. Backward needs a gradient for each of these, but not all at once.");
backend.TrimPool();                                 // an empty pool, so that fresh bytes are bytes in use at once
using (Scope.Step())
{
    sgd.ZeroGrad();
    Tensor? loss = null;
    Console.WriteLine($"~  forward:  {Measure(() => loss = LossNow())}");
    var backward = Measure(() => loss!.Backward());
    Console.WriteLine($"~  backward: {backward}");
    // A gradient that has been passed on goes back to the pool at once, and its memory is that of the next one.
    Console.WriteLine($"   backward used most of its memory several times: {(backward.Taken > 2 * backward.Fresh ? "yes" : "no")}");
    // The graph is freed on the way: a second backward has nothing to go by.
    Console.WriteLine($"   again: {Refusal(() => loss!.Backward())}");
}
// Gradients of parameters are kept: they belong to the parameters. ZeroGrad lets the next ones use their memory.
Console.WriteLine($"   after the scope: the gradient of {model.NamedParameters().First().Path} is {model.Parameters().First().Grad!.Shape}");

Console.WriteLine("\n5. The mistake that costs most: a list of losses, or their sum, as tensors. Each holds on to the graph of its step.");
before = backend.CreatedStorageBytes;
var losses = Enumerable.Range(0, 20).Select(_ => LossNow()).ToList();
long asTensors = backend.CreatedStorageBytes - before;
before = backend.CreatedStorageBytes;
var numbers = Enumerable.Range(0, 20).Select(_ =>
{
    using var scope = Scope.Step();
    return LossNow().Item();
}).ToList();
long asNumbers = backend.CreatedStorageBytes - before;
Console.WriteLine($"~  20 losses as tensors: {asTensors / 1e6:F2} MB, as numbers {asNumbers / 1e6:F2} MB");
Console.WriteLine($"   as numbers at most a tenth: {(asNumbers <= asTensors / 10 ? "yes" : "no")}");

Tensor LossNow() => Loss.CrossEntropy(model.Forward(x), labels);

static string Refusal(Action action)
{
    try
    {
        action();
        return "not refused";
    }
    catch (MiniDLException e)
    {
        return e.Message;
    }
}

// A profiler counts what each operator takes from the pool, and how much of that the pool had to make.
static Memory Measure(Action action)
{
    using var profiler = Profiler.Start();
    action();
    var entries = profiler.Entries.Append(profiler.Outside).ToList();
    return new Memory(entries.Sum(entry => entry.TakenBytes), entries.Sum(entry => entry.FreshBytes));
}

internal readonly record struct Memory(long Taken, long Fresh)
{
    public override string ToString() => $"{Taken / 1e6:F2} MB taken, {Fresh / 1e6:F2} MB of them fresh";
}
