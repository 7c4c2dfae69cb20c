"""A shell that runs the commands of a page."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path


class Shell:
    """A shell that keeps its variables and functions from one block of the page to the next."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["/bin/bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # A command that fails is remembered, and does not end the shell.
        self._write("set -o pipefail; trap 'wrong=\"$wrong; $BASH_COMMAND\"' ERR\n")

    def run(self, block: str) -> str:
        """Run a block and return what it printed.

        Raises
        ------
        AssertionError
            If a command of it failed.
        """
        self._write(f"wrong=\n{block}\nprintf '\\n<<%s>>\\n' \"$wrong\"\n")
        lines: list[str] = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.fullmatch(r"<<(.*)>>\n", line):
                printed = "".join(lines)
                assert found[1] == "", f"failed: {found[1]}\n{printed[-3_000:]}"
                return printed
            lines.append(line)
        raise AssertionError(f"the shell ended in a block:\n{block}\n{''.join(lines)[-3_000:]}")

    def end(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()
