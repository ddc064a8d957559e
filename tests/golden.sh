#!/usr/bin/env bash
# Runs golden files (tests/golden/README.md) through the library and compares; --help tells all.
#   bash tests/golden.sh [--engine eigen|reference|cuda] [--dtype f32|bf16|f16] [--weights f32|bf16|f16]
#                        [--threads N] [--report FILE] FILE...
# One line per file: PASS|FAIL|SKIP name worst-relative-error tensor [reason]; exit 0 only if none failed.
# Builds build/bin/proxyv-golden first when needed, quietly unless that fails.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

configured() {
  grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" build/CMakeCache.txt 2>/dev/null &&
    cmake --build build --target help 2>/dev/null | grep -qw proxyv-golden
}

build_program() {
  cd "$root" && source cmake/build_steps.sh || return 1
  if ! configured; then
    bash cmake/install_dependencies.sh test && configure build -DPROXYV_BUILD_TESTS=ON || return 1
  fi
  build build proxyv-golden
}

log=$(mktemp)
if ! (build_program) >"$log" 2>&1; then
  cat "$log" >&2
  rm -f "$log"
  echo "tests/golden.sh: cannot build proxyv-golden" >&2
  exit 2
fi
rm -f "$log"
exec "$root/build/bin/proxyv-golden" "$@"
