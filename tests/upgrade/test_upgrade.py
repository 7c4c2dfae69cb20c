"""A running stack is updated through every release to this one, with watches in it: none is lost or published twice.

`release-<version>.zip` holds what a release deployed. Executions that it started keep its definition and call the new
functions; items that it wrote are read by them. Each update changes the indexes of the table as the template does: the
emulator creates and deletes those that differ, like CloudFormation, but would accept any number of them at once
(`test_indexes.py`).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from import_watch.aws.ended_watches import ended_watches
from import_watch.model.watch import watch_id

from local.deployment import deploy
from local.paths import ROOT
from local.simulators.egain import SECOND_CLIENT_SECRET
from local.simulators.script import Step
from local.stack import LocalStack, connection_fields
from local.waiting import wait_until
from releases.versions import released_bundles
from tests.integration.observer import Observer

pytestmark = pytest.mark.xdist_group("upgrade")
FIRST, *OTHERS = released_bundles(ROOT).values()
SCALE = 0.2
RUNNING: dict[str, Step] = {  # of the vendors that the first release has
    "document360": {"status": "InProgress"},
    "egain": {"status": "In Progress", "total": 100, "processed": 10},
    "voyado": {"status": "IN_PROGRESS"},
}
DONE: dict[str, Step] = {
    "document360": {"status": "Completed", "log": {"articles": 1, "messages": []}},
    "egain": {"status": "Successful", "total": 100},
    "voyado": {"status": "SUCCESS"},
}
HANDED_OVER = {"MaxPollsPerExecution": "2", "RecoveryGraceSeconds": "0"}
PUBLISHER = "import-watch-publish-outcome"


class Watched:
    """The watches of all releases, by their keys.

    Attributes
    ----------
    running : dict of str to str
        Import ids of those that the updates meet active.
    published, unpublished : dict of str to dict
        Items, as the release before this one left them, of those that ended in it.
    """

    def __init__(self, stack: LocalStack, observer: Observer) -> None:
        self.stack = stack
        self.observer = observer
        self.running: dict[str, str] = {}
        self.published: dict[str, dict[str, Any]] = {}
        self.unpublished: dict[str, dict[str, Any]] = {}
        self._numbers = count(1)

    def start(self, vendor: str, step: Step) -> tuple[str, str]:
        """Start a watch, and return its key and its import id."""
        number = next(self._numbers)
        given = f"00000000-0000-4000-8000-{number:012}" if vendor == "egain" else str(9_300_000 + number)
        self.stack.simulators[vendor].script(given, [step])
        self.stack.start_import({"vendor": vendor, "importId": given, "metadata": {"number": number}})
        return watch_id(vendor, "default", given), given

    def start_running(self) -> None:
        """Start a watch of each vendor whose import continues, and wait until each was polled."""
        started = dict(self.start(vendor, RUNNING[vendor]) for vendor in RUNNING)
        for key in started:
            wait_until(partial(self.polls, key), 60, f"a poll of {key}")
        self.running |= started

    def item(self, key: str) -> dict[str, Any] | None:
        try:
            return self.observer.item(key)
        except KeyError:
            return None

    def polls(self, key: str) -> int:
        return int((self.item(key) or {}).get("polls", 0))

    def is_published(self, key: str) -> bool:
        return "publishedAt" in (self.item(key) or {})


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The first release, running."""
    with LocalStack(wait_scale=SCALE, deployer=partial(deploy, project=unpacked(FIRST, tmp_path_factory))) as running:
        yield running


def unpacked(bundle: Path, folders: pytest.TempPathFactory) -> Path:
    folder = folders.mktemp("release")
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def observer(stack: LocalStack) -> Observer:
    return Observer(stack)


@pytest.fixture(scope="module")
def updated(stack: LocalStack, observer: Observer, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Watches of all releases, after the updates; the imports of some continue until a test ends them."""
    fields = connection_fields("egain", stack.simulators["egain"].base_url)
    stack.put_connection("egain", {**fields, "clientSecret": SECOND_CLIENT_SECRET})
    watched = Watched(stack, observer)
    watched.start_running()
    assert all("takeovers" not in observer.item(key) for key in watched.running)
    for bundle in OTHERS:
        update(stack, unpacked(bundle, tmp_path_factory))
        watched.start_running()
    end_some(watched)
    update(stack, ROOT)
    assert not any(map(watched.is_published, watched.unpublished))
    stack.client("lambda").delete_function_concurrency(FunctionName=PUBLISHER)
    return watched


def update(stack: LocalStack, project: Path) -> None:
    """Deploy a version over the one before, and check that the table has its indexes."""
    stack.outputs = deploy(stack.emulator, HANDED_OVER, project)
    table = stack.client("dynamodb").describe_table(TableName=stack.outputs["WatchTableName"])["Table"]
    template = (project / "template.yaml").read_text()
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {
        line.partition("IndexName: ")[2] for line in template.splitlines() if "- IndexName: " in line
    }


def end_some(watched: Watched) -> None:
    """Let a watch end and be published, and another end while nothing can be published."""
    key, _ = watched.start("voyado", DONE["voyado"])
    wait_until(partial(watched.is_published, key), 60, f"the outcome of {key} is published")
    watched.published[key] = watched.observer.item(key)
    watched.stack.client("lambda").put_function_concurrency(FunctionName=PUBLISHER, ReservedConcurrentExecutions=0)
    key, _ = watched.start("voyado", DONE["voyado"])
    wait_until(lambda: "ending" in (watched.item(key) or {}), 60, f"{key} ends")
    watched.unpublished[key] = watched.observer.item(key)
    assert "publishedAt" not in watched.unpublished[key]


def sweep(stack: LocalStack) -> None:
    stack.client("lambda").invoke(FunctionName="import-watch-recover-watches", Payload=b"{}")


@pytest.mark.timeout(300)
def test_every_watch_of_earlier_releases_has_one_right_outcome(
    stack: LocalStack, observer: Observer, updated: Watched
) -> None:
    # Executions of the first release know no hand-over; after two polls each ends, and recovery starts what it named.
    def handed_over() -> bool:
        sweep(stack)
        return all(
            int(observer.item(key)["generation"]) > 1 and _alive(stack, observer, key) for key in updated.running
        )

    wait_until(handed_over, 150, "every watch is handed over to an execution of the new definition", pause=1)
    for key, given in updated.running.items():
        vendor = key.partition("#")[0]
        stack.simulators[vendor].script(given, [DONE[vendor]])
    events = {key: observer.outcome(key).event for key in updated.running}
    assert {event["data"]["outcome"] for event in events.values()} == {"SUCCEEDED"}
    assert {len(observer.messages(key)) for key in updated.running} == {1}
    for event in events.values():
        assert event["data"]["watch"]["executions"] > 1
        assert event["data"]["metadata"] is not None
    assert updated.running.keys() <= listed(stack)


@pytest.mark.timeout(120)
def test_an_outcome_of_the_release_before_stays_and_is_published_once(
    stack: LocalStack, observer: Observer, updated: Watched
) -> None:
    sweep(stack)
    for key, before in (updated.published | updated.unpublished).items():
        assert observer.outcome(key).event["data"]["outcome"] == before["outcome"] == "SUCCEEDED"
        wait_until(partial(updated.is_published, key), 60, f"the publication of {key} is recorded")
        assert observer.item(key)["ending"] == before["ending"]
    sweep(stack)
    assert {len(observer.messages(key)) for key in updated.published | updated.unpublished} == {1}


def listed(stack: LocalStack) -> set[str]:
    found = ended_watches(stack.client("dynamodb"), stack.outputs["WatchTableName"])
    return {entry["watchId"] for entry in found}


def _alive(stack: LocalStack, observer: Observer, key: str) -> bool:
    stepfunctions = stack.client("stepfunctions")
    try:
        found = stepfunctions.describe_execution(executionArn=observer.item(key)["execution"])
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        return False
    return bool(found["status"] == "RUNNING")


@pytest.mark.timeout(120)
def test_a_watch_after_the_update_belongs_to_this_release(
    stack: LocalStack, observer: Observer, updated: Watched
) -> None:
    key, _ = updated.start("voyado", DONE["voyado"])
    assert observer.outcome(key).event["data"]["outcome"] == "SUCCEEDED"
    assert "takeovers" in observer.item(key)
    assert key in listed(stack)
    # Watches that ended before the update are not in the new index.
    assert not listed(stack) & (updated.published.keys() | updated.unpublished.keys())


def partition(updated: Watched, key: str) -> str:
    return str((updated.item(key) or {}).get("active"))


@pytest.mark.timeout(300)
def test_watches_survive_a_return_to_the_release_before_and_the_next_update(
    stack: LocalStack, observer: Observer, updated: Watched, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An update that fails leaves the functions of the release before, after those of this one have run."""
    voyado, running = stack.simulators["voyado"], partial(updated.start, "voyado", RUNNING["voyado"])
    (ends, ends_id), (stays, stays_id) = running(), running()
    for key in (ends, stays):
        wait_until(partial(updated.polls, key), 60, f"a poll of {key}")
        assert partition(updated, key).startswith("ACTIVE#")
    update(stack, unpacked(OTHERS[-1], tmp_path_factory))
    older, older_id = running()
    for key in (ends, stays, older):
        wait_until(lambda key=key: partition(updated, key) == "ACTIVE", 90, f"0.2.0 polls {key}")  # type: ignore[misc]
    voyado.script(ends_id, [DONE["voyado"]])
    assert observer.outcome(ends).event["data"]["metadata"] is not None
    update(stack, ROOT)
    for key in (stays, older):
        wait_until(lambda key=key: partition(updated, key).startswith("ACTIVE#"), 90, f"{key} moves")  # type: ignore[misc]
    for given in (stays_id, older_id):
        voyado.script(given, [DONE["voyado"]])
    for key in (ends, stays, older):
        data = observer.outcome(key).event["data"]
        assert (data["outcome"], data["metadata"]["number"] > 0) == ("SUCCEEDED", True)
        wait_until(partial(updated.is_published, key), 60, f"the publication of {key} is recorded")
        assert len(observer.messages(key)) == 1
