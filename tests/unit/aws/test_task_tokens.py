"""Task tokens are kept beside their watch until they have its outcome."""

from __future__ import annotations

import pytest
from import_watch.aws.task_tokens import TaskTokens
from import_watch.aws.watch_store import MAX_TOKENS, WatchStore
from import_watch.aws.watch_writer import TooManyTokens

from tests.unit.aws_fixtures import (
    EXECUTION,
    TABLE,
    a_result,
    a_start,
    a_watch,
    aws_account,
    client,
    watch_table,
)

WATCH = a_watch()


def test_tokens_wait_for_the_outcome_of_their_own_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws_account(monkeypatch):
        watches: WatchStore = watch_table()
        tokens = TaskTokens(TABLE, client("dynamodb"))
        assert tokens.waiting(WATCH.watch_id, 1) == []
        watches.register(WATCH, EXECUTION, a_start(task_token="a:1"), keeps_log=False)
        for number, token in enumerate(("b", "b", "a:1")):
            record = watches.get(WATCH.watch_id)
            assert record is not None
            watches.add_start_event(record, (*record.start_events, str(number)), a_start(task_token=token))
        assert tokens.waiting(WATCH.watch_id, 1) == ["1:a:1", "1:b"]
        watches.end(WATCH, a_result())
        again = a_watch(attempt=2, generation=2)
        ended, start = watches.get(WATCH.watch_id), a_start(task_token="c")
        assert ended is not None
        watches.start_attempt(again, EXECUTION, start, ended=ended, keeps_log=False, start_events=("3",))
        assert tokens.waiting(WATCH.watch_id, 1) == ["1:a:1", "1:b"]
        assert tokens.waiting(WATCH.watch_id, 2) == ["2:c"]
        for entry in ("1:a:1", "1:b", "1:b", "2:c"):
            tokens.delete(WATCH.watch_id, entry)
        assert client("dynamodb").scan(TableName=TABLE)["Count"] == 4  # the two attempts, and their starts


def test_a_token_too_many_is_refused_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws_account(monkeypatch):
        watches: WatchStore = watch_table()
        tokens = TaskTokens(TABLE, client("dynamodb"))
        watches.register(WATCH, EXECUTION, a_start(task_token="0"), keeps_log=False)

        def join(token: str) -> None:
            record = watches.get(WATCH.watch_id)
            assert record is not None
            watches.add_start_event(record, (*record.start_events, token)[-20:], a_start(task_token=token))

        for number in range(1, MAX_TOKENS):
            join(f"{number}" + "x" * 1_900)
        before = watches.get(WATCH.watch_id)
        with pytest.raises(TooManyTokens):
            join("one too many")
        assert watches.get(WATCH.watch_id) == before
        join("0")  # it waits already
        assert len(tokens.waiting(WATCH.watch_id, 1)) == MAX_TOKENS
