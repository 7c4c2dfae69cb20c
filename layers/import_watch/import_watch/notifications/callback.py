"""The outcome of an import as the result of a task of a caller's state machine. Pure."""

from __future__ import annotations

from import_watch.model.serialization import JSON
from import_watch.notifications.notification import IMPORT_COMPLETED, bounded, json_text

MAX_CAUSE = 32_768
"""Maximum characters of a cause: https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html"""
OMITTED_FIRST = ("problems", "metadata", "counts", "log", "answer", "watch", "vendorStatus", "jobType")
"""Fields of a notification's data that are left out of a cause that is too long, the first one first."""


def is_success(event: dict[str, JSON]) -> bool:
    """Whether the task has succeeded: the import has completed."""
    return bool(event["type"] == IMPORT_COMPLETED)


def success(event: dict[str, JSON]) -> str:
    """Output of the task: the notification's data."""
    return json_text(bounded(event)[0]["data"])


def failure(event: dict[str, JSON]) -> tuple[str, str]:
    """Error and cause of the task: the outcome, and the notification's data as JSON.

    A cause that would be too long has fewer problems; then other fields are null, and texts are cut.
    """
    data = event["data"]
    error = str(data["outcome"])
    cause = json_text(data)
    problems = data["problems"]
    while len(cause) > MAX_CAUSE and problems:
        problems = problems[: len(problems) // 2]
        data = {**data, "problems": problems}
        cause = json_text(data)
    for name in OMITTED_FIRST[1:]:
        if len(cause) <= MAX_CAUSE:
            return error, cause
        data = {**data, name: None}
        cause = json_text(data)
    longest = MAX_CAUSE // 64
    while len(cause) > MAX_CAUSE:
        data = {name: value[:longest] if isinstance(value, str) else value for name, value in data.items()}
        cause, longest = json_text(data), longest // 2
    return error, cause
