#!/usr/bin/env bash
# The main job: draws a fresh receipt and lets the tiny model read it, plain and with ProxyV.
# Called by examples/run.sh; options go to receipts_demo (--seed N asks about a certain receipt).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build="$here/../../build"
exec "$build/bin/receipts_demo" --checkpoints "$here" --picture "$(cd "$build" && pwd)/receipt.png" "$@"
