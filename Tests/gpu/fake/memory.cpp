// Memory of the fake driver. Every allocation ends at a page that may not be touched, with one before it as well, starts out as
// NaN, and is never given out again after it was freed: what a kernel reads or writes outside of it ends the launch.
#include "driver.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <utility>

using namespace fake;

namespace
{
constexpr size_t Page = 4096, Alignment = 16;

/// A process may have 65,530 maps, of which a block with guard pages takes two. All copies of this driver in the process, and the rest of
/// it, share them: above this number a block is cut from a large map and has no guard pages.
constexpr size_t MostMaps = 30'000, SharedMapBytes = 1ull << 30;

/// How many maps the process has, counted anew at every so many allocations.
size_t count_maps()
{
    constexpr int every = 128;
    static size_t maps, asked;
    if (asked++ % every != 0) return maps;
    maps = 0;
    if (FILE* file = std::fopen("/proc/self/maps", "r"))
    {
        char part[1 << 16];
        while (size_t read = std::fread(part, 1, sizeof part, file)) maps += std::count(part, part + read, '\n');
        std::fclose(file);
    }
    return maps;
}

/// Pages for a block: of its own between two that may not be touched, or cut from a large map.
char* map_pages(size_t body, size_t guard)
{
    static char *next, *end;
    if (guard == 0 && body <= SharedMapBytes)
    {
        if (body > (size_t)(end - next))
        {
            void* map = mmap(nullptr, SharedMapBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (map == MAP_FAILED) return nullptr;
            next = (char*)map, end = next + SharedMapBytes;
        }
        return std::exchange(next, next + body);
    }
    char* map = (char*)mmap(nullptr, body + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return map != MAP_FAILED && mprotect(map + guard, body, PROT_READ | PROT_WRITE) == 0 ? map : nullptr;
}

/// Whether [pointer, pointer + bytes) is inside one allocation.
bool is_device(u64 pointer, size_t bytes)
{
    auto after = state().allocations.upper_bound(pointer);
    if (after == state().allocations.begin()) return false;
    auto& [start, allocation] = *--after;
    return pointer + bytes <= start + allocation.bytes;
}

/// Whether the host memory is the driver's own, which copies read and write when they run, not when they are called.
bool is_pinned(const void* pointer)
{
    auto after = state().host_allocations.upper_bound((u64)pointer);
    if (after == state().host_allocations.begin()) return false;
    auto& [start, bytes] = *--after;
    return (u64)pointer < start + bytes;
}
}

EXPORT int cuMemAlloc_v2(u64* pointer, size_t bytes)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (Error error = refuse_unless_relaxed()) return error;
    if (bytes == 0) return InvalidValue;
    if (state().used + bytes > (size_t)state().knobs.memory) return OutOfMemory;
    size_t body = (bytes + Page - 1) / Page * Page, guard = count_maps() < MostMaps ? Page : 0;
    char* map = map_pages(body, guard);
    if (map == nullptr) return OutOfMemory;
    char* start = map + guard + body - (bytes + Alignment - 1) / Alignment * Alignment;
    std::memset(start, 0xFF, bytes);
    state().allocations[(u64)start] = { map, body + 2 * guard, bytes };
    state().used += bytes;
    *pointer = (u64)start;
    return Success;
}

EXPORT int cuMemFree_v2(u64 pointer)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (Error error = refuse_beside_captures()) return error;
    auto found = state().allocations.find(pointer);
    if (found == state().allocations.end()) return InvalidValue;
    drain_all();  // as the driver does
    Allocation allocation = found->second;
    // The addresses stay reserved, so that a stale pointer faults for ever: by a new map, since one that was never touched merges with its
    // neighbours. What was cut from a large map stays a part of it.
    if (allocation.map + Page <= (char*)pointer)
        mmap(allocation.map, allocation.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    else
        madvise(allocation.map, allocation.map_bytes, MADV_DONTNEED);
    state().used -= allocation.bytes;
    state().allocations.erase(found);
    return Success;
}

EXPORT int cuMemGetInfo_v2(size_t* free_bytes, size_t* total)
{
    LOCKED;
    if (Error error = ready()) return error;
    *total = (size_t)state().knobs.memory;
    *free_bytes = *total - std::min(*total, state().used);
    return Success;
}

EXPORT int cuMemHostAlloc(void** pointer, size_t bytes, u32)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (Error error = refuse_in_capture()) return error;
    if (bytes == 0) return InvalidValue;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return OutOfMemory;
    state().host_allocations[(u64)memory] = bytes;
    *pointer = memory;
    return Success;
}

EXPORT int cuMemFreeHost(void* pointer)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (Error error = refuse_beside_captures()) return error;
    auto found = state().host_allocations.find((u64)pointer);
    if (found == state().host_allocations.end()) return InvalidValue;
    drain_all();
    munmap(pointer, found->second);
    state().host_allocations.erase(found);
    return Success;
}

EXPORT int cuMemcpyHtoDAsync_v2(u64 to, const void* from, size_t bytes, std::intptr_t stream)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (!is_device(to, bytes)) return InvalidValue;
    Stream* target = find_stream(stream);
    if (target == nullptr) return InvalidHandle;
    if (is_pinned(from) || target->capture != nullptr) return submit(stream, [=] { std::memcpy((void*)to, from, bytes); });
    std::vector<char> staged((const char*)from, (const char*)from + bytes);
    return submit(stream, [to, staged = std::move(staged)] { std::memcpy((void*)to, staged.data(), staged.size()); });
}

EXPORT int cuMemcpyDtoHAsync_v2(void* to, u64 from, size_t bytes, std::intptr_t stream)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (!is_device(from, bytes)) return InvalidValue;
    Stream* source = find_stream(stream);
    if (source == nullptr) return InvalidHandle;
    Error error = submit(stream, [=] { std::memcpy(to, (void*)from, bytes); });
    // To memory that is not pinned the driver copies before it returns.
    if (error == Success && source->capture == nullptr && !is_pinned(to)) drain(*source);
    return error != Success ? error : state().sticky;
}

EXPORT int cuMemcpyDtoDAsync_v2(u64 to, u64 from, size_t bytes, std::intptr_t stream)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (!is_device(to, bytes) || !is_device(from, bytes)) return InvalidValue;
    return submit(stream, [=] { std::memmove((void*)to, (void*)from, bytes); });
}

EXPORT int cuMemcpyHtoD_v2(u64 to, const void* from, size_t bytes)
{
    LOCKED;
    int error = cuMemcpyHtoDAsync_v2(to, from, bytes, 0);
    if (error == Success) drain(state().null_stream);
    return error != Success ? error : state().sticky;
}

EXPORT int cuMemcpyDtoH_v2(void* to, u64 from, size_t bytes)
{
    LOCKED;
    int error = cuMemcpyDtoHAsync_v2(to, from, bytes, 0);
    if (error == Success) drain(state().null_stream);
    return error != Success ? error : state().sticky;
}

EXPORT int cuMemsetD32Async(u64 to, u32 value, size_t count, std::intptr_t stream)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (!is_device(to, count * 4) || to % 4 != 0) return InvalidValue;
    return submit(stream, [=] { for (size_t i = 0; i < count; i++) ((u32*)to)[i] = value; });
}

EXPORT int cuMemsetD8Async(u64 to, u8 value, size_t count, std::intptr_t stream)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (!is_device(to, count)) return InvalidValue;
    return submit(stream, [=] { std::memset((void*)to, value, count); });
}
