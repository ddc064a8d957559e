#!/usr/bin/env bash
# Runs every benchmark once more and prints the medians: ops, whole models, compile time.
#   bash bench/run.sh [--quick]        full: about six minutes on two cores; JSON goes to build/bench/
# Run it on a machine that does nothing else: threads that wait for one another double any disturbance.
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/build_steps.sh
repetitions=5 models='baseline/|proxyv_L9/|proxyv_plain_form_L9/'
if [ "${1:-}" = --quick ]; then repetitions=3 models='(baseline|proxyv_L9)/bf16'; fi

configure build > /dev/null
build build proxyv_bench_cpu_bench > /dev/null
mkdir -p build/bench

echo "date      $(date -u +%F)"
echo "commit    $(git describe --always --dirty 2>/dev/null || echo unknown)"
echo "compiler  $(c++ --version | head -n 1)"
run() {  # run NAME FILTER OPTION...
  local name=$1 filter=$2
  shift 2
  build/bin/bench/cpu_bench --benchmark_filter="$filter" "$@" --benchmark_out=build/bench/"$name".json --benchmark_out_format=json
}
run ops '^(gemm|gemv)/(medium|vicuna-7b)/(q|gate|few_gate)/|^attention/(causal|dense)_' --repetitions=$repetitions
run models "^prefill/medium/($models)|^decode/medium/after_2935/bf16" --repetitions=3
bash bench/compile_time/measure.sh
