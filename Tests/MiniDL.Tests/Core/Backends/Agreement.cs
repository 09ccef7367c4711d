using MiniDL.Backends;

namespace MiniDL.Tests.Core.Backends;

/// <summary>Runs one computation on the CPU, with any number of threads, and on the Reference device.</summary>
internal static class Agreement
{
    /// <summary>Nearly normal values that a float holds exactly, the same on every device.</summary>
    public static Tensor Normal(Device device, Shape shape, int seed, double mean = 0, double std = 1)
    {
        var random = new Random(seed);
        var values = new double[shape.Count];
        // The sum of three uniform values has a variance of a quarter, and is near enough to normal.
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(mean + 2 * std * (random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5));
        return Tensor.From(values, shape, device);
    }

    /// <summary>Memory that a primitive has to write all of: it holds NaN.</summary>
    public static Tensor Unset(Device device, Shape shape) => Tensor.Full(shape, double.NaN, device);

    public static Tensor UnsetIndex(Device device, Shape shape) => Tensor.Full(shape, -7, device, DType.I64);

    /// <summary>
    /// Asserts that the outputs of the CPU are those of Reference, within tolerance · (1 + |value|), and are the same bits for one,
    /// two and three threads. Call it only from classes in <see cref="ThreadCounts.Collection"/>.
    /// </summary>
    public static void Check(double tolerance, Func<Device, Backend, Tensor[]> run)
    {
        var expected = run(Device.Reference, Device.Reference.Backend);
        double[][]? first = null;
        for (int threads = 1; threads <= 3; threads++)
        {
            using var _ = new ThreadCounts(threads);
            var actual = run(Device.Cpu, Device.Cpu.Backend).Select(y => y.ToArray<double>()).ToArray();
            first ??= actual;
            for (int output = 0; output < expected.Length; output++)
            {
                if (threads == 1) Close(expected[output].ToArray<double>(), actual[output], tolerance, $"output {output}");
                else Assert.True(first[output].AsSpan().SequenceEqual(actual[output]), $"output {output} differs with {threads} threads");
            }
        }
    }

    private static void Close(double[] expected, double[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * (1 + Math.Abs(expected[i]))) && !expected[i].Equals(actual[i]))
                Assert.Fail($"{what}, value {i} of {expected.Length}: expected {expected[i]:R}, got {actual[i]:R}");
    }
}
