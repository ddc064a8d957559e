#!/usr/bin/env bash
# Runs every benchmark once more and prints the medians: ops, whole models, compile time.
#   bash bench/run.sh [--quick]        full: about six minutes on two cores; JSON goes to build/bench/
# Run it on a machine that does nothing else: threads that wait for one another double any disturbance.
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/build_steps.sh
repetitions=5 models='.'
if [ "${1:-}" = --quick ]; then repetitions=3 models='baseline|proxyv/'; fi

configure build > /dev/null
build build proxyv_bench_ops_bench proxyv_bench_model_bench > /dev/null
mkdir -p build/bench

echo "date      $(date -u +%F)"
echo "commit    $(git describe --always --dirty 2>/dev/null || echo unknown)"
echo "machine   $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(. /etc/os-release && echo "$PRETTY_NAME")"
echo "compiler  $(c++ --version | head -n 1)"
build/bin/bench/ops_bench --benchmark_repetitions=$repetitions --benchmark_enable_random_interleaving=true \
  --benchmark_min_time=0.05 --benchmark_report_aggregates_only=true \
  --benchmark_out=build/bench/ops.json --benchmark_out_format=json 2>/dev/null | grep -E '_median|_cv' | sort
build/bin/bench/model_bench --benchmark_filter="$models" --benchmark_report_aggregates_only=true \
  --benchmark_out=build/bench/models.json --benchmark_out_format=json 2>/dev/null | grep -E '_median|_cv|^decode'
bash bench/compile_time/measure.sh
