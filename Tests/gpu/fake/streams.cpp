// Streams, events, capture and graphs of the fake driver. Streams do nothing until somebody waits for them, as late as a GPU may
// be: what is freed or overwritten too early shows. Captures follow the driver's rules, with its errors; a graph keeps which node
// stands after which, and with FAKE_CUDA_ORDER branches replay in other orders.
#include "driver.h"

using namespace fake;

#define LOCKED std::lock_guard<std::recursive_mutex> locked(state().lock)

namespace fake
{
Stream* find_stream(std::intptr_t handle)
{
    if (handle == 0) return &state().null_stream;
    auto stream = (Stream*)handle;
    return state().streams.count(stream) ? stream : nullptr;
}

namespace
{
/// This thread's capture, or null.
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

void run_front(Stream& stream)
{
    auto work = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (state().sticky == Success) work();
}

/// Lets the event's stream go on until it has reached the record.
void reach(Event* event, u64 record)
{
    while (event->reached < record && event->stream != nullptr && !event->stream->queue.empty()) run_front(*event->stream);
}

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
}

Error submit(std::intptr_t handle, std::function<void()> work)
{
    Stream* stream = find_stream(handle);
    if (stream == nullptr) return InvalidHandle;
    if (handle == 0)
        if (Capture* capture = own_capture())
        {
            capture->invalidated = true;
            return CaptureImplicit;
        }
    if (Capture* capture = stream->capture)
    {
        if (capture->invalidated) return CaptureInvalidated;
        capture->graph.push_back({ std::move(work), stream->last });
        stream->last = { (int)capture->graph.size() - 1 };
        return Success;
    }
    stream->queue.push_back(std::move(work));
    return Success;
}

static thread_local int capture_mode = 0;

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

void drain(Stream& stream)
{
    while (!stream.queue.empty()) run_front(stream);
}

void drain_all()
{
    drain(state().null_stream);
    for (Stream* stream : state().streams) drain(*stream);
}
}

EXPORT int cuStreamCreateWithPriority(std::intptr_t* handle, u32, int)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (Error error = refuse_unless_relaxed()) return error;
    auto stream = new Stream;
    state().streams.insert(stream);
    *handle = (std::intptr_t)stream;
    return Success;
}

EXPORT int cuStreamDestroy_v2(std::intptr_t handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    Stream* stream = find_stream(handle);
    if (handle == 0 || stream == nullptr) return InvalidHandle;
    if (stream->capture != nullptr) return refuse(stream->capture);
    drain(*stream);
    for (Event* event : state().events)
        if (event->stream == stream) event->stream = nullptr;
    state().streams.erase(stream);
    delete stream;
    return state().sticky;
}

EXPORT int cuStreamSynchronize(std::intptr_t handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    Stream* stream = find_stream(handle);
    if (stream == nullptr) return InvalidHandle;
    if (stream->capture != nullptr) return refuse(stream->capture);
    drain(*stream);
    return state().sticky;
}

EXPORT int cuStreamQuery(std::intptr_t handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    Stream* stream = find_stream(handle);
    if (stream == nullptr) return InvalidHandle;
    if (stream->capture != nullptr) return refuse(stream->capture);
    if (stream->queue.empty()) return Success;
    run_front(*stream);  // a program that asks again and again gets there
    return state().sticky != Success ? state().sticky : NotReady;
}

EXPORT int cuStreamWaitEvent(std::intptr_t handle, std::intptr_t event_handle, u32)
{
    LOCKED;
    if (Error error = ready()) return error;
    Stream* stream = find_stream(handle);
    auto event = (Event*)event_handle;
    if (stream == nullptr || !state().events.count(event)) return InvalidHandle;
    if (event->was_captured) return CapturedEvent;
    if (Capture* capture = event->capture)
    {
        if (stream->capture != nullptr && stream->capture != capture) return CaptureMerge;
        stream->capture = capture;
        capture->members.insert(stream);
        stream->last.insert(stream->last.end(), event->node.begin(), event->node.end());
        return capture->invalidated ? CaptureInvalidated : Success;
    }
    if (stream->capture != nullptr)
    {
        if (event->recorded == 0) return Success;
        stream->capture->invalidated = true;
        return CaptureIsolation;
    }
    u64 record = event->recorded;
    stream->queue.push_back([=] { if (state().events.count(event)) reach(event, record); });
    return Success;
}

// ---- events ------------------------------------------------------------------------------------------------------------------

EXPORT int cuEventCreate(std::intptr_t* handle, u32)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto event = new Event;
    state().events.insert(event);
    *handle = (std::intptr_t)event;
    return Success;
}

EXPORT int cuEventDestroy_v2(std::intptr_t handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (!state().events.erase((Event*)handle)) return InvalidHandle;
    return Success;  // the few bytes stay, for records that are still in a queue
}

EXPORT int cuEventRecord(std::intptr_t handle, std::intptr_t stream_handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto event = (Event*)handle;
    Stream* stream = find_stream(stream_handle);
    if (stream == nullptr || !state().events.count(event)) return InvalidHandle;
    event->was_captured = false;
    if (stream->capture != nullptr)
    {
        if (stream->capture->invalidated) return CaptureInvalidated;
        event->capture = stream->capture;
        event->node = stream->last;
        return Success;
    }
    event->capture = nullptr;
    event->stream = stream;
    u64 record = ++event->recorded;
    return submit(stream_handle, [=] { event->reached = record; });
}

EXPORT int cuEventQuery(std::intptr_t handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto event = (Event*)handle;
    if (!state().events.count(event)) return InvalidHandle;
    if (event->was_captured) return CapturedEvent;
    if (event->capture != nullptr) { event->capture->invalidated = true; return CapturedEvent; }
    if (event->reached >= event->recorded || event->stream == nullptr) return Success;
    run_front(*event->stream);
    return state().sticky != Success ? state().sticky : NotReady;
}

EXPORT int cuEventSynchronize(std::intptr_t handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto event = (Event*)handle;
    if (!state().events.count(event)) return InvalidHandle;
    if (event->was_captured) return CapturedEvent;
    if (event->capture != nullptr) { event->capture->invalidated = true; return CapturedEvent; }
    reach(event, event->recorded);
    return state().sticky;
}

// ---- capture and graphs ------------------------------------------------------------------------------------------------------

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

/// Whether all work of other streams stands before what the first stream would do next.
static bool is_joined(const Capture& capture)
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
