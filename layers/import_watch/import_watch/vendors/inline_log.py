"""Reads a log that is inside a response: an object with counts and a list of messages, each with a severity.

There may be millions of messages, so that a list of all texts would not fit into memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from import_watch.model.observation import (
    MAX_PROBLEMS,
    ImportState,
    InlineLog,
    LogReference,
    MissingLog,
    Problem,
    Severity,
)
from import_watch.vendors.fields import integer_of, json_in, list_of, text_of

ERRORS_IN_REASON = 3
NO_TEXT = "(no text)"
NO_MESSAGE = f"{Severity.ERROR.value:<8}{NO_TEXT}"


class LogFormat(NamedTuple):
    """How a vendor writes the messages of a log.

    Parameters
    ----------
    messages : str
        Key of the list of messages.
    text, severity : str
        Keys of a message.
    severities : mapping of int to Severity
        The vendor's severities; any other one counts as an error.
    aborted : str
        Key that is true in an error with which the import was aborted.
    """

    messages: str
    text: str
    severity: str
    severities: Mapping[int, Severity]
    aborted: str

    def content_of(self, value: Any) -> Any:
        """Content of the log: an object. A list is read as a list of messages, and a text may be JSON."""
        content = value
        if isinstance(content, str):
            text, content = content.strip(), json_in(content)
            if text and content is None and text != "null":
                # A text that begins like JSON and cannot be parsed may contain errors, and counts as one.
                return {"log": text, self.messages: [text] if text.startswith(("{", "[")) else []}
            content = content or None
        return {self.messages: content} if isinstance(content, list) and content else content

    def read(self, log: dict[str, Any]) -> LogMessages:
        """Messages of a log."""
        problems: list[Problem] = []
        errors: list[str] = []
        amounts: Counter[Severity] = Counter()
        aborted = False
        for message in self._all(log):
            if not message or not isinstance(message, dict):
                amounts[Severity.ERROR] += 1
                continue
            severity = self._severity(message)
            aborted = aborted or (severity is Severity.ERROR and message.get(self.aborted) is True)
            listed = len(problems) < MAX_PROBLEMS
            of_reason = severity is Severity.ERROR and len(errors) < ERRORS_IN_REASON
            text = text_of(message.get(self.text)) if listed or of_reason else None
            if text and of_reason:
                errors.append(text)
            if text and listed:
                problems.append(Problem(severity, text))
            amounts[severity] += 1
        return LogMessages(problems, errors, amounts, aborted)

    def reference(self, content: Any, state: ImportState, missing: str) -> LogReference:
        """What is known of the log: its content, or why an import that has ended has none yet."""
        if isinstance(content, dict):
            return InlineLog(content, self._text(content))
        if state in (ImportState.QUEUED, ImportState.RUNNING, ImportState.UNRECOGNISED):
            return None
        return MissingLog(missing, expected=True)

    def _text(self, log: dict[str, Any]) -> str:
        """Text of the log: the counts, then a line for every message that has a text."""
        counts = (f"{name}: {_shown(value)}" for name, value in log.items() if name != self.messages)
        return "\n".join((*counts, *self._lines(self._all(log)))) + "\n"

    def _all(self, log: dict[str, Any]) -> Collection[Any]:
        """Messages of a log: a list; a single message, or an object of messages, is read, too."""
        messages = log.get(self.messages)
        if isinstance(messages, dict):
            return [messages] if messages.keys() & {self.text, self.severity} else messages.values()
        # A plain text is an error, like every message of an unknown severity.
        return [messages] if isinstance(messages, str) and messages.strip() else list_of(messages)

    def _severity(self, message: dict[str, Any]) -> Severity:
        return self.severities.get(integer_of(message.get(self.severity)) or 0, Severity.ERROR)

    def _lines(self, messages: Collection[Any]) -> Iterator[str]:
        """Lines of messages; consecutive ones without a text share a line."""
        for line, alike in groupby(map(self._line, messages), key=lambda line: line if NO_TEXT in line else None):
            if line is None:
                yield from alike
            else:
                count = sum(1 for _ in alike)
                yield line if count == 1 else f"{line} ({count:,} times)"

    def _line(self, message: Any) -> str:
        if not message or not isinstance(message, dict):
            return NO_MESSAGE
        text = message.get(self.text)
        mark = " (this message ended the import)" if message.get(self.aborted) is True else ""
        return f"{self._severity(message).value:<8}{_shown(text) if text else NO_TEXT}{mark}"


class LogMessages(NamedTuple):
    """The first messages of a log that have a text, the first errors, and the amounts of all by their severity."""

    problems: list[Problem]
    errors: list[str]
    amounts: Counter[Severity]
    aborted: bool


def _shown(value: Any) -> str:
    """Value as short text: a whole tree is not readable, and may be too deep to be written."""
    if isinstance(value, dict | list):
        return f"({len(value):,} entries: see log.json)"
    try:
        return f"{value}"
    except ValueError:  # an integer of thousands of digits
        return "(see log.json)"
