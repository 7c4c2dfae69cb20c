"""Archiving: what is stored for a watch, its time limit, and that it never changes an outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from import_watch.aws import log_archive
from import_watch.aws.log_archive import Archived, LogArchive
from import_watch.aws.watch_store import WatchStore
from import_watch.model.observation import (
    FailedPoll,
    ImportState,
    InlineLog,
    LogRecord,
    LogReference,
    LogStatus,
    MissingLog,
    Observation,
    PollError,
    StoredLog,
)
from import_watch.model.watch import Watch
from import_watch.services.archiving import ARCHIVE_FAILED, LOG_SECONDS, MIN_LOG_SECONDS, Archiving
from import_watch.services.reply import Reply
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse

from tests.unit.aws_fixtures import EXECUTION, NOW, REGION, a_result, a_start, a_watch, aws_account, client, watch_table

ARCHIVE = "archive"
RESPONSE = HttpResponse(200, {}, b'{"status": "Completed"}')
EARLIER_RESPONSE = "s3://archive/kept/answer.json"
SEEN = Observation(ImportState.SUCCEEDED, log=InlineLog({"articles": 1}, "articles: 1\n"))
FAILED = FailedPoll(PollError.UNAVAILABLE, "Document360 responded with HTTP 503")


@dataclass
class Harness:
    """An ended watch, and the service that archives it."""

    watches: WatchStore
    seconds: list[float] = field(default_factory=list)

    def archiving(self, *, keeps_log: bool = True) -> Archiving:
        return Archiving(ARCHIVE, self.watches, keeps_log=keeps_log)

    def archive(
        self,
        polled: Observation | FailedPoll | None,
        response: HttpResponse | None = RESPONSE,
        *,
        ago: float = 0.0,
        **changes: Any,
    ) -> tuple[LogRecord | None, str | None]:
        """Archive the result of a last poll, `ago` seconds after its outcome; what was recorded."""
        watch = a_watch(**changes)
        result = a_result(detected_at=time.time() - ago)
        self.watches.register(watch, EXECUTION, a_start(), keeps_log=True)
        self.watches.end(watch, result)
        reply = Reply(polled, response, None, NOW, None, 0) if polled is not None else None
        self.archiving().archive(watch, result, reply)
        record = self.watches.get(watch.watch_id)
        assert record is not None
        assert record.result is not None
        assert record.result.outcome is result.outcome
        return record.log, record.response

    def keys(self) -> list[str]:
        found = client("s3").list_objects_v2(Bucket=ARCHIVE).get("Contents", [])
        return [item["Key"].rpartition("/")[2] for item in found]


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    with aws_account(monkeypatch):
        client("s3").create_bucket(Bucket=ARCHIVE, CreateBucketConfiguration={"LocationConstraint": REGION})
        made = Harness(watch_table())

        class Timed(LogArchive):
            """The real archive, which also records its time limits."""

            def archive(
                self,
                watch: Watch,
                response: HttpResponse | None,
                log: LogReference,
                connection: Connection | None,
                seconds: float,
            ) -> Archived:
                made.seconds.append(seconds)
                return super().archive(watch, response, log, connection, seconds)

        monkeypatch.setattr(log_archive, "LogArchive", Timed)
        yield made


@pytest.mark.parametrize(
    ("ago", "seconds"),
    [
        (0.0, LOG_SECONDS),
        (15.0, LOG_SECONDS - 15),
        (39.0, MIN_LOG_SECONDS),
        (500.0, MIN_LOG_SECONDS),
        (-500.0, LOG_SECONDS),
    ],
)
def test_time_since_the_outcome_is_subtracted(harness: Harness, ago: float, seconds: float) -> None:
    log, response = harness.archive(SEEN, ago=ago)
    assert harness.seconds == [pytest.approx(seconds, abs=2.0)]
    assert log is not None
    assert log.status is LogStatus.ARCHIVED
    assert response is not None


@pytest.mark.parametrize(
    ("polled", "kept", "recorded", "files"),
    [
        # A later poll without a response does not replace the response that decided the outcome.
        (FAILED, EARLIER_RESPONSE, EARLIER_RESPONSE, []),
        (None, EARLIER_RESPONSE, EARLIER_RESPONSE, []),
        (FAILED, None, "new", ["answer.json"]),
        (SEEN, EARLIER_RESPONSE, "new", ["answer.json", "log.json", "log.txt"]),
        (SEEN, None, "new", ["answer.json", "log.json", "log.txt"]),
    ],
)
def test_the_response_that_decided_an_outcome_is_recorded(
    harness: Harness, polled: Observation | FailedPoll | None, kept: str | None, recorded: str, files: list[str]
) -> None:
    _, response = harness.archive(polled, kept_answer=kept)
    assert harness.keys() == files
    assert response is not None
    assert response == EARLIER_RESPONSE if recorded == EARLIER_RESPONSE else response.startswith("s3://archive/voyado/")


@pytest.mark.parametrize(
    ("polled", "changes", "log"),
    [
        (FAILED, {}, LogRecord(LogStatus.UNAVAILABLE, reason="no response of the vendor named a log")),
        (FAILED, {"log_missing": "not yet"}, LogRecord(LogStatus.UNAVAILABLE, reason="not yet")),
        (
            Observation(ImportState.SUCCEEDED, log=MissingLog("gone", expected=True, source="s3://theirs/l?sig=x")),
            {},
            LogRecord(LogStatus.UNAVAILABLE, source="s3://theirs/l", reason="gone"),
        ),
        (
            Observation(ImportState.SUCCEEDED, log=LogRecord(LogStatus.ARCHIVED, "s3://archive/log.txt", bytes=5)),
            {},
            LogRecord(LogStatus.ARCHIVED, "s3://archive/log.txt", bytes=5),
        ),
    ],
)
def test_what_is_known_of_the_log_is_recorded(
    harness: Harness, polled: Observation | FailedPoll, changes: dict[str, Any], log: LogRecord
) -> None:
    assert harness.archive(polled, **changes)[0] == log


def test_an_archive_that_cannot_be_made_changes_no_outcome(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_of: object, **_named: object) -> None:
        raise RuntimeError("no region")

    monkeypatch.setattr(log_archive, "LogArchive", broken)
    reason = ARCHIVE_FAILED
    log, response = harness.archive(SEEN)
    assert (log, response) == (LogRecord(LogStatus.UNAVAILABLE, reason=reason), None)
    assert harness.archiving().keep(a_watch(), RESPONSE, SEEN.log) == a_watch()
    fetched = harness.archiving().fetch(a_watch(), StoredLog("https://b.example/l?sig=c4n4ry-"), None, 1.0)
    assert fetched == LogRecord(LogStatus.UNAVAILABLE, source="https://b.example/l", reason=reason)


def test_a_stored_log_is_fetched_before_the_outcome(harness: Harness) -> None:
    connection = Connection("default", "https://api.tenant.egain.cloud", {}, (ARCHIVE,))
    client("s3").put_object(Bucket=ARCHIVE, Key="theirs", Body=b"line 1\n")
    found = harness.archiving().fetch(a_watch(), StoredLog("s3://archive/theirs"), connection, 20.0)
    assert (found.source, getattr(found, "status", None)) == ("s3://archive/theirs", LogStatus.ARCHIVED)
    missing = harness.archiving().fetch(a_watch(), StoredLog("s3://archive/late"), connection, 20.0)
    assert missing == MissingLog("it could not be copied: NoSuchKey", expected=True, source="s3://archive/late")
