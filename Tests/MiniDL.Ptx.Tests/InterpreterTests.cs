using System.Runtime.InteropServices;
using MiniDL.Ptx.Tests.Interpreter;

namespace MiniDL.Ptx.Tests;

/// <summary>That the interpreter finds what a GPU would fault on or get wrong now and then, in kernels of a few lines.</summary>
public sealed class InterpreterTests : IDisposable
{
    private readonly SmallKernel _kernel = new(bytes: 4096);

    public void Dispose() => _kernel.Dispose();

    // %rd2 is the thread's word in memory, %rd3 its word in shared memory.
    private const string Start = "mul.wide.u32 %rd2, %r1, 4; mov.u64 %rd3, s; add.s64 %rd3, %rd3, %rd2; add.s64 %rd2, %rd2, %rd1;";

    [Theory]
    [InlineData("st.global.u32 [%rd2], %r1;", null)]
    [InlineData("st.shared.u32 [%rd3], %r1; bar.sync 0; ld.shared.u32 %r3, [s+8]; st.global.u32 [%rd2], %r3;", null)]
    [InlineData("st.shared.u32 [%rd3], %r1; ld.shared.u32 %r3, [s+8]; st.global.u32 [%rd2], %r3;", "since the last barrier")]
    [InlineData("ld.shared.u32 %r3, [s+8]; st.shared.u32 [%rd3], %r1;", "since the last barrier")]
    [InlineData("st.shared.u32 [s], %r1;", "wrote as well")]
    [InlineData("st.global.u32 [%rd2+4090], %r1;", "no multiple")]
    [InlineData("st.global.u32 [%rd2+4096], %r1;", "not allocated")]
    [InlineData("st.shared.u32 [%rd3+256], %r1;", "shared memory")]
    [InlineData("ld.param.u32 %r3, [k_param_0+8];", "of 8 bytes of parameters")]
    [InlineData("ld.global.v4.u32 {%r3,%r4,%r5,%r6}, [%rd1+8];", "no multiple")]
    [InlineData("shfl.sync.bfly.b32 %r3, %r1, 1, 31, -1; st.global.u32 [%rd2], %r3;", null)]
    [InlineData("setp.eq.s32 %p1, %r1, 5; @%p1 bra $END; shfl.sync.bfly.b32 %r3, %r1, 1, 31, -1;", "not all 32 lanes")]
    [InlineData("setp.eq.s32 %p1, %r1, 5; @%p1 bra $END; bar.sync 0;", "not all threads of the block")]
    [InlineData("setp.lt.s32 %p1, %r1, 32; @!%p1 bra $END; shfl.sync.bfly.b32 %r3, %r1, 1, 31, -1;", null)]
    public void In_a_block(string body, string? fault) => Check(body, blocks: 1, fault);

    // Block 0 writes and counts itself, block 1 counts itself and reads.
    [Theory]
    [InlineData("membar.gl;", "membar.gl;", "ld.global.cg.u32", null)]
    [InlineData("membar.gl;", "membar.gl;", "ld.global.u32", "the cache may hold what was there before")]
    [InlineData("", "membar.gl;", "ld.global.cg.u32", "without a fence before it said so")]
    [InlineData("membar.gl;", "", "ld.global.cg.u32", "without a fence before the read")]
    public void Between_blocks(string before, string after, string load, string? fault) => Check($"""
        setp.eq.s32 %p1, %r2, 1; @%p1 bra $READ;
        st.global.u32 [%rd2], %r1; {before} bar.sync 0; atom.global.add.u32 %r4, [%rd1+2048], 1; bar.sync 0; {after} bra.uni $END;
        $READ: {before} bar.sync 0; atom.global.add.u32 %r4, [%rd1+2048], 1; bar.sync 0; {after} {load} %r3, [%rd1];
        """, blocks: 2, fault);

    [Theory, InlineData("st.global.u32 [%rd1], %r2;"), InlineData("ld.global.u32 %r3, [%rd2]; st.global.u32 [%rd2], %r3;")]
    public void Blocks_that_write_the_same_place(string body) => Check(body, blocks: 2, "");

    [Theory]
    [InlineData("mul.wide.s32 %rd4, -3, 5; st.global.u64 [%rd1], %rd4;", -15)]
    [InlineData("shr.s32 %r3, -8, 40; cvt.s64.s32 %rd4, %r3; st.global.u64 [%rd1], %rd4;", -1)]
    [InlineData("shr.u32 %r3, -8, 40; cvt.u64.u32 %rd4, %r3; st.global.u64 [%rd1], %rd4;", 0)]
    [InlineData("bfe.u32 %r3, 0x7F3, 4, 7; cvt.u64.u32 %rd4, %r3; st.global.u64 [%rd1], %rd4;", 0x7F)]
    [InlineData("mul.hi.u32 %r3, 0x80000000, 6; cvt.u64.u32 %rd4, %r3; st.global.u64 [%rd1], %rd4;", 3)]
    [InlineData("cvt.rzi.s64.f64 %rd4, 0dC002000000000000; st.global.u64 [%rd1], %rd4;", -2)]  // −2.25
    [InlineData("mov.b64 {%r3, %r4}, 0x500000007; sub.s32 %r5, %r4, %r3; cvt.s64.s32 %rd4, %r5; st.global.u64 [%rd1], %rd4;", -2)]
    [InlineData("setp.neu.f32 %p1, 0f7FC00000, 0f7FC00000; selp.b64 %rd4, 1, 0, %p1; st.global.u64 [%rd1], %rd4;", 1)]
    [InlineData("setp.ne.f32 %p1, 0f7FC00000, 0f7FC00000; selp.b64 %rd4, 1, 0, %p1; st.global.u64 [%rd1], %rd4;", 0)]
    // Ties: away from zero, and to even.
    [InlineData("cvt.rna.tf32.f32 %r3, 0f3F801000; cvt.u64.u32 %rd4, %r3; st.global.u64 [%rd1], %rd4;", 0x3F802000)]
    [InlineData("cvt.rn.bf16.f32 %rs1, 0f3F808000; cvt.u64.u16 %rd4, %rs1; st.global.u64 [%rd1], %rd4;", 0x3F80)]
    [InlineData("cvt.rn.bf16x2.f32 %r3, 0f40000000, 0f3F800000; cvt.u64.u32 %rd4, %r3; st.global.u64 [%rd1], %rd4;", 0x40003F80)]
    public void Single_instructions(string body, long expected)
    {
        Run($"setp.ne.s32 %p2, %r1, 0; @%p2 bra $END; {body}", blocks: 1);
        Assert.Equal(expected, MemoryMarshal.Read<long>(_kernel.Memory));
    }

    private void Check(string body, int blocks, string? fault)
    {
        if (fault is null) Run(body, blocks);
        else Assert.Contains(fault, Assert.Throws<PtxFault>(() => Run(body, blocks)).Message);
    }

    private void Run(string body, int blocks) => _kernel.Run(SmallKernel.Program($"{Start} {body}", sharedBytes: 256), blocks, threads: 64);
}
