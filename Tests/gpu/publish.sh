#!/usr/bin/env bash
# Makes the folder that a machine with an NVIDIA GPU and without the .NET SDK needs: the program as one file, with check.sh,
# registers.sh and the kernels beside it.
#   publish.sh [FOLDER]    (default: artifacts/gpu)
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-artifacts/gpu}
dotnet publish Examples -c Release -r linux-x64 --self-contained --nologo -o "$out" \
    -p:PublishSingleFile=true -p:EnableCompressionInSingleFile=true -p:IncludeNativeLibrariesForSelfExtract=true -p:DebugType=none
mkdir -p "$out/ptx"
cp Tests/gpu/check.sh Tests/gpu/registers.sh "$out"
cp Core/Backends/Cuda/Kernels/*.ptx "$out/ptx"
bytes=$(du -sb "$out" | cut -f1)
echo "$out: $((bytes / 1000000)) MB"
[ "$bytes" -le 60000000 ] || { echo "that is more than 60 MB" >&2; exit 1; }
