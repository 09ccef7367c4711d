using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>The models that the command line knows by name.</summary>
internal static class Models
{
    public static IReadOnlyList<string> Names { get; } =
        ["resnet8", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "vgg11", "vgg13", "vgg16", "vgg19", "mlp"];

    /// <summary>Whether it normalizes the features of linear layers.</summary>
    public static bool HasFeatures(string name) => name == "mlp" || name.StartsWith("vgg", StringComparison.Ordinal);

    /// <summary>The channels or features of its narrowest layer that is normalized; those of the others are multiples.</summary>
    public static int MinChannels(string name) => name switch
    {
        "mlp" => 256,
        ['v', 'g', 'g', ..] => 64,
        _ => 16,
    };

    /// <summary>Makes a model with freshly drawn weights.</summary>
    /// <exception cref="MiniDLException">The norm does not fit the model's channels.</exception>
    public static Module Create(string name, NormFactory norm, RandomStream random, Shape input, int classes) => name switch
    {
        "mlp" => new Sequential(new Flatten(), new Mlp([input.Count, 256, 256, classes], norm, random)),
        ['v', 'g', 'g', .. var depth] => new Vgg(int.Parse(depth), norm, random, input, classes),
        _ => new ResNet(int.Parse(name["resnet".Length..]), norm, random, classes, input[0]),
    };
}
