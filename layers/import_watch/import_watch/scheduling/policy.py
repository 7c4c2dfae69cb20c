"""Reads polling policies as people write them: in a parameter of the template, or in a connection's secret. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from import_watch.model.serialization import JSON
from import_watch.model.text import parse_number, trimmed
from import_watch.scheduling.interval import PRESETS, Policy

LIMITS = {"floor": (1.0, 3_600.0), "ratio": (0.01, 1.0), "ceiling": (1.0, 86_400.0)}
"""Minimum and maximum of each parameter, in seconds or as a share of the age."""
KNOWN = ("preset", *LIMITS)


def parse_policy(raw: JSON) -> Policy:
    """Read a polling policy.

    Parameters
    ----------
    raw : JSON
        The name of a preset, or an object with any of `floor`, `ratio`, `ceiling`, and `preset` for the rest; also as
        text, either JSON or the form of the template's parameter.

    Raises
    ------
    ValueError
        Naming every invalid parameter and the fix.
    """
    if isinstance(raw, str):
        raw = _object_of(trimmed(raw))
    if not isinstance(raw, dict):
        raise ValueError("policy must be the name of a preset or an object")
    faults = [f"policy.{name} is not one of preset, {', '.join(LIMITS)}" for name in raw if name not in KNOWN]
    preset = raw.get("preset")
    if preset is None or preset == "":
        preset = "default"
    if isinstance(preset, str):
        preset = trimmed(preset)
    if not isinstance(preset, str) or preset not in PRESETS:
        faults.append(f"policy.preset must be one of {', '.join(PRESETS)}")
        preset = "default"
    parameters = {}
    for name, (least, most) in LIMITS.items():
        value = raw.get(name)
        if value is None or value == "":
            continue
        number = parse_number(value)
        if number is None or not least <= number <= most:
            faults.append(f"policy.{name} must be a number from {least:g} to {most:g}")
        else:
            parameters[name] = float(number)
    policy = replace(PRESETS[preset], **parameters)
    if policy.ceiling < policy.floor:
        faults.append("policy.ceiling must not be less than policy.floor")
    if faults:
        raise ValueError("; ".join(faults))
    return policy


def parse_policies(text: str) -> dict[str, Policy]:
    """Read policies by vendor from a text such as `egain: frugal; voyado: floor=10, ratio=0.2`.

    Raises
    ------
    ValueError
        Naming the vendor, the error and the fix.
    """
    found: dict[str, Policy] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        vendor, colon, parameters = (piece.strip() for piece in part.partition(":"))
        if not colon or not vendor or vendor in found:
            raise ValueError(f"{part!r} must be <vendor>: <policy>, each vendor once")
        try:
            found[vendor] = parse_policy(parameters)
        except ValueError as error:
            raise ValueError(f"{vendor}: {error}") from None
    return found


def _object_of(text: str) -> JSON:
    """Read the name of a preset, a JSON object, or parameters such as `floor=10, ratio=0.2`."""
    if text.startswith(("{", '"')):
        try:
            found = json.loads(text)
            return _object_of(found) if isinstance(found, str) else found
        except (ValueError, RecursionError):
            raise ValueError("policy is a text that begins as JSON and is none") from None
    return _parse_parameters(text) if "=" in text else {"preset": text}


def _parse_parameters(text: str) -> dict[str, JSON]:
    parameters: dict[str, JSON] = {}
    for part in filter(None, re.split(r"[\s,]+", text)):
        name, equals, value = part.partition("=")
        if not equals:
            parameters["preset"] = name
            continue
        if name == "preset":
            parameters["preset"] = value
            continue
        if name not in LIMITS:
            # The text is not quoted: it may be a credential in the wrong field.
            raise ValueError(f"policy has a part that is not one of preset, {', '.join(LIMITS)}")
        try:
            parameters[name] = float(value)
        except ValueError:
            raise ValueError(f"policy.{name} must be a number") from None
    return parameters
