"""Serves the live page of a stack until it is interrupted."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from import_watch_cli.errors import CommandError
from import_watch_cli.output import Output
from import_watch_cli.stack import Stack


def serve(stack: Stack, output: Output, port: int) -> int:
    """Serve the page on the loopback address.

    Raises
    ------
    CommandError
        If the packages of the page are not installed, or the port cannot be used.
    """
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise CommandError("The packages of the live page are not installed: install import-watch again.")
    # The other commands start without a web server.
    from import_watch_cli.page.server import serve as serve_page

    def announce(url: str) -> None:
        if output.as_json:
            output.value({"pageUrl": url})
        else:
            output.line(f"The page of stack {stack.name}, {stack.place}: {url}")
            output.note("Ctrl-C ends it; the watches continue.")
        # The command does not end here: a program that reads the address would wait for it.
        sys.stdout.flush()

    # A browser is opened for a person, not for a program that reads the address.
    serve_page(stack, port, open_browser=output.is_terminal and not output.as_json, announce=announce)
    return 0
