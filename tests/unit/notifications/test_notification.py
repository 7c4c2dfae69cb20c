"""Notifications: valid by their schema, small enough for SNS, and readable for a person."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from import_watch.aws.sns import Topic
from import_watch.model.observation import MAX_PROBLEM_TEXT, MAX_PROBLEMS, LogRecord, LogStatus, Problem, Severity
from import_watch.model.outcome import Outcome, Reason, WatchResult
from import_watch.model.record import StartRecord, StoredWatch
from import_watch.model.timestamps import parse_iso
from import_watch.notifications.notification import (
    bounded,
    event_type,
    mail,
    notification,
    show_command,
    stall_notification,
    stalled_mail,
)

from tests.contract.schemas import validator
from tests.unit.aws_fixtures import (
    EXECUTION,
    NOW,
    REGION,
    VENDORS,
    a_result,
    a_stored_watch,
    a_watch,
    aws_account,
    client,
)

SOURCE = "/import-watch/eu-west-1/123456789012/stack"
SNS_LIMIT = 256 * 1024
SCHEMA = validator("notification")
RESULTS: list[tuple[Outcome, str | None]] = [
    (Outcome.SUCCEEDED, None),
    (Outcome.PARTIAL, None),
    (Outcome.CANCELLED, None),
    (Outcome.FAILED, None),
    (Outcome.FAILED, "Database connection timeout"),
    *((Outcome.UNKNOWN, reason.value) for reason in Reason),
]


def faults(event: Any) -> list[str]:
    # Parsed by a strict reader, as a consumer does: Python accepts more than JSON.
    event = json.loads(json.dumps(event, allow_nan=False))
    return [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(event)]


def ended(**changes: Any) -> StoredWatch:
    return a_stored_watch(result=a_result(**changes))


def notification_of(record: StoredWatch) -> dict[str, Any]:
    return notification(record, SOURCE)


printable = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)
times = st.floats(-62_135_596_800.0, 253_402_300_799.0)  # the years 1 to 9999
counts = st.dictionaries(
    st.sampled_from(["succeeded", "warnings", "errors", "processed", "total", "articles"]), st.integers(0, 10**15)
)
problems = st.lists(
    st.builds(Problem, st.sampled_from(Severity), st.text(min_size=1, max_size=MAX_PROBLEM_TEXT)), max_size=MAX_PROBLEMS
).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
logs = st.one_of(
    st.none(),
    st.builds(
        LogRecord,
        status=st.just(LogStatus.ARCHIVED),
        location=printable.map("s3://{}".format),
        source=st.none() | printable,
        bytes=st.integers(0, 5 * 1024**4),
    ),
    st.builds(LogRecord, status=st.just(LogStatus.VENDOR_ONLY), source=printable, reason=printable),
    st.builds(LogRecord, status=st.just(LogStatus.UNAVAILABLE), reason=printable),
    st.builds(LogRecord, status=st.just(LogStatus.NONE)),
)


@st.composite
def records(draw: st.DrawFn, outcome: Outcome, reason: str | None) -> StoredWatch:
    result = WatchResult(
        outcome=outcome,
        reason=reason,
        message=draw(printable),
        detected_at=draw(times),
        retryable=draw(st.none() | st.booleans()),
        vendor_status=draw(st.none() | printable),
        job_type=draw(st.none() | printable),
        counts=draw(counts),
        problems=draw(problems),
        started_at=draw(st.none() | times),
        ended_at=draw(st.none() | times),
        detection_lag_seconds=draw(st.none() | st.floats(0, 1e9)),
    )
    watch = a_watch(
        vendor=draw(st.sampled_from([*VENDORS.names, ""])),
        import_id=draw(st.just("") | printable),
        registered_at=draw(times),
        polls=draw(st.integers(0, 10**6)),
        vendor_errors=draw(st.integers(0, 10**6)),
        executions=draw(st.integers(1, 100)),
        poll_milliseconds=draw(st.integers(0, 10**9)),
    )
    metadata = draw(st.none() | st.dictionaries(st.text(max_size=5), json_values, max_size=4))
    return StoredWatch(
        watch,
        draw(st.sampled_from([EXECUTION, "execution"])),
        StartRecord(metadata),
        correlation_id=draw(st.none() | printable),
        keeps_log=draw(st.booleans()),
        result=result,
        log=draw(logs),
        response=draw(st.none() | printable.map("s3://{}".format)),
    )


@pytest.mark.parametrize(("outcome", "reason"), RESULTS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_notification_of_every_outcome_is_valid(outcome: Outcome, reason: str | None, data: st.DataObject) -> None:
    record = data.draw(records(outcome, reason))
    event = notification_of(record)
    assert faults(event) == []
    assert mail(event)
    assert len(bounded(event)[1].encode()) < SNS_LIMIT


def test_a_watch_that_has_not_ended_has_no_notification() -> None:
    with pytest.raises(ValueError, match="has not ended"):
        notification_of(replace(a_stored_watch(), result=None))


class TestEvent:
    @pytest.mark.parametrize(
        ("outcome", "kind"),
        [
            (Outcome.SUCCEEDED, "ImportCompleted"),
            (Outcome.PARTIAL, "ImportCompleted"),
            (Outcome.FAILED, "ImportFailed"),
            (Outcome.CANCELLED, "ImportFailed"),
            (Outcome.UNKNOWN, "ImportFailed"),
        ],
    )
    def test_the_type_shows_whether_the_import_completed(self, outcome: Outcome, kind: str) -> None:
        assert notification_of(ended(outcome=outcome))["type"] == event_type(outcome) == kind

    def test_every_notification_of_a_watch_has_the_same_id(self) -> None:
        first = notification_of(ended())["id"]
        later = replace(ended(message="Other words."), execution="another", watch=a_watch(polls=9, generation=2))
        assert notification_of(later)["id"] == first == str(uuid.UUID(first))

    @pytest.mark.parametrize("change", [{"watch_id": "voyado#default#6"}, {"registered_at": NOW + 86_400}], ids=repr)
    def test_the_id_of_another_watch_is_another(self, change: dict[str, Any]) -> None:
        assert notification_of(replace(ended(), watch=a_watch(**change)))["id"] != notification_of(ended())["id"]

    def test_the_subject_is_the_watch(self) -> None:
        assert notification_of(ended())["subject"] == "voyado#default#5512340987651234567"

    def test_metadata_and_correlation_id_are_returned(self) -> None:
        metadata = {"nested": [1.5, 2**70, None], "Größe": "🙂"}
        data = notification_of(replace(ended(), start=StartRecord(metadata), correlation_id="order-5"))["data"]
        assert (data["metadata"], data["correlationId"]) == (metadata, "order-5")

    def test_the_import_id_stays_a_string(self) -> None:
        assert notification_of(ended())["data"]["importId"] == "5512340987651234567"

    def test_an_invalid_event_without_names_has_nulls(self) -> None:
        watch = a_watch(watch_id="invalid#1", vendor="", connection="", import_id="")
        event = notification_of(replace(ended(outcome=Outcome.UNKNOWN, reason="INVALID_EVENT"), watch=watch))
        assert [event["data"][name] for name in ("vendor", "connection", "importId")] == [None, None, None]
        assert faults(event) == []

    @pytest.mark.parametrize(("keeps_log", "status"), [(True, "UNAVAILABLE"), (False, "NONE")])
    def test_a_log_that_was_not_fetched_has_a_status(self, status: str, *, keeps_log: bool) -> None:
        event = notification_of(replace(ended(), keeps_log=keeps_log))
        assert event["data"]["log"]["status"] == status
        assert faults(event) == []

    @pytest.mark.parametrize(
        "moment",
        [
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59-01:00",
        ],
    )
    def test_an_absurd_time_of_a_vendor_prevents_no_notification(self, moment: str) -> None:
        event = notification_of(ended(started_at=parse_iso(moment), ended_at=parse_iso(moment)))
        assert faults(event) == []


WORST_TEXTS = [
    '"',
    "\\",
    "\x00",
    "\x1f",
    "\n",
    "🙂",
    "\ud800",
    "木",
    "</",
    "\u2028",
    "\x7f",
    "\ufffe",
    "\ufdd0",
    "\U0001ffff",
]


@pytest.mark.parametrize("char", WORST_TEXTS, ids=ascii)
class TestSize:
    def worst(self, char: str) -> StoredWatch:
        """Record with as many of a character as contracts and readers accept."""
        text = char * MAX_PROBLEM_TEXT
        metadata = {"m": char * (4_000 // len(json.dumps(char, ensure_ascii=False).encode("utf-8", "replace")))}
        problem = Problem(Severity.ERROR, text[:MAX_PROBLEM_TEXT])
        result = a_result(
            outcome=Outcome.FAILED,
            reason=text,
            message=text * 4,
            vendor_status=text,
            job_type=text,
            problems=(problem,) * MAX_PROBLEMS,
        )
        log = LogRecord(LogStatus.ARCHIVED, location=f"s3://{char * 1_024}", source=text * 2, reason=text, bytes=1)
        return replace(
            a_stored_watch(),
            execution=f"{EXECUTION}{char * 80}" if char.isprintable() else EXECUTION,
            result=result,
            start=StartRecord(metadata),
            correlation_id=char * 256,
            log=log,
        )

    def test_the_message_is_always_small_enough(self, char: str) -> None:
        assert len(bounded(notification_of(self.worst(char)))[1].encode()) < SNS_LIMIT

    def test_both_forms_can_be_read(self, char: str) -> None:
        event, message = bounded(notification_of(self.worst(char)))
        forms = json.loads(message)
        assert forms.keys() == {"default", "email"}
        shown = json.loads(forms["default"])
        assert shown["id"] == event["id"]
        assert SCHEMA.is_valid(shown)

    def test_only_problems_are_left_out(self, char: str) -> None:
        whole = notification_of(self.worst(char))
        event = bounded(whole)[0]
        kept = len(event["data"]["problems"])
        assert event["data"]["problems"] == whole["data"]["problems"][:kept]
        assert {**event, "data": {**event["data"], "problems": []}} == {
            **whole,
            "data": {**whole["data"], "problems": []},
        }


SQS_TAKES = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
any_text = st.text(
    st.characters(exclude_categories=()) | st.sampled_from([one for one in WORST_TEXTS if len(one) == 1]), max_size=10
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=10,
)


def strictly_read(text: str) -> Any:
    """Read JSON as a strict parser does: as UTF-8, with numbers only, and no member twice."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(text.encode(), parse_constant=refuse, object_pairs_hook=members)


def delivered(value: Any) -> Any:
    """Value that a subscriber gets; names that become equal are distinguished by what follows them."""
    if isinstance(value, str):
        return "".join("\ufffd" if 0xD800 <= ord(char) < 0xE000 else char for char in value)
    if isinstance(value, dict):
        return sorted((delivered(name).rstrip("\ufffd"), repr(delivered(item))) for name, item in value.items())
    return [delivered(item) for item in value] if isinstance(value, list) else value


class TestWhatServicesCarry:
    @settings(max_examples=300, deadline=None)
    @given(st.dictionaries(any_text, any_json, max_size=4))
    def test_metadata_comes_back_but_for_halves_of_surrogate_pairs(self, metadata: dict[str, Any]) -> None:
        message = bounded(notification_of(replace(ended(), start=StartRecord(metadata))))[1]
        forms = strictly_read(message)
        assert all(SQS_TAKES.fullmatch(form) for form in forms.values())
        assert delivered(strictly_read(forms["default"])["data"]["metadata"]) == delivered(metadata)

    @pytest.mark.parametrize(
        ("metadata", "carried"),
        [
            ({"a": "\ufffe\uffff\ufdd0\U0010fffe\x7f\x85"}, {"a": "\ufffe\uffff\ufdd0\U0010fffe\x7f\x85"}),
            ({"a": "x\ud800y"}, {"a": "x\ufffdy"}),
            (
                dict(zip("\ud800\udfff\ufffd", range(3), strict=True)),
                {"\ufffd\ufffd": 0, "\ufffd\ufffd\ufffd": 1, "\ufffd": 2},
            ),
            ({"a": [float("inf"), float("nan"), 1.5]}, {"a": [None, None, 1.5]}),
            ({"🙂": "\x00\n"}, {"🙂": "\x00\n"}),
        ],
    )
    def test_what_json_cannot_represent_is_replaced(self, metadata: dict[str, Any], carried: dict[str, Any]) -> None:
        event = notification_of(replace(ended(), start=StartRecord(metadata)))
        forms = strictly_read(bounded(event)[1])
        assert strictly_read(forms["default"])["data"]["metadata"] == carried

    @pytest.mark.parametrize("char", [*"\x00\x0b\x1f\x7f\x85", "\ud800", "\ufffe", "\ufdd0", "\U0001ffff"], ids=ascii)
    def test_a_text_for_a_person_has_question_marks_instead(self, char: str) -> None:
        event = notification_of(ended(message=f"Import 5{char} failed.\nAsk."))
        forms = strictly_read(bounded(event)[1])
        assert forms["email"].startswith("Import 5? failed.\nAsk.\n")
        assert SQS_TAKES.fullmatch(forms["email"])


def test_a_usual_notification_keeps_all_its_problems() -> None:
    problems = tuple(Problem(Severity.WARNING, f"Message {number}") for number in range(MAX_PROBLEMS))
    event = notification_of(ended(problems=problems))
    assert bounded(event)[0] == event
    assert len(event["data"]["problems"]) == MAX_PROBLEMS


class TestMail:
    def full(self) -> str:
        problems = tuple(Problem(Severity.WARNING, f"Message {number}") for number in range(12))
        log = LogRecord(LogStatus.ARCHIVED, location="s3://archive/log.txt", source="s3://theirs/log.txt", bytes=5)
        result = a_result(
            outcome=Outcome.FAILED,
            reason="Database connection timeout",
            message="Import 5 at egain failed: Database connection timeout; it is worth starting it again.",
            counts={"articles": 12_345, "errors": 2},
            problems=problems,
            started_at=NOW,
            ended_at=NOW + 45,
            detection_lag_seconds=15.0,
        )
        record = replace(
            a_stored_watch(), result=result, log=log, response="s3://archive/answer.json", correlation_id="order-5"
        )
        return mail(notification_of(record))

    @pytest.mark.parametrize(
        "wanted",
        [
            "Import 5 at egain failed: Database connection timeout; it is worth starting it again.\n",
            "FAILED (Database connection timeout)",
            "5512340987651234567 at voyado (connection default)",
            "order-5",
            "articles 12,345",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:45.000Z",
            "2026-01-01T00:01:00.000Z (within 15 seconds)",
            "s3://archive/log.txt (ARCHIVED)",
            "s3://archive/answer.json",
            "(5 of 12)",
            "WARNING: Message 4",
            "https://eu-west-1.console.aws.amazon.com/s3/object/archive?region=eu-west-1&prefix=log.txt\n",
            "#/v2/executions/details/arn:aws:states:eu-west-1:123456789012:execution:watch:first\n",
            "import-watch show --region eu-west-1 --stack stack 5512340987651234567\n",
        ],
    )
    def test_the_mail_has_the_important_facts(self, wanted: str) -> None:
        assert wanted in self.full()

    def test_the_sentence_comes_first(self) -> None:
        assert self.full().splitlines()[0].startswith("Import 5 at egain failed")

    def test_it_is_not_json(self) -> None:
        assert not {"{", "}", '"'} & set(self.full())

    @pytest.mark.parametrize(
        "log",
        [
            LogRecord(LogStatus.NONE),
            LogRecord(LogStatus.UNAVAILABLE, reason="Element 'ImportLog' not found."),
            LogRecord(LogStatus.VENDOR_ONLY, source="s3://theirs/log.txt", reason="its bucket is not ours"),
        ],
    )
    def test_it_has_the_location_of_the_log_or_the_reason(self, log: LogRecord) -> None:
        text = mail(notification_of(replace(a_stored_watch(), log=log)))
        assert log.status.value in text
        assert (log.reason or "") in text
        assert (log.source or "") in text

    def test_nothing_is_called_none(self) -> None:
        watch = a_watch(watch_id="invalid#1", vendor="", connection="", import_id="")
        record = replace(ended(outcome=Outcome.UNKNOWN, reason="INVALID_EVENT"), watch=watch)
        assert "None" not in mail(notification_of(record))


@pytest.mark.parametrize(
    ("source", "import_id", "command"),
    [
        (SOURCE, "5", "import-watch show --region eu-west-1 --stack stack 5"),
        ("/import-watch/eu-west-1/123456789012/import-watch", "5", "import-watch show --region eu-west-1 5"),
        ("/import-watch/eu-west-1/000000000000/import-watch", "5", "import-watch show --local 5"),
        ("/import-watch/eu-west-1/123456789012/import-watch", "-x", "import-watch show --region eu-west-1 -- -x"),
        (SOURCE, "a;b'$(c)", "import-watch show --region eu-west-1 --stack stack 'a;b'\"'\"'$(c)'"),
    ],
)
def test_the_command_in_a_mail_can_be_pasted(source: str, import_id: str, command: str) -> None:
    event = notification(replace(ended(), watch=a_watch(import_id=import_id)), source)
    assert f" {command}\n" in mail(event)
    stall = stall_notification(replace(ended(), watch=a_watch(import_id=import_id)), source, NOW)
    assert stalled_mail(stall).endswith(f" {command}\n")


def test_the_watch_of_an_invalid_event_is_shown_by_its_own_id() -> None:
    watch = a_watch(watch_id="invalid#1", import_id="5")
    event = notification_of(replace(ended(outcome=Outcome.UNKNOWN, reason="INVALID_EVENT"), watch=watch))
    assert show_command(event).endswith(" 'invalid#1'")


class TestTopic:
    @pytest.fixture(autouse=True)
    def _topic(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with aws_account(monkeypatch):
            self.arn = client("sns").create_topic(Name="outcomes")["TopicArn"]
            self.topic = Topic(self.arn, client("sns"))
            self.queues = 0
            yield

    def subscribe(self, *, raw: bool, filter_policy: dict[str, Any] | None = None) -> str:
        self.queues += 1
        url: str = client("sqs").create_queue(QueueName=f"outcomes-{self.queues}")["QueueUrl"]
        attributes = {"RawMessageDelivery": "true" if raw else "false"}
        if filter_policy is not None:
            attributes["FilterPolicy"] = json.dumps(filter_policy)
        client("sns").subscribe(
            TopicArn=self.arn,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:123456789012:outcomes-{self.queues}",
            Attributes=attributes,
        )
        return url

    def received(self, url: str) -> list[dict[str, Any]]:
        found = client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
        )
        messages: list[dict[str, Any]] = found.get("Messages", [])
        return messages

    def published(self, record: StoredWatch) -> dict[str, Any]:
        """Publish a notification; envelope that a subscriber receives."""
        url = self.subscribe(raw=False)
        self.topic.publish(notification_of(record))
        (message,) = self.received(url)
        envelope: dict[str, Any] = json.loads(message["Body"])
        return envelope

    def test_a_queue_gets_the_event_and_nothing_else(self) -> None:
        url = self.subscribe(raw=True)
        record = replace(ended(), start=StartRecord({"a": [1.5, "木"]}))
        self.topic.publish(notification_of(record))
        assert [json.loads(message["Body"]) for message in self.received(url)] == [notification_of(record)]

    def test_the_attributes_are_those_of_filter_policies(self) -> None:
        attributes = self.published(ended(outcome=Outcome.UNKNOWN, reason="TIMED_OUT"))["MessageAttributes"]
        assert {name: attribute["Value"] for name, attribute in attributes.items()} == {
            "eventType": "ImportFailed",
            "vendor": "voyado",
            "connection": "default",
            "outcome": "UNKNOWN",
            "reason": "TIMED_OUT",
        }
        assert {attribute["Type"] for attribute in attributes.values()} == {"String"}

    def test_an_unknown_value_is_no_attribute(self) -> None:
        watch = a_watch(watch_id="invalid#1", vendor="", connection="", import_id="")
        attributes = self.published(replace(ended(), watch=watch))["MessageAttributes"]
        assert attributes.keys() == {"eventType", "outcome"}

    @pytest.mark.parametrize(
        ("policy", "passes"),
        [
            ({"eventType": ["ImportFailed"]}, True),
            ({"eventType": ["ImportCompleted"]}, False),
            ({"vendor": ["egain", "voyado"], "outcome": ["UNKNOWN"]}, True),
            ({"reason": ["TIMED_OUT"]}, True),
            ({"connection": ["other"]}, False),
        ],
    )
    def test_a_filter_policy_chooses(self, policy: dict[str, Any], *, passes: bool) -> None:
        url = self.subscribe(raw=True, filter_policy=policy)
        self.topic.publish(notification_of(ended(outcome=Outcome.UNKNOWN, reason="TIMED_OUT")))
        assert bool(self.received(url)) == passes

    @pytest.mark.parametrize("reason", ["x" * 5_000, "Größe 木 🙂", "'\"<>&"])
    def test_any_reason_of_a_vendor_can_be_published(self, reason: str) -> None:
        envelope = self.published(ended(outcome=Outcome.FAILED, reason=reason))
        assert json.loads(envelope["Message"])["data"]["reason"] == reason
        assert reason.startswith(envelope["MessageAttributes"]["reason"]["Value"])

    @pytest.mark.parametrize("import_id", ["5512340987651234567", "x" * 256, "Größe 木 🙂", "", "'\"<>&"])
    def test_the_subject_is_short_visible_ascii(self, import_id: str) -> None:
        subject = self.published(replace(ended(), watch=a_watch(import_id=import_id)))["Subject"]
        assert 1 <= len(subject) <= 100
        assert subject.isascii()
        assert subject.isprintable()
        assert subject.startswith("SUCCEEDED")

    def test_the_subject_of_an_event_that_named_nothing_is_readable(self) -> None:
        watch = a_watch(watch_id="invalid#1", vendor="", connection="", import_id="")
        assert "None" not in self.published(replace(ended(), watch=watch))["Subject"]

    @pytest.mark.parametrize("char", WORST_TEXTS, ids=ascii)
    def test_sns_accepts_the_largest_notification(self, char: str) -> None:
        record = TestSize().worst(char)
        result = record.result
        assert result is not None
        # An adapter cleans a reason, which becomes an attribute.
        envelope = self.published(replace(record, result=replace(result, reason="Stopped.")))
        assert json.loads(envelope["Message"])["data"]["outcome"] == "FAILED"
