using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using MiniDL.Ptx.Tests.Profile;

namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>
/// A GPU that runs the shipped PTX: the fake driver with all that is around launches (memory, copies, streams, graphs), and this
/// interpreter in place of the emulator, which runs the kernels' sources.
/// </summary>
internal sealed unsafe class PtxGpu : IDisposable
{
    private static readonly ConcurrentDictionary<string, PtxProgram> Programs = new();

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint Runner(nint kernel, nint arguments, ulong argumentBytes, int blocks, int threads, int dynamicBytes);

    private readonly FakeDriver _driver = Gpu.OwnFake();
    private readonly Runner _runner;

    /// <param name="capability">80 or 90: what the GPU says that it has.</param>
    /// <param name="precision">What convolutions compute in.</param>
    /// <param name="sharedBytes">The shared memory that a block can have; 0 for as much as an H100's.</param>
    public PtxGpu(int capability, Precision precision, int sharedBytes = 0)
    {
        _runner = Run;
        _driver.Set("capability", capability);
        if (sharedBytes > 0) _driver.Set("shared", sharedBytes);
        Interpret(true);
        Device = _driver.Open(precision);
    }

    public Device Device { get; }

    /// <summary>Whether kernels run here from now on; else the emulator runs them, which is faster.</summary>
    public void Interpret(bool here)
    {
        var set = (delegate* unmanaged[Cdecl]<nint, void>)_driver.Export("fakeSetRunner");
        set(here ? Marshal.GetFunctionPointerForDelegate(_runner) : 0);
    }

    /// <summary>The kernels of graphs that were run, by their numbers: of the last graph, where there were several.</summary>
    public ConcurrentDictionary<int, GraphNode> Nodes { get; } = new();

    /// <summary>Where launches are counted instead of being run as a whole.</summary>
    public GpuProfile? Profile { get; set; }

    /// <summary>The kernels that were launched.</summary>
    public ConcurrentDictionary<string, int> Launched { get; } = new();

    /// <summary>What went wrong, in the order that it did.</summary>
    public ConcurrentQueue<string> Faults { get; } = new();

    public void Dispose() => _driver.Dispose();

    /// <summary>A kernel of the shipped PTX, ready to run.</summary>
    public static PtxProgram Program(string kernel) => Programs.GetOrAdd(kernel, name => new(PtxModule.AllKernels.Single(k => k.Name == name)));

    private nint Run(nint kernel, nint arguments, ulong argumentBytes, int blocks, int threads, int dynamicBytes)
    {
        // An exception must not cross the driver: it becomes the launch's problem.
        try
        {
            string name = Marshal.PtrToStringUTF8(kernel)!;
            Launched.AddOrUpdate(name, 1, (_, count) => count + 1);
            byte[] copy = new ReadOnlySpan<byte>((void*)arguments, (int)argumentBytes).ToArray();
            if (Profile is { } profile) profile.Run(Program(name), copy, FindAllocation, blocks, threads, dynamicBytes);
            else new PtxLaunch(Program(name), copy, new(FindAllocation), threads, dynamicBytes) { Node = NewNode(name) }.Run(blocks);
            return 0;
        }
        catch (Exception e)
        {
            Faults.Enqueue(e.Message);
            return Marshal.StringToCoTaskMemUTF8(e.Message);
        }
    }

    /// <summary>Notes which node of a graph a kernel is; null outside of graphs.</summary>
    private GraphNode? NewNode(string kernel)
    {
        var find = (delegate* unmanaged[Cdecl]<int*, int, int*, int>)_driver.Export("fakeNode");
        const int most = 1024;
        int* after = stackalloc int[most];
        int count, number = find(after, most, &count);
        return number < 0 ? null : Nodes[number] = new GraphNode(kernel, new ReadOnlySpan<int>(after, count).ToArray());
    }

    private (ulong, ulong)? FindAllocation(ulong address)
    {
        ulong start, bytes;
        var find = (delegate* unmanaged[Cdecl]<ulong, ulong*, ulong*, int>)_driver.Export("fakeFindAllocation");
        return find(address, &start, &bytes) == 1 ? (start, bytes) : null;
    }
}
