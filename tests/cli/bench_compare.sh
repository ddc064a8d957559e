#!/bin/sh
# The exit statuses of `proxyv bench --compare`, and that a layer of one's own is in every report.
#   bench_compare.sh PROXYV OWN_LAYER
set -eu
proxyv=$1
own_layer=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# wants STATUS WORD... : the program's status; what it said is kept in $work/said
wants() {
  status=$1
  shift
  found=0
  "$@" >"$work/said" 2>&1 || found=$?
  if [ "$found" -ne "$status" ]; then
    echo "wanted status $status, found $found: $*" >&2
    cat "$work/said" >&2
    exit 1
  fi
}
says() {
  if ! grep -q -e "$1" "$work/said"; then
    echo "not said: $1" >&2
    cat "$work/said" >&2
    exit 1
  fi
}
bench() { "$proxyv" bench --model tiny --variants plain,proxyv --crops 2 --text 5 --repetitions 2 --threads 1 --quiet "$@"; }

wants 0 bench --encoder tiny --json "$work/now.json" --csv "$work/now.csv" --html "$work/now.html"
says 'encoder ms'
grep -q 'encoder and projector' "$work/now.html"

# An earlier run that took next to no time, and one that took forever.
sed 's/"median_ms": [0-9.e+-]*/"median_ms": 0.01/; s/"noise": [0-9.e+-]*/"noise": 0.0/' "$work/now.json" >"$work/fast.json"
sed 's/"median_ms": [0-9.e+-]*/"median_ms": 1e9/; s/"noise": [0-9.e+-]*/"noise": 0.0/' "$work/now.json" >"$work/slow.json"
wants 1 bench --encoder tiny --compare "$work/fast.json"
says 'slower'
wants 0 bench --encoder tiny --compare "$work/slow.json"
says 'plain: encoder'
wants 0 bench --encoder tiny --compare "$work/fast.json" --threshold 1e6

# Mistakes.
wants 2 bench --compare "$work/now.json"
says '--compare: encoder was "tiny", is "none"'
wants 2 bench --encoder tiny --compare "$work/missing.json"
says 'cannot be opened'
wants 2 bench --encoder huge
wants 2 bench --variants nonsense
says 'no variant "nonsense"'

wants 0 "$own_layer" --variants plain,no-vision-ffn --start-layer 1:3 --crops 2 --text 5 --repetitions 2 --threads 1 --quiet \
  --json "$work/own.json" --csv "$work/own.csv" --html "$work/own.html"
for file in own.json own.csv own.html; do
  if ! grep -q 'no-vision-ffn' "$work/$file"; then
    echo "no-vision-ffn is not in $file" >&2
    exit 1
  fi
done
[ "$(grep -c '^no-vision-ffn,' "$work/own.csv")" -eq 3 ] || { echo "the sweep has not three lines" >&2; exit 1; }
echo "statuses and reports as they should be"
