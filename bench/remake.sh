#!/usr/bin/env bash
# Makes the figures of the docs anew: every program of bench/, compile time, and the peers; JSON and tables under
# build/bench/, the tables also into the marked places of docs/benchmarks.md.
#   bash bench/remake.sh [--cpu | --gpu] [--quick] [--no-docs]
# --cpu (default) takes about a quarter of an hour on two cores, building not counted; --quick about two, with fewer cases and
# repetitions, and leaves the docs alone. --gpu needs a CUDA device and, for the peer, PyTorch; its tables are printed.
# Run it on a machine that does nothing else: docs/measuring.md says what a figure is worth when it does.
set -euo pipefail
cd "$(dirname "$0")/.."
source cmake/build_steps.sh
what=cpu quick=no docs=yes
for word in "$@"; do
  case $word in
    --cpu) what=cpu ;;
    --gpu) what=gpu ;;
    --quick) quick=yes docs=no ;;
    --no-docs) docs=no ;;
    *) echo "bench/remake.sh: unknown option $word, wanted --cpu, --gpu, --quick or --no-docs" >&2 && exit 2 ;;
  esac
done

if [ $what = gpu ]; then
  bash bench/run_cuda.sh
  exec bash bench/peers/run.sh
fi

out=build/bench/cpu
configure build > /dev/null
build build proxyv_bench_cpu_bench > /dev/null
mkdir -p $out
rm -f $out/*.json $out/*.md

begin=$(date +%s)
echo "commit    $(git describe --always --dirty 2>/dev/null || echo unknown)"
echo "compiler  $(c++ --version | head -n 1)"
run() {  # run BLOCK FILTER OPTION...
  local block=$1 filter=$2
  shift 2
  echo "== $block ($(($(date +%s) - begin)) s)"
  build/bin/bench/cpu_bench --benchmark_filter="$filter" "$@" --benchmark_out=$out/"$block".json --benchmark_out_format=json \
    > $out/"$block".log 2>&1 || { tail -n 5 $out/"$block".log >&2; exit 1; }
}

all=$(nproc)
if [ $quick = yes ]; then
  few=(--repetitions=1 --seconds=0.02 --patience=0)
  run gemm '^gemm/medium/(q|few_gate)/' "${few[@]}"
  run gemv '^gemv/medium/gate/' "${few[@]}"
  run attention '^attention/(causal_2935|dense_235x3115|proxyv|decode_2935)/16x64/' "${few[@]}"
  run layers '^layer/medium/(plain|proxyv)/' "${few[@]}" --threads="$all"
  run models '^prefill/medium/(baseline|proxyv_L9)/bf16|^decode/medium/after_2935/bf16' "${few[@]}" --threads="$all"
  run pipeline '^receipts/|^pipeline/receipts' "${few[@]}"
  bash bench/peers/run_cpu.sh --quick --sections attention,receipts --threads "$all" --out $out/peers > /dev/null
else
  run gemm '^gemm/medium/|^gemm/vicuna-7b/.*/(f32_packed|bf16_packed|bf16_dot)/' --repetitions=3
  run gemv '^gemv/(medium|vicuna-7b)/(gate|down)/' --repetitions=3
  run attention '^attention/.*/(8x128|16x64|32x128_kv8)/' --repetitions=3
  run small '^(op|update)/medium/|^op/[a-z_]+/medium' --repetitions=3
  run layers '^layer/medium/' --repetitions=3
  run models '^prefill/medium/((baseline|proxyv_L9)/|(proxyv_plain_form|learned)_L9/bf16/)|^decode/medium/after_2935/' --repetitions=2 --threads="$all"
  run pipeline '^encoder/clip-l-336/|^pipeline/medium' --repetitions=1 --threads="$all"
  run receipts '^receipts/|^pipeline/receipts' --repetitions=5
  bash bench/peers/run_cpu.sh --rounds 2 --sections layer,attention,receipts --threads "$all" --out $out/peers > /dev/null
fi
cp $out/peers/table.md $out/peers.md
echo "== compile time ($(($(date +%s) - begin)) s)"
bash bench/compile_time/measure.sh | sed 's/^/    /' | tee $out/compile_time.md
python3 bench/tables.py $out > build/bench/tables.md
if [ $docs = yes ]; then python3 bench/tables.py $out --into docs/benchmarks.md; fi
echo "made in $(($(date +%s) - begin)) s: build/bench/tables.md$([ $docs = no ] || echo ' and docs/benchmarks.md')"
