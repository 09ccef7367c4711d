namespace MiniDL.Backends.Cuda;

/// <summary>What was put on the stream between two points, ready to be put there again with one call.</summary>
internal sealed unsafe class CudaGraph : IDisposable
{
    private readonly CudaContext _context;
    private nint _executable;

    private CudaGraph(CudaContext context, nint executable) => (_context, _executable) = (context, executable);

    /// <summary>Lets the next recording destroy a forgotten graph: the collector's thread must not call CUDA.</summary>
    ~CudaGraph()
    {
        if (_executable != 0) _context.ForgottenGraphs.Enqueue(_executable);
    }

    /// <summary>Records what an action puts on the stream; nothing of it runs.</summary>
    public static CudaGraph Record(CudaContext context, Action action)
    {
        const int threadLocal = 1;
        var api = context.Api;
        // Other threads wait: what they put on the stream would become part of the graph.
        lock (context.Gate)
        {
            context.MakeCurrent();
            while (context.ForgottenGraphs.TryDequeue(out nint forgotten))
                context.Check(api.GraphExecDestroy(forgotten), "cuGraphExecDestroy");
            context.Check(api.StreamBeginCapture(context.Stream, threadLocal), "cuStreamBeginCapture");
            nint graph = 0, executable;
            try
            {
                action();
            }
            catch
            {
                // The error that is on its way says more than that of an unfinished capture.
                _ = api.StreamEndCapture(context.Stream, &graph);
                if (graph != 0) _ = api.GraphDestroy(graph);
                throw;
            }
            context.Check(api.StreamEndCapture(context.Stream, &graph), "cuStreamEndCapture");
            context.Check(api.GraphInstantiate(&executable, graph, 0), "cuGraphInstantiateWithFlags");
            context.Check(api.GraphDestroy(graph), "cuGraphDestroy");
            if (api.GraphUpload is not null) context.Check(api.GraphUpload(executable, context.Stream), "cuGraphUpload");
            return new CudaGraph(context, executable);
        }
    }

    /// <summary>Puts it all on the stream.</summary>
    public void Launch()
    {
        ObjectDisposedException.ThrowIf(_executable == 0, this);
        lock (_context.Gate)
        {
            _context.MakeCurrent();
            _context.Check(_context.Api.GraphLaunch(_executable, _context.Stream), "cuGraphLaunch");
        }
    }

    public void Dispose()
    {
        if (_executable == 0) return;
        var executable = _executable;
        _executable = 0;
        GC.SuppressFinalize(this);
        lock (_context.Gate)
        {
            _context.Synchronize();
            _context.Check(_context.Api.GraphExecDestroy(executable), "cuGraphExecDestroy");
        }
    }
}
