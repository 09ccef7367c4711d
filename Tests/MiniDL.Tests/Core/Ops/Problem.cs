using CsCheck;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Core.Ops;

/// <summary>What the values of an operand look like; all are exact in float.</summary>
public enum Values
{
    /// <summary>Standard normal.</summary>
    Normal,

    /// <summary>Uniform in [0.5, 1.5): sums do not cancel, logarithms and roots exist.</summary>
    Positive,

    /// <summary>Normal, but at least 0.05 in size: away from the kinks of relu and abs.</summary>
    AwayFromZero,

    /// <summary>Multiples of 1/16 in random order, no two equal: the largest is clear.</summary>
    Distinct,

    /// <summary>Halfway between two of <see cref="Distinct"/>, no two equal, and none to those.</summary>
    BetweenDistinct,

    /// <summary>Integers from 0 to 2.</summary>
    Labels,
}

/// <summary>A tensor that can be made on any device.</summary>
public sealed record Operand(Shape Shape, Values Values, Layout Layout, ulong Seed)
{
    /// <summary>The tensor on a device, as that stores it.</summary>
    /// <param name="device">Where to make it.</param>
    /// <param name="precision">Its values are rounded to what this holds, so that two devices compute with the same.</param>
    public Tensor On(Device device, Precision precision = Precision.Fp32)
    {
        var random = new RandomStream(Seed);
        if (Values == Values.Labels)
            return Tensor.From(Enumerable.Range(0, Shape.Count).Select(_ => (long)random.NextInt(3)).ToArray(), Shape, device);
        int[] order = random.Permutation(Shape.Count);
        var values = new float[Shape.Count];
        for (int i = 0; i < values.Length; i++)
        {
            double normal = random.NextNormal();
            values[i] = Rounded(precision, Values switch
            {
                Values.Positive => 0.5 + random.NextDouble(),
                Values.AwayFromZero => normal + Math.CopySign(0.05, normal),
                Values.Distinct => (order[i] - Shape.Count / 2) / 16.0,
                Values.BetweenDistinct => (order[i] - Shape.Count / 2 + 0.5) / 16.0,
                _ => normal,
            });
        }
        var x = Tensor.From(values, Shape, device).ToLayout(Layout).To(device.Backend.ActivationType).Detach();
        x.RequiresGrad = true;
        return x;
    }

    private static float Rounded(Precision precision, double value) => precision switch
    {
        Precision.Bf16 => (float)Bfloat16.Round((float)value),
        Precision.Tf32 => (float)Tf32.Round((float)value),
        _ => (float)value,
    };

    public override string ToString() => Layout == Layout.ChannelsLast ? $"{Shape} channels last" : $"{Shape}";
}

/// <summary>A function with its operands.</summary>
public sealed record Problem(Func<Tensor[], Tensor> Function, Operand[] Operands)
{
    public override string ToString() => string.Join(", ", Operands.AsEnumerable());
}

/// <summary>Random shapes and operands.</summary>
public static class Draw
{
    private const int MaxValues = 3000;

    /// <summary>Sizes around the vector widths, empty, and others.</summary>
    public static readonly Gen<int> Sizes = Gen.OneOf(Gen.OneOf(Gen.Const(0), Gen.Const(1), Gen.Int[15, 17]), Gen.Int[1, 5],
        Gen.Int[1, 40]);

    /// <summary>Sizes for finite differences, which run the function four times a value.</summary>
    public static readonly Gen<int> FewSizes = Gen.OneOf(Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[0, 4]);

    public static Gen<Shape> Shapes(Gen<int> size, int lowestRank, int highestRank) =>
        size.Array[lowestRank, highestRank].Select(sizes =>
        {
            long count = 1;
            for (int i = 0; i < sizes.Length; i++)
            {
                if (sizes[i] > 1 && count * sizes[i] > MaxValues) sizes[i] = 1;
                count *= Math.Max(1, sizes[i]);
            }
            return new Shape(sizes);
        });

    public static Gen<Operand> Operand(Gen<Shape> shape, Values values = Values.Normal) =>
        Gen.Select(shape, Gen.Bool, Gen.ULong).Select((s, last, seed) =>
            new Operand(s, values, last && s.Rank is >= 3 and <= 5 ? Layout.ChannelsLast : Layout.RowMajor, seed));

    public static Gen<Operand> Operand(Shape shape, Values values = Values.Normal) => Operand(Gen.Const(shape), values);

    /// <summary>A shape that broadcasts to the given one: without some of the first dimensions, and with some sizes 1.</summary>
    public static Gen<Shape> BroadcastsTo(Shape shape) =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3].Array[shape.Rank]).Select((missing, ones) =>
        {
            int[] sizes = [.. shape.Zip(ones, (size, one) => one == 0 ? 1 : size)];
            return new Shape(missing == 0 && sizes.Length > 0 ? sizes[1..] : sizes);
        });
}
