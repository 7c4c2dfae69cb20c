"""Each command that works on a stack: its exit status, and the shape of its JSON."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest
from import_watch_cli.watches import Watches

from local.paths import ROOT
from local.simulators import elevate_4, voyado
from local.simulators.registry import VENDORS
from local.waiting import wait_until
from tests.cli.running import COMPLETED, ENDLESS, FAILED, OUTCOME_SECONDS, Running, lines

pytestmark = pytest.mark.xdist_group("cli-commands")
ROW = {
    *("watchId", "vendor", "connection", "importId", "attempt", "state", "outcome", "reason", "polls", "nextPollAt"),
    *("endedAt", "registeredAt", "fraction", "error", "failures", "failingSince", "correlationId"),
}
STORY = ROW | {
    *("message", "vendorStatus", "counts", "problems", "detectionLagSeconds", "publishedAt", "log", "response"),
    *("metadata", "estimatedCostUsd", "events", "pollsSeen", "attempts", "executions", "files", "links", "notes"),
}
DONE = {"action", "watchId", "eventId", "text"}
FINDING = {"check", "level", "text", "fix"}


@pytest.fixture(scope="module")
def ended(running: Running) -> dict[str, str]:
    """Ids of watches that have ended, by their outcome, and of one that is active."""
    found = {
        "SUCCEEDED": running.imported("completed", COMPLETED),
        "FAILED": running.imported("failed", FAILED),
        "active": running.imported("endless", ENDLESS, wait=False),
    }
    running.local.start_import({"vendor": "unknown", "importId": "1", "correlationId": "wrong"})
    watches = Watches(running.stack())
    (row,) = wait_until(lambda: watches.ended(vendor="unknown"), OUTCOME_SECONDS, "the invalid event's outcome")
    return found | {"UNKNOWN": row.watch_id}


def shape(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value[name] for name in names}


def test_start_sends_an_event_and_can_wait(running: Running) -> None:
    running.local.simulators["document360"].script("started", [COMPLETED])
    done = running.command("start", "document360", "started", "--json")
    assert done.returncode == 0, done.stderr
    (value,) = lines(done)
    assert value.keys() == DONE
    assert shape(value, "action", "watchId") == {"action": "start", "watchId": "document360#default#started"}
    running.local.simulators["document360"].script("waited-for", [FAILED])
    waited = running.command("start", "document360", "waited-for", "--wait", "--json")
    assert (waited.returncode, lines(waited)[0]["outcome"]) == (1, "FAILED")


def test_start_names_an_import_that_has_ended(running: Running, ended: dict[str, str]) -> None:
    done = running.command("start", "document360", "completed", "--wait", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{ended['SUCCEEDED']} has ended as SUCCEEDED already: `import-watch again` watches it again" in done.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"active"}),
        (("--ended",), {"SUCCEEDED", "FAILED", "UNKNOWN"}),
        (("--active", "--ended"), {"active", "SUCCEEDED", "FAILED", "UNKNOWN"}),
        (("--failed", "--since", "7d"), {"FAILED", "UNKNOWN"}),
        (("--outcome", "succeeded", "--outcome", "PARTIAL"), {"SUCCEEDED"}),
        (("--ended", "--vendor", "egain"), set()),
    ],
)
def test_list_selects_watches(
    running: Running, ended: dict[str, str], options: tuple[str, ...], expected: set[str]
) -> None:
    done = running.command("list", "--json", *options)
    assert done.returncode == 0, done.stderr
    found = lines(done)
    assert all(row.keys() == ROW for row in found)
    assert {row["watchId"] for row in found if row["importId"] != "started" and row["importId"] != "waited-for"} == {
        ended[name] for name in expected
    }


def test_a_list_names_an_invalid_event_so_that_show_finds_it(running: Running, ended: dict[str, str]) -> None:
    listed = running.command("list", "--failed")
    (name,) = [line.split()[0] for line in listed.stdout.splitlines() if "INVALID_EVENT" in line]
    assert name == ended["UNKNOWN"]
    assert f"Watch {name}\n" in running.command("show", name).stdout


@pytest.mark.usefixtures("ended")
def test_options_may_stand_before_the_command(running: Running) -> None:
    done = running.command("--json", "--local", "list", "--limit", "1", "--ended")
    assert len(lines(done)) == 1
    assert done.stderr == "These are the first 1: --limit lists more.\n"
    by_default = running.command("list")
    assert by_default.stderr == (
        f"This is the local stack of {running.folder / 'stack.json'}; --stack import-watch is the deployed one.\n"
    )
    assert "endless" in by_default.stdout
    assert running.command("list", "--quiet").stderr == ""


@pytest.mark.parametrize("outcome", ["SUCCEEDED", "FAILED", "UNKNOWN", "active"])
def test_show_has_the_whole_story(running: Running, ended: dict[str, str], outcome: str) -> None:
    done = running.command("show", ended[outcome], "--json")
    assert done.returncode == 0, done.stderr
    (value,) = lines(done)
    assert value.keys() == STORY
    assert value["outcome"] == (None if outcome == "active" else outcome)
    assert running.command("show", ended[outcome], "--utc").returncode == 0


def test_show_prints_a_story_for_a_person(running: Running, ended: dict[str, str]) -> None:
    text = running.command("show", "completed", "--local").stdout
    for part in (ended["SUCCEEDED"], "✓ SUCCEEDED", "registered", "log archived", "published", "import-watch log"):
        assert part in text


@pytest.mark.parametrize(("outcome", "status"), [("SUCCEEDED", 0), ("FAILED", 1), ("UNKNOWN", 2)])
def test_wait_ends_with_the_outcome(running: Running, ended: dict[str, str], outcome: str, status: int) -> None:
    done = running.command("wait", ended[outcome], "--json")
    assert done.returncode == status, done.stderr
    (value,) = lines(done)
    assert value.keys() == ROW | {"message"}
    assert value["outcome"] == outcome


@pytest.mark.usefixtures("ended")
def test_wait_has_a_time_limit(running: Running) -> None:
    done = running.command("wait", "endless", "--timeout", "1s")
    assert done.returncode == 4
    assert "has not ended" in done.stderr.splitlines()[-1]


@pytest.mark.usefixtures("ended")
def test_log_prints_the_log(running: Running) -> None:
    done = running.command("log", "completed", "--raw", "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["articles"] == 2
    assert "2 articles imported." in running.command("log", "completed").stdout
    (value,) = lines(running.command("log", "completed", "--json"))
    assert value.keys() == {"watchId", "location", "textLocation", "bytes", "text"}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("log", "endless"), "is still active"),
        (("log", "failed"), "There is no log"),
        (("again", "endless"), "is still active"),
        (("wake", "failed"), "has ended as FAILED"),
        (("stop", "failed", "--reason", "by mistake"), "has ended as FAILED already"),
    ],
)
@pytest.mark.usefixtures("ended")
def test_a_command_that_does_nothing_has_status_1(running: Running, command: tuple[str, ...], why: str) -> None:
    done = running.command(*command, "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_check_sends_one_harmless_request(running: Running, vendor: str) -> None:
    done = running.command("check", vendor, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = lines(done)
    assert all(one.keys() == FINDING for one in found)
    assert [one["level"] for one in found] == ["GOOD"] * len(found)
    assert found[0]["check"] == "secret"
    assert found[-1]["check"] == "request"


def connected(running: Running, name: str, **fields: str) -> subprocess.CompletedProcess[str]:
    """Write a connection of Voyado from standard input."""
    base = {"apiKey": voyado.API_KEY, "baseUrl": running.local.simulators["voyado"].base_url}
    return running.command("connect", "voyado", "--connection", name, "--json", typed=json.dumps(base | fields))


def test_connect_writes_what_it_has_checked(running: Running) -> None:
    done = connected(running, "second")
    assert done.returncode == 0, done.stderr
    assert [one["check"] for one in lines(done)] == ["request", "secret"]
    assert voyado.API_KEY not in done.stdout + done.stderr
    assert running.command("check", "voyado", "second").returncode == 0
    again = connected(running, "second")
    assert (again.returncode, again.stderr.endswith(": add --replace.\n")) == (1, True)
    refused = connected(running, "third", apiKey="another")
    assert (refused.returncode, lines(refused)[0]["level"]) == (1, "PROBLEM")
    missing = running.command("check", "voyado", "third", "--json")
    assert (missing.returncode, "does not exist" in lines(missing)[0]["text"]) == (1, True)


def test_connect_does_not_show_what_is_typed(running: Running) -> None:
    """A terminal that echoes is used as a person does."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, ROOT / "cli" / "launch.py", "connect", "voyado", "--connection", "typed"],
        env={"PATH": os.environ["PATH"], "IMPORT_WATCH_STATE": str(running.folder), "TERM": "dumb"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = ""
    typed = {"apiVersion": "4", "apiKey:": elevate_4.API_KEY, "adminApiVersion": "", "clusterId": ""}
    typed["baseUrl"] = running.local.simulators["voyado"].base_url
    try:
        while True:
            try:
                shown += os.read(controller, 4_096).decode()
            except OSError:
                break  # the other end is closed
            for prompt in [one for one in typed if one in shown.rpartition("\n")[2]]:
                if shown.endswith(": "):
                    os.write(controller, f"{typed.pop(prompt)}\n".encode())
        assert process.wait(timeout=30) == 0, shown
    finally:
        process.kill()
        os.close(controller)
    assert "was created" in shown
    assert elevate_4.API_KEY not in shown


def test_doctor_finds_what_is_to_be_done(running: Running) -> None:
    done = running.command("doctor", "--json")
    assert all(one.keys() == FINDING for one in lines(done))
    assert {one["check"] for one in lines(done)} >= {"stack", "rule", "connections", "subscribers", "deadLetters"}
    sqs, queue = running.local.client("sqs"), running.local.outputs["DeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="invalid")
    try:
        problem = running.command("doctor", "--json")
        levels = {one["check"]: one["level"] for one in lines(problem)}
        assert (problem.returncode, levels["deadLetters"]) == (1, "PROBLEM")
        left = running.command("redrive", "--json")
        assert left.returncode == 1
        assert lines(left)[0].keys() == {"putBack", "left"}
    finally:
        sqs.purge_queue(QueueUrl=queue)
    assert lines(running.command("redrive", "--json")) == [{"putBack": {}, "left": []}]


def test_doctor_reports_a_name_with_which_no_stack_can_be_created(running: Running) -> None:
    done = running.command("doctor", "--stack", "s" * 48)
    assert done.returncode == 1
    assert "has 48 characters, and may have 47" in done.stdout


@pytest.mark.usefixtures("ended")
def test_replay_marks_an_outcome(running: Running) -> None:
    done = running.command("replay", "failed", "--json")
    assert (done.returncode, lines(done)) == (0, [{"action": "replay", "watchId": "document360#default#failed"}])
    again = running.command("replay", "failed")
    assert again.returncode == 1
    assert "cannot be published again" in again.stderr


def test_stop_again_and_wake_steer_a_watch(running: Running) -> None:
    key = running.imported("steered", {"polls": 2, "status": "InProgress"}, ENDLESS, wait=False, correlationId="kept")
    woken = running.command("wake", "steered", "--json")
    assert woken.returncode == 0, woken.stderr
    assert lines(woken)[0].keys() == DONE
    stopped = running.command("stop", "steered", "--reason", "started by mistake", "--json")
    assert (stopped.returncode, lines(stopped)[0]["action"]) == (0, "stop"), stopped.stderr
    ended = running.command("wait", "steered", "--json")
    assert ended.returncode == 2
    (value,) = lines(ended)
    assert (value["outcome"], value["reason"], value["attempt"]) == ("UNKNOWN", "WATCH_STOPPED", 1)
    assert "started by mistake" in value["message"]
    running.local.simulators["document360"].script("steered", [COMPLETED])
    again = running.command("again", "steered", "--wait", "--json")
    assert again.returncode == 0, again.stderr
    (value,) = lines(again)
    assert (value["watchId"], value["attempt"], value["correlationId"]) == (key, 2, "kept")
    (story,) = lines(running.command("show", "steered", "--json"))
    assert [(one["attempt"], one["outcome"]) for one in story["attempts"]] == [(1, "UNKNOWN"), (2, "SUCCEEDED")]
    (earlier,) = lines(running.command("show", "steered", "--attempt", "1", "--json"))
    assert earlier["outcome"] == "UNKNOWN"
    assert "stopped" in [event["kind"] for event in earlier["events"]]
    assert "Attempt 1: UNKNOWN (WATCH_STOPPED)" in running.command("show", "steered").stdout


def test_a_watch_that_timed_out_is_watched_again_for_longer(running: Running) -> None:
    simulator, store = running.local.simulators["document360"], Watches(running.stack()).store

    def lasts(key: str) -> tuple[int, int]:
        record = store.get(key)
        assert record is not None
        return record.watch.attempt, round(record.watch.deadline - record.watch.registered_at)

    simulator.script("slow", [ENDLESS])
    first = running.command("start", "document360", "slow", "--watch-for", "2s", "--wait", "--local")
    assert first.returncode == 2, first.stderr
    assert "import-watch again slow --watch-for 4s --wait" in first.stdout
    key = "document360#default#slow"
    assert lasts(key) == (1, 2)
    same = running.command("again", "slow", "--wait", "--json")
    assert (same.returncode, lines(same)[0]["reason"], lasts(key)) == (2, "TIMED_OUT", (2, 2)), same.stderr
    simulator.script("slow", [COMPLETED])
    longer = running.command("again", "slow", "--watch-for", "30m", "--wait", "--json")
    assert (longer.returncode, lasts(key)) == (0, (3, 1_800)), longer.stderr
