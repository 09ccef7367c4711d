namespace MiniDL.Backends.Cuda;

/// <summary>A captured graph: the work put on the stream between two points, ready to be launched again with one call.</summary>
internal sealed unsafe class CudaGraph : IDisposable
{
    private readonly CudaStream _stream;
    private nint _executable;

    private CudaGraph(CudaStream stream, nint executable) => (_stream, _executable) = (stream, executable);

    /// <summary>Leaves an unreferenced graph to the stream: the garbage collector's thread must not call CUDA.</summary>
    ~CudaGraph()
    {
        if (_executable != 0) _stream.Forget(_executable);
    }

    /// <summary>Captures what an action puts on the stream; none of it runs.</summary>
    public static CudaGraph Record(CudaStream stream, Action action)
    {
        const int threadLocal = 1;
        var (context, api) = (stream.Context, stream.Api);
        // Other threads have to wait: their work on the stream would become part of the graph.
        using var entered = stream.Enter();
        lock (context.Setup)
        {
            stream.Branch.Prepare();
            context.Check(api.StreamBeginCapture(stream.Handle, threadLocal), "cuStreamBeginCapture");
            nint graph = 0, executable;
            try
            {
                action();
                stream.Branch.Join();
            }
            catch
            {
                stream.Branch.Abandon();
                // The exception in flight says more than the error of an unfinished capture.
                _ = api.StreamEndCapture(stream.Handle, &graph);
                if (graph != 0) _ = api.GraphDestroy(graph);
                throw;
            }
            context.Check(api.StreamEndCapture(stream.Handle, &graph), "cuStreamEndCapture");
            const ulong useNodePriority = 8;
            int result = api.GraphInstantiate(&executable, graph, useNodePriority);
            context.Check(api.GraphDestroy(graph), "cuGraphDestroy");
            context.Check(result, "cuGraphInstantiateWithFlags");
            stream.Add(executable);
            if (api.GraphUpload is not null) context.Check(api.GraphUpload(executable, stream.Handle), "cuGraphUpload");
            return new CudaGraph(stream, executable);
        }
    }

    /// <summary>Launches the whole graph on the stream.</summary>
    public void Launch()
    {
        ObjectDisposedException.ThrowIf(_executable == 0, this);
        using var entered = _stream.Enter();
        _stream.RemoveForgottenGraphs();
        _stream.Context.Check(_stream.Api.GraphLaunch(_executable, _stream.Handle), "cuGraphLaunch");
    }

    public void Dispose()
    {
        if (_executable == 0) return;
        _stream.Forget(_executable);
        _executable = 0;
        GC.SuppressFinalize(this);
    }
}
