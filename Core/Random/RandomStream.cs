namespace MiniDL;

/// <summary>
/// A stream of random numbers that depends only on (seed, purpose, epoch, position): the same for any number of threads,
/// and restored by setting <see cref="Position"/>. Streams for other purposes or epochs are independent.
/// </summary>
/// <param name="seed">The seed of the whole program.</param>
/// <example><code>
/// var random = new RandomStream(seed: 0);
/// var weights = Tensor.Normal([16, 3], random.Fork("weights"));
/// int[] order = random.Fork("order").Permutation(100);
/// </code></example>
public sealed class RandomStream(ulong seed)
{
    /// <summary>Distinguishes this stream from the others with its seed: the upper half of Philox's counter.</summary>
    internal ulong Number { get; }

    // A block of Philox gives four numbers; it is kept until the position leaves it.
    private (uint A, uint B, uint C, uint D) _block;
    private ulong _blockNumber = ulong.MaxValue;

    private RandomStream(ulong seed, ulong stream) : this(seed) => Number = stream;

    /// <summary>The seed it was made from.</summary>
    public ulong Seed { get; } = seed;

    /// <summary>How many 32-bit numbers have been drawn; set it to resume from a checkpoint.</summary>
    public ulong Position { get; set; }

    /// <summary>An independent stream for a purpose, such as "augmentation", and a number, such as an epoch or an image's index.</summary>
    public RandomStream Fork(string purpose, ulong number = 0)
    {
        // FNV-1a: a fixed hash, since string.GetHashCode changes from run to run.
        ulong hash = 0xCBF29CE484222325UL ^ Number;
        foreach (char letter in purpose) hash = (hash ^ letter) * 0x100000001B3UL;
        var (a, b, _, _) = Philox.Block(Seed, hash, number);
        return new RandomStream(Seed, (ulong)a << 32 | b);
    }

    /// <summary>A uniform 32-bit integer.</summary>
    public uint NextUInt()
    {
        if (Position / 4 != _blockNumber)
        {
            _blockNumber = Position / 4;
            _block = Philox.Block(Seed, Number, _blockNumber);
        }
        return (Position++ % 4) switch { 0 => _block.A, 1 => _block.B, 2 => _block.C, _ => _block.D };
    }

    /// <summary>A uniform integer in [0, <paramref name="bound"/>), without bias.</summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        while (true)
        {
            ulong product = (ulong)NextUInt() * (uint)bound;
            if ((uint)product >= (uint)(0x100000000UL % (uint)bound)) return (int)(product >> 32);
        }
    }

    /// <summary>A uniform float in [0, 1), a multiple of 2⁻²⁴.</summary>
    public float NextFloat() => (NextUInt() >> 8) * (1f / (1 << 24));

    /// <summary>A uniform double in [0, 1), a multiple of 2⁻⁵³.</summary>
    public double NextDouble() => (((ulong)NextUInt() << 32 | NextUInt()) >> 11) * (1.0 / (1L << 53));

    /// <summary>A standard normal number, by the Box–Muller method.</summary>
    public double NextNormal() =>
        Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>The numbers 0 to <paramref name="count"/> − 1 in random order, by a Fisher–Yates shuffle.</summary>
    public int[] Permutation(int count)
    {
        var order = new int[count];
        for (int i = 0; i < count; i++)
        {
            int j = NextInt(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }
}
