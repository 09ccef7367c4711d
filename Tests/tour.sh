#!/usr/bin/env bash
# Runs the programs of Examples/Tour as their readers do, and compares what they print with Examples/Tour/expected/NAME.txt.
#   Tests/tour.sh [--update] [NUMBER…]       all programs, or those with these numbers: Tests/tour.sh 03 08
# Prints "ok NAME (seconds)", or the lines that differ; the exit code is 0 only when nothing differs. --update writes the expected files.
#
# The text must be equal, but for the number of spaces and the length of rules in tables. Numbers may differ by a thousandth of their size
# or by a millionth, as vector registers of other widths round differently: a first line "# tolerance 0.05" in an expected file allows
# more than a thousandth, for results of training. Lines that begin with "~ " depend on the machine and are not compared, nor
# is progress: "  9 %, about 20 s left".
# Needs the .NET SDK and awk. Each program runs in a temporary folder, where it leaves its pictures.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 TERM=dumb
root=$PWD; work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir "$work/here"

update=false
if [ "${1:-}" = --update ]; then update=true; shift; fi
programs=()
for number in "${@:-}"; do
    for program in Examples/Tour/${number:-[0-9][0-9]}-*.cs; do
        if [ ! -f "$program" ]; then echo "there is no $program"; exit 2; fi
        programs+=("$program")
    done
done

# differences EXPECTED PRINTED: prints both versions of every line that differs; succeeds if there is none.
differences() {
    LC_ALL=C awk -v expected="$1" '
        function comparable(line) { gsub(/[ \t]+/, " ", line); gsub(/(─)+/, "─", line); sub(/ $/, "", line); return line }
        # Takes the next number from the end of `rest`, leaving in `before` what precedes it.
        function number() {
            if (!match(rest, /[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?/)) { before = rest; rest = ""; return "" }
            before = substr(rest, 1, RSTART - 1); found = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
            return found
        }
        function size(x) { return x < 0 ? -x : x }
        function same(a, b,   x, y, text, left) {
            a = comparable(a); b = comparable(b)
            while (a != b) {
                rest = a; x = number(); text = before; left = rest
                rest = b; y = number(); if (text != before || x == "" || y == "") return 0
                if (size(x - y) > 1e-6 && size(x - y) > tolerance * (size(x) > size(y) ? size(x) : size(y))) return 0
                a = left; b = rest
            }
            return 1
        }
        # Once a line is missing, all that follow differ: the first ones tell.
        function report(what) { if (++differ <= 8) print "  " what }
        BEGIN {
            tolerance = 1e-3
            machine = "^(~ | *[0-9]+ %, )"
            while ((getline line < expected) > 0)
                if (line ~ /^# tolerance /) { split(line, words, " "); tolerance = words[3] + 0 }
                else if (line !~ machine) lines[++wanted] = line
        }
        $0 ~ machine { next }
        {
            if (++printed > wanted) report("not expected: " $0)
            else if (!same(lines[printed], $0)) report("expected:     " lines[printed] "\n  printed:      " $0)
        }
        END {
            while (++printed <= wanted) report("missing:      " lines[printed])
            if (differ > 8) print "  and " differ - 8 " more lines"
            exit differ > 0
        }' "$2"
}

failed=0
for program in "${programs[@]}"; do
    name=$(basename "$program" .cs); expected=Examples/Tour/expected/$name.txt
    # The first build makes the libraries that all of them share, optimized also in Debug: Directory.Build.props.
    if ! dotnet build "$program" -v quiet >"$work/log" 2>&1; then
        echo "FAIL  $name does not build"; cat "$work/log"; failed=$((failed + 1)); continue
    fi
    start=$SECONDS
    if ! (cd "$work/here" && dotnet run --no-build "$root/$program") >"$work/printed" 2>"$work/log"; then
        echo "FAIL  $name"; tail -n 20 "$work/printed" "$work/log"; failed=$((failed + 1)); continue
    fi
    seconds=$((SECONDS - start))
    if $update; then
        mkdir -p Examples/Tour/expected
        { [ -f "$expected" ] && grep '^# tolerance ' "$expected"; awk '!/^(~ | *[0-9]+ %, )/ { sub(/[ \t]+$/, ""); print }' "$work/printed"; } >"$work/expected"
        cp "$work/expected" "$expected"
        echo "wrote $expected ($seconds s)"
    elif [ ! -f "$expected" ]; then
        echo "FAIL  $name: there is no $expected; Tests/tour.sh --update writes it"; failed=$((failed + 1))
    elif differences "$expected" "$work/printed" >"$work/log"; then
        echo "ok    $name ($seconds s)"
    else
        echo "FAIL  $name"; cat "$work/log"; failed=$((failed + 1))
    fi
done
[ "$failed" -eq 0 ]
