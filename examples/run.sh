#!/usr/bin/env bash
# The first thing to run: installs what is missing (Debian: root or sudo), builds, and runs the main job.
#   bash examples/run.sh
# Everything is built into build/; the second time it starts at once. Options go to the main job.
set -euo pipefail
cd "$(dirname "$0")/.."

bash cmake/install_dependencies.sh run
source cmake/build_steps.sh

echo "== configuring build/"
configure build
echo "== building the programs into build/bin/"
build build proxyv_main_job

if [ -f examples/receipts/demo.sh ]; then
  echo "== running the main job"
  exec bash examples/receipts/demo.sh "$@"
fi
echo "Built: $(cd build/bin && find . -maxdepth 1 -type f -printf '%f ' | sort)"
