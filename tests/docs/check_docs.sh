#!/bin/sh
# Documentation that cannot rot. In every page of docs/ and the top-level *.md:
#   - each ```cpp block stands, line for line but for indentation, in a compiled file: an example, a snippet,
#     a header. A line "// ..." in a block stands for lines left out.
#   - each ```text block is what an example prints: it stands in an .expected file.
#   - each relative link leads to a file.
#   - each lesson has a page, each page of a lesson a lesson, each picture is shown by some page.
#   sh tests/docs/check_docs.sh [ROOT]     exit 0, or the faults and 1
set -eu
cd "${1:-$(dirname "$0")/../..}"

pages=$(find docs -name '*.md' | sort)
pages="$pages $(find . -maxdepth 1 -name '*.md' | sed 's|^\./||' | sort)"
sources="$(find examples docs/snippets -name '*.cpp' -o -name '*.hpp' | sort) $(find include -name '*.hpp' | sort)"
outputs=$(find examples -name '*.expected' -o -name 'expected.txt' | sort)

faults=$(
  awk '
    function strip(line) { sub(/^[ \t]+/, "", line); sub(/[ \t\r]+$/, "", line); return line }
    function check(  i) {
      if (wanted != "") {
        blocks++
        for (i = 1; i <= count; i++) if (index(text[i], "\n" wanted) > 0) { wanted = ""; return }
        print page ":" begin ": " (kind == "cpp" ? "this code is in no compiled file: " : "no example prints this: ") first
      }
      wanted = ""
    }
    FNR == 1 { if (FILENAME ~ /\.md$/) { page = FILENAME; inside = 0 } else { count++; text[count] = "\n" } }
    FILENAME !~ /\.md$/ { line = strip($0); if (line != "") text[count] = text[count] line "\n"; next }
    /^[ \t]*```(cpp|text)[ \t]*$/ { inside = 1; wanted = ""; kind = $0; gsub(/[ \t`]/, "", kind); next }
    inside && /^[ \t]*```[ \t]*$/ { check(); inside = 0; next }
    inside {
      line = strip($0)
      if (line == "// ...") { check(); next }
      if (line == "") next
      if (wanted == "") { begin = FNR; first = line }
      wanted = wanted line "\n"
    }
    END { if (blocks == 0) print "no cpp block was found: is this script broken?" }
  ' $sources $outputs $pages

  for page in $pages; do
    folder=$(dirname "$page")
    # [text](target) outside of code blocks; addresses with a scheme are not followed
    awk '/^[ \t]*```/ { code = !code; next } !code' "$page" | grep -o ']([^) ]*)' | sed 's/^](//; s/)$//; s/#.*$//' |
      while read -r target; do
        case $target in '' | *://* | mailto:*) continue ;; esac
        [ -e "$folder/$target" ] || echo "$page: link to $target, which does not exist"
      done
  done

  for lesson in examples/[0-9][0-9]_*; do
    case $lesson in *.expected) continue ;; esac
    number=$(basename "$lesson" | cut -c 1-2)
    [ -e "docs/lessons/$number.md" ] || echo "$lesson: no page docs/lessons/$number.md"
  done
  for page in docs/lessons/[0-9][0-9].md; do
    number=$(basename "$page" .md)
    ls examples/"$number"_* >/dev/null 2>&1 || echo "$page: no lesson examples/${number}_*"
  done
  for picture in docs/pictures/*.svg; do
    cat $pages | grep -qF "$(basename "$picture")" || echo "$picture: no page shows it"
  done
)
if [ -n "$faults" ]; then
  printf '%s\n' "$faults"
  exit 1
fi
echo "docs: every snippet is compiled code, every link leads somewhere"
