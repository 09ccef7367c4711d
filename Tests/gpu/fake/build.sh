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
    flags=(-std=c++20 -O2 -march=native -fno-strict-aliasing -fPIC -fvisibility=hidden -Wall -Wextra -Wno-unknown-pragmas -Wno-clobbered -I . -I $kernels)
    pids=()
    for source in driver memory streams modules emulator tensor_cores; do
        g++ "${flags[@]}" -c $source.cpp -o bin/$source.o & pids+=($!)
    done
    for module in general f32 tf32 bf16; do
        g++ "${flags[@]}" -DMINIDL_EMULATED -x c++ -c $kernels/$module.cu -o bin/kernels_$module.o & pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    rm -f bin/kernels.o
    g++ -shared -o $full.new bin/*.o -lpthread
    mv $full.new $full
fi

if [ "${1:-}" = --without ]; then
    part=bin/libcuda_fake_without_$2.so
    # -Bsymbolic keeps the calls inside; the version script hides the one name.
    if [ ! $part -nt $full ]; then
        printf '{ global: cu*; fake*; local: *; };' > bin/all.map
        objcopy --localize-symbol="$2" bin/modules.o bin/modules_without.o.tmp
        objcopy --localize-symbol="$2" bin/streams.o bin/streams_without.o.tmp
        objcopy --localize-symbol="$2" bin/memory.o bin/memory_without.o.tmp
        objcopy --localize-symbol="$2" bin/driver.o bin/driver_without.o.tmp
        g++ -shared -o $part bin/*_without.o.tmp bin/emulator.o bin/tensor_cores.o bin/kernels_*.o -lpthread
        rm bin/*_without.o.tmp
    fi
    full=$part
fi
echo "$PWD/$full"
