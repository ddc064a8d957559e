#!/bin/sh
# The rules of the house that a compiler does not see. Prints each breach, ends with 1 when there is one.
#   floors.sh [PROJECT-FOLDER]
#
# 1. A header includes only what its floor may stand on (the table `allow` below); umbrella headers
#    (proxyv/*.hpp but version.hpp) are for users and never included from inside.
# 2. No includes in a circle.
# 3. CUDA words only in cuda/; Eigen headers only in eigen/, oneDNN's only in onednn/; JSON, PNG and JPEG headers only in their files.
# 4. proxyv/proxyv.hpp reaches no third-party header.
# 5. Every include/proxyv/FLOOR/x.hpp has its test, tests/FLOOR/x_test.cpp; exceptions in floors_untested.txt.
#
# Floors are folders. One folder holds several kinds of headers where the rules differ: kind() tells them apart.
set -eu
export LC_ALL=C
root=$(cd "${1:-.}" && pwd)
cd "$root/include/proxyv"

files=$(find . -type f \( -name '*.hpp' -o -name '*.inl' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' \) | sed 's,^\./,,' | sort)
if [ -z "$files" ]; then
  echo "floors.sh: no headers under $root/include/proxyv" >&2
  exit 1
fi
tests=$(cd "$root/tests" && find . -type f -name '*_test.cpp' | sed 's,^\./,,')
untested=$(sed 's/#.*//' "$root/tests/build/floors_untested.txt")

# shellcheck disable=SC2086
TESTS=$tests UNTESTED=$untested awk '
BEGIN {
  # What each kind of header may include; every kind may include itself and version.hpp.
  allow["core"]           = ""
  allow["backend"]        = "core"
  allow["eigen"]          = "core backend"
  allow["cuda"]           = "core backend"
  allow["onednn"]         = "core backend eigen"            # an engine that stands on another
  allow["layers"]         = "core backend"
  allow["proxy"]          = "core backend layers"
  allow["io"]             = "core"
  allow["text"]           = "core io"
  allow["vision"]         = "core"                          # images on the host
  allow["vision-layers"]  = "core backend layers vision"    # the encoder and its projector
  allow["model"]          = "core backend layers proxy study vision vision-layers text"
  allow["model-files"]    = allow["model"] " model io reduce"  # where model and io meet
  allow["study"]          = "core backend layers proxy"
  allow["reduce"]         = "core backend layers proxy model"
  allow["look"]           = "core backend layers proxy vision model"  # diagnostics
  allow["umbrella"]       = "core backend layers proxy io text vision vision-layers model model-files study reduce look"
  allow["umbrella-eigen"] = allow["umbrella"] " eigen umbrella"
  allow["umbrella-onednn"] = allow["umbrella-eigen"] " onednn umbrella-eigen"
  allow["umbrella-cuda"]  = allow["umbrella"] " cuda umbrella"

  # Third-party headers and the only kinds or files that may include them.
  third["^Eigen/|^unsupported/Eigen/"] = "^eigen/"
  third["^oneapi/|^dnnl"] = "^onednn/"
  third["^nlohmann/"] = "^io/"
  third["^(png|pngconf)\\.h$"] = "^vision/(png|image)_file\\.hpp$"
  third["^(jpeglib|jerror|turbojpeg)\\.h$"] = "^vision/(jpeg|image)_file\\.hpp$"
  third["^(CLI|fmt)/"] = "^$"
  third["^(cub|thrust|cute|cutlass)/|^cu(da|blas|rand|solver|sparse|dnn).*\\.h$|^nv.*\\.h$"] = "^cuda/"

  cuda_words = "__(global|device|host|shared)__|__CUDACC__|__CUDA_ARCH__|<<<|(^|[^A-Za-z0-9_])(cuda[A-Z_]|cublas|curand|cudnn)"
  breaches = 0
}

function breach(text) { print text; ++breaches }

function kind(path) {
  if (path !~ /\//) {
    if (path == "version.hpp") return "version"
    if (path ~ /^(eigen|onednn|cuda)\.hpp$/) return "umbrella-" substr(path, 1, index(path, ".") - 1)
    return "umbrella"
  }
  if (path ~ /^vision\/(clip_encoder|projector)/) return "vision-layers"
  if (path ~ /^model\/(load|lmm)/) return "model-files"
  return substr(path, 1, index(path, "/") - 1)
}

# The line without comments and the insides of strings; in_comment lives from line to line.
function code_of(line,   out, c, two, quote) {
  out = ""
  quote = ""
  while (line != "") {
    c = substr(line, 1, 1); two = substr(line, 1, 2)
    if (in_comment) {
      if (two == "*/") { in_comment = 0; line = substr(line, 3) } else line = substr(line, 2)
    } else if (quote != "") {
      if (c == "\\") line = substr(line, 3)
      else { if (c == quote) { quote = ""; out = out c }; line = substr(line, 2) }
    } else if (two == "//") line = ""
    else if (two == "/*") { in_comment = 1; line = substr(line, 3) }
    else { if (c == "\"") quote = c; out = out c; line = substr(line, 2) }
  }
  return out
}

function check_include(text,   target, from, to) {
  for (target in third)
    if (text ~ target && FILENAME !~ third[target])
      breach(FILENAME ": includes <" text ">, which only " third[target] " may")
  if (text !~ /^proxyv\//) { edges[FILENAME] = edges[FILENAME] " <" text ">"; return }
  to = substr(text, 8)
  edges[FILENAME] = edges[FILENAME] " " to
  from = kind(FILENAME); to = kind(to)
  if (!(from in allow)) { breach(FILENAME ": floor " from " is not in the table of floors.sh"); return }
  if (to == from && from !~ /^umbrella/ || to == "version") return
  if (index(" " allow[from] " ", " " to " ") == 0)
    breach(FILENAME ": includes " text ", but " from " may not include " to)
}

FNR == 1 { known[FILENAME] = 1; order[++count] = FILENAME; in_comment = 0 }
/^[ \t]*#[ \t]*include[ \t]*[<"]/ && !in_comment {
  text = $0
  sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, "", text)
  sub(/[>"].*$/, "", text)
  check_include(text)
  next
}
{
  code = code_of($0)
  if (FILENAME == "core/config.hpp") gsub(/__CUDACC__/, "", code)  # the one switch outside
  if (code ~ cuda_words && FILENAME !~ /^cuda(\/|\.hpp$)/)
    breach(FILENAME ":" FNR ": CUDA outside cuda/: " $0)
}

# Depth-first: mark is 1 while a header is on the path, 2 when it is done.
function visit(path, trail,   n, i, list) {
  if (mark[path] == 2) return
  if (mark[path] == 1) { breach("circle of includes:" trail " " path); return }
  mark[path] = 1
  n = split(edges[path], list, " ")
  for (i = 1; i <= n; ++i) {
    if (list[i] in known) visit(list[i], trail " " path)
    else if (list[i] !~ /^</) breach(path ": includes proxyv/" list[i] ", which does not exist")
  }
  mark[path] = 2
}

function reach(path, trail,   n, i, to, list) {
  if (path in reached) return
  reached[path] = 1
  n = split(edges[path], list, " ")
  for (i = 1; i <= n; ++i) {
    to = list[i]
    if (to ~ /^</) {
      sub(/^</, "", to); sub(/>$/, "", to)
      for (pattern in third)
        if (to ~ pattern) breach("proxyv.hpp reaches <" to "> by" trail " " path)
    } else reach(to, trail " " path)
  }
}

END {
  for (i = 1; i <= count; ++i) visit(order[i], "")
  if ("proxyv.hpp" in known) reach("proxyv.hpp", "")

  n = split(ENVIRON["TESTS"], list, " ")
  for (i = 1; i <= n; ++i) has_test[list[i]] = 1
  n = split(ENVIRON["UNTESTED"], list, " ")
  for (i = 1; i <= n; ++i) excused[list[i]] = 1
  for (i = 1; i <= count; ++i) {
    path = order[i]
    if (path !~ /\// || path !~ /\.hpp$/) continue
    test = path
    sub(/\.hpp$/, "_test.cpp", test)
    if (test in has_test) {
      if (path in excused) breach("floors_untested.txt: " path " has its test by now, take it off the list")
    } else if (!(path in excused)) breach(path ": has no test tests/" test)
    delete excused[path]
  }
  for (path in excused) breach("floors_untested.txt: there is no header " path)
  if (breaches) { print "floors.sh: " breaches " breaches" > "/dev/stderr"; exit 1 }
  print count " headers keep to their floors"
}' $files
