"""Reads text of people and of vendors: without invisible characters, or as the number that it states."""

from __future__ import annotations

import re

from import_watch.model.serialization import JSON

OUTER_BLANKS = (
    " \t\n\r\v\f\0\x1c\x1d\x1e\x1f\x85\xa0\xad\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""Invisible characters around a pasted text: blanks, line breaks, zero-width characters, direction and byte order
marks."""


def trimmed(text: str) -> str:
    """Text without invisible characters at its ends."""
    return text.strip(OUTER_BLANKS)


def parse_number(value: JSON) -> float | None:
    """Number of a field, which the console and Terraform may write as text; None where it is not a number."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,15})?", trimmed(value), re.ASCII):
        value = float(trimmed(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def clean(text: str) -> str:
    """Remove control characters from vendor text, and blanks at its ends; lone surrogates become '?'."""
    if text.isprintable():
        return text.strip()
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char.isprintable() else " " for char in text).strip()
