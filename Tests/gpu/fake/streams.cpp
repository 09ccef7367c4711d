// Streams and events of the fake driver. Streams do nothing until somebody waits for them, as late as a GPU may be: what is freed or
// overwritten too early shows.
#include "driver.h"

using namespace fake;

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
void run_front(Stream& stream)
{
    auto work = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (state().sticky == Success) work();
}

/// Lets the stream of a record go on until it has reached it.
void reach(const std::shared_ptr<Record>& record)
{
    while (record && !record->reached && record->stream != nullptr && !record->stream->queue.empty()) run_front(*record->stream);
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
        if (event->last && event->last->stream == stream) event->last->stream = nullptr;
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
        if (!event->last) return Success;
        stream->capture->invalidated = true;
        return CaptureIsolation;
    }
    stream->queue.push_back([record = event->last] { reach(record); });
    return Success;
}

// ---- events ------------------------------------------------------------------------------------------------------------------

EXPORT int cuEventCreate(std::intptr_t* handle, u32 flags)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto event = new Event;
    event->timed = (flags & 2) == 0;
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
    auto record = event->last = std::make_shared<Record>(Record{ stream });
    return submit(stream_handle, [=] { record->reached = true; record->time = now_ms(); });
}

EXPORT int cuEventQuery(std::intptr_t handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto event = (Event*)handle;
    if (!state().events.count(event)) return InvalidHandle;
    if (event->was_captured) return CapturedEvent;
    if (event->capture != nullptr) { event->capture->invalidated = true; return CapturedEvent; }
    if (!event->last || event->last->reached || event->last->stream == nullptr) return Success;
    run_front(*event->last->stream);
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
    reach(event->last);
    return state().sticky;
}

/// The time of the machine that emulates: it tells one kernel from another, no more.
EXPORT int cuEventElapsedTime(float* milliseconds, std::intptr_t begin_handle, std::intptr_t end_handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto begin = (Event*)begin_handle, end = (Event*)end_handle;
    if (!state().events.count(begin) || !state().events.count(end) || !begin->timed || !end->timed) return InvalidHandle;
    if (!begin->last || !end->last) return InvalidHandle;
    if (!begin->last->reached || !end->last->reached) return NotReady;
    *milliseconds = (float)(end->last->time - begin->last->time);
    return Success;
}
