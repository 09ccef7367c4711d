// Capture and graphs of the fake driver. Captures follow the driver's rules, with its errors; a graph keeps which node stands after which,
// and with FAKE_CUDA_ORDER branches replay in other orders.
#include "driver.h"
#include <algorithm>

using namespace fake;

namespace fake
{
namespace
{
thread_local int capture_mode = 0;

/// How many nodes stand one behind the other at most.
long long depth(const Graph& graph)
{
    std::vector<long long> of(graph.size());
    for (size_t i = 0; i < graph.size(); i++)  // a node stands after nodes of lower numbers
    {
        for (int node : graph[i].after) of[i] = std::max(of[i], of[node]);
        of[i]++;
    }
    return of.empty() ? 0 : *std::max_element(of.begin(), of.end());
}

/// Runs a graph's nodes, each after those that it stands after.
void replay(const Graph& graph)
{
    std::vector<int> missing(graph.size());
    std::vector<std::vector<int>> before(graph.size());
    std::vector<int> free;
    for (size_t i = 0; i < graph.size(); i++)
    {
        missing[i] = (int)graph[i].after.size();
        for (int node : graph[i].after) before[node].push_back((int)i);
        if (missing[i] == 0) free.push_back((int)i);
    }
    while (!free.empty() && state().sticky == Success)
    {
        long long order = state().knobs.order;
        size_t pick = order == 0 ? 0 : order == 1 ? free.size() - 1 : (size_t)(state().random++ * 7919 + order) % free.size();
        int node = free[pick];
        free.erase(free.begin() + pick);
        state().node = node;
        state().node_after = &graph[node].after;
        graph[node].work();
        state().node = -1;
        for (int next : before[node])
            if (--missing[next] == 0) free.push_back(next);
    }
}

/// Whether all work of other streams stands before what the first stream would do next.
bool is_joined(const Capture& capture)
{
    std::set<int> reached;
    std::vector<int> open(capture.origin->last);
    while (!open.empty())
    {
        int node = open.back();
        open.pop_back();
        if (reached.insert(node).second) open.insert(open.end(), capture.graph[node].after.begin(), capture.graph[node].after.end());
    }
    for (Stream* stream : capture.members)
        for (int node : stream->last)
            if (!reached.count(node)) return false;
    return true;
}
}

Capture* own_capture()
{
    for (Capture* capture : state().captures)
        if (capture->thread == std::this_thread::get_id()) return capture;
    return nullptr;
}

Error refuse(Capture* capture)
{
    if (capture->invalidated) return CaptureInvalidated;
    capture->invalidated = true;
    return CaptureUnsupported;
}

Error refuse_unless_relaxed()
{
    constexpr int relaxed = 2;
    return capture_mode == relaxed ? Success : refuse_in_capture();
}

Error refuse_beside_captures()
{
    for (Capture* capture : state().captures) return refuse(capture);
    return Success;
}

Error refuse_in_capture()
{
    Capture* capture = own_capture();
    return capture != nullptr ? refuse(capture) : Success;
}
}

EXPORT int cuStreamBeginCapture_v2(std::intptr_t handle, int)
{
    LOCKED;
    if (Error error = ready()) return error;
    Stream* stream = find_stream(handle);
    if (stream == nullptr) return InvalidHandle;
    if (handle == 0) return CaptureUnsupported;
    if (stream->capture != nullptr) return InvalidValue;
    auto capture = new Capture;
    capture->origin = stream;
    capture->thread = std::this_thread::get_id();
    capture->members.insert(stream);
    stream->capture = capture;
    stream->last.clear();
    state().captures.push_back(capture);
    return Success;
}

/// Every capture here is as strict as in the thread-local mode, but while the relaxed mode is exchanged for it memory may be taken.
EXPORT int cuThreadExchangeStreamCaptureMode(int* mode)
{
    std::swap(*mode, capture_mode);
    return Success;
}

EXPORT int cuStreamIsCapturing(std::intptr_t handle, int* status)
{
    LOCKED;
    if (Error error = ready()) return error;
    Stream* stream = find_stream(handle);
    if (stream == nullptr) return InvalidHandle;
    *status = stream->capture == nullptr ? 0 : stream->capture->invalidated ? 2 : 1;
    return Success;
}

EXPORT int cuStreamEndCapture(std::intptr_t handle, std::intptr_t* graph)
{
    LOCKED;
    *graph = 0;
    Stream* stream = find_stream(handle);
    if (stream == nullptr) return InvalidHandle;
    Capture* capture = stream->capture;
    if (capture == nullptr || capture->origin != stream) return CaptureUnmatched;
    if (capture->thread != std::this_thread::get_id()) return CaptureWrongThread;
    Error error = capture->invalidated ? CaptureInvalidated : is_joined(*capture) ? Success : CaptureUnjoined;
    if (error == Success)
    {
        auto made = new Graph(capture->graph);
        state().graphs.insert(made);
        *graph = (std::intptr_t)made;
    }
    for (Stream* member : capture->members) { member->capture = nullptr; member->last.clear(); }
    for (Event* event : state().events)
        if (event->capture == capture) { event->capture = nullptr; event->was_captured = true; }
    std::erase(state().captures, capture);
    delete capture;
    return error;
}

EXPORT int cuGraphInstantiateWithFlags(std::intptr_t* executable, std::intptr_t graph, u64)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (!state().graphs.count((Graph*)graph)) return InvalidHandle;
    auto made = new Graph(*(Graph*)graph);
    state().executables.insert(made);
    *executable = (std::intptr_t)made;
    return Success;
}

EXPORT int cuGraphGetNodes(std::intptr_t graph, std::intptr_t*, size_t* count)
{
    LOCKED;
    if (!state().graphs.count((Graph*)graph)) return InvalidHandle;
    *count = ((Graph*)graph)->size();
    return Success;
}

EXPORT int cuGraphUpload(std::intptr_t executable, std::intptr_t)
{
    LOCKED;
    return state().executables.count((Graph*)executable) ? Success : InvalidHandle;
}

EXPORT int cuGraphLaunch(std::intptr_t executable, std::intptr_t stream)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto graph = (Graph*)executable;
    if (!state().executables.count(graph)) return InvalidHandle;
    state().graph_launches++;
    state().graph_nodes = (long long)graph->size();
    state().graph_depth = depth(*graph);
    return submit(stream, [=] { if (state().executables.count(graph)) replay(*graph); });
}

EXPORT int cuGraphExecDestroy(std::intptr_t executable)
{
    LOCKED;
    if (!state().executables.erase((Graph*)executable)) return InvalidHandle;
    return Success;  // launches that wait in a queue are lost, which a test sees
}

EXPORT int cuGraphDestroy(std::intptr_t graph)
{
    LOCKED;
    if (!state().graphs.erase((Graph*)graph)) return InvalidHandle;
    delete (Graph*)graph;
    return Success;
}
