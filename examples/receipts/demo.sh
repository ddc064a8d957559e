#!/usr/bin/env bash
# The main job: draws a fresh receipt and lets the tiny model read it, plain and with ProxyV.
# Called by examples/run.sh; options go to receipts_demo (--seed N asks about a certain receipt).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build="$here/../../build"
# Waiting threads sleep: on a busy machine spinning ones take the time of those that work.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
exec "$build/bin/receipts_demo" --checkpoints "$here" --picture "$(cd "$build" && pwd)/receipt.png" "$@"
