#!/usr/bin/env bash
# Starts the arm64 executable on an emulated processor, remembers, asks, and stops it.
#   scripts/smoke-arm64.sh dist/dwbase-linux-arm64 cortex-a53
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: $0 BINARY CPU (as qemu names it: cortex-a53, cortex-a72, ...)" >&2
  exit 2
fi
binary=$1
cpu=$2
start_seconds=60
stop_seconds=30

dir=$(mktemp -d)
node=
cleanup() {
  if [ -n "$node" ]; then kill -KILL "$node" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT

# In the environment, since serve executes itself anew.
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu QEMU_CPU=$cpu
dwbase() { qemu-aarch64-static "$binary" "$@"; }

die() {
  echo "smoke test on $cpu: $1; the node's log:" >&2
  cat "$dir/log" >&2
  exit 1
}

# A Unix socket needs no free port.
export DWBASE_API="unix://$dir/node.sock"
qemu-aarch64-static "$binary" serve --listen "unix:$dir/node.sock" --data-dir "$dir/data" >"$dir/log" 2>&1 &
node=$!

# `health` exits with 0 or 1 (a warning, as of a small disk) as soon as the node answers.
deadline=$((SECONDS + start_seconds))
until code=0 && { dwbase health >/dev/null 2>&1 || code=$?; } && [ "$code" -le 1 ]; do
  kill -0 "$node" 2>/dev/null || die "the node ended at its start"
  [ "$SECONDS" -lt "$deadline" ] || die "the node did not answer within $start_seconds s"
  sleep 0.2
done

dwbase remember kitchen "The spare key hangs behind the blue clock" >/dev/null || die "remember failed"
answer=$(dwbase ask kitchen "Where is the spare key?") || die "ask failed"
case $answer in
  *"behind the blue clock"*) ;;
  *) die "ask answered: $answer" ;;
esac

kill -TERM "$node"
deadline=$((SECONDS + stop_seconds))
while kill -0 "$node" 2>/dev/null; do
  [ "$SECONDS" -lt "$deadline" ] || die "the node did not stop within $stop_seconds s"
  sleep 0.2
done
code=0
wait "$node" || code=$?
node=
[ "$code" -eq 0 ] || die "the node exited with $code"
echo "arm64 on $cpu: started, remembered, answered, stopped"
