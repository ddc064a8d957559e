#!/bin/sh
# Tests floors.sh: a small house in order passes; each planted breach is found and named.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
house=$(mktemp -d)
trap 'rm -rf "$house"' EXIT
failed=0

# header PATH LINE...: writes include/proxyv/PATH and, but for umbrellas, its test.
header() {
  path=$1
  shift
  mkdir -p "$house/include/proxyv/$(dirname "$path")" "$house/tests/$(dirname "$path")"
  printf '%s\n' '#pragma once' "$@" >"$house/include/proxyv/$path"
  case $path in */*.hpp) : >"$house/tests/${path%.hpp}_test.cpp" ;; esac
}

good_house() {
  rm -rf "$house/include" "$house/tests"
  mkdir -p "$house/tests/build"
  echo '# nothing' >"$house/tests/build/floors_untested.txt"
  header version.hpp '#define PROXYV_VERSION "1.0.0"'
  header core/view.hpp '#include <vector>' '#include "proxyv/version.hpp"'
  header core/buffer.hpp '#include "proxyv/core/view.hpp"' '// like a cudaStream_t, see https://example.org' \
    '/* __global__ in a comment' 'cudaMalloc too */ const char* text = "cublas";'
  header backend/arena.hpp '#include "proxyv/core/buffer.hpp"'
  header eigen/gemm.hpp '#include <Eigen/Core>' '#include "proxyv/backend/arena.hpp"'
  header onednn/gemm.hpp '#include <oneapi/dnnl/dnnl.hpp>' '#include "proxyv/eigen/gemm.hpp"'
  header cuda/gemm.hpp '#include <cuda_runtime_api.h>' '#include "proxyv/backend/arena.hpp"' 'cudaStream_t stream;'
  header layers/linear.hpp '#include "proxyv/backend/arena.hpp"'
  header proxy/update.hpp '#include "proxyv/layers/linear.hpp"'
  header vision/image.hpp '#include "proxyv/core/view.hpp"'
  header vision/png_file.hpp '#include <png.h>' '#include "proxyv/vision/image.hpp"'
  header vision/projector.hpp '#include "proxyv/layers/linear.hpp"' '#include "proxyv/vision/image.hpp"'
  header io/json.hpp '#include <nlohmann/json.hpp>' '#include "proxyv/core/view.hpp"'
  header text/tokens.hpp '#include "proxyv/io/json.hpp"'
  header model/decoder.hpp '#include "proxyv/proxy/update.hpp"' '#include "proxyv/vision/projector.hpp"'
  header model/load.hpp '#include "proxyv/model/decoder.hpp"' '#include "proxyv/io/json.hpp"'
  header study/light_mlp.hpp '#include "proxyv/proxy/update.hpp"'
  header reduce/fast_v.hpp '#include "proxyv/model/decoder.hpp"'
  header proxyv.hpp '#include "proxyv/model/decoder.hpp"'
  header eigen.hpp '#include "proxyv/proxyv.hpp"' '#include "proxyv/eigen/gemm.hpp"'
  header onednn.hpp '#include "proxyv/eigen.hpp"' '#include "proxyv/onednn/gemm.hpp"'
}

# finds TEXT: floors.sh refuses the house as it now stands and says TEXT; then the house is put in order.
finds() {
  if output=$(sh "$here/floors.sh" "$house" 2>&1); then
    echo "not found: $1" >&2
    failed=1
  elif ! printf '%s\n' "$output" | grep -qF -- "$1"; then
    printf 'wanted: %s\nfound:  %s\n' "$1" "$output" >&2
    failed=1
  fi
  good_house
}

good_house
if ! output=$(sh "$here/floors.sh" "$house" 2>&1); then
  printf 'a house in order is refused:\n%s\n' "$output" >&2
  failed=1
fi

header core/shape.hpp '#include "proxyv/backend/arena.hpp"'
finds 'core/shape.hpp: includes proxyv/backend/arena.hpp, but core may not include backend'
header layers/linear.hpp '  #  include "proxyv/proxy/update.hpp"'
finds 'layers/linear.hpp: includes proxyv/proxy/update.hpp, but layers may not include proxy'
header eigen/gemm.hpp '#include "proxyv/cuda/gemm.hpp"'
finds 'but eigen may not include cuda'
header cuda/gemm.hpp '#include "proxyv/eigen/gemm.hpp"'
finds 'but cuda may not include eigen'
header layers/linear.hpp '#include "proxyv/eigen/gemm.hpp"'
finds 'but layers may not include eigen'
header study/light_mlp.hpp '#include "proxyv/reduce/fast_v.hpp"'
finds 'but study may not include reduce'
header vision/image.hpp '#include "proxyv/layers/linear.hpp"'
finds 'but vision may not include layers'
header model/decoder.hpp '#include "proxyv/io/json.hpp"'
finds 'but model may not include io'
header io/json.hpp '#include "proxyv/text/tokens.hpp"'
finds 'but io may not include text'
header proxy/update.hpp '#include "proxyv/proxyv.hpp"'
finds 'but proxy may not include umbrella'
header attic/box.hpp '#include "proxyv/core/view.hpp"'
finds 'attic/box.hpp: floor attic is not in the table'

header core/view.hpp '#include "proxyv/core/buffer.hpp"'
finds 'circle of includes:'
header core/view.hpp '#include "proxyv/core/view.hpp"'
finds 'circle of includes:'
header core/view.hpp '#include "proxyv/core/gone.hpp"'
finds 'core/view.hpp: includes proxyv/core/gone.hpp, which does not exist'

header core/view.hpp '__device__ int f();'
finds 'core/view.hpp:2: CUDA outside cuda/: __device__ int f();'
header layers/linear.hpp 'void f(cudaStream_t stream);'
finds 'layers/linear.hpp:2: CUDA outside cuda/'
header layers/linear.hpp 'void f() { kernel<<<1, 2>>>(); }'
finds 'layers/linear.hpp:2: CUDA outside cuda/'
header backend/arena.hpp '#include <cuda_runtime_api.h>'
finds 'backend/arena.hpp: includes <cuda_runtime_api.h>'
header eigen/gemm.hpp '#include "proxyv/onednn/gemm.hpp"'
finds 'eigen/gemm.hpp: includes proxyv/onednn/gemm.hpp, but eigen may not include onednn'

header eigen/gemm.hpp '#include <dnnl.hpp>'
finds 'eigen/gemm.hpp: includes <dnnl.hpp>'

header layers/linear.hpp '#include <Eigen/Dense>'
finds 'layers/linear.hpp: includes <Eigen/Dense>'
header text/tokens.hpp '#include <nlohmann/json.hpp>'
finds 'text/tokens.hpp: includes <nlohmann/json.hpp>'
header vision/image.hpp '#include <png.h>'
finds 'vision/image.hpp: includes <png.h>'
header io/json.hpp '#include <fmt/core.h>'
finds 'io/json.hpp: includes <fmt/core.h>'
header proxyv.hpp '#include "proxyv/text/tokens.hpp"'
finds 'proxyv.hpp reaches <nlohmann/json.hpp> by proxyv.hpp text/tokens.hpp io/json.hpp'

rm "$house/tests/core/view_test.cpp"
finds 'core/view.hpp: has no test tests/core/view_test.cpp'
echo 'core/view.hpp  # no reason' >>"$house/tests/build/floors_untested.txt"
finds 'core/view.hpp has its test by now'
echo 'core/gone.hpp' >>"$house/tests/build/floors_untested.txt"
finds 'there is no header core/gone.hpp'

rm "$house/tests/core/view_test.cpp"
echo 'core/view.hpp  # only a list of names' >>"$house/tests/build/floors_untested.txt"
sh "$here/floors.sh" "$house" >/dev/null || { echo 'an exception is not taken' >&2; failed=1; }
exit $failed
