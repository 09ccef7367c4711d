using System.Globalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MiniDL.Benchmarks.Peer;

/// <summary>The toy nets of <c>minidl bench --toy</c>, layer by layer; activations are done in place, in the peer's favour.</summary>
internal static class Toy
{
    public static Module<Tensor, Tensor> Create(string name)
    {
        if (name == "lenet")
            return Sequential(
                Conv2d(1, 6, 5, padding: 2), ReLU(inplace: true), MaxPool2d(2),
                Conv2d(6, 16, 5), ReLU(inplace: true), MaxPool2d(2),
                Flatten(),
                Linear(400, 120), ReLU(inplace: true), Linear(120, 84), ReLU(inplace: true), Linear(84, 10));
        var net = Sequential();
        long[] sizes = Sizes(name);
        for (int i = 1; i < sizes.Length; i++)
        {
            net.append(Linear(sizes[i - 1], sizes[i]));
            if (i < sizes.Length - 1) net.append(ReLU(inplace: true));
        }
        return net;
    }

    public static (long[] Shape, int Classes) Input(string name) => name == "lenet" ? ([1, 28, 28], 10) : ([Sizes(name)[0]], (int)Sizes(name)[^1]);

    /// <summary>mlp-2-32-32-2: the features of the input, of every hidden layer, and the outputs.</summary>
    private static long[] Sizes(string name) => [.. name.Split('-')[1..].Select(size => long.Parse(size, CultureInfo.InvariantCulture))];
}
