#!/bin/sh
# check_docs.sh must be able to fail: a small tree with one fault of each kind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p docs/lessons docs/pictures docs/snippets examples include
printf 'int one() {\n  return 1;\n}\nint two();\nint three();\n' > examples/01_one.cpp
printf '[good](../README.md)\n```cpp\nint one() {\n      return 1;\n}\n```\n![p](../pictures/p.svg)\n```text\n42\n```\n' > docs/lessons/01.md
printf '42\n' > examples/01_one.expected
printf '<svg/>\n' > docs/pictures/p.svg
printf '# top\n```cpp\nint one() {\n// ...\nint three();\n```\n' > docs/README.md

expect() {  # expect TEXT: the script fails and says so
  if out=$(sh "$here/check_docs.sh" "$work" 2>&1); then echo "not noticed: $1"; exit 1; fi
  printf '%s' "$out" | grep -qF "$1" || { printf 'wanted: %s\nfound:\n%s\n' "$1" "$out"; exit 1; }
}
sh "$here/check_docs.sh" "$work" > /dev/null || { echo "a good tree is refused"; sh "$here/check_docs.sh" "$work"; exit 1; }
printf '```cpp\nint one() {\n  return 2;\n}\n```\n' > docs/bad.md
expect 'docs/bad.md:2: this code is in no compiled file: int one() {'
printf '```text\n41\n```\n' > docs/bad.md
expect 'docs/bad.md:2: no example prints this: 41'
printf '[nowhere](nowhere.md)\n' > docs/bad.md
expect 'docs/bad.md: link to nowhere.md'
rm docs/bad.md
touch examples/02_two.cpp
expect 'examples/02_two.cpp: no page docs/lessons/02.md'
rm examples/02_two.cpp
touch docs/lessons/03.md
expect 'docs/lessons/03.md: no lesson'
rm docs/lessons/03.md
touch docs/pictures/q.svg
expect 'docs/pictures/q.svg: no page shows it'
echo "each kind of fault is noticed"
