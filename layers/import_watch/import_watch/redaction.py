"""Takes secrets out of what is said: a vendor may say back what it was sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast

from import_watch.model import InlineLog

MARK = "(redacted)"
SHORTEST = 4
"""Characters below which a secret is no secret, and its removal would garble everything."""

Said = TypeVar("Said")


def redacted(said: Said, secrets: Iterable[str]) -> Said:
    """Give a value of the model with every text in it free of secrets.

    An inline log is left as it is: it goes to the archive, which keeps what the vendor sent, and nowhere else.
    """
    longest_first = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
    return cast(Said, _without(said, longest_first)) if longest_first else said


def _without(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str) and not isinstance(value, Enum):
        for secret in secrets:
            value = value.replace(secret, MARK)
        return value
    if isinstance(value, tuple):
        return tuple(_without(item, secrets) for item in value)
    if isinstance(value, Mapping):
        return {key: _without(item, secrets) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type | InlineLog):
        return replace(value, **{part.name: _without(getattr(value, part.name), secrets) for part in fields(value)})
    return value
