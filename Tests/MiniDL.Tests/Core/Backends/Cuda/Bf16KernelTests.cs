using MiniDL.Backends;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>Tensors of bfloat16 on the GPU: conversion, moves, functions of values, sums and pooling.</summary>
public class Bf16KernelTests
{
    /// <summary>Orders in which the fake driver runs blocks and warps: ascending, reversed, random.</summary>
    public static TheoryData<int> Orders => [0, 1, 6];

    [GpuFact]
    public void Conversion_rounds_to_the_nearest_value_and_of_two_to_the_even_one()
    {
        float[] values = [1, 1 + 1f / 256, 1 + 3f / 256, 1 + 1f / 256 + 1e-6f, -1 - 3f / 256, 0, -0f, float.Epsilon, 1e-40f, 3.3895314e38f,
            float.MaxValue, float.PositiveInfinity, float.NegativeInfinity, MathF.PI, 1e-3f, -7.77e20f];
        double[] expected = [1, 1, 1 + 4.0 / 256, 1 + 2.0 / 256, -1 - 4.0 / 256, 0, -0.0, 0, .. values[8..].Select(x => Bfloat16.Round(x))];
        var (x, y, back) = Cast(values);
        Assert.Equal(expected, y.ToArray<double>());
        Assert.Equal(expected, back.ToArray<double>());
        Assert.Equal(expected, Bfloat16.Of(Gpu.Device, x.Shape, [.. values.Select(v => (double)v)]).ToArray<double>());
        Assert.All(Cast([float.NaN, -float.NaN, BitConverter.UInt32BitsToSingle(0x7F800001)]).Back.ToArray(), v => Assert.True(float.IsNaN(v)));
    }

    [GpuTheory, InlineData(1), InlineData(4), InlineData(1027), InlineData(5000)]
    public void Conversion_reaches_every_value_of_any_number(int count)
    {
        var random = new Random(count);
        float[] values = [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5) * 8)];
        var (_, y, back) = Cast(values);
        double[] expected = [.. values.Select(v => Bfloat16.Round(v))];
        Assert.Equal(expected, y.ToArray<double>());
        Assert.Equal(expected, back.ToArray<double>());
    }

    [GpuFact]
    public void Windows_that_begin_anywhere_are_converted_and_mapped_too()
    {
        var all = Bfloat16.Normal(Gpu.Device, [40], 1);
        for (int start = 0; start < 5; start++)
        {
            Tensor window = all.Window(start, [33]), y = Bfloat16.Unset(Gpu.Device, [40]), wide = Tensor.Full([40], double.NaN, Gpu.Device);
            Gpu.Device.Backend.Map(new AbsFunction(), window, y.Window(1, [33]));
            Gpu.Device.Backend.Convert(window, wide.Window(2, [33]));
            double[] values = all.ToArray<double>()[start..(start + 33)];
            Assert.Equal([double.NaN, .. values.Select(Math.Abs), .. Enumerable.Repeat(double.NaN, 6)], y.ToArray<double>());
            Assert.Equal([double.NaN, double.NaN, .. values, .. Enumerable.Repeat(double.NaN, 5)], wide.ToArray<double>());
        }
    }

    [GpuFact]
    public void Moves_keep_every_bit_and_additions_round_once()
    {
        var x = Bfloat16.Normal(Gpu.Device, [3, 5, 7, 6], 2);
        var last = x.ToLayout(Layout.ChannelsLast);
        Assert.Equal(DType.BF16, last.DType);
        Assert.Equal(x.ToArray<double>(), last.ToArray<double>());
        var y = Bfloat16.Normal(Gpu.Device, x.Shape, 3);
        double[] sum = [.. x.ToArray<double>().Zip(y.ToArray<double>(), (a, b) => Bfloat16.Round((float)(a + b)))];
        Gpu.Device.Backend.AddInto(y, last);
        Assert.Equal(sum, y.ToArray<double>());
        Gpu.Device.Backend.Fill(y, 1.0 / 3);
        Assert.All(y.ToArray<double>(), v => Assert.Equal(Bfloat16.Round(1.0 / 3), v));
    }

    [GpuTheory, MemberData(nameof(Orders))]
    public void Functions_of_one_value_are_those_of_double_rounded_once(int order)
    {
        using var fake = Gpu.OwnFake().Set("order", order);
        var device = fake.Open();
        Check(device, new AbsFunction());
        Check(device, new ExpFunction());
        Check(device, new LeakyReluFunction(0.1f));
        Check(device, new LogFunction(), mean: 4);
        Check(device, new PowFunction(1.5f), mean: 4);
        Check(device, new ReluFunction());
        Check(device, new SigmoidFunction());
        Check(device, new SqrtFunction(), mean: 4);
        Check(device, new SquareFunction());
        Check(device, new TanhFunction());
    }

    [GpuFact]
    public void Relu_is_exact()
    {
        var x = Bfloat16.Normal(Gpu.Device, [2000], 4);
        Tensor y = Bfloat16.Unset(Gpu.Device, x.Shape), dx = Bfloat16.Unset(Gpu.Device, x.Shape);
        Gpu.Device.Backend.Map(new ReluFunction(), x, y);
        Gpu.Device.Backend.MapGradient(new ReluFunction(), x, x, y, dx);
        Assert.Equal(x.ToArray().Select(v => v < 0 ? 0 : v), y.ToArray());
        Assert.Equal(y.ToArray(), dx.ToArray());
    }

    [GpuTheory, MemberData(nameof(Orders))]
    public void Functions_of_two_values_broadcast_and_round_once(int order)
    {
        using var fake = Gpu.OwnFake().Set("order", order);
        var device = fake.Open();
        Tensor Run(Device on, bool broadcast)
        {
            Tensor a = Bfloat16.Normal(on, [6, 50], 5), b = Bfloat16.Normal(on, [50], 6, mean: 3), c = Bfloat16.Unset(on, [6, 50]);
            if (broadcast) on.Backend.Zip(new DivFunction(), [6, 50], a, [50, 1], b, [0, 1], c);
            else on.Backend.Zip(new MulFunction(), [300], a, [1], a, [1], c);
            return c;
        }
        foreach (bool broadcast in new[] { true, false })
            Bfloat16.AssertRounded(Run(Device.Reference, broadcast), Run(device, broadcast), $"broadcast {broadcast}");
        var y = Bfloat16.Unset(device, [300]);
        device.Backend.Affine(Bfloat16.Normal(device, [300], 7), 0.3, -2, y);
        Bfloat16.AssertRounded(Tensor.From([.. Bfloat16.Normal(Device.Reference, [300], 7).ToArray<double>().Select(v => 0.3 * v - 2)],
            [300], Device.Reference), y, "affine");
    }

    [GpuTheory, MemberData(nameof(Orders))]
    public void Sums_are_float_and_lose_nothing(int order)
    {
        using var fake = Gpu.OwnFake().Set("order", order);
        var device = fake.Open();
        foreach (var (outer, reduced, inner) in new[] { (1, 9000, 3), (7, 30, 40), (2, 1, 5), (1, 0, 4) })
        {
            Tensor Run(Device on, DType type)
            {
                var y = Tensor.Full([outer, inner], double.NaN, on, type);
                on.Backend.Sum(Bfloat16.Normal(on, [outer, reduced, inner], 8, mean: 1), y, outer, reduced, inner);
                return y;
            }
            foreach (var (e, g) in Run(Device.Reference, DType.F64).ToArray<double>().Zip(Run(device, DType.F32).ToArray<double>()))
                Assert.InRange(g, e - 1e-6 * (1 + Math.Abs(e)), e + 1e-6 * (1 + Math.Abs(e)));
        }
    }

    [GpuTheory]
    [InlineData(2, 3, 8, 8, 2, 2, 0)]
    [InlineData(3, 16, 9, 7, 3, 2, 1)]
    public void Max_pooling_is_exact_and_the_rest_of_pooling_rounds_once(int batch, int channels, int height, int width, int kernel, int stride, int pad)
    {
        var g = Window2d.Of("pool", [batch, channels, height, width], channels, (kernel, kernel), (stride, stride), (pad, pad));
        Tensor[] Run(Device device)
        {
            Shape inside = [batch, height, width, channels], outside = [batch, g.OutHeight, g.OutWidth, channels];
            Tensor x = Bfloat16.Normal(device, inside, 9), dy = Bfloat16.Normal(device, outside, 10), index = Agreement.UnsetIndex(device, outside);
            Tensor max = Bfloat16.Unset(device, outside), average = Bfloat16.Unset(device, outside);
            Tensor dmax = Bfloat16.Unset(device, inside), daverage = Bfloat16.Unset(device, inside);
            device.Backend.MaxPool2d(x, max, index, g);
            device.Backend.MaxPool2dGradient(dy, index, dmax, g);
            device.Backend.AvgPool2d(x, average, g);
            device.Backend.AvgPool2dGradient(dy, daverage, g);
            return [max, index, dmax, average, daverage];
        }
        var (expected, got) = (Run(Device.Reference), Run(Gpu.Device));
        for (int i = 0; i < 2; i++) Assert.Equal(expected[i].ToArray<double>(), got[i].ToArray<double>());
        for (int i = 2; i < expected.Length; i++) Bfloat16.AssertRounded(expected[i], got[i], $"output {i}");
    }

    [GpuFact]
    public void Operands_of_two_types_are_refused()
    {
        Tensor x = Bfloat16.Normal(Gpu.Device, [8], 1), y = Tensor.Zeros([8], Gpu.Device);
        var error = Assert.Throws<MiniDLException>(() => Gpu.Device.Backend.Map(new ReluFunction(), x, y));
        Assert.Contains("[cuda] map_relu takes tensors of f32 or of bf16", error.Message);
        Assert.Throws<MiniDLException>(() => Gpu.Device.Backend.Affine(Tensor.Zeros([8], Gpu.Device, DType.I64), 1, 0, y));
    }

    private static (Tensor X, Tensor Y, Tensor Back) Cast(float[] values)
    {
        var x = Tensor.From(values, [values.Length], Gpu.Device);
        Tensor y = Bfloat16.Unset(Gpu.Device, x.Shape), back = Tensor.Full(x.Shape, double.NaN, Gpu.Device);
        Gpu.Device.Backend.Convert(x, y);
        Gpu.Device.Backend.Convert(y, back);
        return (x, y, back);
    }

    private static void Check<TFunction>(Device device, TFunction f, double mean = 0) where TFunction : struct, IUnaryFunction
    {
        (Tensor Y, Tensor Dx) Run(Device on)
        {
            Tensor x = Bfloat16.Normal(on, [1500], 11, mean), dy = Bfloat16.Normal(on, [1500], 12), given = Bfloat16.Unset(on, [1500]);
            Tensor y = Bfloat16.Unset(on, [1500]), dx = Bfloat16.Unset(on, [1500]);
            on.Backend.Map(f, x, y);
            // The gradient's y is as it is stored.
            on.Backend.Upload<double>([.. x.ToArray<double>().Select(v => Bfloat16.Round(f.Value(new Real(v)).Value))], given);
            on.Backend.MapGradient(f, dy, x, given, dx);
            return (y, dx);
        }
        var (expected, got) = (Run(Device.Reference), Run(device));
        Bfloat16.AssertRounded(expected.Y, got.Y, f.Name);
        Bfloat16.AssertRounded(expected.Dx, got.Dx, $"{f.Name}'s gradient");
    }
}
