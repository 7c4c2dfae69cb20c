"""Reads a schedule's policy as people write it: in a parameter of the template, or in a connection's secret. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from import_watch.model import JSON
from import_watch.schedule import PRESETS, Policy

LIMITS = {"floor": (1.0, 3_600.0), "ratio": (0.01, 1.0), "ceiling": (1.0, 86_400.0)}
"""What each knob may be set to, in seconds, and as a share of the age."""
KNOWN = ("preset", *LIMITS)


def policy_of(told: JSON) -> Policy:
    """Read a policy.

    Parameters
    ----------
    told : JSON
        The name of a preset, or an object with any of `floor`, `ratio`, `ceiling`, and `preset` for the rest.

    Raises
    ------
    ValueError
        Naming every knob at fault and the fix.
    """
    if isinstance(told, str):
        told = {"preset": told}
    if not isinstance(told, dict):
        raise ValueError("policy must be the name of a preset or an object")
    faults = [f"policy.{name} is not one of preset, {', '.join(LIMITS)}" for name in told if name not in KNOWN]
    preset = told.get("preset", "default")
    if not isinstance(preset, str) or preset not in PRESETS:
        faults.append(f"policy.preset must be one of {', '.join(PRESETS)}")
        preset = "default"
    knobs = {}
    for name, (least, most) in LIMITS.items():
        value = told.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            faults.append(f"policy.{name} must be a number from {least:g} to {most:g}")
        else:
            knobs[name] = float(value)
    policy = replace(PRESETS[preset], **knobs)
    if policy.ceiling < policy.floor:
        faults.append("policy.ceiling must not be less than policy.floor")
    if faults:
        raise ValueError("; ".join(faults))
    return policy


def policies_of_text(text: str) -> dict[str, Policy]:
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
            found[vendor] = policy_of(_told(knobs))
        except ValueError as error:
            raise ValueError(f"{vendor}: {error}") from None
    return found


def _told(text: str) -> dict[str, JSON]:
    told: dict[str, JSON] = {}
    for part in filter(None, re.split(r"[\s,]+", text)):
        name, equals, value = part.partition("=")
        if not equals:
            told["preset"] = name
            continue
        try:
            told[name] = float(value)
        except ValueError:
            raise ValueError(f"policy.{name} must be a number") from None
    return told
