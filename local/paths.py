"""Where things are on this machine."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"
FUNCTIONS = ROOT / "functions"
EVENTS = ROOT / "events"
# Another folder lets a second stack stand beside one that is up.
STATE = Path(os.environ.get("IMPORT_WATCH_STATE") or ROOT / ".local").resolve()
STACK_FILE = STATE / "stack.json"
