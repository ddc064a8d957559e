#!/usr/bin/env bash
# Seconds and memory to compile a program that includes the CPU umbrella and composes a decoder,
# beside Eigen/Core alone, on one core at -O2. Best of three each.
#   bash bench/compile_time/measure.sh [COMPILER]
set -eu
cd "$(dirname "$0")/../.."
compiler=${1:-g++}
eigen=$(pkg-config --cflags-only-I eigen3 2>/dev/null || echo -I/usr/include/eigen3)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '#include <Eigen/Core>' > "$work/eigen_core.cpp"
cp bench/compile_time/decoder.cpp "$work/decoder.cpp"

measure() {
  # shellcheck disable=SC2086
  python3 - "$compiler" -std=c++20 -O2 -Iinclude $eigen -c "$work/$1.cpp" -o "$work/$1.o" <<'P'
import resource, subprocess, sys
best = None
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(sys.argv[1:], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    best = seconds if best is None else min(best, seconds)
print(f"{best:.2f} s CPU, {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")
P
}

"$compiler" --version | head -n 1
echo "Eigen/Core alone:                    $(measure eigen_core)"
echo "proxyv/eigen.hpp, composed decoder:  $(measure decoder)"
