namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>bfloat16 by its definition, 8 significant bits and float's exponents, and tensors of it to compute with.</summary>
internal static class Bfloat16
{
    /// <summary>The largest relative error of rounding to 8 significant bits.</summary>
    public const double Rounding = 1.0 / 256;

    /// <summary>The nearest value, of two the even one.</summary>
    public static double Round(double x)
    {
        if (x == 0 || !double.IsFinite(x)) return x;
        double unit = Math.ScaleB(1, Math.Max(Math.ILogB(x), -126) - 7), rounded = Math.Round(x / unit, MidpointRounding.ToEven) * unit;
        return Math.Abs(rounded) < Math.ScaleB(1, 128) ? rounded : rounded * double.PositiveInfinity;
    }

    /// <summary>Nearly normal values that a bfloat16 holds: as such on a GPU, as double on Reference.</summary>
    public static Tensor Normal(Device device, Shape shape, int seed, double mean = 0) =>
        Of(device, shape, [.. Agreement.Normal(Device.Reference, shape, seed, mean).ToArray<double>().Select(Round)]);

    /// <summary>These values, rounded by the device where it stores bfloat16.</summary>
    public static Tensor Of(Device device, Shape shape, double[] values)
    {
        var tensor = Tensor.New(shape, device, TypeOn(device));
        device.Backend.Upload<double>(values, tensor);
        return tensor;
    }

    /// <summary>Memory that a primitive has to write all of: it holds NaN.</summary>
    public static Tensor Unset(Device device, Shape shape) => Tensor.Full(shape, double.NaN, device, TypeOn(device));

    private static DType TypeOn(Device device) => device == Device.Reference ? DType.F64 : DType.BF16;

    /// <summary>Each value is the expected one rounded once; <paramref name="sums"/> is what sums in float may be off before that.</summary>
    public static void AssertRounded(Tensor expected, Tensor got, string what, double sums = 1e-6)
    {
        Assert.Equal(DType.BF16, got.DType);
        var (e, g) = (expected.ToArray<double>(), got.ToArray<double>());
        Assert.Equal(e.Length, g.Length);
        for (int i = 0; i < e.Length; i++)
            if (!(Math.Abs(e[i] - g[i]) <= Rounding * Math.Abs(e[i]) + sums) && !e[i].Equals(g[i]))
                Assert.Fail($"{what}, value {i} of {e.Length}: expected {e[i]:R}, got {g[i]:R}");
    }
}
