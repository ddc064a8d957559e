#!/usr/bin/env bash
# Runs the CUDA engine's benchmarks and prints their medians; JSON goes to build/bench/cuda.json.
#   bash bench/run_cuda.sh [--models] [--profile] [FILTER]
# Everything takes about four minutes on an H200; --models: prefill, decoding and attention, about two; FILTER: a
# regular expression. --profile prints instead where the time of a prefill and of a token goes, op by op.
# Run it on a card that does nothing else. bench/peers/run.sh puts PyTorch beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/build_steps.sh
filter='.' profile=no
while [ $# -gt 0 ]; do
  case $1 in
    --models) filter='^(prefill|decode|attention)/' ;;
    --profile) profile=yes ;;
    -*) echo "bench/run_cuda.sh: unknown option $1" >&2 && exit 2 ;;
    *) filter=$1 ;;
  esac
  shift
done

configure build -DPROXYV_CUDA=ON > /dev/null
build build proxyv_bench_cuda_bench > /dev/null
mkdir -p build/bench

echo "date      $(date -u +%F)"
echo "commit    $(git describe --always --dirty 2>/dev/null || echo unknown)"
echo "compiler  $(c++ --version | head -n 1)"
if command -v nvidia-smi > /dev/null; then
  nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm,power.draw,power.limit --format=csv,noheader
fi
if [ $profile = yes ]; then exec build/bin/bench/cuda_bench --profile=all; fi
build/bin/bench/cuda_bench --benchmark_filter="$filter" --benchmark_out=build/bench/cuda.json --benchmark_out_format=json
