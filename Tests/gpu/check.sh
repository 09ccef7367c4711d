#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: is MiniDL right there, does it repeat itself bit for bit, and how fast is it? Needs the display driver
# and this folder as publish.sh makes it; compute-sanitizer and ptxas look deeper where they are installed. Without a GPU it runs on the
# emulated driver: MINIDL_CUDA_LIB=$(Tests/gpu/fake/build.sh) Tests/gpu/check.sh --small Examples/bin/Release/net10.0/minidl
#   check.sh [--small] [--out FOLDER] [MINIDL]
#     --small    tiny models and batches, for the emulated driver: no time means anything
#     --out      for what the checks print and write (default: check-results)
#     MINIDL     the program (default: minidl beside this script)
# The exit code is 0 if nothing failed. bench.jsonl in the folder has the times.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
small=no out=check-results minidl=$here/minidl
while [ $# -gt 0 ]; do
    case $1 in
        --small) small=yes ;;
        --out) out=$2; shift ;;
        -*) echo "check.sh: there is no option $1" >&2; exit 2 ;;
        *) minidl=$1 ;;
    esac
    shift
done
[ -x "$minidl" ] || { echo "check.sh: no program $minidl" >&2; exit 2; }
mkdir -p "$out" && rm -rf "${out:?}"/* || exit 2

precisions="fp32 tf32 bf16"
failed=() skipped=() count=0
skip() { skipped+=("$1"); echo "== skipped: $1"; }

# check NAME COMMAND...: runs it; what it prints is shown and kept in NAME.log.
check()
{
    local name=$1 start=$SECONDS; shift
    count=$((count + 1))
    echo "== $name: $*"
    "$@" 2>&1 | tee "$out/$name.log"
    local code=${PIPESTATUS[0]}
    if [ "$code" -eq 0 ]; then echo "== $name: passed, $((SECONDS - start)) s"
    else failed+=("$name"); echo "== $name: FAILED with exit code $code"; fi
    return "$code"
}

# same NAME FILE...: whether NAME-1 and NAME-2 have the same bytes in these files.
same()
{
    local name=$1 file; shift
    for file in "$@"; do cmp "$out/$name-1/$file" "$out/$name-2/$file" || return 1; done
    echo "the same bytes: $*"
}

# ---- is every operator right? ---------------------------------------------------------------------------------------------------
if command -v nvidia-smi > /dev/null; then nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
else skip "nvidia-smi is not installed: which GPU it is says doctor alone"; fi
for precision in $precisions; do
    check "doctor-$precision" "$minidl" doctor --device cuda --precision $precision --batch 2 --repeat 0
    if [ $small = no ]; then check "doctor-$precision-128" "$minidl" doctor --device cuda --precision $precision --batch 128; fi
done

# ---- do two runs give the same bits, one after another and side by side? ---------------------------------------------------------
if [ $small = yes ]; then run="--model mlp --train-images 12 --test-images 4"
else run="--model resnet20 --train-images 2048 --test-images 500"; fi
for precision in $precisions; do
    for norm in bn gn; do
        name=train-$norm-$precision
        for time in 1 2; do
            check $name-$time "$minidl" train $run --device cuda --precision $precision --norm $norm --augment --epochs 2 \
                --batch-size $([ $small = yes ] && echo 4 || echo 64) --out "$out/$name-$time"
        done
        check $name-same same $name checkpoint/model.safetensors checkpoint/last.safetensors
    done
    name=compare-$precision
    for time in 1 2; do
        # First one run after another, then up to four on streams of their own.
        check $name-$time "$minidl" compare $run --device cuda --precision $precision --norms bn,gn --epochs 2 --parallel $((time * time)) \
            --batch-sizes $([ $small = yes ] && echo 4 || echo 8,16) --out "$out/$name-$time"
    done
    check $name-same same $name layers.csv evaluation.csv summary.csv
done

# ---- does a kernel touch memory that is not its own, or read what another thread has not written yet? -----------------------------
if command -v compute-sanitizer > /dev/null; then
    for precision in $precisions; do
        for tool in memcheck racecheck initcheck synccheck; do
            check "$tool-$precision" compute-sanitizer --tool $tool --error-exitcode 9 \
                "$minidl" doctor --device cuda --precision $precision --batch 2 --repeat 0 --quiet
        done
    done
else
    skip "compute-sanitizer is not installed: accesses to memory were not checked"
fi

# ---- do kernels keep their values in registers? ----------------------------------------------------------------------------------
ptx=$here/ptx
[ -d "$ptx" ] || ptx=$here/../../Core/Backends/Cuda/Kernels
if command -v ptxas > /dev/null; then
    for file in "$ptx"/*.ptx; do check "registers-$(basename "$file" .ptx)" "$here/registers.sh" "$file"; done
else
    skip "ptxas is not installed: registers and spills are not known"
fi

# ---- how fast is a training step? ------------------------------------------------------------------------------------------------
if [ $small = yes ]; then size="--model mlp --batch-sizes 2 --steps 1 --warm-up 0"
else size="--batch-sizes 2,8,32,128,512"; fi
for precision in tf32 fp32 bf16; do
    check "bench-$precision" "$minidl" bench --device cuda --precision $precision --norms bn,gn $size
done
# What do gradients of weights beside the chain of a recorded step gain?
check in-line-tf32 env MINIDL_CUDA_BRANCH=0 "$minidl" bench --device cuda --norms bn,gn $size
grep -h '^{' "$out"/bench-*.log > "$out/bench.jsonl"

echo
echo "$((count - ${#failed[@]})) of $count checks passed; results in $out"
for name in "${failed[@]}"; do echo "failed: $name"; done
for what in "${skipped[@]}"; do echo "skipped: $what"; done
[ ${#failed[@]} -eq 0 ]
