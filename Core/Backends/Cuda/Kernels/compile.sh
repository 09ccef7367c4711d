#!/usr/bin/env bash
# Compiles the kernels to PTX, one module for each architecture; the GPU's driver makes machine code of it. Needs Debian's clang-19
# and no CUDA toolkit. The PTX is part of the sources, so that nobody who builds MiniDL needs a compiler.
#   compile.sh          writes kernels.sm_80.ptx, kernels.sm_90.ptx and compiler.txt beside this file
#   compile.sh --check  compiles elsewhere, and fails where that differs from what is here; another version than the recorded one only
#                       has to find the same kernels with the same argument sizes
set -euo pipefail
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
out=.; [ "${1:-}" = --check ] && { out=$(mktemp -d); trap 'rm -rf "$out"' EXIT; }
for arch in sm_80 sm_90; do
    "$clang" -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch=$arch --cuda-feature=+ptx78 -std=c++17 -O3 -fno-strict-aliasing \
        -Wall -Wextra -Werror -S kernels.cu -o "$out/kernels.$arch.ptx"
done
version=$("$clang" --version | head -n 1)
if [ "$out" = . ]; then echo "$version" > compiler.txt; exit; fi

signatures() { grep -E '^\s*\.(visible \.entry|param)' "$1"; }
for arch in sm_80 sm_90; do
    if [ "$version" = "$(cat compiler.txt)" ]; then cmp "kernels.$arch.ptx" "$out/kernels.$arch.ptx"
    else diff <(signatures "kernels.$arch.ptx") <(signatures "$out/kernels.$arch.ptx"); fi ||
        { echo "kernels.$arch.ptx is not what the sources give: run $0" >&2; exit 1; }
done
