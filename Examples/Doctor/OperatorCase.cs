using System.Diagnostics;
using MiniDL.Layers;

namespace MiniDL.Examples.Doctor;

/// <summary>What an operand is made of: uniform values, exact in float, or with <paramref name="Classes"/> class numbers.</summary>
internal sealed record Operand(Shape Shape, double Low = -2, double High = 2, Layout Layout = Layout.RowMajor, int Classes = 0)
{
    /// <summary>Values that the tested device can store: images in bf16 where its precision says so. The same on both devices.</summary>
    public Tensor On(Device device, Device tested, RandomStream random)
    {
        if (Classes > 0)
            return Tensor.From([.. Enumerable.Range(0, Shape.Count).Select(_ => (long)random.NextInt(Classes))], Shape, device);
        var x = Tensor.Uniform(Shape, random, Low, High).ToLayout(Layout).To(tested);
        if (Shape.Rank == 4 && tested.Precision == Precision.Bf16) x = x.To(DType.BF16);
        x = x.To(device).Detach();
        x.RequiresGrad = true;
        return x;
    }
}

/// <summary>An operator or a layer, forward and backward, that one device is compared with another by.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Forward">The layer, if there is one, and the operands to a result.</param>
/// <param name="Operands">What goes in.</param>
internal sealed record OperatorCase(string Name, Func<Module?, Tensor[], Tensor> Forward, params Operand[] Operands)
{
    /// <summary>Makes the layer, if there is one.</summary>
    public Func<RandomStream, Module>? Layer { get; init; }

    /// <summary>Whether it is a convolution, whose operands the GPU may round.</summary>
    public bool Rounds { get; init; }

    /// <summary>The result, and the gradients of operands and parameters for random ones of the result.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="tested">The device under test, which says what operands can be stored as.</param>
    public (double[] Result, double[][] Gradients) On(Device device, Device tested)
    {
        var (layer, operands, cotangent) = Prepare(device, tested);
        var y = Run(layer, operands, cotangent);
        var leaves = operands.Where(x => x.RequiresGrad).Concat(layer?.Parameters().Select(p => p.Value) ?? []);
        return (y.ToArray<double>(), [.. leaves.Select(x => x.Grad?.ToArray<double>() ?? [])]);
    }

    /// <summary>Microseconds of forward and backward together, the median of several measurements.</summary>
    public double Microseconds(Device device, int measurements)
    {
        const int runs = 5;
        var (layer, operands, cotangent) = Prepare(device, device);
        double Measure()
        {
            device.Backend.Synchronize();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < runs; i++)
            {
                using var scope = Scope.Step();
                foreach (var x in operands) x.ZeroGrad();
                layer?.ZeroGrad();
                Run(layer, operands, cotangent);
            }
            device.Backend.Synchronize();
            return Stopwatch.GetElapsedTime(start).TotalMicroseconds / runs;
        }
        Measure();
        double[] times = [.. Enumerable.Range(0, measurements).Select(_ => Measure()).Order()];
        return times[times.Length / 2];
    }

    private (Module? Layer, Tensor[] Operands, Tensor Cotangent) Prepare(Device device, Device tested)
    {
        var random = new RandomStream(0).Fork(Name);
        var layer = Layer?.Invoke(random.Fork("layer")).To(device);
        Tensor[] operands = [.. Operands.Select((operand, i) => operand.On(device, tested, random.Fork("operand", (ulong)i)))];
        using var noGrad = new NoGrad();
        var y = Forward(Layer?.Invoke(random.Fork("layer")).To(device), operands);
        return (layer, operands, new Operand(y.Shape, Layout: y.Layout).On(device, tested, random.Fork("cotangent")).Detach());
    }

    private Tensor Run(Module? layer, Tensor[] operands, Tensor cotangent)
    {
        var y = Forward(layer, operands);
        y.Backward(cotangent);
        return y;
    }
}
