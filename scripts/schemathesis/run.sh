#!/usr/bin/env bash
# Schemathesis against a running node's own /openapi.json, all checks: no 5xx, no undocumented status, no answer that
# its schema does not allow, no bad request taken, no good one refused, no route without its key.
#
#   scripts/schemathesis/run.sh BINARY [examples a route, default 200]
#
# Installs schemathesis (PyPI) into $SCHEMATHESIS_VENV, else into a temporary directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
binary=$1
examples=${2:-200}
version=4.32.5

work=$(mktemp -d)
node=
trap '[ -z "$node" ] || kill "$node" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
venv=${SCHEMATHESIS_VENV:-$work/venv}
if [ ! -x "$venv/bin/schemathesis" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" msgpack==1.1.1
fi

key=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')

# Starts a node that lets nobody in without a key; sets $node and $url.
start_node() {
  local name=$1
  env WW_ADMIN_API_KEY="$key" DWBASE_NODE_SECURITY_ALLOW_ANONYMOUS=never \
    DWBASE_NODE_TRUSTED_PROXIES='["127.0.0.1"]' WW_FLAG_API_RATE_LIMITING=false \
    "$binary" serve --listen 127.0.0.1:0 --data-dir "$work/$name" >"$work/$name.log" 2>&1 &
  node=$!
  for _ in $(seq 100); do
    url=$(sed -n 's/.*"url":"\(http:[^"]*\)".*/\1/p' "$work/$name.log" | head -n 1)
    if [ -n "$url" ] && curl -sf "$url/readyz" >/dev/null; then return; fi
    sleep 0.1
  done
  cat "$work/$name.log"
  return 1
}

stop_node() {
  kill "$node"
  wait "$node"
  node=
  "$binary" storage check --deep --data-dir "$work/$1"
}

examine() {
  local headers=() name
  for name in "Authorization: Bearer $key" "X-API-Key: $key" "X-Admin-Key: $key"; do headers+=(-H "$name"); done
  SCHEMATHESIS_HOOKS=scripts/schemathesis/hooks.py PYTHONPATH=scripts/schemathesis "$venv/bin/schemathesis" run \
    "$url/openapi.json" "${headers[@]}" --checks all --max-examples "$examples" --continue-on-failure \
    --generation-deterministic --suppress-health-check all --no-color "$@"
}

# What stops the node would leave nothing to examine: those two routes get a node of their own, with the rest of control.
stoppers=(postApiVControlEmergencyPanic patchApiVControlFlagsName)
start_node all
examine "${stoppers[@]/#/--exclude-operation-id=}"
stop_node all
start_node control
examine --include-tag control
stop_node control
