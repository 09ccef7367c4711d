// The state of the fake driver. One lock guards all of it: calls run one at a time, and so does the GPU.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <deque>
#include <vector>
#include <cstdint>

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
#include "emulator.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

/// Every exported function begins with it.
#define LOCKED std::lock_guard<std::recursive_mutex> locked(state().lock)

namespace fake
{
// The driver's own error numbers.
enum Error
{
    Success = 0, InvalidValue = 1, OutOfMemory = 2, NotInitialized = 3, Deinitialized = 4, NoDevice = 100, InvalidDevice = 101,
    InvalidImage = 200, InvalidContext = 201, InvalidPtx = 218, UnsupportedPtxVersion = 222, InvalidHandle = 400, NotFound = 500,
    NotReady = 600, IllegalAddress = 700, LaunchOutOfResources = 701, LaunchFailed = 719, CaptureUnsupported = 900,
    CaptureInvalidated = 901, CaptureMerge = 902, CaptureUnmatched = 903, CaptureUnjoined = 904, CaptureIsolation = 905,
    CaptureImplicit = 906, CapturedEvent = 907, CaptureWrongThread = 908,
};

/// One piece of work in a graph, and the nodes that come before it.
struct Node { std::function<void()> work; std::vector<int> after; };

typedef std::vector<Node> Graph;

struct Stream;

/// A stream's recording: every stream that joined it adds its work, each after its own last node.
struct Capture
{
    Stream* origin;
    std::thread::id thread;
    bool invalidated = false;
    Graph graph;
    std::set<Stream*> members;
};

struct Stream
{
    std::deque<std::function<void()>> queue;
    Capture* capture = nullptr;
    std::vector<int> last;  // in a capture: the nodes that what comes next stands after
};

/// One record of an event on a stream: whoever waits, waits for the one that was the last when it was told to.
struct Record
{
    Stream* stream;
    bool reached = false;
    double time = 0;  // milliseconds, when it was reached
};

struct Event
{
    std::shared_ptr<Record> last;  // null before the first
    Capture* capture = nullptr;
    bool was_captured = false;  // last recorded in a capture that has ended
    std::vector<int> node;
    bool timed = true;
};

struct Function { const emulator::Kernel* kernel; int dynamic_limit; };

struct Module { std::map<std::string, Function*> functions; };

/// Runs a launch in the emulator's place; returns null, or what went wrong.
typedef const char* (*Runner)(const char* kernel, const void* args, u64 args_bytes, int grid, int threads, int dynamic_bytes);

struct Allocation { char* map; size_t map_bytes, bytes; };

struct Knobs
{
    long long devices = 1, driver = 12020, memory = 4ll << 30, capability = 90, shared = 232448, order = 0, fail_launch = 0,
        fail_load = 0, trace = 0, multiprocessors = 132;
};

struct State
{
    std::recursive_mutex lock;
    Knobs knobs;
    bool initialized = false;
    int context_users = 0;
    Error sticky = Success;              // after a failed kernel every call returns it
    Runner runner = nullptr;
    std::map<u64, Allocation> allocations;
    std::map<u64, size_t> host_allocations;
    size_t used = 0;
    std::set<Stream*> streams;
    std::set<Event*> events;
    std::set<Module*> modules;
    std::set<Function*> functions;
    std::set<Graph*> graphs;
    std::set<Graph*> executables;
    std::vector<Capture*> captures;
    Stream null_stream;
    long long launches = 0, graph_launches = 0, random = 1;
    long long graph_nodes = 0, graph_depth = 0;  // of the graph that was launched last
    int node = -1;                               // the one that runs, and those that it stands after
    const std::vector<int>* node_after = nullptr;
};

State& state();

/// Whether this thread has made the context current.
bool has_context();

/// What every call that needs a context returns at once, if not Success.
Error ready();

/// The stream of a handle, the legacy stream for 0; null if there is none.
Stream* find_stream(std::intptr_t handle);

/// Hands work to a stream: into its queue, or into the graph that is being captured.
Error submit(std::intptr_t handle, std::function<void()> work);

/// This thread's capture, or null.
Capture* own_capture();

/// Ends a capture in which something was asked for that it does not allow, and says so.
Error refuse(Capture* capture);

/// For calls that may wait for the whole GPU, which must not happen while any thread captures: ends its capture and says so.
Error refuse_beside_captures();

/// For calls that must not happen while this thread captures: ends the capture and says so.
Error refuse_in_capture();

/// For calls that are only allowed while this thread captures if it has asked for the relaxed mode.
Error refuse_unless_relaxed();

/// Runs all that streams hold.
void drain(Stream& stream);
void drain_all();

double now_ms();
}
