"""Writes the schema of outcomes for EventBridge's registry into the template: `python -m tests.contract.event_schema`.

EventBridge has JSON Schema in draft 4, and makes code bindings of it. So what is written is the schema in that draft,
without references, and without the conditions between fields, for which a class has no place.
"""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any

from local.paths import TEMPLATE
from tests.contract.compatibility import normal
from tests.contract.schemas import schema

CONDITIONS = ("oneOf", "allOf", "not", "if", "then", "else")
WIDTH = 120
_CONTENT = re.compile(r"(?<=\n      Content: >-\n)((?:        .*\n)+)")


def draft_4() -> dict[str, Any]:
    """The schema of an outcome on the bus."""
    document = schema("outcome-event")
    plain: dict[str, Any] = _without_conditions(normal(document, document))
    return {"$schema": "http://json-schema.org/draft-04/schema#", "title": "Outcome", **plain}


def with_schema(template: str) -> str:
    """Template with that schema. The lines of a folded text are joined by a blank, of which JSON has enough."""
    lines = textwrap.wrap(json.dumps(draft_4()), WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    (old,) = _CONTENT.findall(template)
    return template.replace(old, "".join(f"        {line}\n" for line in lines))


def _without_conditions(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_conditions(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _without_conditions(item) for name, item in value.items() if name not in CONDITIONS}
    if "enum" in found and "type" not in found:
        found["type"] = "string"
    return found


if __name__ == "__main__":
    TEMPLATE.write_text(with_schema(TEMPLATE.read_text()))
