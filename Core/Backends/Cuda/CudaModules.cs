using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using System.Text;
using MiniDL.Diagnostics;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// The kernels: PTX in this assembly's resources. The driver compiles a module for its GPU when the first of its kernels is requested,
/// and keeps the result in its own cache.
/// </summary>
internal sealed unsafe class CudaModules(CudaContext context)
{
    private const int ErrorLog = 5, ErrorLogBytes = 6, NotFound = 500, DynamicSharedBytes = 8;

    private readonly ConcurrentDictionary<Kernel, nint> _functions = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<KernelModule, double> _loadMilliseconds = [];
    private readonly nint[] _modules = new nint[Enum.GetValues<KernelModule>().Length];

    /// <summary>The handle of a kernel.</summary>
    /// <exception cref="MiniDLException">There is no such kernel, or the driver cannot compile the PTX.</exception>
    public nint Find(Kernel kernel) => _functions.TryGetValue(kernel, out nint function) ? function : Load(kernel);

    /// <summary>The milliseconds that the driver needed for each loaded module, to compile it or find it in its cache.</summary>
    public IReadOnlyDictionary<KernelModule, double> LoadMilliseconds => _loadMilliseconds;

    /// <summary>What the driver's compiler made of a kernel, which is loaded if necessary.</summary>
    public CompiledKernel Describe(Kernel kernel)
    {
        const int sharedBytes = 1, localBytes = 3, registers = 4;
        long start = Stopwatch.GetTimestamp();
        nint function = Find(kernel);
        double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        int Attribute(int which)
        {
            int value;
            context.Check(context.Api.FunctionGetAttribute(&value, which, function), "cuFuncGetAttribute", kernel.Name);
            return value;
        }
        context.MakeCurrent();
        return new(kernel.Name, kernel.Module.ToString().ToLowerInvariant(), Attribute(registers), Attribute(localBytes),
            Attribute(sharedBytes) + kernel.SharedBytes, milliseconds);
    }

    private nint Load(Kernel kernel)
    {
        if (CudaStep.Recording is not null)
            throw new MiniDLException(Check.Line("record", $"the kernel {kernel} was asked for first while a step was recorded, when the driver "
                + "does not load it. Let the step do the same work from its first run on."));
        lock (context.Setup)
        {
            context.MakeCurrent();
            ref nint module = ref _modules[(int)kernel.Module];
            if (module == 0) module = LoadModule(kernel.Module);
            nint function;
            int result;
            fixed (byte* name = Encoding.UTF8.GetBytes(kernel.Name + "\0"))
                result = context.Api.ModuleGetFunction(&function, module, name);
            if (result == NotFound)
                throw new MiniDLException($"[cuda] there is no kernel {kernel.Name}. "
                    + "Move the operands to the CPU for this, x.To(Device.Cpu).");
            context.Check(result, "cuModuleGetFunction", kernel.Name);
            // Loading the code now means that a first launch need not do it while another thread captures.
            if (context.Api.FunctionLoad is not null && CudaStep.Recording is null)
                context.Check(context.Api.FunctionLoad(function), "cuFuncLoad", kernel.Name);
            if (kernel.SharedBytes > 0)
                context.Check(context.Api.FunctionSetAttribute(function, DynamicSharedBytes, kernel.SharedBytes), "cuFuncSetAttribute", kernel.Name);
            return _functions[kernel] = function;
        }
    }

    private nint LoadModule(KernelModule module)
    {
        byte[] ptx = Ptx(module);
        long start = Stopwatch.GetTimestamp();
        var log = new byte[8192];
        nint handle;
        int result;
        fixed (byte* image = ptx, text = log)
        {
            int* options = stackalloc int[] { ErrorLog, ErrorLogBytes };
            void** values = stackalloc void*[] { text, (void*)log.Length };
            result = context.Api.ModuleLoadDataEx(&handle, image, 2, options, values);
        }
        int end = Math.Max(0, Array.IndexOf(log, (byte)0));
        string said = Encoding.UTF8.GetString(log, 0, end).ReplaceLineEndings(" ").Trim();
        context.Check(result, "cuModuleLoadDataEx", $"{FileName(module)}{(said.Length > 0 ? $" ({said})" : "")}");
        _loadMilliseconds[module] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return handle;
    }

    /// <summary>The PTX as the driver expects it, terminated by a zero.</summary>
    public static byte[] Ptx(KernelModule module)
    {
        using var resource = Assembly.GetExecutingAssembly().GetManifestResourceStream(FileName(module))
            ?? throw new MiniDLException($"[cuda] this build does not hold {FileName(module)}. "
                + "Run Core/Backends/Cuda/Kernels/compile.sh and build again.");
        bool isGzip = resource.ReadByte() == 0x1f && resource.ReadByte() == 0x8b;
        resource.Position = 0;
        using Stream text = isGzip ? new GZipStream(resource, CompressionMode.Decompress) : new BrotliStream(resource, CompressionMode.Decompress);
        using var ptx = new MemoryStream();
        text.CopyTo(ptx);
        ptx.WriteByte(0);
        return ptx.ToArray();
    }

    private static string FileName(KernelModule module) => $"{module.ToString().ToLowerInvariant()}.ptx";
}
