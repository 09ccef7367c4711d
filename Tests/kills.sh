#!/usr/bin/env bash
# Kills runs of train and compare (SIGKILL) at random moments and within milliseconds of a write, goes on with each until it ends, and holds
# what it leaves to a run that nobody killed: every row (but for times) and every bit of the weights.
#
#   Tests/kills.sh [kills of train, 100] [kills of compare, 20] [seed, 1]
#
# Needs a built program (dotnet build -c Release). The last line is "N kills, N runs compared, N lost"; the exit code is 0 only when none is.
set -uo pipefail
cd "$(dirname "$0")/.."
train_kills=${1:-100}; compare_kills=${2:-20}; RANDOM=${3:-1}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
program="dotnet Examples/bin/Release/net10.0/minidl.dll"
small="--model resnet8 --train-images 120 --test-images 40"
train="$program train $small --augment --batch-size 10 --epochs 4 --quiet"
compare="$program compare $small --norms bn,gn --batch-sizes 10,20 --epochs 2 --quiet"
kills=0; compared=0; lost=0

# results DIR: what must be the same whoever was killed.
results() {
    if [ -f "$1/metrics.csv" ]; then cut -d, -f1-7 "$1/metrics.csv"; sha256sum <"$1/checkpoint/model.safetensors"
    else cut -d, -f1-8,10- "$1/runs.csv"; cat "$1/layers.csv" "$1/evaluation.csv"; fi
}

# kill_after PID DIR: waits for a random moment, or for a file that is just being written, and kills.
kill_after() {
    if ((RANDOM % 2)); then sleep "$(printf '0.%03d' $((RANDOM % 1000)))"; sleep "0.$((RANDOM % 10))"
    else
        sleep "$(printf '0.%03d' $((RANDOM % 1000)))"
        until compgen -G "$2/*.tmp" >/dev/null || compgen -G "$2/checkpoint/*.tmp" >/dev/null || ! kill -0 "$1" 2>/dev/null; do :; done
        sleep "$(printf '0.%03d' $((RANDOM % 8)))"
    fi
    kill -KILL "$1" 2>/dev/null
}

# survive COUNT COMMAND: runs COMMAND in new folders, killing it until COUNT kills have hit.
survive() {
    local wanted=$1 command=$2 hit=0 run=0 folder before
    $command --out "$work/whole"; results "$work/whole" >"$work/expected"
    while [ "$hit" -lt "$wanted" ]; do
        folder="$work/run$((run++))"; before=$hit
        while :; do
            local call="$command --out $folder"
            if [[ $command == *" train "* ]] && compgen -G "$folder/checkpoint/last*.safetensors" >/dev/null; then call="$program train --quiet --resume $folder"; fi
            $call 2>"$work/error" & local pid=$!
            # After five kills the run may end.
            if [ $((hit - before)) -lt 5 ] && [ "$hit" -lt "$wanted" ]; then kill_after $pid "$folder"; fi
            wait $pid 2>/dev/null; local code=$?
            if [ "$code" -eq 137 ]; then hit=$((hit + 1)); continue; fi
            if [ "$code" -ne 0 ]; then echo "exit code $code after $((hit - before)) kills: $(cat "$work/error")"; lost=$((lost + 1)); fi
            break
        done
        compared=$((compared + 1))
        if ! results "$folder" | diff -q "$work/expected" - >/dev/null; then echo "$folder differs"; lost=$((lost + 1)); fi
        rm -rf "$folder"
    done
    kills=$((kills + hit)); rm -rf "$work/whole"
}

survive "$train_kills" "$train"
survive "$compare_kills" "$compare"
echo "$kills kills, $compared runs compared, $lost lost"
[ "$lost" -eq 0 ]
