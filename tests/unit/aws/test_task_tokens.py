"""Task tokens are kept beside their watch until they have its outcome."""

from __future__ import annotations

import pytest
from import_watch.aws.task_tokens import TaskTokens
from import_watch.aws.watch_store import WatchStore

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
