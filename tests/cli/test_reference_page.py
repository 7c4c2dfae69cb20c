"""The page of the command line has the help of every command, and documents every field of its JSON."""

from __future__ import annotations

import re
from dataclasses import fields

from import_watch.model.serialization import camel
from import_watch_cli.app import app
from import_watch_cli.rows import WatchRow

from tests.cli import reference_page
from tests.contract import markdown

PAGE = reference_page.PAGE.read_text()


def test_the_page_has_the_help_of_every_command() -> None:
    """`python -m tests.cli.reference_page` writes it."""
    assert reference_page.updated(PAGE) == PAGE


def test_every_command_has_an_example() -> None:
    for command in app.registered_commands:
        assert re.search(rf"^ +import-watch {command.name}\b", PAGE, re.MULTILINE), command.name


def test_the_page_documents_every_field_of_a_list() -> None:
    documented = [name for row in markdown.tables(PAGE, "JSON")[0] for name in markdown.code_spans(row[0])]
    assert set(documented) == {camel(field.name) for field in fields(WatchRow)}
