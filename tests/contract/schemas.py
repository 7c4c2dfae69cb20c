"""The JSON Schemas in `events/schemas`, and what they have in common: `python -m tests.contract.schemas` writes it.

Every file stands alone, so that a tool needs no other to read it: the schema of an event contains a copy of the schema
of its content, and every schema of an event that comes in has the names of the vendors.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from import_watch.services.vendor_registry import VendorRegistry
from jsonschema import Draft202012Validator

from local.paths import EVENTS, FUNCTIONS

FOLDER = EVENTS / "schemas"
CONTENTS = {
    "import-started": ("detail", "import-started-detail"),
    "import-changed": ("detail", "import-changed-detail"),
    "notification": ("data", "notification-data"),
    "stalled": ("data", "stalled-data"),
    "outcome-event": ("detail", "notification"),
}
"""Of each schema of an event, the field with the content, and the name of its schema; in the order of copying."""
INCOMING = ("import-started", "import-started-detail", "import-changed", "import-changed-detail")
OUTGOING = ("notification", "notification-data", "stalled", "stalled-data", "outcome-event")
NAMES = (*INCOMING, *OUTGOING)
OF_THE_FILE = ("$schema", "$id", "$defs")
"""Keywords of a schema that its copy does not have."""


def schema(name: str) -> dict[str, Any]:
    """Schema of a file."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text())
    return found


@cache
def validator(name: str) -> Draft202012Validator:
    """Validator of a schema, as its users have it: without formats, which are not checked by default."""
    return Draft202012Validator(schema(name))


def faults(name: str, document: Any) -> list[str]:
    """What a schema finds wrong with a document."""
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(document)]


def completed() -> dict[str, dict[str, Any]]:
    """All schemas by name, with the names of the vendors, and the copies of contents."""
    found = {name: schema(name) for name in NAMES}
    listed = found["import-started-detail"]["properties"]["vendor"]["enum"]
    vendors = VendorRegistry(FUNCTIONS).names
    names = [*(name for name in listed if name in vendors), *(name for name in vendors if name not in listed)]
    for name in ("import-started-detail", "import-changed-detail"):
        found[name]["properties"]["vendor"]["enum"] = names
    for name, (field, content) in CONTENTS.items():
        inner, outer = found[content], found[name]
        note = {"$comment": f"A copy of {content}.schema.json, made by tests/contract/schemas.py."}
        outer["properties"][field] = note | {key: value for key, value in inner.items() if key not in OF_THE_FILE}
        if definitions := outer.pop("$defs", {}) | inner.get("$defs", {}):
            outer["$defs"] = definitions
    return found


def written(document: dict[str, Any]) -> str:
    """Text of a schema's file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each, document in completed().items():
        (FOLDER / f"{each}.schema.json").write_text(written(document))
