#!/usr/bin/env bash
# Builds the fake CUDA driver with the kernels inside, if a source is newer than the library; prints the library's path.
#   build.sh                 bin/libcuda_fake.so
#   build.sh --without NAME  the same without one export, as of an old driver: bin/libcuda_fake_without_NAME.so
set -euo pipefail
cd "$(dirname "$0")"
kernels=../../../Core/Backends/Cuda/Kernels
mkdir -p bin
exec 9>bin/lock; flock 9

full=bin/libcuda_fake.so
if [ ! -f $full ] || [ -n "$(find . $kernels \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name build.sh \) -newer $full)" ]; then
    # No marks for shadow stacks of return addresses: fibers, which leave a stack in the middle of a call, have none of their own.
    flags=(-std=c++20 -O2 -march=native -fno-strict-aliasing -fPIC -fvisibility=hidden -fcf-protection=none
        -Wall -Wextra -Wno-unknown-pragmas -Wno-clobbered -I . -I $kernels)
    rm -f bin/*.o
    pids=()
    for source in driver memory streams graphs modules emulator tensor_cores; do
        g++ "${flags[@]}" -c $source.cpp -o bin/$source.o & pids+=($!)
    done
    for module in general f32 tf32 bf16; do
        g++ "${flags[@]}" -DMINIDL_EMULATED -x c++ -c $kernels/$module.cu -o bin/kernels_$module.o & pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    g++ -shared -o $full.new bin/*.o -lpthread
    mv $full.new $full
fi

if [ "${1:-}" = --without ]; then
    part=bin/libcuda_fake_without_$2.so
    # The name becomes one of its own file, which the library does not export.
    if [ ! $part -nt $full ]; then
        for source in driver memory streams graphs modules; do
            objcopy --localize-symbol="$2" bin/$source.o bin/${source}_without.o.tmp
        done
        g++ -shared -o $part bin/*_without.o.tmp bin/emulator.o bin/tensor_cores.o bin/kernels_*.o -lpthread
        rm bin/*_without.o.tmp
    fi
    full=$part
fi
echo "$PWD/$full"
