"""Paths of the project's files and folders."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"
FUNCTIONS = ROOT / "functions"
EVENTS = ROOT / "events"
# With another folder, a second stack can run beside the first.
STATE = Path(os.environ.get("IMPORT_WATCH_STATE") or ROOT / ".local").resolve()
STACK_FILE = STATE / "stack.json"
