// A CUDA driver for machines without a GPU: the calls that MiniDL makes, with the driver's names, numbers and errors, over the
// emulated GPU. This file: start, devices, contexts, errors, and the knobs that tests turn.
#include "driver.h"
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace fake
{
namespace
{
thread_local bool current;
thread_local int current_generation;
int generation = 1;

struct NamedKnob { const char* name; long long Knobs::* value; };

const NamedKnob named_knobs[] =
{
    { "devices", &Knobs::devices }, { "driver", &Knobs::driver }, { "memory", &Knobs::memory }, { "capability", &Knobs::capability },
    { "shared", &Knobs::shared }, { "order", &Knobs::order }, { "fail_launch", &Knobs::fail_launch }, { "fail_load", &Knobs::fail_load },
    { "trace", &Knobs::trace }, { "multiprocessors", &Knobs::multiprocessors },
};

/// FAKE_CUDA_ORDER=1 and the like, read when the library is loaded.
Knobs from_environment()
{
    Knobs knobs;
    for (auto& knob : named_knobs)
    {
        std::string name = "FAKE_CUDA_";
        for (const char* letter = knob.name; *letter; letter++) name += (char)toupper(*letter);
        if (const char* value = std::getenv(name.c_str())) knobs.*knob.value = std::atoll(value);
    }
    return knobs;
}
}

State& state()
{
    static State* instance = []
    {
        auto made = new State;  // never destroyed: threads may still call while the process ends
        made->knobs = from_environment();
        return made;
    }();
    return *instance;
}

bool has_context() { return current && current_generation == generation && state().context_users > 0; }

Error ready()
{
    if (!state().initialized) return NotInitialized;
    if (!has_context()) return InvalidContext;
    return state().sticky;
}

double now_ms()
{
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
}

using namespace fake;

EXPORT int cuInit(u32)
{
    LOCKED;
    if (state().knobs.devices == 0) return NoDevice;
    state().initialized = true;
    return Success;
}

EXPORT int cuDriverGetVersion(int* version) { *version = (int)state().knobs.driver; return Success; }

EXPORT int cuDeviceGetCount(int* count)
{
    LOCKED;
    if (!state().initialized) return NotInitialized;
    *count = (int)state().knobs.devices;
    return Success;
}

EXPORT int cuDeviceGet(int* device, int ordinal)
{
    LOCKED;
    if (!state().initialized) return NotInitialized;
    if (ordinal < 0 || ordinal >= state().knobs.devices) return InvalidDevice;
    *device = ordinal;
    return Success;
}

EXPORT int cuDeviceGetName(char* name, int length, int)
{
    if (length < 1) return InvalidValue;
    std::strncpy(name, "emulated GPU", length - 1);
    name[length - 1] = 0;
    return Success;
}

EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = (size_t)state().knobs.memory; return Success; }

EXPORT int cuDeviceGetAttribute(int* value, int attribute, int)
{
    LOCKED;
    if (!state().initialized) return NotInitialized;
    const Knobs& knobs = state().knobs;
    switch (attribute)
    {
        case 1: *value = 1024; break;                          // threads of a block
        case 8: *value = 49152; break;                         // shared memory of a block without asking
        case 10: *value = 32; break;                           // lanes of a warp
        case 16: *value = (int)knobs.multiprocessors; break;
        case 38: *value = 50 << 20; break;                     // L2 cache
        case 75: *value = (int)knobs.capability / 10; break;
        case 76: *value = (int)knobs.capability % 10; break;
        case 97: *value = (int)knobs.shared; break;            // shared memory of a block when asked for
        default: *value = 0; break;
    }
    return Success;
}

EXPORT int cuDevicePrimaryCtxRetain(std::intptr_t* context, int device)
{
    LOCKED;
    if (!state().initialized) return NotInitialized;
    if (device < 0 || device >= state().knobs.devices) return InvalidDevice;
    state().context_users++;
    *context = 0xC0DE;
    return Success;
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int)
{
    LOCKED;
    if (state().context_users == 0) return InvalidContext;
    if (--state().context_users == 0) state().sticky = Success;
    return Success;
}

EXPORT int cuCtxSetCurrent(std::intptr_t context)
{
    LOCKED;
    if (!state().initialized) return NotInitialized;
    if (context != 0 && context != 0xC0DE) return InvalidContext;
    current = context != 0;
    current_generation = generation;
    return Success;
}

EXPORT int cuCtxGetCurrent(std::intptr_t* context) { *context = has_context() ? 0xC0DE : 0; return Success; }

EXPORT int cuCtxSynchronize()
{
    LOCKED;
    if (Error error = ready()) return error;
    if (Error error = refuse_beside_captures()) return error;
    drain_all();
    return state().sticky;
}

namespace
{
struct NamedError { int number; const char *name, *text; };

const NamedError errors[] =
{
    { Success, "CUDA_SUCCESS", "no error" },
    { InvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument" },
    { OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory" },
    { NotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error" },
    { NoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected" },
    { InvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal" },
    { InvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid" },
    { InvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context" },
    { InvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed" },
    { UnsupportedPtxVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain." },
    { InvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle" },
    { NotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found" },
    { NotReady, "CUDA_ERROR_NOT_READY", "device not ready" },
    { IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered" },
    { LaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch" },
    { LaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure" },
    { CaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing" },
    { CaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture" },
    { CaptureMerge, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "operation would result in a merge of separate capture sequences" },
    { CaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not initiated in this stream" },
    { CaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work" },
    { CaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency created on uncaptured work in another stream" },
    { CaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "operation would make the legacy stream depend on a capturing blocking stream" },
    { CapturedEvent, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capturing stream" },
    { CaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "attempt to terminate a thread-local capture sequence from another thread" },
};

int describe(int number, const char** text, const char* NamedError::* field)
{
    for (auto& error : errors)
        if (error.number == number) { *text = error.*field; return Success; }
    *text = nullptr;
    return InvalidValue;
}
}

EXPORT int cuGetErrorName(int number, const char** name) { return describe(number, name, &NamedError::name); }

EXPORT int cuGetErrorString(int number, const char** text) { return describe(number, text, &NamedError::text); }

// ---- for tests ---------------------------------------------------------------------------------------------------------------

/// Turns a knob; 1 if there is none of that name.
EXPORT int fakeSet(const char* name, long long value)
{
    LOCKED;
    for (auto& knob : named_knobs)
        if (std::strcmp(knob.name, name) == 0) { state().knobs.*knob.value = value; return Success; }
    return InvalidValue;
}

/// What the driver has counted: launches and graph_launches so far; graph_nodes and graph_depth, the nodes of the graph that was launched
/// last and how many of them stand one behind the other; and what there is now: bytes, allocations, host_bytes, streams, events and
/// graphs (those that can be launched).
EXPORT long long fakeGet(const char* name)
{
    LOCKED;
    if (std::strcmp(name, "launches") == 0) return state().launches;
    if (std::strcmp(name, "graph_launches") == 0) return state().graph_launches;
    if (std::strcmp(name, "graph_nodes") == 0) return state().graph_nodes;
    if (std::strcmp(name, "graph_depth") == 0) return state().graph_depth;
    if (std::strcmp(name, "modules") == 0) return (long long)state().modules.size();
    if (std::strcmp(name, "bytes") == 0) return (long long)state().used;
    if (std::strcmp(name, "allocations") == 0) return (long long)state().allocations.size();
    if (std::strcmp(name, "streams") == 0) return (long long)state().streams.size();
    if (std::strcmp(name, "events") == 0) return (long long)state().events.size();
    if (std::strcmp(name, "graphs") == 0) return (long long)state().executables.size();
    if (std::strcmp(name, "host_bytes") == 0)
    {
        long long bytes = 0;
        for (auto& [start, size] : state().host_allocations) bytes += (long long)size;
        return bytes;
    }
    return -1;
}

/// For a runner: the number of the graph's node that runs, -1 outside of graphs, and the nodes that it stands after.
EXPORT int fakeNode(int* after, int most, int* count)
{
    LOCKED;
    *count = 0;
    if (state().node < 0) return -1;
    for (int node : *state().node_after)
        if (*count < most) after[(*count)++] = node;
    return state().node;
}

/// Puts the knobs back to what the environment says, and forgets a sticky error and open captures. Memory stays.
EXPORT void fakeReset()
{
    LOCKED;
    state().knobs = from_environment();
    state().sticky = Success;
    state().null_stream.queue.clear();
    for (Stream* stream : state().streams) { stream->queue.clear(); stream->capture = nullptr; stream->last.clear(); }
    state().captures.clear();
}

/// Ends the driver: its memory goes back to the system, which gives a process so many pieces only, and every later call fails.
EXPORT void fakeEnd()
{
    fakeReset();
    LOCKED;
    for (auto& [start, allocation] : state().allocations) munmap(allocation.map, allocation.map_bytes);
    state().allocations.clear();
    state().used = 0;
    state().sticky = Deinitialized;
    emulator::end();
}
