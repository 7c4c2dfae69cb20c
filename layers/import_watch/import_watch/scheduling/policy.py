"""Reads a schedule's policy as people write it: in a parameter of the template, or in a connection's secret. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from import_watch.model.serialization import JSON
from import_watch.model.text import trimmed
from import_watch.scheduling.interval import PRESETS, Policy

LIMITS = {"floor": (1.0, 3_600.0), "ratio": (0.01, 1.0), "ceiling": (1.0, 86_400.0)}
"""What each knob may be set to, in seconds, and as a share of the age."""
KNOWN = ("preset", *LIMITS)


def parse_policy(told: JSON) -> Policy:
    """Read a policy.

    Parameters
    ----------
    told : JSON
        The name of a preset, or an object with any of `floor`, `ratio`, `ceiling`, and `preset` for the rest; also
        as a text, of JSON or as the template's parameter has it.

    Raises
    ------
    ValueError
        Naming every knob at fault and the fix.
    """
    if isinstance(told, str):
        told = _object_of(trimmed(told))
    if not isinstance(told, dict):
        raise ValueError("policy must be the name of a preset or an object")
    faults = [f"policy.{name} is not one of preset, {', '.join(LIMITS)}" for name in told if name not in KNOWN]
    preset = told.get("preset")
    if preset is None or preset == "":
        preset = "default"
    if isinstance(preset, str):
        preset = trimmed(preset)
    if not isinstance(preset, str) or preset not in PRESETS:
        faults.append(f"policy.preset must be one of {', '.join(PRESETS)}")
        preset = "default"
    knobs = {}
    for name, (least, most) in LIMITS.items():
        value = told.get(name)
        if value is None or value == "":
            continue
        number = parse_number(value)
        if number is None or not least <= number <= most:
            faults.append(f"policy.{name} must be a number from {least:g} to {most:g}")
        else:
            knobs[name] = float(number)
    policy = replace(PRESETS[preset], **knobs)
    if policy.ceiling < policy.floor:
        faults.append("policy.ceiling must not be less than policy.floor")
    if faults:
        raise ValueError("; ".join(faults))
    return policy


def parse_number(value: JSON) -> float | None:
    """Give the number of a field, which the console and Terraform may write as a text; None where it is none."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,15})?", trimmed(value), re.ASCII):
        value = float(trimmed(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def parse_policies(text: str) -> dict[str, Policy]:
    """Read policies by vendor out of a text such as `egain: frugal; voyado: floor=10, ratio=0.2`.

    Raises
    ------
    ValueError
        Naming the vendor, what is at fault and the fix.
    """
    found: dict[str, Policy] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        vendor, colon, knobs = (piece.strip() for piece in part.partition(":"))
        if not colon or not vendor or vendor in found:
            raise ValueError(f"{part!r} must be <vendor>: <policy>, each vendor once")
        try:
            found[vendor] = parse_policy(knobs)
        except ValueError as error:
            raise ValueError(f"{vendor}: {error}") from None
    return found


def _object_of(text: str) -> JSON:
    """Read what may be the name of a preset, a JSON object, or knobs such as `floor=10, ratio=0.2`."""
    if text.startswith(("{", '"')):
        try:
            found = json.loads(text)
            return _object_of(found) if isinstance(found, str) else found
        except (ValueError, RecursionError):
            raise ValueError("policy is a text that begins as JSON and is none") from None
    return _told(text) if "=" in text else {"preset": text}


def _told(text: str) -> dict[str, JSON]:
    told: dict[str, JSON] = {}
    for part in filter(None, re.split(r"[\s,]+", text)):
        name, equals, value = part.partition("=")
        if not equals:
            told["preset"] = name
            continue
        if name == "preset":
            told["preset"] = value
            continue
        if name not in LIMITS:
            # It is not quoted: it may be a credential in the wrong field.
            raise ValueError(f"policy has a part that is not one of preset, {', '.join(LIMITS)}")
        try:
            told[name] = float(value)
        except ValueError:
            raise ValueError(f"policy.{name} must be a number") from None
    return told
