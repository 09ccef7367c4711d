namespace MiniDL;

/// <summary>
/// Philox 4×32-10: each random number is a function of a 128-bit counter and a 64-bit key, so any of them can be computed without
/// its predecessors. Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
/// </summary>
/// <example><code>var (a, b, c, d) = Philox.Block(key: 0, stream: 0, block: 7);</code></example>
public static class Philox
{
    /// <summary>The four 32-bit numbers for a counter.</summary>
    /// <param name="key">The seed.</param>
    /// <param name="stream">The upper half of the counter.</param>
    /// <param name="block">The lower half of the counter.</param>
    public static (uint A, uint B, uint C, uint D) Block(ulong key, ulong stream, ulong block)
    {
        uint a = (uint)block, b = (uint)(block >> 32), c = (uint)stream, d = (uint)(stream >> 32);
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p = 0xD2511F53UL * a, q = 0xCD9E8D57UL * c;
            (a, b, c, d) = ((uint)(q >> 32) ^ b ^ k0, (uint)q, (uint)(p >> 32) ^ d ^ k1, (uint)p);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        return (a, b, c, d);
    }
}
