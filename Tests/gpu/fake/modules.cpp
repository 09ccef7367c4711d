// Modules, functions and launches of the fake driver. A function is found only if the PTX names it and the emulator has it, so that
// what is shipped and what is tested are the same kernels.
#include "driver.h"
#include <cstdio>
#include <cstring>

using namespace fake;

namespace
{
const emulator::Kernel* find_kernel(const std::string& name)
{
    for (auto kernel = emulator::kernels; kernel != nullptr; kernel = kernel->next)
        if (name == kernel->name) return kernel;
    return nullptr;
}

/// The architecture that the PTX is for, as 80 or 90; 0 if the text does not say.
int target(const std::string& ptx)
{
    size_t at = ptx.find(".target sm_");
    return at == std::string::npos ? 0 : std::atoi(ptx.c_str() + at + 11);
}

void add_entries(const std::string& ptx, Module& module)
{
    const std::string mark = ".entry ";
    for (size_t at = ptx.find(mark); at != std::string::npos; at = ptx.find(mark, at))
    {
        at += mark.size();
        std::string name = ptx.substr(at, ptx.find_first_of("( \n\t", at) - at);
        if (auto kernel = find_kernel(name))
        {
            auto function = new Function { kernel, 48 << 10 };
            state().functions.insert(function);
            module.functions[name] = function;
        }
    }
}

void write_log(const char* text, u32 count, const int* options, void** values)
{
    char* log = nullptr;
    size_t size = 0;
    for (u32 i = 0; i < count; i++)
    {
        if (options[i] == 5) log = (char*)values[i];
        if (options[i] == 6) size = (size_t)values[i];
    }
    if (log != nullptr && size > 0) std::snprintf(log, size, "%s", text);
}

void run_kernel(const emulator::Kernel* kernel, const std::vector<char>& args, u32 grid, u32 threads, u32 dynamic_bytes)
{
    State& s = state();
    s.launches++;
    double start = now_ms();
    bool told_to_fail = s.knobs.fail_launch > 0 && --s.knobs.fail_launch == 0;
    auto order = s.knobs.order <= 0 ? emulator::Order::Ascending
        : s.knobs.order == 1 ? emulator::Order::Reversed : emulator::Order::Random;
    const char* problem = told_to_fail ? "the knob fail_launch"
        : s.runner != nullptr ? s.runner(kernel->name, args.data(), args.size(), (int)grid, (int)threads, (int)dynamic_bytes)
        : emulator::run({ kernel, args.data(), (int)grid, (int)threads, dynamic_bytes, order, (u32)(s.knobs.order + s.random++) });
    if (s.knobs.trace) std::fprintf(stderr, "%-32s %5u × %4u %9.3f ms\n", kernel->name, grid, threads, now_ms() - start);
    if (problem == nullptr) return;
    std::fprintf(stderr, "fake CUDA: kernel %s, block %d, thread %d: %s\n", kernel->name, emulator::now.block, emulator::now.thread, problem);
    s.sticky = std::strstr(problem, "not allocated") ? IllegalAddress : LaunchFailed;
}
}

EXPORT int cuModuleLoadDataEx(std::intptr_t* handle, const void* image, u32 option_count, int* options, void** values)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (Error error = refuse_beside_captures()) return error;
    std::string ptx((const char*)image);
    if (ptx.find(".version") == std::string::npos) return InvalidImage;
    if (state().knobs.fail_load)
    {
        write_log("ptxas application ptx input, line 1; fatal : told to fail by the knob fail_load", option_count, options, values);
        return InvalidPtx;
    }
    if (state().knobs.driver < 11080)
    {
        write_log("ptxas fatal : Unsupported .version 7.8; current version is older", option_count, options, values);
        return UnsupportedPtxVersion;
    }
    if (target(ptx) > state().knobs.capability)
    {
        write_log("ptxas fatal : the target is newer than the device", option_count, options, values);
        return InvalidPtx;
    }
    // The driver would write its cache here. It sees the process's environment, not a language's own.
    if (const char* cache = std::getenv("CUDA_CACHE_PATH"))
        if (FILE* index = std::fopen((std::string(cache) + "/index").c_str(), "w")) std::fclose(index);
    auto module = new Module;
    add_entries(ptx, *module);
    state().modules.insert(module);
    *handle = (std::intptr_t)module;
    return Success;
}

EXPORT int cuFuncLoad(std::intptr_t function)
{
    LOCKED;
    if (Error error = ready()) return error;
    if (Error error = refuse_beside_captures()) return error;
    return state().functions.count((Function*)function) ? Success : InvalidHandle;
}

EXPORT int cuModuleGetFunction(std::intptr_t* function, std::intptr_t handle, const char* name)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto module = (Module*)handle;
    if (!state().modules.count(module)) return InvalidHandle;
    auto found = module->functions.find(name);
    if (found == module->functions.end()) return NotFound;
    *function = (std::intptr_t)found->second;
    return Success;
}

EXPORT int cuModuleUnload(std::intptr_t handle)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto module = (Module*)handle;
    if (!state().modules.erase(module)) return InvalidHandle;
    for (auto& [name, function] : module->functions) state().functions.erase(function);
    delete module;
    return Success;
}

EXPORT int cuFuncSetAttribute(std::intptr_t handle, int attribute, int value)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto function = (Function*)handle;
    if (!state().functions.count(function)) return InvalidHandle;
    if (attribute != 8) return Success;
    if (value > state().knobs.shared) return InvalidValue;
    function->dynamic_limit = value;
    return Success;
}

EXPORT int cuFuncGetAttribute(int* value, int attribute, std::intptr_t handle)
{
    LOCKED;
    auto function = (Function*)handle;
    if (!state().functions.count(function)) return InvalidHandle;
    switch (attribute)
    {
        case 0: *value = function->kernel->most_threads; break;
        case 4: *value = 32; break;  // registers: the emulator has none, so that this says only that the number arrives
        default: *value = 0; break;  // shared and local memory
    }
    return Success;
}

EXPORT int cuLaunchKernel(std::intptr_t handle, u32 grid_x, u32 grid_y, u32 grid_z, u32 block_x, u32 block_y, u32 block_z,
    u32 dynamic_bytes, std::intptr_t stream, void** params, void**)
{
    LOCKED;
    if (Error error = ready()) return error;
    auto function = (Function*)handle;
    if (!state().functions.count(function)) return InvalidHandle;
    if (grid_x == 0 || grid_x > 0x7FFFFFFF || grid_y != 1 || grid_z != 1 || block_x == 0 || block_y != 1 || block_z != 1) return InvalidValue;
    if ((int)block_x > function->kernel->most_threads || (int)dynamic_bytes > function->dynamic_limit) return LaunchOutOfResources;
    auto kernel = function->kernel;
    std::vector<char> args((const char*)params[0], (const char*)params[0] + kernel->args_size);
    return submit(stream, [=] { run_kernel(kernel, args, grid_x, block_x, dynamic_bytes); });
}

EXPORT int cuLaunchKernelEx(const void* config, std::intptr_t handle, void** params, void** extra)
{
    auto c = (const u32*)config;  // grid x y z, block x y z, shared bytes, (padding), stream, …
    return cuLaunchKernel(handle, c[0], c[1], c[2], c[3], c[4], c[5], c[6], *(const std::intptr_t*)(c + 8), params, extra);
}

// ---- for tests ---------------------------------------------------------------------------------------------------------------

/// From now on launches go to `runner`, or to the emulator again if it is null.
EXPORT void fakeSetRunner(Runner runner)
{
    LOCKED;
    state().runner = runner;
}

/// The allocation that an address of device memory is in: 1, its start and its size; 0 if there is none.
EXPORT int fakeFindAllocation(u64 address, u64* start, u64* bytes)
{
    LOCKED;
    auto after = state().allocations.upper_bound(address);
    if (after == state().allocations.begin()) return 0;
    auto& [first, allocation] = *--after;
    if (address >= first + allocation.bytes) return 0;
    *start = first;
    *bytes = allocation.bytes;
    return 1;
}
