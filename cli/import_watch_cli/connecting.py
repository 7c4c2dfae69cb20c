"""Requests the credentials of a connection from a person, checks them and stores them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import typer
from import_watch.model.serialization import JSON
from import_watch.model.text import clean
from import_watch.vendors.adapter import Adapter

from import_watch_cli.connections import adapter_of, check_requests, connections_of, exists, secret_name, write
from import_watch_cli.errors import NOT_DONE, CommandError
from import_watch_cli.findings import Finding, Level, report
from import_watch_cli.output import Output
from import_watch_cli.stack import Stack

MAX_BYTES = 65_536
"""Secrets Manager stores no larger secret."""


def connect(stack: Stack, output: Output, vendor: str, connection: str, *, replace: bool, unchecked: bool) -> int:
    """Store the credentials of a connection; the exit status is 1 where the check fails.

    Raises
    ------
    CommandError
        If the fields are invalid, or there is a secret that is not to be replaced.
    """
    adapter = adapter_of(vendor)
    name = secret_name(stack, vendor, connection)
    is_terminal = sys.stdin.isatty()
    if exists(stack, name) and not replace:
        if not is_terminal:
            raise CommandError(f"The secret {name} exists: add --replace.", NOT_DONE)
        if not typer.confirm(f"The secret {name} exists. Replace it?", err=True):
            raise CommandError("Nothing was changed.", NOT_DONE)
    text = json.dumps(_requested(output, adapter)) if is_terminal else sys.stdin.read(MAX_BYTES + 1)
    if len(text.encode()) > MAX_BYTES:
        raise CommandError(f"The fields of a secret have at most {MAX_BYTES:,} bytes.")
    try:
        found = connections_of(stack, adapter).read(connection, text)
        fields = json.loads(text)
    except ValueError as error:
        raise CommandError(f"The fields of the connection are invalid: {clean(str(error))}.") from None
    status = report(output, check_requests(stack, adapter, found))
    if status and not unchecked:
        output.note(f"The secret {name} was not written. Correct the fields, or add --unchecked to write it so.")
        return NOT_DONE
    if found.deprecation:
        output.note(f"Note: {found.deprecation}.")
    done = write(stack, name, fields)
    return report(output, _written(name, done))


def _written(name: str, done: str) -> Iterator[Finding]:
    yield Finding("secret", Level.GOOD, f"the secret {name} was {done}")


def _requested(output: Output, adapter: Adapter) -> dict[str, JSON]:
    """Fields that a person types; an empty optional one is left out.

    Raises
    ------
    CommandError
        If there is no such version of the vendor's API: it decides which fields there are.
    """
    fields: dict[str, JSON] = {}
    if adapter.version_field is not None:
        name, versions = adapter.version_field, " or ".join(adapter.versions)
        value = typer.prompt(
            f"{name} ({versions})", default=adapter.default_version, show_default=True, hide_input=False, err=True
        )
        if str(value) != adapter.default_version:
            fields[name] = str(value)
    try:
        shape = adapter.api_of(fields).connection
    except ValueError as error:
        raise CommandError(f"The fields of the connection are invalid: {error}.") from None
    output.note(f"{adapter.title}: Enter leaves an optional field out; {shape.base_url_fields} is needed.")
    for name in (*shape.required, *shape.optional):
        required = name in shape.required
        label = name if required else f"{name} (optional)"
        value = typer.prompt(
            label, default=None if required else "", show_default=False, hide_input=name in shape.secret, err=True
        )
        if str(value).strip():
            fields[name] = str(value)
    return fields
