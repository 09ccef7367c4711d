using System.Runtime.InteropServices;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// The functions of the CUDA driver library that MiniDL uses, as pointers looked up at run time: only the display driver has to be
/// installed. Handles are <c>nint</c>, device addresses <c>ulong</c>, results 0 or an error number.
/// </summary>
internal sealed unsafe class CudaApi
{
    private readonly nint _library;

    /// <exception cref="MiniDLException">The library cannot be loaded, or lacks a function.</exception>
    public CudaApi(string? library = null)
    {
        (_library, Name) = Load(library);
        Init = (delegate* unmanaged[Cdecl]<uint, int>)Required("cuInit");
        DriverGetVersion = (delegate* unmanaged[Cdecl]<int*, int>)Required("cuDriverGetVersion");
        DeviceGetCount = (delegate* unmanaged[Cdecl]<int*, int>)Required("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged[Cdecl]<int*, int, int>)Required("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged[Cdecl]<byte*, int, int, int>)Required("cuDeviceGetName");
        DeviceGetAttribute = (delegate* unmanaged[Cdecl]<int*, int, int, int>)Required("cuDeviceGetAttribute");
        PrimaryContextRetain = (delegate* unmanaged[Cdecl]<nint*, int, int>)Required("cuDevicePrimaryCtxRetain");
        ContextSetCurrent = (delegate* unmanaged[Cdecl]<nint, int>)Required("cuCtxSetCurrent");
        ModuleLoadDataEx = (delegate* unmanaged[Cdecl]<nint*, void*, uint, int*, void**, int>)Required("cuModuleLoadDataEx");
        ModuleGetFunction = (delegate* unmanaged[Cdecl]<nint*, nint, byte*, int>)Required("cuModuleGetFunction");
        FunctionSetAttribute = (delegate* unmanaged[Cdecl]<nint, int, int, int>)Required("cuFuncSetAttribute");
        FunctionGetAttribute = (delegate* unmanaged[Cdecl]<int*, int, nint, int>)Required("cuFuncGetAttribute");
        MemoryAllocate = (delegate* unmanaged[Cdecl]<ulong*, nuint, int>)Required("cuMemAlloc_v2");
        MemoryFree = (delegate* unmanaged[Cdecl]<ulong, int>)Required("cuMemFree_v2");
        MemoryGetInfo = (delegate* unmanaged[Cdecl]<nuint*, nuint*, int>)Required("cuMemGetInfo_v2");
        HostAllocate = (delegate* unmanaged[Cdecl]<void**, nuint, uint, int>)Required("cuMemHostAlloc");
        HostFree = (delegate* unmanaged[Cdecl]<void*, int>)Required("cuMemFreeHost");
        CopyToDevice = (delegate* unmanaged[Cdecl]<ulong, void*, nuint, nint, int>)Required("cuMemcpyHtoDAsync_v2");
        CopyToHost = (delegate* unmanaged[Cdecl]<void*, ulong, nuint, nint, int>)Required("cuMemcpyDtoHAsync_v2");
        StreamCreate = (delegate* unmanaged[Cdecl]<nint*, uint, int, int>)Required("cuStreamCreateWithPriority");
        StreamDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Required("cuStreamDestroy_v2");
        StreamSynchronize = (delegate* unmanaged[Cdecl]<nint, int>)Required("cuStreamSynchronize");
        StreamBeginCapture = (delegate* unmanaged[Cdecl]<nint, int, int>)Required("cuStreamBeginCapture_v2");
        StreamEndCapture = (delegate* unmanaged[Cdecl]<nint, nint*, int>)Required("cuStreamEndCapture");
        StreamWaitEvent = (delegate* unmanaged[Cdecl]<nint, nint, uint, int>)Required("cuStreamWaitEvent");
        EventCreate = (delegate* unmanaged[Cdecl]<nint*, uint, int>)Required("cuEventCreate");
        EventDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Required("cuEventDestroy_v2");
        EventRecord = (delegate* unmanaged[Cdecl]<nint, nint, int>)Required("cuEventRecord");
        EventSynchronize = (delegate* unmanaged[Cdecl]<nint, int>)Required("cuEventSynchronize");
        EventElapsedTime = (delegate* unmanaged[Cdecl]<float*, nint, nint, int>)Required("cuEventElapsedTime");
        LaunchKernel = (delegate* unmanaged[Cdecl]<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)
            Required("cuLaunchKernel");
        GraphInstantiate = (delegate* unmanaged[Cdecl]<nint*, nint, ulong, int>)Required("cuGraphInstantiateWithFlags");
        GraphLaunch = (delegate* unmanaged[Cdecl]<nint, nint, int>)Required("cuGraphLaunch");
        GraphExecDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Required("cuGraphExecDestroy");
        GraphDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Required("cuGraphDestroy");
        GetErrorName = (delegate* unmanaged[Cdecl]<int, byte**, int>)Required("cuGetErrorName");
        GetErrorString = (delegate* unmanaged[Cdecl]<int, byte**, int>)Required("cuGetErrorString");
        GraphUpload = (delegate* unmanaged[Cdecl]<nint, nint, int>)Optional("cuGraphUpload");
        FunctionLoad = (delegate* unmanaged[Cdecl]<nint, int>)Optional("cuFuncLoad");
        ExchangeCaptureMode = (delegate* unmanaged[Cdecl]<int*, int>)Optional("cuThreadExchangeStreamCaptureMode");
    }

    /// <summary>The library's file name.</summary>
    public string Name { get; }

    public readonly delegate* unmanaged[Cdecl]<uint, int> Init;
    public readonly delegate* unmanaged[Cdecl]<int*, int> DriverGetVersion;
    public readonly delegate* unmanaged[Cdecl]<int*, int> DeviceGetCount;
    public readonly delegate* unmanaged[Cdecl]<int*, int, int> DeviceGet;
    public readonly delegate* unmanaged[Cdecl]<byte*, int, int, int> DeviceGetName;
    public readonly delegate* unmanaged[Cdecl]<int*, int, int, int> DeviceGetAttribute;
    public readonly delegate* unmanaged[Cdecl]<nint*, int, int> PrimaryContextRetain;
    public readonly delegate* unmanaged[Cdecl]<nint, int> ContextSetCurrent;
    public readonly delegate* unmanaged[Cdecl]<nint*, void*, uint, int*, void**, int> ModuleLoadDataEx;
    public readonly delegate* unmanaged[Cdecl]<nint*, nint, byte*, int> ModuleGetFunction;
    public readonly delegate* unmanaged[Cdecl]<nint, int, int, int> FunctionSetAttribute;
    public readonly delegate* unmanaged[Cdecl]<int*, int, nint, int> FunctionGetAttribute;
    public readonly delegate* unmanaged[Cdecl]<ulong*, nuint, int> MemoryAllocate;
    public readonly delegate* unmanaged[Cdecl]<ulong, int> MemoryFree;
    public readonly delegate* unmanaged[Cdecl]<nuint*, nuint*, int> MemoryGetInfo;
    public readonly delegate* unmanaged[Cdecl]<void**, nuint, uint, int> HostAllocate;
    public readonly delegate* unmanaged[Cdecl]<void*, int> HostFree;
    public readonly delegate* unmanaged[Cdecl]<ulong, void*, nuint, nint, int> CopyToDevice;
    public readonly delegate* unmanaged[Cdecl]<void*, ulong, nuint, nint, int> CopyToHost;
    public readonly delegate* unmanaged[Cdecl]<nint*, uint, int, int> StreamCreate;
    public readonly delegate* unmanaged[Cdecl]<nint, int> StreamDestroy;
    public readonly delegate* unmanaged[Cdecl]<nint, int> StreamSynchronize;
    public readonly delegate* unmanaged[Cdecl]<nint, int, int> StreamBeginCapture;
    public readonly delegate* unmanaged[Cdecl]<nint, nint*, int> StreamEndCapture;
    public readonly delegate* unmanaged[Cdecl]<nint, nint, uint, int> StreamWaitEvent;
    public readonly delegate* unmanaged[Cdecl]<nint*, uint, int> EventCreate;
    public readonly delegate* unmanaged[Cdecl]<nint, int> EventDestroy;
    public readonly delegate* unmanaged[Cdecl]<nint, nint, int> EventRecord;
    public readonly delegate* unmanaged[Cdecl]<nint, int> EventSynchronize;
    public readonly delegate* unmanaged[Cdecl]<float*, nint, nint, int> EventElapsedTime;
    public readonly delegate* unmanaged[Cdecl]<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel;
    public readonly delegate* unmanaged[Cdecl]<nint*, nint, ulong, int> GraphInstantiate;
    public readonly delegate* unmanaged[Cdecl]<nint, nint, int> GraphLaunch;
    public readonly delegate* unmanaged[Cdecl]<nint, int> GraphExecDestroy;
    public readonly delegate* unmanaged[Cdecl]<nint, int> GraphDestroy;
    public readonly delegate* unmanaged[Cdecl]<int, byte**, int> GetErrorName;
    public readonly delegate* unmanaged[Cdecl]<int, byte**, int> GetErrorString;

    /// <summary>Null if the driver lacks it.</summary>
    public readonly delegate* unmanaged[Cdecl]<nint, nint, int> GraphUpload;

    /// <summary>Null if the driver lacks it, as before CUDA 12.4.</summary>
    public readonly delegate* unmanaged[Cdecl]<nint, int> FunctionLoad;

    /// <summary>Null if the driver lacks it.</summary>
    public readonly delegate* unmanaged[Cdecl]<int*, int> ExchangeCaptureMode;

    /// <summary>CUDA's name for an error and its description.</summary>
    public string Describe(int error)
    {
        byte* name, text;
        if (GetErrorName(error, &name) != 0) return $"error {error}";
        if (GetErrorString(error, &text) != 0) return Marshal.PtrToStringUTF8((nint)name)!;
        return $"{Marshal.PtrToStringUTF8((nint)name)}, {Marshal.PtrToStringUTF8((nint)text)}";
    }

    private static (nint Library, string Name) Load(string? named)
    {
        named ??= Environment.GetEnvironmentVariable("MINIDL_CUDA_LIB");
        if (named is { Length: > 0 })
            return NativeLibrary.TryLoad(named, out nint given) ? (given, named)
                : throw new MiniDLException($"[cuda] MINIDL_CUDA_LIB names {named}, which cannot be loaded. "
                    + "Check the path, or unset it for the system's driver.");
        string own = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        return NativeLibrary.TryLoad(own, out nint found) ? (found, own)
            : throw new MiniDLException($"[cuda] no NVIDIA driver: {own} cannot be loaded. Install the NVIDIA display driver, "
                + "name another library in MINIDL_CUDA_LIB, or use the CPU.");
    }

    private nint Required(string name) => NativeLibrary.TryGetExport(_library, name, out nint function) ? function
        : throw new MiniDLException($"[cuda] {Name} lacks the function {name}: it is not a CUDA driver, or too old a one. "
            + "Install a driver for CUDA 11.8 or newer, or use the CPU.");

    private nint Optional(string name) => NativeLibrary.TryGetExport(_library, name, out nint function) ? function : 0;
}
