#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: is every operator right, in float and in TF32, and how fast is a training step? Needs the display
# driver and this folder as publish.sh makes it; compute-sanitizer looks at memory accesses and races too where it is installed.
#   check.sh [MINIDL]    the program (default: minidl beside this script)
set -uo pipefail
minidl=${1:-$(dirname "$0")/minidl}
failed=0
run() { echo "== $*"; "$@" || { echo "FAILED ($?)"; failed=$((failed + 1)); }; }

command -v nvidia-smi > /dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
run "$minidl" doctor --device cuda --precision fp32
run "$minidl" doctor --device cuda --precision tf32
if command -v compute-sanitizer > /dev/null; then
    for tool in memcheck racecheck; do
        run compute-sanitizer --tool $tool --error-exitcode 9 "$minidl" doctor --device cuda --precision tf32 --batch 2 --repeat 0 --quiet
    done
else
    echo "compute-sanitizer is not installed: memory accesses were not checked"
fi
run "$minidl" doctor --device cuda --precision tf32 --batch 128
run "$minidl" bench --device cuda --norms bn,gn --batch-sizes 2,8,32,128,512
echo "$failed failed"
[ $failed -eq 0 ]
