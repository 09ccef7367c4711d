#!/usr/bin/env bash
# usage: run.sh NORM BATCHES STEPS THREADS     for example: run.sh bn 2,8,32,128 15 2
# Runs the peer, TorchSharp (libtorch with oneDNN), on Linux x64; builds it on first use, which downloads libtorch (half a gigabyte on disk).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$here/bin/peer

# TorchSharp's native library was linked against the C++ library of GCC 13 and refuses to load with an older one (Debian 12),
# though all it takes from the newer is one function, which runs the constructors of std::cin and std::cout and which older
# libraries do without. So on such a system this copy's demand for that version is marked as optional ("weak"), and an empty
# function of that name is loaded before it.
allow_older_libstdcxx() {
    local library=$1 section entry
    section=$(readelf -SW "$library" | sed -nE 's/.* \.gnu\.version_r +VERNEED +[0-9a-f]+ +([0-9a-f]+) .*/\1/p')
    entry=$(readelf -VW "$library" | sed -nE 's/^ *(0x)?([0-9a-f]+): +Name: GLIBCXX_3\.4\.32 .*/\2/p')
    # An entry is: 32 bits of hash, then 16 bits of flags, of which 2 means weak.
    printf '\x02' | dd of="$library" bs=1 seek=$((16#$section + 16#$entry + 4)) conv=notrunc status=none
    echo 'extern "C" void _ZSt21ios_base_library_initv() {}' | g++ -shared -fPIC -x c++ - -o "$program/shim.so"
}

if [ ! -e "$program/ready" ]; then
    dotnet build "$here/Peer.csproj" -c Release -o "$program" -v q --nologo >&2
    packages=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')
    for native in libtorch-cpu-linux-x64/2.10.0 torchsharp/0.107.0; do
        cp -n "$packages/$native"/runtimes/linux-x64/native/*.so* "$program"
    done
    libstdcxx=$(ldconfig -p | sed -nE 's/.*libstdc\+\+\.so\.6 .*x86-64.* => (.*)/\1/p' | head -1)
    grep -q GLIBCXX_3.4.32 "$libstdcxx" || allow_older_libstdcxx "$program/libLibTorchSharp.so"
    touch "$program/ready"
fi
[ ! -e "$program/shim.so" ] || export LD_PRELOAD=$program/shim.so

# In the peer's favour: by default glibc gives every large tensor back to the kernel when it is freed and takes fresh, zeroed
# pages for the next. Told to keep its memory (up to 8 GB; mmap only above 32 MB, the most that it allows), libtorch trains 1.2 to
# 1.35 times faster.
export MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
exec dotnet "$program/Peer.dll" "$@"
