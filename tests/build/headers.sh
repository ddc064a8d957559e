#!/bin/sh
# Parses every source file named in LIST (one a line), two at a time; fails when one does not compile.
#   headers.sh COMPILER LIST FLAG...
set -u
compiler=$1 list=$2
shift 2
tr '\n' '\0' <"$list" | xargs -0 -P 2 -n 1 "$compiler" -std=c++20 -fsyntax-only "$@" || {
  echo "headers.sh: not every header compiles alone with $compiler" >&2
  exit 1
}
echo "$(wc -l <"$list") headers compile alone with $compiler"
