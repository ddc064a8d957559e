#!/usr/bin/env bash
# The CPU engine's kernels in a file of their own (PROXYV_CPU_KERNELS_APART and proxyv/eigen/kernels.cpp), by hand: such a
# program needs no Eigen, works, also together with files that have the kernels from the headers, and
# the linker says what is missing when kernels.cpp is forgotten.
#   bash tests/build/kernels_apart.sh COMPILER INCLUDE-FOLDER [FLAG...]      FLAG: where Eigen is
set -eu
compiler=$1 include=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > product.hpp <<'S'
#include <proxyv/eigen.hpp>
namespace pv = proxyv;
inline void product_of(pv::EigenBackend& be, const float* x, float* y) {
  be.gemm({x, 20, 20}, pv::Weight<>(pv::View<const float>(x, 20, 20)), {y, 20, 20}, {});
}
void headers(pv::EigenBackend& be, const float* x, float* y);
void apart(pv::EigenBackend& be, const float* x, float* y);
S
for form in headers apart; do
  printf '#include "product.hpp"\nvoid %s(pv::EigenBackend& be, const float* x, float* y) { product_of(be, x, y); }\n' "$form" > "$form.cpp"
done
cat > main.cpp <<'S'
#include <cstring>
#include "product.hpp"
#ifndef ONE
#define ONE apart
#define OTHER headers
#endif
int main() {
  float x[400], one[400], other[400];
  for (int i = 0; i < 400; ++i) x[i] = static_cast<float>(i % 17) / 16;
  pv::EigenBackend be({.workspace_bytes = 1 << 16});
  ONE(be, x, one);
  OTHER(be, x, other);
  double sum = 0;  // of y[0][0] = x[0] . x[0]
  for (int i = 0; i < 20; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return std::memcmp(one, other, sizeof one) == 0 && static_cast<double>(one[0]) == sum ? 0 : 1;
}
S

apart="-DPROXYV_CPU_KERNELS_APART"
# compile OBJECT SOURCE FLAG...
compile() {
  local to=$1 from=$2
  shift 2
  "$compiler" -std=c++20 -O1 -I"$include" "$@" -c "$from" -o "$to"
}
compile kernels.o "$include/proxyv/eigen/kernels.cpp" "$@" -Wall -Wextra -Werror
compile apart.o apart.cpp $apart  # no flags: does not need Eigen
compile headers.o headers.cpp "$@"
compile main.o main.cpp $apart
compile main_headers.o main.cpp "$@"
compile main_alone.o main.cpp $apart -DONE=apart -DOTHER=apart

# run WHAT OBJECT...
run() {
  local what=$1
  shift
  "$compiler" "$@" -o program || { echo "$what does not link" >&2; exit 1; }
  ./program || { echo "$what computes something else" >&2; exit 1; }
}
run "kernels apart" main_alone.o apart.o kernels.o
run "both kinds, main apart" main.o apart.o headers.o kernels.o
run "both kinds, main with the headers" main_headers.o apart.o headers.o kernels.o
run "both kinds, kernels first" kernels.o main.o headers.o apart.o

if "$compiler" main_alone.o apart.o -o program 2> log; then
  echo "without kernels.cpp it links all the same" >&2
  exit 1
fi
grep -q eigen_kernels_cpp log || { cat log >&2; echo "the linker does not name kernels.cpp" >&2; exit 1; }

# Nothing of the kernels may be left in such a file.
if nm -C apart.o | grep -E 'detail::(avx2|avx512|portable)'; then
  echo "a file with kernels apart has kernels" >&2
  exit 1
fi
