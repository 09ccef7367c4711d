#!/usr/bin/env bash
# usage: compare-with-peer.sh [PEER_COMMAND [NORMS [BATCHES [ROUNDS]]]]
#        compare-with-peer.sh "$PWD/Tests/MiniDL.Benchmarks/Peer/run.sh" bn,gn 2,8,32,128 3     (these are the defaults)
# Measures `minidl bench` against another framework on this machine and prints a table in Markdown. About six minutes; leave the
# machine alone meanwhile.
#
# PEER_COMMAND NORM BATCH STEPS THREADS trains ResNet-20 on random images with that norm (bn, gn), batch size and number of
# threads, takes the median time of STEPS training steps and of STEPS evaluation passes, after a warm-up, and prints one JSON line
# with at least the numbers train_images_per_s, eval_images_per_s and peak_rss_mb (MB of 10^6 bytes). Peer/run.sh is one.
#
# Every cell is a process of its own, since memory peaks last as long as their process. MiniDL and the peer take turns, so that
# both meet the same weather, and the median over the rounds counts.
# Environment: THREADS (default: all processors), STEPS (default: 2000 images' worth, from 15 to 200; of a toy net 2000),
# TOY (a net of `minidl bench --toy` in place of ResNet-20; norms and batch sizes are its own then), LOAD (yes: one other process keeps a core
# busy meanwhile).
#   TOY=mlp-2-32-32-2 compare-with-peer.sh; TOY=lenet compare-with-peer.sh; TOY=mlp-784-256-256-10 compare-with-peer.sh
#   LOAD=yes compare-with-peer.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); root=$here/../..
read -ra peer <<<"${1:-$here/Peer/run.sh}"
norms=${2:-bn,gn}; batches=${3:-2,8,32,128}; rounds=${4:-3}; threads=${THREADS:-$(nproc)}
case ${TOY:-} in
    '') ;;
    mlp-2-32-32-2) norms=none; batches=50 ;;
    *) norms=none; batches=64 ;;
esac
results=$(mktemp); trap 'rm -f "$results"; [ -z "${busy:-}" ] || kill "$busy"' EXIT

steps_for() { local n=$((2000 / $1)); [ -z "${TOY:-}" ] || { echo "${STEPS:-2000}"; return; }; n=$((n < 15 ? 15 : n > 200 ? 200 : n)); echo "${STEPS:-$n}"; }
minidl() {
    local net=(--norms "$1"); [ -z "${TOY:-}" ] || net=(--toy "$TOY")
    dotnet "$root/Examples/bin/Release/net10.0/minidl.dll" bench --quiet "${net[@]}" --batch-sizes "$2" --steps "$3" --threads "$4"
}

# measure SIDE NORM BATCH COMMAND…: runs one process and notes its three numbers.
measure() {
    local side=$1 norm=$2 batch=$3 line key values=(); shift 3
    line=$("$@" "$norm" "$batch" "$(steps_for "$batch")" "$threads" ${TOY:-} | grep '^{' | tail -1)
    for key in train_images_per_s eval_images_per_s peak_rss_mb; do
        values+=("$(sed -nE "s/.*\"$key\": *([0-9.]+).*/\1/p" <<<"$line")")
    done
    [ -n "${values[2]}" ] || { echo "no numbers from: $* $norm $batch" >&2; exit 1; }
    echo "$side $norm $batch ${values[*]}" | tee -a "$results" >&2
}

# Before its own build, which would count.
[ "${LOAD:-}" = yes ] || awk '$1 > 0.7 { print "warning: load average " $1 ": a busy machine slows the peer more than MiniDL, since its threads wait by spinning" }' /proc/loadavg >&2
dotnet build "$root/Examples" -c Release -v q --nologo >&2
"${peer[@]}" bn 2 1 "$threads" >/dev/null   # builds what it has to before anything is timed
if [ "${LOAD:-}" = yes ]; then
    while :; do :; done & busy=$!
    echo "with a core kept busy by process $busy, a shell that loops" >&2
fi
for ((round = 1; round <= rounds; round++)); do
    for norm in ${norms//,/ }; do
        for batch in ${batches//,/ }; do
            measure minidl "$norm" "$batch" minidl
            measure peer "$norm" "$batch" "${peer[@]}"
        done
    done
done

echo "$(lscpu | sed -nE 's/^Model name: +//p'), $threads threads, $(date -u +%F); medians of $rounds rounds, images/s and MB."
echo
awk -v norms="$norms" -v batches="$batches" '
    { for (k = 4; k <= 6; k++) values[$1, $2, $3, k] = values[$1, $2, $3, k] " " $k }
    function median(text,   list, n, i, j, t) {
        n = split(text, list, " ")
        for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j - 1] + 0 > list[j] + 0; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
        return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
    }
    END {
        print "| norm | batch | train MiniDL | peer | ratio | evaluation MiniDL | peer | ratio | memory MiniDL | peer | ratio |"
        print "|---|---|---|---|---|---|---|---|---|---|---|"
        count = split(norms, norm, ","); sizes = split(batches, batch, ",")
        for (i = 1; i <= count; i++) for (j = 1; j <= sizes; j++) {
            row = "| " toupper(norm[i]) " | " batch[j]
            for (k = 4; k <= 6; k++) {
                a = median(values["minidl", norm[i], batch[j], k]); b = median(values["peer", norm[i], batch[j], k])
                row = row sprintf(" | %.0f | %.0f | **%.2f**", a, b, a / b); logs[k] += log(a / b)
            }
            print row " |"
        }
        cells = count * sizes
        printf "| geometric mean | | | | **%.2f** | | | **%.2f** | | | **%.2f** |\n", exp(logs[4] / cells), exp(logs[5] / cells), exp(logs[6] / cells)
    }' "$results"
