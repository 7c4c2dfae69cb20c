#!/usr/bin/env bash
# Validates the state machine's definition with asl-validator, which needs Node and installs itself here, pinned.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v npm >/dev/null; then
    echo "asl-validator: left out, because there is no Node on this machine"
    exit 0
fi
./install.sh
# It knows the ARNs of one partition only.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
definition=$folder/watch_import.asl.json
sed 's/${Partition}/aws/g' ../../statemachine/watch_import.asl.json >"$definition"
node_modules/.bin/asl-validator --json-path "$definition"
