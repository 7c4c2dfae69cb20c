#!/usr/bin/env bash
# Builds the site into a folder, which is replaced: build.sh FOLDER [CONFIGURATION]. A broken link, or a page that is in
# no menu, is an error; --quiet would hide it from --strict.
set -euo pipefail
folder=$(realpath -m "$1")
cd "$(dirname "$0")"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent >/dev/null
NO_MKDOCS_2_WARNING=1 ../.venv/site/bin/python -m mkdocs build --strict --site-dir "$folder" --config-file "${2:-mkdocs.yml}"
