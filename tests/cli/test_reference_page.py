"""The page of the command line has the help of every command, and documents every field of its JSON."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields

import pytest
from import_watch.model.serialization import camel
from import_watch_cli.__main__ import PROGRAM
from import_watch_cli.app import app
from import_watch_cli.rows import WatchRow
from typer.main import get_group

from tests.cli import reference_page
from tests.contract import markdown

PAGE = reference_page.PAGE.read_text()


def test_the_page_has_the_help_of_every_command() -> None:
    """`python -m tests.cli.reference_page` writes it."""
    assert reference_page.updated(PAGE) == PAGE


def test_every_command_has_an_example() -> None:
    for command in app.registered_commands:
        assert re.search(rf"^ +import-watch {command.name}\b", PAGE, re.MULTILINE), command.name


EXAMPLES = re.findall(r"^ {4}(import-watch [a-z-]+\b.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_command_line_that_is_understood(example: str) -> None:
    """Not what it does, which the tests of each command check."""
    words = shlex.split(re.split(r" [|&<>]", example)[0])[1:]
    group = get_group(app)
    command = group.commands[words[0]]
    with (
        group.make_context(PROGRAM, [], resilient_parsing=True) as outer,
        command.make_context(words[0], words[1:], parent=outer) as context,
    ):
        assert context.args == []


def test_the_page_documents_every_field_of_a_list() -> None:
    documented = [name for row in markdown.tables(PAGE, "JSON")[0] for name in markdown.code_spans(row[0])]
    assert set(documented) == {camel(field.name) for field in fields(WatchRow)}
