namespace MiniDL.Tests.Core;

public class RandomStreamTests
{
    /// <summary>The known answers published with Random123 for philox4x32-10.</summary>
    [Theory]
    [InlineData(0, 0, 0, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_the_published_answers(ulong key, ulong stream, ulong block, uint a, uint b, uint c, uint d) =>
        Assert.Equal((a, b, c, d), Philox.Block(key, stream, block));

    [Fact]
    public void A_stream_is_the_sequence_of_blocks_under_its_seed()
    {
        var random = new RandomStream(7);
        var expected = new List<uint>();
        for (ulong block = 0; block < 3; block++)
        {
            var (a, b, c, d) = Philox.Block(7, 0, block);
            expected.AddRange([a, b, c, d]);
        }
        Assert.Equal(expected, Enumerable.Range(0, 12).Select(_ => random.NextUInt()));
    }

    [Fact]
    public void Position_restores_a_stream_forwards_and_backwards()
    {
        var random = new RandomStream(1).Fork("test");
        uint[] numbers = [.. Enumerable.Range(0, 50).Select(_ => random.NextUInt())];
        foreach (int position in (int[])[0, 49, 3, 2, 17, 16, 15, 49])
        {
            random.Position = (ulong)position;
            Assert.Equal(numbers[position], random.NextUInt());
        }
        var restored = new RandomStream(1).Fork("test");
        restored.Position = random.Position;
        Assert.Equal(random.NextNormal(), restored.NextNormal());
    }

    [Fact]
    public void Floats_and_doubles_lie_in_the_unit_interval_with_the_right_mean_and_variance()
    {
        const int Count = 100_000;
        var random = new RandomStream(3);
        double[] floats = [.. Enumerable.Range(0, Count).Select(_ => (double)random.NextFloat())];
        double[] doubles = [.. Enumerable.Range(0, Count).Select(_ => random.NextDouble())];
        foreach (double[] values in (double[][])[floats, doubles])
        {
            Assert.All(values, value => Assert.InRange(value, 0, 1 - double.Epsilon));
            AssertMoments(values, mean: 0.5, variance: 1 / 12.0);
        }
    }

    [Fact]
    public void Normals_have_mean_0_variance_1_and_the_right_tails()
    {
        var random = new RandomStream(4);
        double[] values = [.. Enumerable.Range(0, 100_000).Select(_ => random.NextNormal())];
        AssertMoments(values, mean: 0, variance: 1);
        // P(|z| > 2) = 4.55 %, standard error 0.07 %.
        Assert.InRange(values.Count(z => Math.Abs(z) > 2) / 100_000.0, 0.0422, 0.0488);
    }

    private static void AssertMoments(double[] values, double mean, double variance)
    {
        double average = values.Average(), spread = values.Sum(v => (v - average) * (v - average)) / values.Length;
        Assert.InRange(average, mean - 5 * Math.Sqrt(variance / values.Length), mean + 5 * Math.Sqrt(variance / values.Length));
        Assert.InRange(spread, 0.97 * variance, 1.03 * variance);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(10)]
    public void Integers_are_uniform_below_their_bound(int bound)
    {
        var random = new RandomStream(5);
        var counts = new int[bound];
        for (int i = 0; i < 10_000 * bound; i++) counts[random.NextInt(bound)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_500, 10_500));
    }

    [Fact]
    public void Every_permutation_is_equally_likely()
    {
        var random = new RandomStream(6);
        var counts = new Dictionary<string, int>();
        for (int i = 0; i < 24_000; i++)
        {
            int[] order = random.Permutation(4);
            Assert.Equal([0, 1, 2, 3], order.Order());
            string key = string.Join(',', order);
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }
        Assert.Equal(24, counts.Count);
        Assert.All(counts.Values, count => Assert.InRange(count, 840, 1160));
    }

    [Fact]
    public void Forks_depend_on_purpose_number_and_seed_and_are_uncorrelated()
    {
        RandomStream Fork(ulong seed, string purpose, ulong number) => new RandomStream(seed).Fork(purpose, number);
        Assert.Equal(Fork(1, "a", 0).NextUInt(), Fork(1, "a", 0).NextUInt());
        RandomStream[] forks =
            [new(1), Fork(1, "a", 0), Fork(1, "a", 1), Fork(1, "b", 0), Fork(2, "a", 0), Fork(1, "a", 0).Fork("a"),
                Fork(1, "b", 0).Fork("a")];
        double[][] draws = [.. forks.Select(fork => Enumerable.Range(0, 10_000).Select(_ => fork.NextDouble() - 0.5).ToArray())];
        for (int i = 0; i < draws.Length; i++)
            for (int j = 0; j < i; j++)
            {
                double correlation = 12 * draws[i].Zip(draws[j], (p, q) => p * q).Average();
                Assert.InRange(correlation, -0.05, 0.05);
            }
    }

    [Fact]
    public void A_stream_is_not_moved_by_forking()
    {
        var random = new RandomStream(9);
        random.Fork("other").NextUInt();
        Assert.Equal(0UL, random.Position);
    }
}
