#!/usr/bin/env bash
# No function outside the levels' own namespaces may hold AVX code: the linker could take it for everybody's, and a
# CPU without AVX would stop there. Compiles every kernel with COMPILER at -O0 and -O2 and looks at the objects; then a
# source with such a function, which must be found.
#   bash tests/build/level_symbols.sh COMPILER [FLAG...]      FLAG: where the headers are
set -eu
compiler=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/kernels.cpp" <<'S'
#include <proxyv/eigen.hpp>
const void* kernels_of_every_level(int level) { return &proxyv::detail::Ops::kernels(static_cast<proxyv::CpuLevel>(level)); }
void products(proxyv::EigenBackend& be, proxyv::View<const float> x, proxyv::Weight<> w, proxyv::View<float> y) {
  be.gemm(x, w, y, {});
  be.swiglu(x, w, w, y);
}
S
cat > "$work/broken.cpp" <<'S'
#include <proxyv/eigen/dispatch.hpp>
PROXYV_TARGET_BEGIN_AVX2
template <class T>
T larger(T a, T b) {
  return a < b ? b : a;
}
namespace avx2 {
float of_a_level(float a) { return larger(a, 2.f); }
}  // namespace avx2
PROXYV_TARGET_END
float of_everybody(float a) { return larger(a, 2.f); }
S

# Names of functions with VEX or EVEX instructions (v..., or mask registers) that name no level.
strays() {
  objdump --disassemble --no-show-raw-insn "$1" | c++filt | awk '
    /^[0-9a-f]+ <.*>:$/ { name = $0; sub(/^[0-9a-f]+ </, "", name); sub(/>:$/, "", name) }
    /\t(v[a-z]|k(mov|and|or|xor|not|shift|test|unpck|add))/ && name !~ /avx2::|avx512/ && !(name in seen) { seen[name] = 1; print name }'
}

for level in 0 2; do
  "$compiler" -std=c++20 -O$level "$@" -c "$work/kernels.cpp" -o "$work/kernels.o"
  held=$(objdump --disassemble --no-show-raw-insn "$work/kernels.o" | grep -c zmm || true)
  if [ "$held" -lt 100 ]; then
    echo "-O$level: $held AVX-512 instructions in the object; the kernels are missing" >&2
    exit 1
  fi
  found=$(strays "$work/kernels.o")
  if [ -n "$found" ]; then
    printf -- '-O%s: AVX code outside the levels:\n%s\n' "$level" "$found" >&2
    exit 1
  fi
done

"$compiler" -std=c++20 -O0 "$@" -c "$work/broken.cpp" -o "$work/broken.o"
if ! strays "$work/broken.o" | grep -q larger; then
  echo "the check does not find a function that it should" >&2
  exit 1
fi
