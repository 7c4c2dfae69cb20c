#!/usr/bin/env bash
# Installs the checks that need Node, as package-lock.json pins them, unless that was done since it last changed.
set -euo pipefail
cd "$(dirname "$0")"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent >/dev/null
