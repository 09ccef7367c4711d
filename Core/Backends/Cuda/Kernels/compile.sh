#!/usr/bin/env bash
# Compiles the kernels to PTX, a file for each module, for compute capability 8.0; the driver of a GPU of that or a newer one makes machine
# code of a module when one of its kernels is asked for. Needs Debian's clang-19 and no CUDA toolkit. The PTX is part of the sources, so that nobody who builds MiniDL needs
# a compiler.
#   compile.sh          writes MODULE.ptx and compiler.txt beside this file
#   compile.sh --check  compiles elsewhere, and fails where that differs from what is here; another version than the recorded one only
#                       has to find the same kernels with the same argument sizes
set -euo pipefail
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
modules=(general f32 tf32 bf16)
out=.; [ "${1:-}" = --check ] && { out=$(mktemp -d); trap 'rm -rf "$out"' EXIT; }
for module in "${modules[@]}"; do
    "$clang" -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch=sm_80 --cuda-feature=+ptx78 -std=c++17 -O3 \
        -ffp-contract=fast-honor-pragmas -fno-strict-aliasing -Wall -Wextra -Werror -S $module.cu -o - |
        sed -E 's#//.*##; s/[ \t]+/ /g; s/^ //; s/ $//; /^$/d' > "$out/$module.ptx"
done
version=$("$clang" --version | head -n 1)
if [ "$out" = . ]; then echo "$version" > compiler.txt; exit; fi

signatures() { grep -E '^\s*\.(visible \.entry|param)' "$1"; }
for file in "$out"/*.ptx; do
    name=$(basename "$file")
    if [ "$version" = "$(cat compiler.txt)" ]; then cmp "$name" "$file"
    else diff <(signatures "$name") <(signatures "$file"); fi ||
        { echo "$name is not what the sources give: run $0" >&2; exit 1; }
done
