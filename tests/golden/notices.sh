#!/usr/bin/env bash
# Usage: notices.sh PROGRAM. Checks that the golden checker notices what is wrong: each file of
# data/damaged/ has one fault, and the line about it must say which.
set -uo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")/data" || exit 1
faults=0

# wants STATUS PATTERN ARGUMENT...: the program's status, and a pattern that its output must match.
wants() {
  local status=$1 pattern=$2 found rc=0
  shift 2
  found=$("$program" "$@" 2>&1) || rc=$?
  if [ $rc -ne "$status" ] || ! grep -qE -- "$pattern" <<<"$found"; then
    printf 'wanted status %s and: %s\nfound status %s and: %s\n' "$status" "$pattern" $rc "$found"
    faults=$((faults + 1))
  fi
}

engines="eigen reference"
if "$program" --engine cuda text_only.safetensors >/dev/null 2>&1; then
  engines+=" cuda"
else
  wants 2 '^proxyv-golden: (no CUDA device|--engine cuda: this build has no kernels)' --engine cuda text_only.safetensors
fi
for engine in $engines; do
  wants 1 '^FAIL hidden_state 1\.0e-03 out\.hidden\.2 above 2\.0e-05 \(' --engine $engine damaged/hidden_state.safetensors
  wants 1 '^FAIL greedy_token inf out\.greedy_tokens element 2: wanted [0-9]+, found [0-9]+ \(' --engine $engine damaged/greedy_token.safetensors
  wants 1 '^FAIL batch inf out\.greedy_tokens element 2: wanted [0-9]+, found [0-9]+ \(' --engine $engine damaged/batch.safetensors
  wants 1 '^FAIL mask inf out\.allow_special element [0-9]+: wanted 1, found 0 \(layout\)' --engine $engine damaged/mask.safetensors
  wants 1 '^FAIL unit 5\.0e-05 0\.y:rms_norm above 2\.0e-05' --engine $engine damaged/unit.safetensors
  wants 1 '^FAIL weight_missing - - .*weight_missing\.safetensors: tensor "model\.layers\.1\.mlp\.up_proj\.weight"' --engine $engine damaged/weight_missing.safetensors
  wants 1 '^FAIL unknown_result - - tensor "out\.surprise" was not compared' --engine $engine damaged/unknown_result.safetensors
done
wants 1 '^FAIL cut_short - - .*cut_short\.safetensors: ' damaged/cut_short.safetensors
wants 1 '^FAIL nowhere - - nowhere\.safetensors: ' nowhere.safetensors
wants 1 '^PASS text_only .*' text_only.safetensors damaged/unit.safetensors
wants 2 'no files' --engine eigen
wants 2 '--engine wants eigen, reference, onednn or cuda' --engine abacus x
wants 2 '--dtype bf16 and f16 want --engine cuda' --dtype bf16 x
wants 2 '--weights wants f32, bf16 or f16' --weights f8 x
wants 2 '--report: cannot write' --report nowhere/report.txt text_only.safetensors
wants 2 '--threads wants a number' --threads 0 x
wants 2 'unknown option "--fast"' --fast x
wants 0 'Exit status' --help
[ $faults -eq 0 ]
