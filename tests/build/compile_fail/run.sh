#!/bin/sh
# One compile-fail case: NAME.cpp must not compile and must print each text of its lines `// expect: TEXT`;
# its good twin must compile: NAME_good.cpp, or NAME.cpp itself with GOOD defined (#ifdef GOOD).
#   run.sh COMPILER NAME.cpp FLAG...
set -u
compiler=$1 case=$2
shift 2
good=${case%.cpp}_good.cpp

if [ -f "$good" ]; then
  set -- "$@" -I"$(dirname "$case")"
elif grep -q '^#if.*GOOD' "$case"; then
  good=$case
else
  echo "$case: no good twin: write $good or an #ifdef GOOD" >&2
  exit 1
fi
expected=$(sed -n 's,^// expect: ,,p' "$case")
if [ -z "$expected" ]; then
  echo "$case: no line '// expect: TEXT'" >&2
  exit 1
fi

if ! output=$("$compiler" -std=c++20 -fsyntax-only -DGOOD "$@" "$good" 2>&1); then
  printf '%s does not compile, but should:\n%s\n' "$good" "$output" >&2
  exit 1
fi
if output=$("$compiler" -std=c++20 -fsyntax-only "$@" "$case" 2>&1); then
  echo "$case compiles with $compiler, but should not" >&2
  exit 1
fi
printf '%s\n' "$expected" | while IFS= read -r text; do
  if ! printf '%s\n' "$output" | grep -qF -- "$text"; then
    printf '%s: wanted in the output of %s: %s\nfound:\n%s\n' "$case" "$compiler" "$text" "$output" >&2
    exit 1
  fi
done
