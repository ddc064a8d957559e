#!/bin/sh
# A benchmark program at work on its smallest cases: every one of them must give a time, and a filter that fits
# nothing must fail.
#   sh bench/smoke.sh PROGRAM [OPTION...]
set -eu
program=$1
shift
"$program" --benchmark_list_tests=true > /dev/null
out=$("$program" "$@" --benchmark_filter='/(tiny|receipts-[a-z]+)/|^attention/causal_64/|^receipts/' --benchmark_format=json 2> /dev/null) || {
  echo "$out"
  echo "smoke: $program fails on its smallest cases" >&2
  exit 1
}
case $out in *"no CUDA device"*) echo "no CUDA device" && exit 0 ;; esac
echo "$out" | awk '
  /"name":/ { name = $2 }
  /"real_time":/ { rows++; if (!($2 + 0 > 0)) { bad++; print "smoke: no time: " name } }
  /"error_message":/ { bad++; print "smoke: " name $0 }
  END { print "smoke: " rows + 0 " cases"; exit (rows == 0 || bad > 0) }'
if "$program" "$@" --benchmark_filter='^nothing is called so$' > /dev/null 2>&1; then
  echo "smoke: $program accepts a filter that fits nothing" >&2
  exit 1
fi
