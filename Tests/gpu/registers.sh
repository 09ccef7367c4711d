#!/usr/bin/env bash
# Do kernels keep their values in registers? Assembles PTX with NVIDIA's ptxas, which must be installed, and prints a line a kernel.
#   registers.sh [FOLDER | FILE.ptx ...]    (default: ptx beside this script, as publish.sh makes it, else the kernels' sources)
#   TARGETS=sm_90 registers.sh ...          for these GPUs (default: sm_80 sm_90)
# The exit code is 1 if a kernel spills, or a file is not assembled.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -eq 0 ]; then
    [ -d "$here/ptx" ] && set -- "$here/ptx" || set -- "$here/../../Core/Backends/Cuda/Kernels"
fi
command -v ptxas > /dev/null || { echo "registers.sh: ptxas is not installed" >&2; exit 2; }
files=()
for name in "$@"; do
    if [ -d "$name" ]; then files+=("$name"/*.ptx); else files+=("$name"); fi
done

# registers FILE TARGET
registers()
{
    ptxas -v -arch="$2" -o /dev/null "$1" 2>&1 | awk '
        /Compiling entry function/ { split($0, part, "\047"); name = part[2] }
        /bytes stack frame/ { stack = $1; spills = $5 + $9 }
        /Used [0-9]+ registers/ {
            match($0, /Used [0-9]+/); printf "%-44s %4d registers", name, substr($0, RSTART + 5, RLENGTH - 5)
            if (spills + stack > 0) { printf "  SPILLS %d bytes, stack %d", spills, stack; bad = 1 }
            print ""; kernels++; next
        }
        /error|fatal/ { if (bad++ < 10) print }
        END { exit bad || kernels == 0 }'
}

failed=0
for file in "${files[@]}"; do
    for target in ${TARGETS:-sm_80 sm_90}; do
        echo "-- $(basename "$file"), $target"
        registers "$file" "$target" || failed=1
    done
done
exit $failed
