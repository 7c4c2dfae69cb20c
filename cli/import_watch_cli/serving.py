"""Serves the live page of a stack until it is interrupted."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from import_watch_cli.errors import CommandError
from import_watch_cli.output import Output
from import_watch_cli.stack import Stack


def serve(stack: Stack, output: Output, port: int, *, opens_browser: bool) -> int:
    """Serve the page on the loopback address.

    Raises
    ------
    CommandError
        If this installation has no page.
    """
    if find_spec("import_watch_cli.page") is None:
        raise CommandError("This installation has no live page: update it.")

    def announce(url: str) -> None:
        if output.as_json:
            output.value({"url": url})
        else:
            output.line(f"The page of stack {stack.name} is at {url} until Ctrl-C.")

    server = import_module("import_watch_cli.page.server")
    server.serve(stack, port, open_browser=opens_browser, announce=announce)
    return 0
