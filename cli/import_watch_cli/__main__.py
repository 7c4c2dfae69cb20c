"""The entry point of the command line: runs a command, and reports every error in one line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

PROGRAM = "import-watch"
INTERRUPTED = 130
BROKEN_PIPE, TERMINATED = 141, 143
TRACEBACK_VARIABLE = "IMPORT_WATCH_TRACEBACK"
VALUED = ("--stack", "--profile", "--region")
FLAGS = ("--local", "--json", "--quiet", "--utc")
INFORMATION = ("--help", "--version")


def main() -> None:
    """Run the command line, and end the process with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            # A terminal without UTF-8 shows a question mark instead of failing.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    # A command that is ended by a signal leaves the terminal as it was.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    # The shared package logs for CloudWatch; a person reads the errors of the commands.
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Otherwise the interpreter would try to write the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BROKEN_PIPE
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.

    Returns
    -------
    int
        The exit status.
    """
    import typer

    from import_watch_cli.app import app
    from import_watch_cli.errors import USAGE, CommandError, one_line, sentence_of

    arguments = options_last(arguments)
    try:
        status = app(args=arguments or ["--help"], prog_name=PROGRAM, standalone_mode=False)
    except CommandError as error:
        return _failed(str(error), error.status)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("Interrupted. Imports and their watches continue.", INTERRUPTED)
    except typer.TyperException as error:
        known = {one.name for one in app.registered_commands}
        command = f"{PROGRAM} {arguments[0]}" if arguments and arguments[0] in known else PROGRAM
        text = _sentence(one_line(error.format_message()))
        return _failed(f"{text} `{command} --help` shows how it is used.", USAGE)
    except SystemExit as ended:
        # typer ends the process by itself where the reader of its output has gone.
        if isinstance(ended.__context__, BrokenPipeError):
            raise ended.__context__ from None
        raise
    except BrokenPipeError:
        raise
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        if type(error).__module__.partition(".")[0] == "botocore":
            return _failed(_sentence(sentence_of(error)), USAGE)
        text = one_line(f"{type(error).__name__}: {error}")
        return _failed(f"import-watch failed ({text}): set {TRACEBACK_VARIABLE}=1 to see where, and report it.", USAGE)
    return status if isinstance(status, int) else 0


def options_last(arguments: Sequence[str]) -> list[str]:
    """Arguments with the options that stand before the command behind it, where every command takes them."""
    rest = list(arguments)
    leading: list[str] = []
    while rest and rest[0].partition("=")[0] in (*VALUED, *FLAGS):
        takes = 2 if rest[0] in VALUED else 1
        leading, rest = leading + rest[:takes], rest[takes:]
    return rest if not rest or rest[0] in INFORMATION else [rest[0], *leading, *rest[1:]]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _failed(text: str, status: int) -> int:
    sys.stderr.write(f"{text}\n")
    return status


if __name__ == "__main__":
    main()
