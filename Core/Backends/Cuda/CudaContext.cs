using System.Collections.Concurrent;
using System.Text;

namespace MiniDL.Backends.Cuda;

/// <summary>One GPU: what all its streams share. Any thread may use it.</summary>
internal sealed unsafe class CudaContext
{
    /// <summary>The oldest driver accepted, CUDA 11.8: the kernels need its PTX 7.8.</summary>
    private const int MinDriver = 11080;

    private const int NoDevice = 100;
    private const int MultiprocessorCount = 16, CapabilityMajor = 75, CapabilityMinor = 76, SharedBytesOptIn = 97;

    /// <summary>The context that was made current on this thread.</summary>
    [ThreadStatic]
    private static CudaContext? _current;

    private readonly nint _context;
    private readonly ConcurrentQueue<CudaStream> _forgotten = new();
    private long _heldBytes;
    private int _streams;

    /// <summary>The error that made the device unusable: after an illegal address and the like, every later call fails too.</summary>
    private string? _failure;

    /// <exception cref="MiniDLException">There is not a GPU, or the driver or the GPU is too old.</exception>
    public CudaContext(CudaApi api)
    {
        Api = api;
        int count = 0, version, device, major, minor, sharedBytes, multiprocessors;
        CompilationCache.Choose();
        int result = api.Init(0);
        if (result == 0) result = api.DeviceGetCount(&count);
        if (result == NoDevice || (result == 0 && count == 0))
            throw new MiniDLException("[cuda] the driver finds no GPU. Look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use the CPU.");
        Check(result, "cuInit");
        Check(api.DriverGetVersion(&version), "cuDriverGetVersion");
        if (version < MinDriver)
            throw new MiniDLException($"[cuda] the driver {api.Name} is for CUDA {Dotted(version)}, MiniDL needs {Dotted(MinDriver)} "
                + "or newer. Update the NVIDIA driver, or use the CPU.");
        Check(api.DeviceGet(&device, 0), "cuDeviceGet");
        byte* name = stackalloc byte[256];
        Check(api.DeviceGetName(name, 256, device), "cuDeviceGetName");
        Name = Encoding.UTF8.GetString(new ReadOnlySpan<byte>(name, new ReadOnlySpan<byte>(name, 256).IndexOf((byte)0)));
        Check(api.DeviceGetAttribute(&major, CapabilityMajor, device), "cuDeviceGetAttribute");
        Check(api.DeviceGetAttribute(&minor, CapabilityMinor, device), "cuDeviceGetAttribute");
        Check(api.DeviceGetAttribute(&sharedBytes, SharedBytesOptIn, device), "cuDeviceGetAttribute");
        Check(api.DeviceGetAttribute(&multiprocessors, MultiprocessorCount, device), "cuDeviceGetAttribute");
        (MaxSharedBytes, Multiprocessors) = (sharedBytes, multiprocessors);
        (Capability, Driver) = (10 * major + minor, Dotted(version));
        if (major < 8)
            throw new MiniDLException($"[cuda] {Name} has compute capability {major}.{minor}, MiniDL's kernels need 8.0 (Ampere) or newer. "
                + "Use another GPU (CUDA_VISIBLE_DEVICES), or the CPU.");
        nint context;
        Check(api.PrimaryContextRetain(&context, device), "cuDevicePrimaryCtxRetain");
        _context = context;
        Modules = new CudaModules(this);
    }

    public CudaApi Api { get; }

    /// <summary>The vendor's name for the GPU.</summary>
    public string Name { get; }

    /// <summary>The compute capability, 90 for 9.0.</summary>
    public int Capability { get; }

    /// <summary>The most shared memory that a block can request.</summary>
    public int MaxSharedBytes { get; }

    /// <summary>The number of multiprocessors, which run blocks in parallel.</summary>
    public int Multiprocessors { get; }

    /// <summary>
    /// The number of multiprocessors that work is cut for, a multiple of 32. Sums are made block by block, so similar GPUs, such as those with
    /// 108 and with 114 multiprocessors, give the same bits, and no GPU is left with a few blocks for a second round.
    /// </summary>
    public int BlocksAtOnce => Math.Clamp(Multiprocessors / 32 * 32, 32, 128);

    /// <summary>The newest CUDA version that the driver supports, such as 12.4.</summary>
    public string Driver { get; }

    public CudaModules Modules { get; }

    /// <summary>
    /// Held throughout a capture, and around every call that may wait for the whole GPU or change its memory or modules: such a
    /// call on one stream would invalidate a capture on another thread. Taken after a stream's own lock, never before it.
    /// </summary>
    public Lock Setup { get; } = new();

    /// <summary>Bytes of the GPU's memory held by all streams together.</summary>
    public long HeldBytes => Interlocked.Read(ref _heldBytes);

    /// <summary>Counts memory that a stream took from the driver or, if negative, gave back.</summary>
    public void CountHeld(long bytes) => Interlocked.Add(ref _heldBytes, bytes);

    /// <summary>The number of a new stream.</summary>
    public int CountStream() => Interlocked.Increment(ref _streams);

    /// <summary>For a stream's finalizer: makes no CUDA call.</summary>
    public void Forget(CudaStream stream) => _forgotten.Enqueue(stream);

    /// <summary>Disposes of streams that nobody refers to any more.</summary>
    public void DisposeForgotten()
    {
        if (CudaStep.Recording is not null) return;
        while (_forgotten.TryDequeue(out var stream)) stream.Dispose();
    }

    /// <summary>Whether the GPU can no longer be used.</summary>
    public bool HasFailed => _failure is not null;

    /// <summary>Makes the context current; each thread has its own current context.</summary>
    public void MakeCurrent()
    {
        if (_failure is not null) throw new MiniDLException($"{_failure} The GPU cannot be used any more; start the program again.");
        if (ReferenceEquals(_current, this)) return;
        Check(Api.ContextSetCurrent(_context), "cuCtxSetCurrent");
        _current = this;
    }

    /// <summary>Throws unless the result is 0.</summary>
    /// <param name="what">The kernel or whatever else the call concerned.</param>
    /// <param name="inHindsight">Whether the error may come from a kernel launched earlier.</param>
    public void Check(int result, string call, string? what = null, bool inHindsight = true)
    {
        if (result != 0) throw Failed(result, call, what, inHindsight);
    }

    private MiniDLException Failed(int result, string call, string? what, bool inHindsight)
    {
        string earlier = IsSticky(result) && inHindsight ? " (or a kernel before it: MINIDL_CUDA_GRAPH=0 MINIDL_CUDA_SYNC=1 finds out which)" : "";
        string message = $"[cuda] {call}{(what is null ? "" : $" of {what}")}{earlier} failed: {Api.Describe(result)}.";
        if (IsSticky(result)) _failure ??= message;
        return new MiniDLException(message);
    }

    /// <summary>
    /// Whether the error ends the context: memory errors, crashed kernels (ECC, illegal address, time-out, hardware stack, assert, …) and a
    /// lost device do.
    /// </summary>
    private static bool IsSticky(int result) => result is 46 or 214 or 220 or 226 or 700 or 702 or 710 or (>= 714 and <= 719) or 999;

    private static string Dotted(int version) => $"{version / 1000}.{version % 1000 / 10}";
}
