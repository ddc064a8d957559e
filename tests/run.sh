#!/usr/bin/env bash
# Installs what is missing (Debian: root or sudo), builds everything and runs all tests.
#   bash tests/run.sh [--sanitize | --fast] [CTEST-OPTION...]
#     (nothing)    all tests, then the unit tests again with the address and undefined-behaviour sanitizers
#     --sanitize   only the sanitized unit tests
#     --fast       without the sanitized ones
#   bash tests/run.sh --fast -R core/       only tests whose names match
# Where nvcc is, every CUDA source is compiled and linked; the GPU tests run where there is a device too.
# Builds into build/ and build/asan/. The last line is: N passed, N failed[, N skipped]
set -euo pipefail
cd "$(dirname "$0")/.."

plain=1 sanitized=1
while [ $# -gt 0 ]; do
  case $1 in
    --sanitize) plain=0 ;;
    --fast) sanitized=0 ;;
    --help) sed -n '2,/^set/s/^# \{0,1\}//p' tests/run.sh; exit 0 ;;
    *) break ;;
  esac
  shift
done

bash cmake/install_dependencies.sh test
source cmake/build_steps.sh

passed=0 failed=0 skipped=0 gpu=

# run_tests FOLDER CTEST-OPTION...: runs CTest there and adds its counts.
run_tests() {
  local folder=$1 report=$1/tests.xml
  shift
  rm -f "$report"
  ctest --test-dir "$folder" --output-on-failure --no-tests=error --parallel "$(jobs)" \
    --output-junit "$PWD/$report" "$@" || true
  count() { sed -n "s/.*\b$1=\"\([0-9]*\)\".*/\1/p" "$report" | head -n 1; }
  local all bad off
  if ! [ -f "$report" ] || ! all=$(count tests) || [ "${all:-0}" -eq 0 ]; then
    echo "tests/run.sh: no test ran in $folder" >&2
    failed=$((failed + 1))
    return
  fi
  bad=$(count failures) off=$(($(count disabled) + $(count skipped)))
  passed=$((passed + all - bad - off)) failed=$((failed + bad)) skipped=$((skipped + off))
}

if [ $plain = 1 ]; then
  echo "== configuring build/"
  configure build -DPROXYV_BUILD_TESTS=ON -DPROXYV_BUILD_EXAMPLES=ON -DPROXYV_CUDA=ON
  echo "== building everything into build/"
  build build all
  echo "== running the tests"
  run_tests build "$@"
  if [ ! -x build/bin/tests/cuda ]; then
    gpu="GPU tests: not compiled, there is no CUDA toolkit with nvcc here"
  elif [ ! -e /dev/nvidiactl ]; then
    gpu="GPU tests: every CUDA source compiled and linked; skipped, there is no CUDA device here"
  fi
fi
if [ $sanitized = 1 ]; then
  echo "== configuring build/asan/"
  configure build/asan --preset asan
  echo "== building the unit tests with sanitizers into build/asan/"
  build build/asan all
  echo "== running the unit tests with sanitizers"
  run_tests build/asan "$@"
fi

if [ -n "$gpu" ]; then echo "$gpu"; fi
line="$passed passed, $failed failed"
if [ $skipped -gt 0 ]; then line="$line, $skipped skipped"; fi
echo "$line"
[ $failed -eq 0 ]
