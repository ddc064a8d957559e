#!/usr/bin/env bash
# cpu_bench, PyTorch and other libraries' products on one machine, in turn; prints one table of ratios.
#   bash bench/peers/run_cpu.sh [--quick] [--threads 1,2] [--rounds 3] [--sections layer,attention,...]
#                               [--bench FOLDER] [--python PYTHON] [--out FOLDER] [--strict]
# Sections: attention layer prefill decode gemm gemv receipts, and products (OpenBLAS, BLIS, oneDNN, as far as their
# programs were built). FOLDER of --bench: build/bin/bench. PYTHON needs torch (Debian's python3-torch is enough);
# without one the others are compared alone. FOLDER of --out (build/bench/cpu_peers) receives the JSON, ratios.json
# and table.md. All of it takes about 20 minutes on two cores, --quick about 5.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
programs=$root/build/bin/bench python='' out=$root/build/bench/cpu_peers rounds=3 strict=() quick=no
threads=1,$(nproc)
sections=attention,layer,prefill,decode,gemm,gemv,receipts,products

refuse() {
  echo "bench/peers/run_cpu.sh: $1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes && shift ;;
    --strict) strict=(--strict) && shift ;;
    --bench | --python | --out | --threads | --rounds | --sections)
      [ $# -ge 2 ] || refuse "$1 wants a value"
      case $1 in
        --bench) programs=$2 ;;
        --python) python=$2 ;;
        --out) out=$2 ;;
        --threads) threads=$2 ;;
        --rounds) rounds=$2 ;;
        --sections) sections=$2 ;;
      esac
      shift 2
      ;;
    *) refuse "unknown option $1" ;;
  esac
done
case $rounds in '' | *[!0-9]* | 0) refuse "--rounds $rounds, wanted a number above 0" ;; esac
if [ "$threads" = 1,1 ]; then threads=1; fi

filter_of() {  # what cpu_bench calls a section's cases
  case $1 in
    attention) echo '^attention/(causal_2935|dense_235x3115)/.*/ours/' ;;
    layer) echo '^layer/medium/(plain|proxyv|proxyv_plain_form)/' ;;
    prefill) echo '^prefill/medium/(baseline|proxyv_L9)/' ;;
    decode) echo '^decode/medium/after_(1024|2935)/' ;;
    gemm) echo '^gemm/medium/.*/(f32_packed|bf16_packed|bf16_dot)/' ;;
    gemv) echo '^gemv/medium/(q|gate|down)/.*/(f32|bf16)/' ;;
    receipts) echo '^receipts/' ;;
    products) echo '' ;;
    *) refuse "no section $1; wanted attention, layer, prefill, decode, gemm, gemv, receipts or products" ;;
  esac
}

has_torch() { command -v "$1" > /dev/null && "$1" -c 'import torch' 2> /dev/null; }

IFS=, read -ra section_list <<< "$sections"
IFS=, read -ra thread_list <<< "$threads"
for section in "${section_list[@]}"; do filter_of "$section" > /dev/null; done
bench=$programs/cpu_bench
[ -x "$bench" ] || refuse "no program $bench; build it, or name its folder with --bench"
if [ -n "$python" ]; then
  has_torch "$python" || refuse "$python has no torch"
else
  for candidate in python3 /usr/bin/python3; do
    if has_torch "$candidate"; then python=$candidate && break; fi
  done
  [ -n "$python" ] || echo "bench/peers/run_cpu.sh: no python3 with torch: PyTorch's columns stay empty" >&2
fi

seconds=0.3 repetitions=3 shapes=all
if [ $quick = yes ]; then
  rounds=1 seconds=0.05 repetitions=3 shapes=quick
fi
mkdir -p "$out"
rm -f "$out"/ours-*.json "$out"/torch-*.json "$out"/gemm_*.json

ours() {  # ours SECTION THREADS FILE OPTION...
  local section=$1 count=$2 file=$3
  shift 3
  "$bench" --benchmark_filter="$(filter_of "$section")" --threads="$count" --repetitions=$repetitions --seconds=$seconds \
    --receipts="$root/examples/receipts" "$@" --benchmark_out="$file" --benchmark_out_format=json > /dev/null 2>> "$out/log"
}
peer() {  # peer SECTION THREADS FILE
  local questions=()
  if [ "$1" = receipts ]; then questions=(--questions "$out/questions"); fi
  "$python" "$here/cpu_torch.py" --sections "$1" --threads "$2" --seconds $seconds --checkpoints "$root/examples/receipts" \
    "${questions[@]}" --out "$3" 2>> "$out/log"
}

: > "$out/log"
for round in $(seq "$rounds"); do
  for section in "${section_list[@]}"; do
    [ "$section" != products ] || continue
    for count in "${thread_list[@]}"; do
      echo "round $round of $rounds: $section, $count threads" >&2
      name=$section-t$count-$round.json
      ours "$section" "$count" "$out/ours-$name" --questions-out="$out/questions" || refuse "cpu_bench failed at $section; see $out/log"
      if [ -n "$python" ]; then
        peer "$section" "$count" "$out/torch-$name" || refuse "PyTorch failed at $section; see $out/log"
      fi
    done
  done
done

case ,$sections, in *,products,*)
  for library in openblas blis onednn eigen; do
    program=$programs/gemm_$library
    if [ ! -x "$program" ]; then
      echo "no program $program: left out" >&2
      continue
    fi
    echo "products: $library" >&2
    "$program" --shapes $shapes --threads "$threads" --repetitions $repetitions --json "$out/gemm_$library.json" >> "$out/log" ||
      refuse "$program failed; see $out/log"
  done
  ;;
esac
python3 "$here/cpu_compare.py" "$out" --out "$out/ratios.json" --markdown "$out/table.md" "${strict[@]}"
