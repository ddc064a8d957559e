#!/bin/sh
# Uses the library as users do, in a folder of its own, and runs what it built.
#   run.sh WAY PROJECT BUILD COMPILER VERSION GENERATOR WITH_EIGEN
# WAY: install (what the others need first), find_package, without_eigen, add_subdirectory, plain, pkg_config, onednn, cuda
set -eu
way=$1 project=$2 build=$3 compiler=$4 version=$5 generator=$6 with_eigen=$7
here=$project/tests/build/consumer
scratch=$build/consumer
prefix=$scratch/prefix
work=$scratch/$way
rm -rf "$work"
mkdir -p "$work"

# configure FOLDER OPTION...: configures a user's CMake project.
configure() {
  folder=$1
  shift
  cmake -S "$here/$folder" -B "$work" -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" \
    -DWITH_EIGEN="$with_eigen" -DPROXYV_WANTED_VERSION="$version" "$@"
}
build_and_run() {
  cmake --build "$work"
  "$work/program"
  if [ "$with_eigen" = ON ]; then
    "$work/eigen_program"
    "$work/eigen_kernels_program"
  fi
}

# by_hand FLAG...: the same program without CMake.
by_hand() {
  "$compiler" -std=c++20 -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Werror "$@" \
    "$here/main.cpp" "$here/second.cpp" "$here/library_one.cpp" "$here/library_two.cpp" -o "$work/program"
  "$work/program"
}

case $way in
  install)
    rm -rf "$prefix"
    cmake --install "$build" --prefix "$prefix" >"$work/log"
    # The tree must be movable: nothing in it may name the place it was made in.
    if grep -rlF -e "$project" -e "$prefix" "$prefix/share"; then
      echo "the installed files above hold absolute paths" >&2
      exit 1
    fi
    for file in include/proxyv/proxyv.hpp include/proxyv/version.hpp include/proxyv/eigen/kernels.cpp share/doc/proxyv/LICENSE; do
      test -f "$prefix/$file" || { echo "not installed: $file" >&2; exit 1; }
    done
    ;;
  find_package)
    configure project -DFROM=find_package -DCMAKE_PREFIX_PATH="$prefix"
    build_and_run
    ;;
  without_eigen) configure without_eigen -DCMAKE_PREFIX_PATH="$prefix" ;;
  onednn)
    if output=$(configure onednn -DCMAKE_PREFIX_PATH="$prefix" -DWITHOUT_LIBRARY=ON 2>&1); then
      echo "the component onednn is found without oneDNN" >&2
      exit 1
    fi
    case $output in
      *"component onednn needs oneDNN 2.6"*) ;;
      *) printf '%s\n' "$output" >&2 && exit 1 ;;
    esac
    rm -rf "$work"
    configure onednn -DCMAKE_PREFIX_PATH="$prefix"
    cmake --build "$work"
    "$work/program"
    ;;
  cuda)  # the host part is compiled; the kernels are only configured
    nvcc=${CUDACXX:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
    if output=$(configure cuda -DCMAKE_PREFIX_PATH="$prefix" -DWANTED=OFF 2>&1); then
      echo "proxyv_add_kernels without enable_language(CUDA) is not refused" >&2
      exit 1
    fi
    case $output in
      *"CUDA is not a language of this project"*) ;;
      *) printf '%s\n' "$output" >&2 && exit 1 ;;
    esac
    configure cuda -DCMAKE_PREFIX_PATH="$prefix" -DWANTED=ON -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES=OFF
    cmake --build "$work" --target host
    ;;
  add_subdirectory)
    configure project -DFROM=add_subdirectory -DPROXYV_FOLDER="$project"
    build_and_run
    ;;
  plain) by_hand -I"$project/include" ;;
  pkg_config)
    export PKG_CONFIG_PATH="$prefix/share/pkgconfig"
    found=$(pkg-config --modversion proxyv)
    if [ "$found" != "$version" ]; then
      echo "pkg-config: wanted version $version, found $found" >&2
      exit 1
    fi
    # shellcheck disable=SC2046
    by_hand $(pkg-config --cflags --libs proxyv)
    if [ "$with_eigen" = ON ]; then pkg-config --exists proxyv-eigen; fi
    ;;
  *)
    echo "run.sh: unknown way: $way" >&2
    exit 1
    ;;
esac
