#!/usr/bin/env bash
# Seconds and memory to compile a program that includes the CPU umbrella and composes a decoder, as headers alone and
# with the kernels in a file of their own, beside Eigen/Core alone, on one core at -O2. Best of three each.
#   bash bench/compile_time/measure.sh [COMPILER]
set -eu
cd "$(dirname "$0")/../.."
compiler=${1:-g++}
eigen=$(pkg-config --cflags-only-I eigen3 2>/dev/null || echo -I/usr/include/eigen3)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '#include <Eigen/Core>' > "$work/eigen_core.cpp"

# measure WHAT SOURCE [FLAG...]
measure() {
  local what=$1 source=$2
  shift 2
  # shellcheck disable=SC2086
  python3 - "$what" "$compiler" -std=c++20 -O2 -Iinclude $eigen "$@" -c "$source" -o "$work/out.o" <<'P'
import resource, subprocess, sys
what, command = sys.argv[1], sys.argv[2:]
best = None
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    best = seconds if best is None else min(best, seconds)
print(f"{what + ':':<43}{best:.2f} s CPU, {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")
P
}

"$compiler" --version | head -n 1
measure "Eigen/Core alone" "$work/eigen_core.cpp"
measure "proxyv/eigen.hpp, composed decoder" bench/compile_time/decoder.cpp
measure "the same with kernels apart" bench/compile_time/decoder.cpp -DPROXYV_CPU_KERNELS_APART
measure "proxyv/eigen/kernels.cpp, once" include/proxyv/eigen/kernels.cpp
