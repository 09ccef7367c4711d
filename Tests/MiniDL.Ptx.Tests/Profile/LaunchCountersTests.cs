namespace MiniDL.Ptx.Tests.Profile;

/// <summary>The counters, by kernels of a few lines of which is known what they must come to.</summary>
public sealed class LaunchCountersTests : IDisposable
{
    private readonly SmallKernel _kernel = new(bytes: 16384);

    public void Dispose() => _kernel.Dispose();

    // A warp, whose accesses are so many bytes apart.
    [Theory]
    [InlineData("f32", 0, 1, 1)]
    [InlineData("f32", 4, 4, 4)]
    [InlineData("f32", 8, 8, 4)]
    [InlineData("f32", 128, 32, 4)]
    [InlineData("v4.f32", 16, 16, 16)]
    [InlineData("v4.f32", 64, 32, 16)]
    [InlineData("u8", 1, 1, 1)]
    [InlineData("u8", 16, 16, 1)]
    public void Sectors_of_global_memory(string type, int stride, int sectors, int least)
    {
        var counts = Run($"mad.lo.u64 %rd2, %rd5, {stride}, %rd1; ld.global.{type} {Register(type)}, [%rd2];", 32).Global;
        Assert.Equal((1, sectors, least), (counts.Requests, counts.Sectors, counts.MinSectors));
    }

    [Theory]
    [InlineData("f32", 0, 1, 1)]        // all read the same
    [InlineData("f32", 4, 1, 1)]
    [InlineData("f32", 8, 2, 1)]
    [InlineData("f32", 12, 1, 1)]       // an odd number of words
    [InlineData("f32", 128, 32, 1)]
    [InlineData("f64", 8, 2, 2)]
    [InlineData("f64", 16, 4, 2)]
    [InlineData("v4.f32", 16, 4, 4)]
    [InlineData("v4.f32", 32, 8, 4)]
    [InlineData("v4.f32", 80, 4, 4)]    // 20 words: a quarter of the warp comes to all banks
    public void Turns_of_shared_memory(string type, int stride, int turns, int least)
    {
        var counts = Run($"mov.u64 %rd3, s; mad.lo.u64 %rd3, %rd5, {stride}, %rd3; ld.shared.{type} {Register(type)}, [%rd3];", 32).Shared;
        Assert.Equal((1, turns, least), (counts.Requests, counts.Wavefronts, counts.MinWavefronts));
    }

    // Two warps. Threads go round as often as their number says, or part; a store under a predicate is an instruction for all.
    [Theory]
    [InlineData("mov.u32 %r3, 0; $AGAIN: add.s32 %r3, %r3, 1; setp.lt.u32 %p1, %r3, %r1; @%p1 bra $AGAIN;", 2 + (31 + 63) * 3)]
    [InlineData("setp.lt.u32 %p1, %r1, 40; @%p1 bra $END; mov.u32 %r3, 1;", 2 * 2 + 1)]
    [InlineData("mad.lo.u64 %rd2, %rd5, 4, %rd1; setp.lt.u32 %p1, %r1, 40; @%p1 st.global.u32 [%rd2], 1;", 2 * 3)]
    [InlineData("bar.sync 0; mov.u32 %r3, 1; bar.sync 0;", 2 * 3)]
    public void Instructions_of_warps(string body, int expected) =>
        Assert.Equal(expected, Run(body, 64).Instructions - Run("", 64).Instructions);

    // Before and after a barrier the same instruction runs anew: 40 threads twice, then 24 once.
    [Fact]
    public void Accesses_are_matched_by_the_time_that_a_thread_makes_them()
    {
        var profile = Run("""
            mov.u32 %r3, 0; setp.lt.u32 %p2, %r1, 20; mad.lo.u64 %rd2, %rd5, 4, %rd1;
            $AGAIN: ld.global.f32 %f1, [%rd2]; add.s32 %r3, %r3, 1; setp.lt.u32 %p1, %r3, 2; and.pred %p1, %p1, %p2; @%p1 bra $AGAIN;
            """, 32);
        // The second time 20 threads: 80 bytes.
        Assert.Equal((2, 4 + 3, 4 + 3), (profile.Global.Requests, profile.Global.Sectors, profile.Global.MinSectors));
    }

    [Fact]
    public void Bytes_of_a_launch()
    {
        // All blocks read one sector, and each 1024 bytes of its own, twice; it writes 32 words, 32 bytes apart.
        var profile = Run("""
            ld.global.f32 %f1, [%rd1+8192]; mad.lo.u64 %rd2, %rd5, 16, %rd1; mad.wide.u32 %rd2, %r2, 512, %rd2;
            ld.global.v4.f32 {%f1,%f2,%f3,%f4}, [%rd2]; ld.global.f32 %f5, [%rd2];
            mad.wide.u32 %rd4, %r2, 1024, %rd1; mad.lo.u64 %rd4, %rd5, 32, %rd4;
            st.global.f32 [%rd4+10240], %f1; st.global.f32 [%rd4+10244], %f1;
            """, 32, blocks: 4);
        Assert.Equal(32 + 4 * (512 + 1024), profile.Bytes);
        Assert.Equal(4 * (32 + 512 + 2 * 1024), profile.BytesOfCache);
    }

    private static string Register(string type) =>
        type switch { "u8" => "%rs1", "f32" => "%f1", "f64" => "%fd1", _ => "{%f1,%f2,%f3,%f4}" };

    // %rd5 is the thread, too.
    private LaunchProfile Run(string body, int threads, int blocks = 1)
    {
        var program = SmallKernel.Program($"cvt.u64.u32 %rd5, %r1; {body}", sharedBytes: 4096);
        var counters = new LaunchCounters(program);
        _kernel.Run(program, blocks, threads, counters);
        return new(counters, blocks, threads);
    }
}
