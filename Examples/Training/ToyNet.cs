using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>A small net of beginners' examples, without norms: a step is too short for the kernels alone to matter.</summary>
/// <param name="Name">What <c>bench --toy</c> calls it.</param>
/// <param name="Input">The shape of an example.</param>
/// <param name="Classes">Its outputs.</param>
/// <param name="BatchSize">What it is timed at where no batch size is given.</param>
internal sealed record ToyNet(string Name, Shape Input, int Classes, int BatchSize, Func<RandomStream, Module> Create)
{
    private static readonly NormFactory NoNorm = NormFactory.Named("none");

    public static IReadOnlyList<ToyNet> All { get; } =
    [
        new("mlp-2-32-32-2", [2], 2, 50, random => new Mlp([2, 32, 32, 2], NoNorm, random)),
        new("mlp-784-256-256-10", [784], 10, 64, random => new Mlp([784, 256, 256, 10], NoNorm, random)),
        new("lenet", [1, 28, 28], 10, 64, LeNet),
    ];

    public static ToyNet Named(string name) => All.First(net => net.Name == name);

    /// <summary>LeNet-5 with ReLU and max pooling, as it is taught today; after LeCun et al. 1998.</summary>
    private static Sequential LeNet(RandomStream random) => new(
        new Conv2d(1, 6, 5, padding: 2, random: random), new Relu(), new MaxPool2d(2),
        new Conv2d(6, 16, 5, random: random), new Relu(), new MaxPool2d(2),
        new Flatten(),
        new Linear(400, 120, random: random), new Relu(), new Linear(120, 84, random: random), new Relu(), new Linear(84, 10, random: random));
}
