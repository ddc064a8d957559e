#!/usr/bin/env bash
# Our GPU benchmark, then PyTorch on the same work, on one machine; prints the table of ratios.
#   bash bench/peers/run.sh [--bench PROGRAM] [--python PYTHON] [--out FOLDER] [--models A,B] [--strict]
# PROGRAM: build/bin/bench/cuda_bench unless told. PYTHON needs torch 2.11 or newer. FOLDER
# (build/bench/peers) receives ours.json, torch.json and ratios.json. PyTorch takes about 140 s on an H200.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bench=$root/build/bin/bench/cuda_bench python=python3 out=$root/build/bench/peers
models=vicuna-7b,llama3-8b strict=()

refuse() {
  echo "bench/peers/run.sh: $1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --bench | --python | --out | --models) [ $# -ge 2 ] || refuse "$1 wants a value" ;;&
    --bench) bench=$2 && shift 2 ;;
    --python) python=$2 && shift 2 ;;
    --out) out=$2 && shift 2 ;;
    --models) models=$2 && shift 2 ;;
    --strict) strict=(--strict) && shift ;;
    *) refuse "unknown option $1" ;;
  esac
done

[ -x "$bench" ] || refuse "no program $bench; build it, or name it with --bench"
command -v "$python" > /dev/null || refuse "no $python; name one that has torch with --python"
"$python" -c 'import torch' 2> /dev/null || refuse "$python has no torch (2.11 or newer, with CUDA)"
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
  refuse "no GPU: torch finds no CUDA device on this machine"

mkdir -p "$out"
"$bench" --benchmark_format=console --benchmark_out="$out/ours.json" --benchmark_out_format=json \
  --benchmark_filter="^attention/|^(prefill|decode)/(${models//,/|})"
"$python" "$here/prefill_torch.py" --models "$models" --out "$out/torch.json" ||
  echo "bench/peers/run.sh: a part of PyTorch's run failed; its rows are missing" >&2
"$python" "$here/compare.py" "$out/ours.json" "$out/torch.json" --out "$out/ratios.json" "${strict[@]}"
