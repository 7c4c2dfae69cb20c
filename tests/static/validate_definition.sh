#!/usr/bin/env bash
# Validates the state machine's definition with asl-validator, which needs Node and installs itself here, pinned.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v npm >/dev/null; then
    echo "asl-validator: left out, because there is no Node on this machine"
    exit 0
fi
./install.sh
node_modules/.bin/asl-validator --json-path ../../statemachine/watch_import.asl.json
