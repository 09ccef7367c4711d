// The scheduler of the emulated GPU: runs the threads of a block as fibers, warp by warp from one meeting point to the next.
// A fiber that ends its thread takes the next thread that has not begun, so that kernels without meeting points run as a loop.
#undef _FORTIFY_SOURCE  // its longjmp refuses to leave a stack for another one
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <sys/mman.h>
#include <ucontext.h>
#include <utility>

typedef unsigned int u32;
typedef unsigned long long u64;
#include "emulator.h"

namespace emulator
{
Position now;
Kernel* kernels;

Kernel::Kernel(const char* name, void (*body)(const void*), size_t args_size, int most_threads)
    : name(name), body(body), args_size(args_size), most_threads(most_threads), next(kernels)
{
    kernels = this;
}

namespace
{
constexpr int MostThreads = 1024, Warp = 32;
constexpr size_t StackBytes = 128 << 10, StaticBytes = 48 << 10, DynamicBytes = 256 << 10, Page = 4096, RedZone = 64;

enum class State { NotBegun, Ready, AtBarrier, InWarp, Done };

struct Fiber { char* stack; jmp_buf at; int thread; };

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
    int begun;                   // how many of them have begun, or were passed over to
    jmp_buf scheduler, failure;
    ucontext_t scheduler_context, fiber_context;
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

void set_current(int thread)
{
    now.thread = thread;
    now.static_used = s.threads[thread].static_used;
}

/// Leaves the fiber for the scheduler, and comes back when the thread is run again.
void park(State state)
{
    Thread& thread = s.threads[now.thread];
    thread.state = state;
    thread.static_used = now.static_used;
    if (_setjmp(thread.fiber->at) == 0) _longjmp(s.scheduler, 1);
}

/// What a fiber runs, for ever: its thread, then, without a switch, the next ones that have not begun.
void fiber_main()
{
    Fiber* self = s.threads[now.thread].fiber;
    for (;;)
    {
        s.launch.kernel->body(s.launch.args);
        s.threads[now.thread].state = State::Done;
        s.threads[now.thread].fiber = nullptr;
        if (s.begun < s.launch.threads)
        {
            int thread = s.order[s.begun++];
            s.threads[thread].state = State::Ready;
            s.threads[thread].fiber = self;
            set_current(thread);
            continue;
        }
        s.idle[s.idle_count++] = self;
        if (_setjmp(self->at) == 0) _longjmp(s.scheduler, 1);
    }
}

Fiber* new_fiber()
{
    Fiber* fiber = &s.fibers[s.fiber_count++];
    if (fiber->stack == nullptr)
    {
        fiber->stack = reserve(StackBytes);
        mprotect(fiber->stack, Page, PROT_NONE);
    }
    return fiber;
}

/// Runs a thread until it parks or ends.
void resume(int index)
{
    Thread& thread = s.threads[index];
    bool fresh = false;
    if (thread.state == State::NotBegun)
    {
        fresh = s.idle_count == 0;
        thread.fiber = fresh ? new_fiber() : s.idle[--s.idle_count];
        s.begun++;
    }
    thread.state = State::Ready;
    set_current(index);
    if (_setjmp(s.scheduler) != 0) return;
    if (!fresh) _longjmp(thread.fiber->at, 1);
    getcontext(&s.fiber_context);
    s.fiber_context.uc_stack.ss_sp = thread.fiber->stack;
    s.fiber_context.uc_stack.ss_size = StackBytes;
    s.fiber_context.uc_link = &s.scheduler_context;
    makecontext(&s.fiber_context, fiber_main, 0);
    setcontext(&s.fiber_context);
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
void run_warp(const int* lanes, int count)
{
    int first = lanes[0] / Warp * Warp;
    do
    {
        for (int lane = 0; lane < count; lane++)
        {
            State state = s.threads[lanes[lane]].state;
            if (state == State::NotBegun || state == State::Ready) resume(lanes[lane]);
        }
    }
    while (serve_warp(first));
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
    for (int i = 0; i < warps; i++)
    {
        bool backwards = s.launch.order == Order::Reversed || (s.launch.order == Order::Random && next_random() % 2);
        for (int lane = 0; lane < Warp; lane++)
        {
            int thread = warp_order[i] * Warp + (backwards ? Warp - 1 - lane : lane);
            if (thread < count) s.order[n++] = thread;
        }
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
    set_order(s.launch.threads);
    for (int i = 0; i < s.launch.threads; i++) s.threads[i] = { State::NotBegun, nullptr, 0, nullptr, nullptr };
    do
    {
        for (int i = 0; i < s.launch.threads;)
        {
            int start = i, warp = s.order[i] / Warp;
            while (i < s.launch.threads && s.order[i] / Warp == warp) i++;
            run_warp(s.order + start, i - start);
        }
    }
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

void wait_for_block() { park(State::AtBarrier); }

void meet_warp(void (*together)(void** operands), void* operands)
{
    Thread& thread = s.threads[now.thread];
    thread.together = together;
    thread.operands = operands;
    park(State::InWarp);
}
}
