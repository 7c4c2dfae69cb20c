"""A running stack is updated from the last release to this one, with watches in it: none is lost or published twice.

`release-0.1.0.zip` holds what that release deployed. Executions that it started keep its definition and call the new
functions; items that it wrote are read by them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import partial

import pytest
from import_watch.model.watch import watch_id

from local.deployment import deploy
from local.paths import ROOT
from local.simulators.egain import SECOND_CLIENT_SECRET
from local.simulators.script import Step
from local.stack import VENDORS, LocalStack, connection_fields
from local.waiting import wait_until
from tests.integration.observer import Observer

pytestmark = pytest.mark.xdist_group("upgrade")
RELEASE = ROOT / "tests" / "upgrade" / "release-0.1.0.zip"
SCALE = 0.2
RUNNING: dict[str, Step] = {
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


def import_id(vendor: str, number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}" if vendor == "egain" else str(9_300_000 + number)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The last release, running."""
    release = tmp_path_factory.mktemp("release")
    with zipfile.ZipFile(RELEASE) as bundle:
        bundle.extractall(release)
    with LocalStack(wait_scale=SCALE, deployer=partial(deploy, project=release)) as running:
        yield running


@pytest.fixture(scope="module")
def observer(stack: LocalStack) -> Observer:
    return Observer(stack)


@pytest.fixture(scope="module")
def updated(stack: LocalStack, observer: Observer) -> dict[str, str]:
    """Watches of the last release, by their keys, after the update; their imports continue until the test ends them."""
    fields = connection_fields("egain", stack.simulators["egain"].base_url)
    stack.put_connection("egain", {**fields, "clientSecret": SECOND_CLIENT_SECRET})
    keys: dict[str, str] = {}
    for vendor in VENDORS:
        for number in range(2):
            given = import_id(vendor, number)
            stack.simulators[vendor].script(given, [RUNNING[vendor]])
            stack.start_import({"vendor": vendor, "importId": given, "metadata": {"number": number}})
            keys[watch_id(vendor, "default", given)] = given
    for key in keys:
        wait_until(partial(_polled, observer, key), 60, f"a poll of {key} by the last release")
    before = {key: observer.item(key) for key in keys}
    assert all("takeovers" not in item for item in before.values())
    stack.outputs = deploy(stack.emulator, HANDED_OVER)
    return keys


def _polled(observer: Observer, key: str) -> bool:
    found = observer.stack.client("dynamodb").get_item(
        TableName=observer.stack.outputs["WatchTableName"], Key={"watchId": {"S": key}}, ConsistentRead=True
    )
    return bool(found.get("Item", {}).get("polls", {"N": "0"})["N"] != "0")


def sweep(stack: LocalStack) -> None:
    stack.client("lambda").invoke(FunctionName="import-watch-recover-watches", Payload=b"{}")


@pytest.mark.timeout(300)
def test_every_watch_of_the_last_release_has_one_right_outcome(
    stack: LocalStack, observer: Observer, updated: dict[str, str]
) -> None:
    # Their executions know no hand-over; after two polls each ends, and recovery starts what it named.
    def handed_over() -> bool:
        sweep(stack)
        return all(int(observer.item(key)["generation"]) > 1 and _alive(stack, observer, key) for key in updated)

    wait_until(handed_over, 150, "every watch is handed over to an execution of the new definition", pause=1)
    for key, given in updated.items():
        vendor = key.partition("#")[0]
        stack.simulators[vendor].script(given, [DONE[vendor]])
    events = {key: observer.outcome(key).event for key in updated}
    assert {event["data"]["outcome"] for event in events.values()} == {"SUCCEEDED"}
    assert {len(observer.messages(key)) for key in updated} == {1}
    for event in events.values():
        assert event["data"]["watch"]["executions"] > 1
        assert event["data"]["metadata"] is not None


def _alive(stack: LocalStack, observer: Observer, key: str) -> bool:
    stepfunctions = stack.client("stepfunctions")
    try:
        found = stepfunctions.describe_execution(executionArn=observer.item(key)["execution"])
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        return False
    return bool(found["status"] == "RUNNING")


@pytest.mark.timeout(120)
def test_a_watch_after_the_update_belongs_to_this_release(
    stack: LocalStack, observer: Observer, updated: dict[str, str]
) -> None:
    assert updated
    stack.simulators["voyado"].script("9400000", [{"status": "SUCCESS"}])
    stack.start_import({"vendor": "voyado", "importId": "9400000"})
    key = watch_id("voyado", "default", "9400000")
    assert observer.outcome(key).event["data"]["outcome"] == "SUCCEEDED"
    assert "takeovers" in observer.item(key)
