"""The commands that are shown after an outcome: each names that watch, in that stack, and no other one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from import_watch.model.outcome import Outcome, Reason
from import_watch.model.record import StoredWatch
from import_watch.model.watch import MAX_ATTEMPTS, MAX_TIMEOUT_SECONDS
from import_watch_cli.durations import age_in, age_of
from import_watch_cli.options import Settings
from import_watch_cli.output import Output
from import_watch_cli.story_text import print_next_steps, reference

from tests.unit.aws_fixtures import NOW, a_result, a_stored_watch, a_watch

DAY = 86_400
SECOND: dict[str, Any] = {"watch_id": "voyado#second#1", "connection": "second", "import_id": "1"}
INVALID: dict[str, Any] = {"watch_id": "invalid#7", "import_id": "1"}


def a_record(*, earlier: bool = False, reason: str | None = None, **watch: Any) -> StoredWatch:
    """Record of a watch that ended as UNKNOWN after a day."""
    ended = a_result(outcome=Outcome.UNKNOWN, reason=reason, detected_at=NOW + DAY)
    return a_stored_watch(watch=a_watch(**{"import_id": "1", **watch}), result=ended, is_earlier_attempt=earlier)


@pytest.mark.parametrize(
    ("record", "settings", "expected"),
    [
        (a_record(), {}, "1"),
        (a_record(import_id="a b"), {}, "'a b'"),
        (a_record(**SECOND), {}, "'voyado#second#1'"),
        (a_record(**INVALID), {}, "'invalid#7'"),
        (a_record(attempt=2), {}, "1"),
        (a_record(attempt=2, earlier=True), {}, "1 --attempt 2"),
        (a_record(**SECOND, earlier=True), {"stack": "other"}, "'voyado#second#1' --attempt 1 --stack other"),
        (a_record(), {"profile": "p q", "region": "eu-west-1"}, "1 --profile 'p q' --region eu-west-1"),
    ],
)
def test_a_command_names_one_watch(record: StoredWatch, settings: dict[str, str], expected: str) -> None:
    assert reference(record, Settings(Output(), **settings).stack_options) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (a_record(reason=Reason.NOT_FOUND), "again 1 --stack s --wait"),
        (a_record(reason=Reason.TIMED_OUT), "again 1 --stack s --watch-for 2d --wait"),
        (a_record(reason=Reason.TIMED_OUT, announced_start=NOW + 4 * DAY), "again 1 --stack s --watch-for 4d --wait"),
        (a_record(reason=Reason.TIMED_OUT, deadline=NOW + MAX_TIMEOUT_SECONDS), "again 1 --stack s --wait"),
        (a_record(reason=Reason.TIMED_OUT, attempt=MAX_ATTEMPTS), None),
        (a_record(reason=Reason.INVALID_EVENT, **INVALID), None),
        (a_record(reason=Reason.NOT_FOUND, earlier=True), None),
        (replace(a_record(), result=a_result()), None),
    ],
)
def test_only_a_command_that_can_be_done_is_shown(
    capsys: pytest.CaptureFixture[str], record: StoredWatch, expected: str | None
) -> None:
    print_next_steps(Output(), record, " --stack s")
    commands = capsys.readouterr().out
    assert "import-watch show " in commands
    assert commands.count("import-watch again") == (expected is not None)
    assert expected is None or f"import-watch {expected}" in commands


@pytest.mark.parametrize(
    ("seconds", "age"), [(1, "1s"), (119, "119s"), (121, "3m"), (7_200, "2h"), (DAY, "24h"), (30 * DAY, "30d")]
)
def test_an_age_is_one_that_an_option_takes(seconds: int, age: str) -> None:
    assert age_of(seconds) == age
    assert age_in(age) >= seconds
