"""Stored watches for the tests and the pictures of the page: the same data always, in an emulated table and archive."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore.config import Config
from import_watch.aws.watch_store import WatchStore
from import_watch.model.observation import ImportState, LogRecord, LogStatus, Problem, ReportedProgress, Severity
from import_watch.model.outcome import Outcome, WatchResult
from import_watch.model.record import StoredWatch
from import_watch.model.watch import Start, Watch, watch_id
from import_watch.notifications.cost import estimated_cost
from import_watch.notifications.messages import with_message
from import_watch_cli.rows import WatchRow, row_of
from import_watch_cli.stack import Stack
from import_watch_cli.story import Event, Poll, Story
from samtranslator.yaml_helper import yaml_parse

from local.emulator import REGION, Emulator
from local.paths import TEMPLATE

TABLE, ARCHIVE, BUS = "watches", "import-watch-archive", "import-watch-imports"
ACCOUNT = "000000000000"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:import-watch-watch-import"
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:import-watch-watch-import:first"
VENDORS = ("egain", "egain", "voyado", "document360")
HOSTILE_LINE = "<script>document.title='run'</script> \x1b[31mred\x1b[0m \x07 \u202etxt.exe"
HOSTILE_ID = "<b title='x'>\"&amp;</b>\x1b[31m\u202egnp.exe"
LOG_LINES = [f"2026-11-26T10:{index // 60:02}:{index % 60:02}Z  article {index + 1} imported" for index in range(240)]


@dataclass(frozen=True)
class Seeded:
    """A stack whose table and archive are filled by hand.

    Parameters
    ----------
    stack : Stack
    store : WatchStore
    now : float
        Epoch seconds at which its data are.
    emulator : Emulator
    """

    stack: Stack
    store: WatchStore
    now: float
    emulator: Emulator

    def active(self, vendor: str, import_id: str, age: float, connection: str = "default", **state: Any) -> Watch:
        """Store an active watch that was registered `age` seconds ago."""
        state = {"next_poll_at": self.now + 20, **state}
        return self._register(a_watch(vendor, import_id, self.now - age, connection, **state), None)

    def ended(
        self,
        vendor: str,
        import_id: str,
        age: float,
        took: float,
        outcome: Outcome,
        *,
        connection: str = "default",
        log: str | None = None,
        polls: int = 40,
        attempt: int = 1,
        **facts: Any,
    ) -> Watch:
        """Store a watch that ended `age` seconds ago, with the text of its log."""
        ended_at = self.now - age
        watch = a_watch(vendor, import_id, ended_at - took, connection, polls=polls, attempt=attempt)
        found = WatchResult(outcome, ended_at, has_log=log is not None, detection_lag_seconds=4.0, **facts)
        self._register(watch, with_message(watch, found))
        if log is not None:
            key = f"{vendor}/{connection}/{uuid.uuid5(uuid.NAMESPACE_URL, import_id)}/log"
            s3 = self.stack.client("s3")
            s3.put_object(Bucket=ARCHIVE, Key=f"{key}.json", Body=json.dumps(log.splitlines()).encode())
            s3.put_object(Bucket=ARCHIVE, Key=f"{key}.txt", Body=log.encode())
            record = LogRecord(LogStatus.ARCHIVED, f"s3://{ARCHIVE}/{key}.json", bytes=len(log.encode()))
            self.store.record_log(watch, record, None)
        self.store.record_published(watch, ended_at + 1)
        return watch

    def _register(self, watch: Watch, result: WatchResult | None) -> Watch:
        start = Start(watch.vendor, watch.import_id, watch.connection, "kb-nightly")
        self.store.register(watch, EXECUTION, start, keeps_log=watch.vendor != "voyado", result=result)
        return watch


@contextmanager
def seeded(now: float) -> Iterator[Seeded]:
    """An empty table and archive on an emulator of their own."""
    with Emulator() as emulator:
        table = yaml_parse(TEMPLATE.read_text())["Resources"]["WatchTable"]["Properties"]
        emulator.client("dynamodb").create_table(
            TableName=TABLE,
            **{name: table[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")},
            GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
        )
        emulator.client("events").create_event_bus(Name=BUS)
        emulator.client("s3").create_bucket(Bucket=ARCHIVE, CreateBucketConfiguration={"LocationConstraint": REGION})
        stack = emulated_stack(emulator.endpoint_url)
        yield Seeded(stack, WatchStore(TABLE, 90 * 86_400, stack.client("dynamodb")), now, emulator)


def emulated_stack(endpoint_url: str) -> Stack:
    """Stack behind an endpoint of this machine."""
    return Stack(
        name="import-watch",
        region=REGION,
        account=ACCOUNT,
        version="0.3.0",
        outputs={
            "WatchTableName": TABLE,
            "LogArchiveBucketName": ARCHIVE,
            "ImportBusName": BUS,
            "WatchStateMachineArn": MACHINE,
        },
        session=boto3.Session("test", "test", region_name=REGION),
        options={
            "endpoint_url": endpoint_url,
            "config": Config(proxies={}, connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 2}),
        },
    )


def a_watch(vendor: str, import_id: str, registered_at: float, connection: str = "default", **state: Any) -> Watch:
    """A watch of a vendor."""
    return Watch(
        watch_id=watch_id(vendor, connection, import_id),
        vendor=vendor,
        connection=connection,
        import_id=import_id,
        registered_at=registered_at,
        deadline=registered_at + 86_400,
        vendor_title={"egain": "eGain", "voyado": "Voyado Elevate", "document360": "Document360"}.get(vendor),
        **state,
    )


def fill(data: Seeded, active: int, ended: int, seed: int = 7) -> list[Watch]:
    """Store many watches: all vendors, states and outcomes; the active ones are returned."""
    chance = random.Random(seed)
    watches = []
    for index in range(active):
        vendor = VENDORS[index % len(VENDORS)]
        age = float(chance.choice((45, 180, 420, 760, 1_300, 2_700, 3_900, 9_000)) + chance.randint(0, 59))
        watches.append(
            data.active(vendor, an_import_id(vendor, chance), age, **_state(vendor, index, age, data.now, chance))
        )
    outcomes = [Outcome.SUCCEEDED] * 9 + [Outcome.PARTIAL, Outcome.FAILED, Outcome.CANCELLED]
    for index in range(ended):
        vendor = VENDORS[index % len(VENDORS)]
        outcome = Outcome.UNKNOWN if index == 4 else outcomes[(index * 5 + 3) % len(outcomes)]
        age, took = 240.0 + index * (82_000 / max(1, ended)) + chance.randint(0, 300), float(chance.randint(90, 5_400))
        facts: dict[str, Any] = {}
        if outcome is Outcome.FAILED:
            facts["reason"] = chance.choice(("no key <sku>", "The archive holds no project file."))
        if outcome is Outcome.UNKNOWN:
            facts |= {"reason": "VENDOR_UNAVAILABLE", "detail": "HTTP 503", "grace_seconds": 3_600.0}
        log = "\n".join(LOG_LINES[:20]) if vendor != "voyado" and index < 8 else None
        data.ended(
            vendor, an_import_id(vendor, chance), age, took, outcome, log=log, polls=chance.randint(9, 80), **facts
        )
    return watches


def an_import_id(vendor: str, chance: random.Random) -> str:
    """Import id as the vendor makes them."""
    if vendor == "egain":
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))
    if vendor == "voyado":
        return str(chance.randint(10**18, 9 * 10**18))
    return f"{chance.getrandbits(24):06x}"


def _state(vendor: str, index: int, age: float, now: float, chance: random.Random) -> dict[str, Any]:
    """State of an active watch: most are running, some are queued, and the polls of a few fail."""
    polls = max(1, int(age / 30))
    state: dict[str, Any] = {
        "polls": polls,
        "poll_milliseconds": polls * {"egain": 420, "voyado": 300, "document360": 1_240}[vendor],
        "last_poll_at": now - chance.randint(1, 25),
        "next_poll_at": now + chance.randint(2, 58),
    }
    if index % 8 == 2 or age < 60:
        return {**state, "import_state": ImportState.QUEUED, "vendor_status": "Queued"}
    state |= {"import_state": ImportState.RUNNING, "vendor_status": "InProgress", "running_since": now - age + 12}
    if vendor == "egain":
        state["progress"] = ReportedProgress(round(min(0.97, age / 5_000 + 0.08 + chance.random() / 3), 2))
    if index % 12 == 4:
        failures = 2 + index % 3
        state |= {
            "failures": failures,
            "vendor_errors": failures,
            "failing_since": now - 250,
            "last_trouble": "HTTP 503",
            "next_poll_at": now + 124,
        }
    return state


def a_long_import(data: Seeded, vendor: str = "document360", import_id: str = "6f1c2a") -> Watch:
    """An import with a long story, problems and a log with hostile lines: the subject of most tests of its page."""
    counts = {"articles": 1_480, "warnings": 2}
    problems = (
        Problem(Severity.WARNING, "Article 212 has a broken link: https://docs.example.com/guide"),
        Problem(Severity.WARNING, "Article 873: the image <img src=x onerror=alert(1)> is larger than 5 MB"),
    )
    log = "\n".join([HOSTILE_LINE, *LOG_LINES])
    return data.ended(
        vendor,
        import_id,
        840,
        3_972,
        Outcome.SUCCEEDED,
        log=log,
        polls=71,
        attempt=2,
        counts=counts,
        problems=problems,
        vendor_status="Completed",
    )


def seeded_story(_stack: Stack, record: StoredWatch) -> Story:
    """Story of a stored watch, made from its item alone: no execution ever ran."""
    watch, result = record.watch, record.result
    ends = result.detected_at if result else (watch.last_poll_at or watch.registered_at)
    polls = list(_polls(watch, result, ends))
    events = [Event(watch.registered_at, "registered", "by ImportStarted 41f0 (correlationId kb-nightly)")]
    if polls:
        events.append(Event(polls[0].at, "QUEUED", "3 polls, 5 s apart"))
        events.append(Event(polls[3 % len(polls)].at, "RUNNING", f"{max(1, watch.polls - 4)} polls, 5 to 60 s apart"))
        failed = next((poll for poll in polls if poll.error), None)
        if failed is not None:
            events.append(Event(failed.at, "poll failed", "HTTP 503 (1 poll); polled again after 30 seconds"))
    if result is not None:
        events.append(Event(result.detected_at, result.outcome.value, result.message))
        if record.log is not None:
            events.append(Event(result.detected_at + 1, "log archived", record.log.location or ""))
        events.append(Event(record.published_at, "published", "on the outcome topic"))
    row = row_of(record)
    attempts: tuple[WatchRow, ...] = (row,)
    if row.attempt > 1:
        earlier = replace(row, attempt=1, outcome="UNKNOWN", reason="MISCONFIGURED", ended_at=watch.registered_at - 900)
        attempts = (earlier, row)
    return Story(
        record, row, tuple(events), tuple(polls), attempts, (record.execution,), (), estimated_cost(watch), {}, ()
    )


def _polls(watch: Watch, result: WatchResult | None, ends: float) -> Iterator[Poll]:
    count = watch.polls
    length = max(1.0, ends - watch.registered_at - 5)
    times = [watch.registered_at + 5 + length * (index / max(1, count - 1)) ** 1.25 for index in range(count)]
    final = watch.progress.fraction if watch.progress else 1.0
    for index, at in enumerate(times):
        following = times[index + 1] - at if index + 1 < count else None
        is_last = index == count - 1
        if index == count * 3 // 5:
            yield Poll(index + 1, at, None, None, None, "HTTP 503 maintenance", following)
        elif index < 3:
            yield Poll(index + 1, at, "QUEUED", None, "Queued", None, following)
        elif is_last and result is not None and result.outcome.value in ("SUCCEEDED", "FAILED", "CANCELLED"):
            yield Poll(index + 1, at, result.outcome.value, 1.0, result.vendor_status, None, None)
        else:
            done = final * (index / count) ** 0.8
            yield Poll(index + 1, at, "RUNNING", round(done, 3), "InProgress", None, following)
