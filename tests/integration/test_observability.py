"""What an operator finds: all lines of an import by one id, and the dashboard."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from local.deployment import STACK_NAME
from local.stack import LocalStack
from local.waiting import wait_until
from tests.integration.observer import Observer
from tests.support.measurements import measurements_of

pytestmark = pytest.mark.xdist_group("stack")
LOGS = ("register-watch", "poll", "publish-outcome")


def lines(stack: LocalStack, log: str) -> list[dict[str, Any]]:
    """JSON lines of a log group, which the poll functions share."""
    logs = stack.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{STACK_NAME}-{log}")
    messages = (event["message"] for page in pages for event in page["events"])
    return [json.loads(message) for message in messages if message.startswith("{")]


@pytest.mark.parametrize("correlation", [None, "order-5"])
def test_all_lines_of_an_import_are_found_by_one_id(
    stack: LocalStack, observer: Observer, correlation: str | None
) -> None:
    import_id = str(uuid.uuid4().int % 10**18)
    stack.simulators["voyado"].script(import_id, ({"polls": 1, "status": "IN_PROGRESS"}, {"status": "SUCCESS"}))
    entry = {
        "Source": "a.test",
        "DetailType": "ImportStarted",
        "Detail": json.dumps({"vendor": "voyado", "importId": import_id, "correlationId": correlation}),
        "EventBusName": stack.outputs["ImportBusName"],
    }
    sent = stack.client("events").put_events(Entries=[entry])["Entries"][0]["EventId"]
    watch_id, expected = f"voyado#default#{import_id}", correlation or sent

    def published() -> dict[str, list[dict[str, Any]]] | None:
        found = {
            # Before it is registered, a watch has no id.
            name: [line for line in lines(stack, name) if watch_id in line.values() or expected in line.values()]
            for name in LOGS
        }
        messages = [line.get("message") for name in LOGS for line in found[name]]
        # A function's last lines may be delivered after those of the next one.
        return found if "outcome" in messages and messages.count("polled") == 2 else None

    found = wait_until(published, 60, "the outcome is published, and both polls are logged", pause=0.5)
    everything = [line for name in LOGS for line in found[name]]
    assert {line["correlationId"] for line in everything} == {expected}
    assert {line["service"] for line in everything} == {STACK_NAME}
    logged = [line for line in everything if "_aws" not in line]
    assert len({line["execution"] for line in logged}) == 1
    assert {(line["vendor"], line["generation"]) for line in logged} == {("voyado", 1)}
    assert [line["poll"] for line in logged if line["message"] == "polled"] == [1, 2]
    notification = observer.outcome(watch_id).event
    assert notification["data"]["correlationId"] == correlation
    assert [line["notification"] for line in logged if line["message"] == "published"] == [notification["id"]]
    measured = {one.name for line in everything for one in measurements_of(json.dumps(line))}
    assert {"WatchesStarted", "Polls", "VendorLatency", "WatchesEnded", "DetectionLag", "ImportDuration"} <= measured


def test_the_dashboard_is_there_and_its_names_are_filled_in(stack: LocalStack) -> None:
    cloudwatch = stack.client("cloudwatch")
    body = cloudwatch.get_dashboard(DashboardName=stack.outputs["DashboardName"])["DashboardBody"]
    titles = [widget["properties"]["title"] for widget in json.loads(body)["widgets"]]
    assert len(titles) == 13
    left = body.replace("${PROP('Dim.", "")
    assert "${" not in left
    assert f'service=\\"{STACK_NAME}\\"' in body
