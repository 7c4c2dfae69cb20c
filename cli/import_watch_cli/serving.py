"""Serves the live page of a stack until it is interrupted."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from import_watch_cli.errors import CommandError
from import_watch_cli.output import Output
from import_watch_cli.stack import Stack


def serve(stack: Stack, output: Output, port: int) -> int:
    """Serve the page on the loopback address.

    Raises
    ------
    CommandError
        If this installation has no page.
    """
    if find_spec("import_watch_cli.page") is None:
        raise CommandError("This installation has no live page: update it.")
    server = import_module("import_watch_cli.page.server")
    return int(server.run(stack, output, port))
