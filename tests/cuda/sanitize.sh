#!/usr/bin/env bash
# Runs the tests with small sizes, tag [small], under each tool of compute-sanitizer; ends with 1 when one reports
# anything. racecheck leaves out those that only move memory, and batches: their rows run the kernels that all other
# tests run, and take minutes. initcheck does not see what cuBLASLt's bulk copies write, so under it the memory of each of
# its products holds NaN before the product runs, and the engine leaves out what is made for Hopper.
#   bash tests/cuda/sanitize.sh [PROGRAM [TOOL...]]     PROGRAM: the CUDA tests, build/bin/tests/cuda by default
set -euo pipefail
program=${1:-build/bin/tests/cuda}
shift || true
tools=("$@")
if [ ${#tools[@]} = 0 ]; then tools=(memcheck racecheck initcheck synccheck); fi
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -n 1 || true)
if [ -z "$sanitizer" ]; then
  echo "tests/cuda/sanitize.sh: no compute-sanitizer here" >&2
  exit 2
fi
failed=0
for tool in "${tools[@]}"; do
  cases="[small]"
  if [ "$tool" = racecheck ]; then cases="[small]~[memory]~[batch]"; fi
  poison=()
  if [ "$tool" = initcheck ]; then poison=(env PROXYV_POISON_PRODUCTS=1 PROXYV_TEST_PORTABLE=1); fi
  log=$(mktemp)
  begin=$(date +%s)
  status=0
  timeout "${SANITIZE_SECONDS:-600}" "${poison[@]}" "$sanitizer" --tool "$tool" --error-exitcode 9 --print-limit 5 "$program" "$cases" -r compact >"$log" 2>&1 || status=$?
  if [ $status = 0 ]; then
    echo "$tool: $(grep SUMMARY "$log" | tail -n 1), $(($(date +%s) - begin)) s"
  else
    echo "$tool: FAILED ($status)"
    grep -vE '^(=========)? *$|Host Frame' "$log" | tail -n 25
    failed=1
  fi
  rm -f "$log"
done
exit $failed
