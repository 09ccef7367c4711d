using System.Collections.Concurrent;
using System.Text;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// One GPU: its primary context and the one stream that everything runs on, in order. Any thread may use it; a lock keeps the
/// threads apart, so that what one of them captures is its own.
/// </summary>
internal sealed unsafe class CudaContext
{
    /// <summary>The newest features that the kernels use: PTX 7.8, of CUDA 11.8.</summary>
    private const int LeastDriver = 11080;

    private const int NoDevice = 100;
    private const int CapabilityMajor = 75, CapabilityMinor = 76, SharedBytesOptIn = 97;

    /// <summary>The context that was made current on this thread.</summary>
    [ThreadStatic]
    private static CudaContext? _current;

    private readonly nint _context;

    /// <summary>What made the device unusable: after an illegal address and the like every later call fails too.</summary>
    private string? _failure;

    /// <exception cref="MiniDLException">There is no GPU, or the driver or the GPU is too old.</exception>
    public CudaContext(CudaApi api)
    {
        Api = api;
        int count = 0, version, device, major, minor, sharedBytes;
        int result = api.Init(0);
        if (result == 0) result = api.DeviceGetCount(&count);
        if (result == NoDevice || (result == 0 && count == 0))
            throw new MiniDLException("[cuda] the driver finds no GPU. Look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use the CPU.");
        Check(result, "cuInit");
        Check(api.DriverGetVersion(&version), "cuDriverGetVersion");
        if (version < LeastDriver)
            throw new MiniDLException($"[cuda] the driver {api.Name} is for CUDA {Dotted(version)}, MiniDL needs {Dotted(LeastDriver)} "
                + "or newer. Update the NVIDIA driver, or use the CPU.");
        Check(api.DeviceGet(&device, 0), "cuDeviceGet");
        byte* name = stackalloc byte[256];
        Check(api.DeviceGetName(name, 256, device), "cuDeviceGetName");
        Name = Encoding.UTF8.GetString(new ReadOnlySpan<byte>(name, new ReadOnlySpan<byte>(name, 256).IndexOf((byte)0)));
        Check(api.DeviceGetAttribute(&major, CapabilityMajor, device), "cuDeviceGetAttribute");
        Check(api.DeviceGetAttribute(&minor, CapabilityMinor, device), "cuDeviceGetAttribute");
        Check(api.DeviceGetAttribute(&sharedBytes, SharedBytesOptIn, device), "cuDeviceGetAttribute");
        MostSharedBytes = sharedBytes;
        (Capability, Driver) = (10 * major + minor, Dotted(version));
        if (major < 8)
            throw new MiniDLException($"[cuda] {Name} has compute capability {major}.{minor}, MiniDL's kernels need 8.0 (Ampere) or newer. "
                + "Use another GPU (CUDA_VISIBLE_DEVICES), or the CPU.");
        nint context, stream;
        Check(api.PrimaryContextRetain(&context, device), "cuDevicePrimaryCtxRetain");
        _context = context;
        MakeCurrent();
        const uint nonBlocking = 1;
        Check(api.StreamCreate(&stream, nonBlocking), "cuStreamCreate");
        Stream = stream;
        Modules = new CudaModules(this);
        Memory = new CudaMemory(this);
        Staging = new CudaStaging(this);
    }

    public CudaApi Api { get; }

    /// <summary>What the maker calls the GPU.</summary>
    public string Name { get; }

    /// <summary>The compute capability, 90 for 9.0.</summary>
    public int Capability { get; }

    /// <summary>The most shared memory that a block can ask for.</summary>
    public int MostSharedBytes { get; }

    /// <summary>The newest CUDA that the driver knows, such as 12.4.</summary>
    public string Driver { get; }

    public nint Stream { get; }

    public CudaModules Modules { get; }

    public CudaMemory Memory { get; }

    public CudaStaging Staging { get; }

    /// <summary>Recorded graphs that nobody refers to any more.</summary>
    public ConcurrentQueue<nint> ForgottenGraphs { get; } = new();

    /// <summary>Held around everything that is put on the stream, and all through a capture.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Whether every launch is waited for, so that an error names the kernel that made it: MINIDL_CUDA_SYNC=1.</summary>
    private static readonly bool WaitAfterLaunch = Environment.GetEnvironmentVariable("MINIDL_CUDA_SYNC") is { Length: > 0 } and not "0";

    /// <summary>Puts a kernel on the stream.</summary>
    /// <param name="operands">Kept alive until the kernel is there, and named where it fails.</param>
    public void Launch<TArguments>(Kernel kernel, int blocks, int threads, in TArguments arguments, params ReadOnlySpan<Tensor?> operands)
        where TArguments : unmanaged
    {
        if (blocks == 0) return;
        nint function = Modules.Find(kernel);
        fixed (TArguments* pointer = &arguments)
            lock (Gate)
            {
                MakeCurrent();
                void* parameter = pointer;
                int result = Api.LaunchKernel(function, (uint)blocks, 1, 1, (uint)threads, 1, 1, (uint)kernel.SharedBytes,
                    Stream, &parameter, null);
                if (result == 0 && WaitAfterLaunch && Graph.Recording is null) result = Api.StreamSynchronize(Stream);
                if (result != 0) throw Failed(result, "cuLaunchKernel", $"{kernel.Name}({Describe(operands)})");
            }
        foreach (var operand in operands) GC.KeepAlive(operand);
    }

    /// <summary>Waits for everything on the stream.</summary>
    public void Synchronize()
    {
        lock (Gate)
        {
            MakeCurrent();
            Check(Api.StreamSynchronize(Stream), "cuStreamSynchronize");
        }
    }

    /// <summary>The context is current for each thread on its own.</summary>
    public void MakeCurrent()
    {
        if (_failure is not null) throw new MiniDLException($"{_failure} The GPU cannot be used any more; start the program again.");
        if (ReferenceEquals(_current, this)) return;
        Check(Api.ContextSetCurrent(_context), "cuCtxSetCurrent");
        _current = this;
    }

    /// <summary>Throws unless the result is 0.</summary>
    /// <param name="what">The kernel or whatever else the call was about.</param>
    public void Check(int result, string call, string? what = null)
    {
        if (result != 0) throw Failed(result, call, what);
    }

    private MiniDLException Failed(int result, string call, string? what)
    {
        string earlier = IsSticky(result) && !WaitAfterLaunch ? " (or a kernel before it: MINIDL_CUDA_SYNC=1 finds out which)" : "";
        string message = $"[cuda] {call}{(what is null ? "" : $" of {what}")}{earlier} failed: {Api.Describe(result)}.";
        if (IsSticky(result)) _failure ??= message;
        return new MiniDLException(message);
    }

    /// <summary>Memory errors and crashed kernels (ECC, illegal address, time-out, hardware stack, assert, …) end the context.</summary>
    private static bool IsSticky(int result) => result is 214 or 700 or 702 or 710 or (>= 714 and <= 719);

    private static string Describe(ReadOnlySpan<Tensor?> operands)
    {
        var text = new StringBuilder();
        foreach (var operand in operands)
            if (operand is not null)
                text.Append(text.Length > 0 ? ", " : "").Append(operand.DType.ToString().ToLowerInvariant()).Append(operand.Shape);
        return text.ToString();
    }

    private static string Dotted(int version) => $"{version / 1000}.{version % 1000 / 10}";
}
