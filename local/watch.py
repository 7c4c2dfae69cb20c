"""Watches one real import from this machine: the same stack, a real vendor, credentials from the environment."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from import_watch.model.watch import watch_id
from import_watch.notifications.notification import mail, readable_log
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.adapter import Adapter
from rich.console import Console

from local.display import Display
from local.outcomes import fetch, receive
from local.paths import FUNCTIONS, ROOT, STATE
from local.progress import Standing, standings
from local.stack import LocalStack

PAUSE_SECONDS = 0.5
MAX_SECONDS = 30 * 86_400 + 3_600
"""A watch ends within 30 days by itself; this bounds the loop if the emulator fails."""
INTERRUPTED = 130


def run(console: Console, vendor: str, import_id: str, connection: str) -> int:
    """Watch one import and print its outcome last.

    Returns
    -------
    int
        0 if the import completed, 1 if not, 2 for an invalid argument or a missing setting, 130 after Ctrl-C.
    """
    environment = {**_text_values(dotenv_values(ROOT / ".env")), **os.environ}
    vendors = VendorRegistry(FUNCTIONS)
    if vendor not in vendors.names:
        console.print(f"VENDOR must be one of {', '.join(vendors.names)}.")
        return 2
    adapter = vendors.adapter(vendor)
    fields, missing = connection_fields(adapter, environment)
    if missing:
        console.print(f"Set {', '.join(missing)} in the environment or in a file .env.", soft_wrap=True)
        return 2
    detail: dict[str, Any] = {"vendor": vendor, "importId": import_id, "connection": connection}
    if timeout := environment.get("TIMEOUT_SECONDS"):
        if not timeout.isdecimal():
            console.print("TIMEOUT_SECONDS must be a whole number.")
            return 2
        detail["timeoutSeconds"] = int(timeout)
    parameters = {"AllowedHosts": environment.get("ALLOWED_HOSTS", "")}
    saved: dict[str, Path] = {}
    # A shell that starts this in the background has SIGINT ignored: it could then be ended only by killing it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with LocalStack(vendors=(), parameters=parameters) as stack:
            stack.put_connection(vendor, fields, connection)
            stack.start_import(detail)
            key_id = adapter.key_id(adapter.import_id(import_id) or import_id)
            event = _follow(stack, console, watch_id(vendor, connection, key_id))
            saved = _saved(stack, event["data"])
    except KeyboardInterrupt:
        console.print("The watch was stopped; the import itself continues at the vendor.")
        return INTERRUPTED
    text = mail(event).rstrip()
    for location, path in saved.items():
        # The bucket has ended with the emulator; its objects are on this machine.
        text = text.replace(location, str(path))
    console.print()
    console.print(text, soft_wrap=True, highlight=False, markup=False)
    return 0 if event["type"] == "ImportCompleted" else 1


def connection_fields(adapter: Adapter, environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Fields of a connection's secret from environment variables, and the names of missing variables.

    The variable of a field is the vendor's name and the field's: eGain's `tokenUrl` is `EGAIN_TOKEN_URL`.
    """
    shape = adapter.connection
    fields: dict[str, Any] = {}
    for name in (*shape.required, *shape.optional):
        value = environment.get(variable(adapter.vendor, name), "")
        if value:
            fields[name] = value
    buckets = environment.get(variable(adapter.vendor, "logBuckets"), "")
    if buckets:
        fields["logBuckets"] = [bucket.strip() for bucket in buckets.split(",")]
    missing = [variable(adapter.vendor, name) for name in shape.required if name not in fields]
    if shape.base_url(fields) is None:
        missing.append(variable(adapter.vendor, shape.base_url_fields.split()[0]))
    return fields, missing


def variable(vendor: str, field: str) -> str:
    """Environment variable of a connection's field."""
    return "_".join((vendor, *re.findall(r"[A-Z]?[a-z0-9]+", field))).upper()


def _follow(stack: LocalStack, console: Console, key: str) -> dict[str, Any]:
    sqs, dynamodb = stack.client("sqs"), stack.client("dynamodb")
    name = key.rpartition("#")[2]
    ends = time.monotonic() + MAX_SECONDS
    with Display(console) as display:
        while time.monotonic() < ends:
            found = standings(dynamodb, stack.outputs["WatchTableName"])
            display.show({name: found.get(key, Standing())})
            for message in receive(sqs, stack.outcomes_queue_url):
                return message.event
            time.sleep(PAUSE_SECONDS)
    raise TimeoutError("the watch did not end")


def _saved(stack: LocalStack, data: Mapping[str, Any]) -> dict[str, Path]:
    """Save the archived objects on this machine, because the emulator's bucket ends with it."""
    folder = STATE / "archive"
    saved = {}
    log = data["log"]["location"]
    for location in filter(None, [log, readable_log(log), data["answer"]]):
        path = folder / location.removeprefix("s3://").partition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fetch(stack.client("s3"), location))
        saved[location] = path
    return saved


def _text_values(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
