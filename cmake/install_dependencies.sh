#!/usr/bin/env bash
# Installs what is missing on Debian or a relative, with apt; does nothing, and asks nobody, when nothing is.
#   bash cmake/install_dependencies.sh run|test|bench
# `run` is enough to build the programs, `test` adds what the tests need, `bench` the libraries that the
# benchmarks compare with.
# PROXYV_NO_INSTALL=1 skips this step: CMake then says what it cannot find.
set -eu

wanted=${1:-run}
if [ "${PROXYV_NO_INSTALL:-0}" = 1 ]; then exit 0; fi

missing=()

need_command() {  # need_command PACKAGE COMMAND...: any of the commands will do
  local package=$1 name
  shift
  for name in "$@"; do
    if command -v "$name" >/dev/null; then return; fi
  done
  missing+=("$package")
}

need_header() {  # need_header PACKAGE HEADER...: any of the headers will do
  local package=$1 header folder
  shift
  for header in "$@"; do
    for folder in /usr/local/include /usr/include /usr/include/*-linux-gnu; do
      if [ -e "$folder/$header" ]; then return; fi
    done
  done
  missing+=("$package")
}

need_command g++ "${CXX:-g++}"
need_command cmake cmake
need_command ninja-build ninja
need_header libc6-dev stdio.h
need_header libeigen3-dev eigen3/Eigen/Core Eigen/Core
need_header nlohmann-json3-dev nlohmann/json.hpp
need_header libpng-dev png.h
need_header libjpeg-dev jpeglib.h
need_header libcli11-dev CLI/CLI.hpp
need_header libfmt-dev fmt/core.h
if [ "$wanted" = test ] || [ "$wanted" = bench ]; then
  need_header libbenchmark-dev benchmark/benchmark.h
  need_header libdnnl-dev dnnl.hpp
  need_header libopenblas-dev cblas-openblas.h openblas/cblas-openblas.h
fi
if [ "$wanted" = bench ]; then
  need_header libblis-dev blis.h blis/blis.h
  if [ ! -e /usr/lib/python3/dist-packages/torch ]; then missing+=(python3-torch); fi
fi
if [ "$wanted" = test ]; then
  need_header catch2 catch2/catch.hpp catch2/catch_all.hpp
  need_command clang clang++
  need_command pkg-config pkg-config
fi

if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
echo "== installing: ${missing[*]}"

give_up() {
  echo "error: cannot install these packages: $1" >&2
  echo "error: install them yourself, then run this again: ${missing[*]}" >&2
  echo "error: (with PROXYV_NO_INSTALL=1 this step is skipped)" >&2
  exit 1
}

if ! command -v apt-get >/dev/null; then give_up "this system has no apt-get"; fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then give_up "not root, and there is no sudo"; fi
  # Without a terminal sudo could only fail at its password prompt.
  if [ ! -t 0 ] && ! sudo -n true 2>/dev/null; then give_up "not root, and sudo wants a password"; fi
  as_root=(sudo)
fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null
}
apt update || give_up "apt-get update failed"
apt install -y --no-install-recommends "${missing[@]}" || give_up "apt-get install failed"
