#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: is MiniDL right there, how fast is it and where does its time go, does it repeat itself bit for bit, and
# does it train? Needs the display driver and this folder as publish.sh makes it; compute-sanitizer and ptxas look deeper where they are
# installed. Without a GPU it runs on the emulated driver:
#   MINIDL_CUDA_LIB=$(Tests/gpu/fake/build.sh) Tests/gpu/check.sh --small Examples/bin/Release/net10.0/minidl
#
#   check.sh [--only STAGE[,STAGE…]] [--small] [--out FOLDER] [--data-dir FOLDER] [--budget SECONDS] [MINIDL]
#     --only      some of the stages, which otherwise all run, in this order (seconds that each may take):
#                   doctor    every operator in every precision, and what the driver made of the kernels     (90)
#                   bench     training steps and evaluation; once without the branch of recorded steps       (120)
#                   profile   the time of each kernel                                                       (120)
#                   bits      weights after some steps, recorded, kernel by kernel, in line, another stream (60)
#                   train     ResNet-20 with BN and GN at batch 2, 32, 128; with --data-dir on CIFAR-10      (240)
#                   sanitizer the operators under compute-sanitizer, and registers by ptxas                  (120)
#     --small     tiny models and batches, for the emulated driver: no time means anything
#     --out       for what the checks print and write (default: check-results)
#     --data-dir  where the CIFAR-10 archive or its batches are
#     --budget    seconds that each stage may take, instead of its own
#     MINIDL      the program (default: minidl beside this script); it is started ten times in all
# The exit code is 0 if nothing failed. bench.jsonl and bench-in-line.jsonl in the folder have the times, profile.log the kernels'.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
stages="doctor bench profile bits train sanitizer"
small=no out=check-results minidl=$here/minidl only=${stages// /,} data= seconds=
usage() { echo "check.sh: $1" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case $1 in
        --small) small=yes ;;
        --out | --only | --data-dir | --budget)
            [ $# -ge 2 ] || usage "$1 needs a value"
            case $1 in --out) out=$2 ;; --only) only=$2 ;; --data-dir) data=$2 ;; --budget) seconds=$2 ;; esac
            shift ;;
        -*) usage "there is no option $1" ;;
        *) minidl=$1 ;;
    esac
    shift
done
for stage in ${only//,/ }; do
    case " $stages " in *" $stage "*) ;; *) usage "there is no stage $stage; choose of $stages" ;; esac
done
case $seconds in *[!0-9]*) usage "--budget $seconds is no number of seconds" ;; esac
[ -x "$minidl" ] || usage "no program $minidl"
if [ -e "$out" ] && [ ! -e "$out/check.log" ] && [ -n "$(ls -A "$out")" ]; then usage "$out holds something else; name another folder with --out"; fi
mkdir -p "$out" && rm -rf "${out:?}"/* || exit 2
echo "stages: ${only//,/ }" > "$out/check.log"

failed=() skipped=() count=0
skip() { skipped+=("$1"); echo "== skipped: $1"; }

# stage NAME SECONDS: whether it is to run; what is checked from here on may take so long together.
stage()
{
    case ",$only," in *",$1,"*) ;; *) return 1 ;; esac
    budget=${seconds:-$2} begun=$SECONDS
    echo "== stage $1, up to $budget s"
}

# check NAME COMMAND...: runs it within what is left of the stage's time; what it prints is shown and kept in NAME.log.
check()
{
    local name=$1 start=$SECONDS left=$((budget - SECONDS + begun)); shift
    count=$((count + 1))
    echo "== $name: $*"
    if [ $left -lt 1 ]; then left=1; fi
    timeout -k 5 $left "$@" 2>&1 | tee "$out/$name.log"
    local code=${PIPESTATUS[0]} what="passed, $((SECONDS - start)) s"
    if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then what="FAILED: the stage may take $budget s"
    elif [ "$code" -ne 0 ]; then what="FAILED with exit code $code"; fi
    [ "$code" -eq 0 ] || failed+=("$name")
    echo "== $name: $what" | tee -a "$out/check.log"
    return "$code"
}

if command -v nvidia-smi > /dev/null; then nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
else skip "nvidia-smi is not installed: which GPU it is says doctor alone"; fi
all=fp32,tf32,bf16

if stage doctor 90; then
    check doctor "$minidl" doctor --device cuda --precision $all --batch 2 --repeat 0
    # At this size the naive loops in double precision would take minutes; the CPU's float is held to them by the tests.
    if [ $small = no ]; then check doctor-128 "$minidl" doctor --device cuda --precision $all --batch 128 --against cpu; fi
fi

if stage bench 120; then
    if [ $small = yes ]; then size="--model mlp --batch-sizes 2 --steps 1 --warm-up 0"
    else size="--batch-sizes 2,8,32,128,512 --steps 9 --warm-up 0.3"; fi
    check bench "$minidl" bench --device cuda --precision $all --norms bn,gn $size
    # What do gradients of weights beside the chain of a recorded step gain?
    check bench-in-line env MINIDL_CUDA_BRANCH=0 "$minidl" bench --device cuda --precision tf32,bf16 --norms bn,gn $size
    for name in bench bench-in-line; do grep -h '^{' "$out/$name.log" > "$out/$name.jsonl"; done
fi

if stage profile 120; then
    if [ $small = yes ]; then size="--model mlp --norms bn --precision tf32 --batch-sizes 2 --steps 1 --warm-up 0"
    else size="--norms bn,gn --precision tf32,bf16 --batch-sizes 2,128 --steps 5 --warm-up 0.2"; fi
    check profile "$minidl" bench --device cuda --profile $size
fi

if stage bits 60; then
    if [ $small = yes ]; then size="--bits mlp --batch 2 --precision tf32"; else size="--bits resnet20 --batch 64 --precision $all"; fi
    check bits "$minidl" doctor --device cuda $size
fi

if stage train 240; then
    if [ -n "$data" ]; then run="--model resnet20 --dataset cifar10 --data-dir $data --batch-sizes 2,32,128 --train-images 10000 --test-images 10000 --augment --epochs 10"
    elif [ $small = yes ]; then run="--model mlp --batch-sizes 4 --train-images 12 --test-images 4 --epochs 2"
    else run="--model resnet20 --batch-sizes 2,32,128 --train-images 2048 --test-images 500 --augment --epochs 2"; fi
    check train "$minidl" compare $run --device cuda --norms bn,gn --out "$out/train"
fi

if stage sanitizer 120; then
    if command -v compute-sanitizer > /dev/null; then
        # Does a kernel touch memory that is not its own, read what nobody wrote, or what another thread has not written yet?
        for tool in memcheck initcheck racecheck; do
            check $tool compute-sanitizer --tool $tool --error-exitcode 9 "$minidl" doctor --device cuda --precision $all --batch 2 --repeat 0
        done
    else
        skip "compute-sanitizer is not installed: accesses to memory were not checked"
    fi
    ptx=$here/ptx
    [ -d "$ptx" ] || ptx=$here/../../Core/Backends/Cuda/Kernels
    if command -v ptxas > /dev/null; then
        for file in "$ptx"/*.ptx; do check "registers-$(basename "$file" .ptx)" "$here/registers.sh" "$file"; done   # sm_80 and sm_90
    else
        skip "ptxas is not installed: registers and spills are known from doctor alone"
    fi
fi

echo
echo "$((count - ${#failed[@]})) of $count checks passed; results in $(cd "$out" && pwd)"
for name in "${failed[@]}"; do echo "failed: $name"; done
for what in "${skipped[@]}"; do echo "skipped: $what"; done
[ ${#failed[@]} -eq 0 ]
