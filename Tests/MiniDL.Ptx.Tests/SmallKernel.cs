using System.Runtime.InteropServices;
using MiniDL.Ptx.Tests.Interpreter;
using MiniDL.Ptx.Tests.Profile;

namespace MiniDL.Ptx.Tests;

/// <summary>Runs kernels of a few lines, whose only parameter is the address of some memory.</summary>
internal sealed unsafe class SmallKernel(int bytes) : IDisposable
{
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 256);

    /// <summary>The memory, unset at first.</summary>
    public Span<byte> Memory => new(_memory, bytes);

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    /// <summary>
    /// A kernel: %rd1 is the address of the memory, %r1 the thread, %r2 the block; s is shared memory, $END the end. Registers of every kind
    /// go up to 8.
    /// </summary>
    public static PtxProgram Program(string body, int sharedBytes)
    {
        string text = $$"""
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry k(
                .param .align 8 .b8 k_param_0[8]
            )
            .maxntid 64, 1, 1
            {
                .reg .pred %p<9>; .reg .b16 %rs<9>; .reg .b32 %r<9>; .reg .b64 %rd<9>; .reg .f32 %f<9>; .reg .f64 %fd<9>;
                .shared .align 16 .b8 s[{{sharedBytes}}];
                mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; ld.param.u64 %rd1, [k_param_0]; cvta.to.global.u64 %rd1, %rd1;
                {{body}}
            $END: ret;
            }
            """;
        return new(PtxParser.Parse("test", text).Kernels[0]);
    }

    public void Run(PtxProgram program, int blocks, int threads, LaunchCounters? counters = null)
    {
        ulong start = (ulong)_memory;
        var global = new PtxGlobal(address => address - start < (ulong)bytes ? (start, (ulong)bytes) : null);
        new PtxLaunch(program, BitConverter.GetBytes(start), global, threads, 0) { Counters = counters }.Run(blocks);
    }
}
