"""Watches one real import from this machine: the same stack, a real vendor, credentials from the environment."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values
from import_watch.model.watch import watch_id
from import_watch.notifications.notification import mail, readable_log
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.adapter import Adapter
from import_watch.vendors.connection_fields import BUCKETS_FIELD, HOSTS_FIELD
from import_watch_cli.display import Standing, result, without_controls, wrapped
from import_watch_cli.terminal import Terminal, WatchDisplay, lines_of_one, write_error

from local.paths import FUNCTIONS, ROOT, STATE

if TYPE_CHECKING:
    from local.stack import LocalStack

PAUSE_SECONDS = 0.5
MAX_SECONDS = 30 * 86_400 + 3_600
"""A watch ends within 30 days by itself; this bounds the loop if the emulator fails."""
INVALID, INTERRUPTED = 2, 130


def run(terminal: Terminal, vendor: str, import_id: str, connection: str) -> int:
    """Watch one import and write its outcome last.

    Returns
    -------
    int
        0 if the import completed, 1 if not, 2 for an invalid argument or a missing setting, 130 after Ctrl-C.
    """
    # A shell that starts this in the background has SIGINT ignored: it could then be ended only by killing it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _run(terminal, vendor, import_id, connection)
    except KeyboardInterrupt:
        terminal.write("The watch was stopped; the import itself continues at the vendor.")
        return INTERRUPTED


def _run(terminal: Terminal, vendor: str, import_id: str, connection: str) -> int:
    began = time.monotonic()
    file = _text_values(dotenv_values(ROOT / ".env"))
    environment = {**file, **os.environ}
    vendors = VendorRegistry(FUNCTIONS)
    if vendor not in vendors.names:
        write_error(f"VENDOR must be one of {', '.join(vendors.names)}.")
        return INVALID
    adapter = vendors.adapter(vendor)
    canonical_id = adapter.import_id(import_id)
    if canonical_id is None:
        write_error(f"IMPORT_ID must be {adapter.import_id_hint}.")
        return INVALID
    fields, missing = connection_fields(adapter, environment)
    if missing:
        write_error(f"Set {', '.join(missing)} in the environment or in a file .env.")
        return INVALID
    detail: dict[str, Any] = {"vendor": vendor, "importId": import_id, "connection": connection}
    if timeout := environment.get("TIMEOUT_SECONDS"):
        if not timeout.isdecimal():
            write_error("TIMEOUT_SECONDS must be a whole number.")
            return INVALID
        detail["timeoutSeconds"] = int(timeout)
    used = [variable(vendor, name) for name in fields]
    source = f"{', '.join(used)} {_source(used, file)}"
    terminal.write_wrapped(f"Watching import {canonical_id} at {adapter.title}, with {source}.")
    terminal.write_wrapped("Starting a stack on this machine. Ctrl-C ends the watch, and not the import.")
    event, saved = _watched(terminal, adapter, detail, fields, environment.get("ALLOWED_HOSTS", ""))
    event["data"]["message"] = for_environment(event["data"]["message"], adapter, connection)
    data, text = event["data"], mail(event).rstrip()
    for location, path in saved.items():
        # The bucket has ended with the emulator; its objects are on this machine.
        text = text.replace(location, str(path))
    sentence, *others = map(without_controls, text.splitlines())
    seconds = time.monotonic() - began
    terminal.write("", *result(data["outcome"], width=terminal.width, seconds=seconds, reason=data["reason"]), "")
    terminal.write(*(wrapped(sentence, terminal.width) if terminal.is_terminal else [sentence]), *others)
    return 0 if event["type"] == "ImportCompleted" else 1


def _watched(
    terminal: Terminal, adapter: Adapter, detail: Mapping[str, Any], fields: Mapping[str, Any], hosts: str
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Watch an import to its end; return its notification, and the copies of the archived objects."""
    # The services of the stack load slowly, and the first line must not wait for them.
    from local.service import report_swept
    from local.stack import LocalStack

    report_swept(terminal)
    with LocalStack(vendors=(), parameters={"AllowedHosts": hosts}) as stack:
        stack.put_connection(adapter.vendor, fields, detail["connection"])
        stack.start_import(detail)
        event = _follow(stack, terminal, adapter, detail)
        return event, _saved(stack, event["data"])


def connection_fields(adapter: Adapter, environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Fields of a connection's secret from environment variables, and the names of missing variables.

    The variable of a field is the vendor's name and the field's: eGain's `tokenUrl` is `EGAIN_TOKEN_URL`.
    """
    fields: dict[str, Any] = {}
    version_field = adapter.version_field
    if version_field is not None and (version := environment.get(variable(adapter.vendor, version_field), "")):
        fields[version_field] = version
    try:
        shape = adapter.api_of(fields).connection
    except ValueError:
        shape = adapter.api().connection  # the check of the connection names the fault
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


def for_environment(text: str, adapter: Adapter, connection: str) -> str:
    """Text for a person who watches from this machine: variables in place of a secret, the command of the start event.

    Parameters
    ----------
    text : str
        Message of a notification.
    adapter : Adapter
    connection : str
        Name of the connection.
    """
    shapes = [adapter.api(version).connection for version in adapter.versions]
    version_field = (adapter.version_field,) if adapter.version_field else ()
    known = {BUCKETS_FIELD, HOSTS_FIELD, *version_field}.union(
        name for shape in shapes for name in (*shape.required, *shape.optional)
    )
    text = re.sub(r"send a new start event to watch (?:it|import \S+) again", "run `make watch` again", text)
    text = text.replace("send a new start event", "run `make watch` again")
    text = re.sub(r"\btimeoutSeconds\b", "TIMEOUT_SECONDS", text)
    credentials = [
        variable(adapter.vendor, name) for name in adapter.api().connection.required if not name.endswith("Url")
    ]
    text = re.sub(
        r"\b(set|correct) (\w+) in the connection's secret",
        lambda found: f"{found[1]} {variable(adapter.vendor, 'tokenUrl' if found[2] == 'it' else found[2])}",
        text,
    )
    text = text.replace("put valid ones into its secret", f"set valid ones in {' and '.join(credentials)}")
    from local.deployment import STACK_NAME

    secret = re.escape(f"{STACK_NAME}/{adapter.vendor}/{connection}")
    text = re.sub(rf"the secret {secret} is malformed: ", "the environment is not valid: ", text)
    return re.sub(
        rf"\b({'|'.join(name for name in known if not name.islower())})\b",
        lambda found: variable(adapter.vendor, found[1]),
        text,
    )


def _source(used: list[str], file: Mapping[str, str]) -> str:
    """Where the variables came from, in words: the environment goes before the file."""
    from_file = [name for name in used if name in file and name not in os.environ]
    if not from_file:
        return "from the environment"
    return "from .env" if from_file == used else "from the environment and .env"


def _follow(stack: LocalStack, terminal: Terminal, adapter: Adapter, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Show the watch until its outcome is published, and return the notification."""
    from local.outcomes import receive
    from local.progress import standings

    sqs, dynamodb = stack.client("sqs"), stack.client("dynamodb")
    import_id, connection = str(adapter.import_id(detail["importId"])), detail["connection"]
    key = watch_id(adapter.vendor, connection, adapter.key_id(import_id))
    ends = time.monotonic() + MAX_SECONDS
    with WatchDisplay(terminal, lines_of_one(adapter.title)) as display:
        while time.monotonic() < ends:
            found = standings(dynamodb, stack.outputs["WatchTableName"]).get(key, Standing())
            error = for_environment(found.error, adapter, connection) if found.error else None
            display.show({import_id: replace(found, error=error)})
            for message in receive(sqs, stack.outcomes_queue_url):
                return message.event
            time.sleep(PAUSE_SECONDS)
    raise TimeoutError("the watch did not end")


def _saved(stack: LocalStack, data: Mapping[str, Any]) -> dict[str, Path]:
    """Save the archived objects on this machine, because the emulator's bucket ends with it."""
    from local.outcomes import fetch

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
