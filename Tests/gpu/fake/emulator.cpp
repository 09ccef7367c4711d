// The scheduler of the emulated GPU: runs the threads of a block as fibers, warp by warp from one meeting point to the next.
// A fiber that ends its thread takes the next thread that has not begun, so that kernels without meeting points run as a loop, and
// one that parks goes on with the next lane of its warp: the scheduler is asked once a warp.
#undef _FORTIFY_SOURCE  // its longjmp refuses to leave a stack for another one
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <sys/mman.h>
#include <utility>

typedef unsigned int u32;
typedef unsigned long long u64;
#include "emulator.h"

namespace emulator
{
Position now;
Kernel* kernels;

Kernel::Kernel(const char* name, void (*body)(const void*), size_t args_size, int most_threads, int)
    : name(name), body(body), args_size(args_size), most_threads(most_threads), next(kernels)
{
    kernels = this;
}

#ifndef __x86_64__
/// GCC's setjmp keeps the stack and leaves the registers to the compiler. Both must be in functions that it does not look into.
static __attribute__((noipa)) void go_on_at(Context& to) { __builtin_longjmp(to, 1); }

__attribute__((noipa)) void switch_to(Switch contexts)
{
    if (__builtin_setjmp(contexts.from) == 0) go_on_at(contexts.to);
}
#endif

namespace
{
constexpr int MostThreads = 1024, Warp = 32;
constexpr size_t StackBytes = 128 << 10, StaticBytes = 48 << 10, DynamicBytes = 256 << 10, Page = 4096, RedZone = 64;
#ifdef __x86_64__
constexpr size_t ReturnAddress = 8;  // what a function expects on the stack when it begins
#else
constexpr size_t ReturnAddress = 0;
#endif

enum class State { NotBegun, Ready, AtBarrier, InWarp, Done };

struct Fiber { char* stack; Context at; };

struct WarpOfThreads { int first, begin, end; };  // its first thread, and where its lanes stand in the order

struct Thread
{
    State state;
    Fiber* fiber;
    size_t static_used;
    void (*together)(void**);
    void* operands;
};

struct
{
    Launch launch;
    Thread threads[MostThreads];
    Fiber fibers[MostThreads];
    Fiber* idle[MostThreads];
    int idle_count, fiber_count;
    int order[MostThreads];      // threads in the order in which they run; the lanes of a warp stay together
    WarpOfThreads warps[MostThreads / Warp];
    int warp_of_place[MostThreads], warp_count;
    int place;                   // where the running thread stands in the order
    int begun;                   // how many threads have begun
    Context scheduler;
    jmp_buf failure;
    char *static_memory, *dynamic_memory;
    size_t static_high;
    const char* problem;
    u32 random;
} s;

thread_local bool emulating;

u32 next_random()
{
    s.random = s.random * 1664525u + 1013904223u;
    return s.random >> 8;
}

char* reserve(size_t bytes)
{
    void* memory = mmap(nullptr, bytes + Page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) { std::perror("emulator: mmap"); std::abort(); }
    return (char*)memory;
}

[[noreturn]] void fail(const char* problem)
{
    s.problem = problem;
    longjmp(s.failure, 1);
}

/// The first place from this one on, in the same warp, whose thread can run; -1 if there is none.
int runnable_from(int place, int end)
{
    for (; place < end; place++)
        if (s.threads[s.order[place]].state <= State::Ready) return place;
    return -1;
}

/// Makes the thread at a place of the order the running one.
void set_current(int place)
{
    s.place = place;
    now.thread = s.order[place];
    Thread& thread = s.threads[now.thread];
    thread.state = State::Ready;
    now.static_used = thread.static_used;
}

Fiber* new_fiber();

/// Makes the thread at a place of the order the running one, on a fiber; that is to be gone on with.
Context& begin_or_resume(int place)
{
    Thread& thread = s.threads[s.order[place]];
    if (thread.state == State::NotBegun)
    {
        thread.fiber = s.idle_count > 0 ? s.idle[--s.idle_count] : new_fiber();
        s.begun++;
    }
    set_current(place);
    return thread.fiber->at;
}

/// Where to go on: with the next lane of the warp if one can run, else with the scheduler.
Context& next_context()
{
    int next = runnable_from(s.place + 1, s.warps[s.warp_of_place[s.place]].end);
    return next >= 0 ? begin_or_resume(next) : s.scheduler;
}

/// Parks the running thread; its fiber is to be left as is returned.
Switch park(State state)
{
    Thread& thread = s.threads[now.thread];
    thread.state = state;
    thread.static_used = now.static_used;
    return { thread.fiber->at, next_context() };
}

/// What a fiber runs, for ever: its thread, then, without a switch, the next ones that have not begun.
void fiber_main()
{
    Fiber* self = s.threads[now.thread].fiber;
    for (;;)
    {
        s.launch.kernel->body(s.launch.args);
        Thread& done = s.threads[now.thread];
        done.state = State::Done;
        done.fiber = nullptr;
        if (s.begun < s.launch.threads)
        {
            set_current(s.begun++);
            s.threads[now.thread].fiber = self;
            continue;
        }
        Context& next = next_context();
        s.idle[s.idle_count++] = self;
        switch_to({ self->at, next });
    }
}

/// A fiber that is about to begin fiber_main.
Fiber* new_fiber()
{
    Fiber* fiber = &s.fibers[s.fiber_count++];
    if (fiber->stack == nullptr)
    {
        fiber->stack = reserve(StackBytes);
        mprotect(fiber->stack, Page, PROT_NONE);
    }
    // Stacks begin at different places of their pages: else the same few lines of the cache would hold all of them.
    char* end = fiber->stack + StackBytes - (fiber - s.fibers) * 9 % 64 * 64;
    fiber->at[0] = nullptr;
    fiber->at[1] = (void*)fiber_main;
    fiber->at[2] = end - ReturnAddress;
    return fiber;
}

/// If lanes of the warp wait for each other, all must; then they are served. Says whether there is anything to go on with.
bool serve_warp(int first)
{
    int waiting = 0;
    for (int lane = 0; lane < Warp; lane++) waiting += s.threads[first + lane].state == State::InWarp;
    if (waiting == 0) return false;
    if (waiting < Warp) fail("a lane is missing from an operation of its warp");
    void* operands[Warp];
    for (int lane = 0; lane < Warp; lane++)
    {
        Thread& thread = s.threads[first + lane];
        if (thread.together != s.threads[first].together) fail("the lanes of a warp are at different operations");
        operands[lane] = thread.operands;
        thread.state = State::Ready;
    }
    s.threads[first].together(operands);
    return true;
}

/// Runs a warp until all its lanes have ended or wait for the block.
void run_warp(const WarpOfThreads& warp)
{
    do
        for (int place = warp.begin; (place = runnable_from(place, warp.end)) >= 0;) switch_to({ s.scheduler, begin_or_resume(place) });
    while (serve_warp(warp.first));
}

/// Whether threads are left, all of which wait for the block; then they may go on.
bool release_barrier()
{
    int done = 0;
    for (int i = 0; i < s.launch.threads; i++) done += s.threads[i].state == State::Done;
    if (done == s.launch.threads) return false;
    if (done > 0) fail("a barrier is not reached by all threads of the block");
    for (int i = 0; i < s.launch.threads; i++) s.threads[i].state = State::Ready;
    return true;
}

void set_order(int count)
{
    int warps = (count + Warp - 1) / Warp, warp_order[MostThreads / Warp];
    for (int i = 0; i < warps; i++) warp_order[i] = s.launch.order == Order::Reversed ? warps - 1 - i : i;
    if (s.launch.order == Order::Random)
        for (int i = warps - 1; i > 0; i--) std::swap(warp_order[i], warp_order[next_random() % (i + 1)]);
    int n = 0;
    s.warp_count = warps;
    for (int i = 0; i < warps; i++)
    {
        bool backwards = s.launch.order == Order::Reversed || (s.launch.order == Order::Random && next_random() % 2);
        int begin = n;
        for (int lane = 0; lane < Warp; lane++)
        {
            int thread = warp_order[i] * Warp + (backwards ? Warp - 1 - lane : lane);
            if (thread >= count) continue;
            s.warp_of_place[n] = i;
            s.order[n++] = thread;
        }
        s.warps[i] = { warp_order[i] * Warp, begin, n };
    }
}

/// A random step that visits every block once.
u32 coprime(int grid)
{
    for (;;)
    {
        u32 step = 1 + next_random() % grid;
        if (std::gcd(step, (u32)grid) == 1) return step;
    }
}

void check_red_zone()
{
    for (size_t end = s.static_high; end < s.static_high + RedZone; end++)
        if (s.static_memory[end] != (char)0xFF) fail("a write behind the static shared memory");
}

void run_block(int block)
{
    now.block = block;
    std::memset(s.static_memory, 0xFF, s.static_high + RedZone);
    // The end of dynamic shared memory lies at a page that may not be touched.
    now.dynamic_shared = s.dynamic_memory + DynamicBytes - (s.launch.dynamic_bytes + 15) / 16 * 16;
    std::memset(now.dynamic_shared, 0xFF, s.launch.dynamic_bytes);
    s.begun = 0;
    if (s.launch.order == Order::Random) set_order(s.launch.threads);
    for (int i = 0; i < s.launch.threads; i++) s.threads[i] = { State::NotBegun, nullptr, 0, nullptr, nullptr };
    do
        for (int i = 0; i < s.warp_count; i++) run_warp(s.warps[i]);
    while (release_barrier());
    check_red_zone();
}

struct sigaction old_segv, old_bus;

/// An access to memory that is not the kernel's ends the launch, if it is ours; others go where they went before.
void on_fault(int signal, siginfo_t* info, void* context)
{
    if (emulating)
    {
        s.problem = "an access to memory that was not allocated";
        siglongjmp(s.failure, 1);
    }
    const struct sigaction& old = signal == SIGSEGV ? old_segv : old_bus;
    if (old.sa_flags & SA_SIGINFO) old.sa_sigaction(signal, info, context);
    else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) old.sa_handler(signal);
    else { ::signal(signal, SIG_DFL); raise(signal); }
}

void catch_faults()
{
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &old_segv);
    sigaction(SIGBUS, &action, &old_bus);
}

void leave_faults()
{
    sigaction(SIGSEGV, &old_segv, nullptr);
    sigaction(SIGBUS, &old_bus, nullptr);
}
}

const char* run(const Launch& launch)
{
    if (s.static_memory == nullptr)
    {
        s.static_memory = reserve(StaticBytes + RedZone);
        s.dynamic_memory = reserve(DynamicBytes);
        mprotect(s.dynamic_memory + DynamicBytes, Page, PROT_NONE);
    }
    s.launch = launch;
    s.random = launch.seed;
    s.problem = nullptr;
    s.static_high = 0;
    if (launch.order != Order::Random) set_order(launch.threads);
    now.static_shared = s.static_memory;
    emulating = true;
    catch_faults();
    if (_setjmp(s.failure) == 0)
    {
        u32 start = launch.order == Order::Random ? next_random() : 0, step = launch.order == Order::Random ? coprime(launch.grid) : 1;
        for (int i = 0; i < launch.grid; i++)
        {
            int block = (int)((start + (u64)i * step) % launch.grid);
            run_block(launch.order == Order::Reversed ? launch.grid - 1 - block : block);
        }
    }
    else s.fiber_count = s.idle_count = 0;  // what was parked is given up
    leave_faults();
    emulating = false;
    return s.problem;
}

void end()
{
    for (Fiber& fiber : s.fibers)
        if (fiber.stack != nullptr) munmap(std::exchange(fiber.stack, nullptr), StackBytes + Page);
    s.fiber_count = s.idle_count = 0;
}

void* shared_array(size_t bytes)
{
    size_t start = now.static_used, end = start + (bytes + 15) / 16 * 16;
    if (end > StaticBytes) fail("more than 48 KB of static shared memory");
    if (end > s.static_high)
    {
        std::memset(s.static_memory + s.static_high, 0xFF, end + RedZone - s.static_high);
        s.static_high = end;
    }
    now.static_used = end;
    return s.static_memory + start;
}

Switch park_at_barrier() { return park(State::AtBarrier); }

Switch park_in_warp(void (*together)(void** operands), void* operands)
{
    Thread& thread = s.threads[now.thread];
    thread.together = together;
    thread.operands = operands;
    return park(State::InWarp);
}
}
