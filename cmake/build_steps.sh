# Shell functions shared by examples/run.sh and tests/run.sh; sourced, from the project's folder.

# How many compilers at once: one a core, but only as many as have 2 GiB of memory each.
jobs() {
  local cores kib
  if [ -n "${CMAKE_BUILD_PARALLEL_LEVEL:-}" ]; then
    echo "$CMAKE_BUILD_PARALLEL_LEVEL"
    return
  fi
  cores=$(nproc 2>/dev/null || echo 1)
  kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null || true)
  awk -v cores="$cores" -v kib="${kib:-0}" 'BEGIN {
    fit = int(kib / 2097152); n = (kib > 0 && fit < cores) ? fit : cores; print n < 1 ? 1 : n }'
}

# configure FOLDER OPTION...: runs CMake there, from scratch when the folder was made for another source tree.
configure() {
  local folder=$1 cache=$1/CMakeCache.txt
  local args=()
  shift
  if [ -f "$cache" ]; then
    if ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cache"; then args+=(--fresh); fi
  fi
  if [ ! -f "$cache" ] || [ ${#args[@]} -gt 0 ]; then
    if command -v ninja >/dev/null; then args+=(-G Ninja); else args+=(-G "Unix Makefiles"); fi
  fi
  cmake -S . -B "$folder" "${args[@]}" "$@"
}

# build FOLDER TARGET...
build() {
  local folder=$1
  shift
  cmake --build "$folder" --parallel "$(jobs)" --target "$@"
}
