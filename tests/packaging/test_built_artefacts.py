"""What `sam build` makes and `sam deploy` uploads, run by Lambda's runtime client with nothing else on the path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.paths import TEMPLATE
from local.scenarios import SCENARIOS, Scenario, examples
from local.simulators.registry import VENDORS
from local.stack import LocalStack
from tests.integration.observer import Observer
from tests.packaging.conftest import Start
from tests.packaging.runtime_api import FunctionError
from tests.packaging.sam import Sam

pytestmark = pytest.mark.xdist_group("packaging")
EXECUTION = "arn:aws:states:eu-west-1:000000000000:execution:import-watch-watch-import:packaged"
NATIVE = (".so", ".pyd", ".dylib", ".a")
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
WATCHED = {
    **{example.vendor: example for example in examples()},
    "document360": BY_NAME["document360-warnings"],
    "egain": BY_NAME["egain-partial"],
    "voyado": BY_NAME["voyado-success"],
}
INVOKED = {"register-watch", "publish-outcome", "recover-watches", *(f"poll-{vendor}" for vendor in VENDORS)}
"""The functions that the tests below invoke."""


def step_by_step(scenario: Scenario) -> list[dict[str, Any]]:
    """A scenario's script with a poll for every step."""
    return [{name: value for name, value in step.items() if name != "seconds"} for step in scenario.steps]


def test_every_function_of_the_template_is_invoked_here(functions: dict[str, dict[str, Any]]) -> None:
    resources = yaml_parse(TEMPLATE.read_text())["Resources"].values()
    described = sum(resource["Type"] == "AWS::Serverless::Function" for resource in resources)
    assert len(functions) == described
    assert set(functions) == INVOKED, "have a test below invoke it in its place, and name it in INVOKED"


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_packaged_functions_watch_an_import(
    vendor: str, packaged_stack: LocalStack, subscriber: Observer, start: Start
) -> None:
    scenario = WATCHED[vendor]
    packaged_stack.simulators[vendor].script(scenario.import_id, step_by_step(scenario))
    register, poll, publish = start("register-watch"), start(f"poll-{vendor}"), start("publish-outcome")

    response = register.invoke({"event": scenario.event, "execution": EXECUTION})
    actions = [response["action"]]
    for _ in scenario.steps:
        response = poll.invoke({"watch": response["watch"], "execution": EXECUTION})
        actions.append(response["action"])
    assert actions == [*["WAIT"] * len(scenario.steps), "PUBLISH"]
    done = publish.invoke({"input": response, "execution": EXECUTION})
    assert (done["action"], done["watchId"]) == ("PUBLISHED", response["watch"]["watchId"])

    message = subscriber.outcome(done["watchId"])
    data = message.event["data"]
    assert scenario.faults(message.event) == []
    # Archiving loads what no other poll does: all of it was in the package.
    for location in filter(None, (data["answer"], data["log"]["location"])):
        assert subscriber.archived(location)


def test_the_packaged_function_sweeps(start: Start) -> None:
    swept = start("recover-watches").invoke({"source": "aws.events", "detail-type": "Scheduled Event"})
    assert set(swept) == {"done"}


def test_the_packaged_functions_take_over_an_orphaned_watch(
    packaged_stack: LocalStack, subscriber: Observer, start: Start
) -> None:
    scenario = BY_NAME["egain-cancelled"]
    packaged_stack.simulators["egain"].script(scenario.import_id, step_by_step(scenario))
    machine = packaged_stack.outputs["WatchStateMachineArn"]
    died = {
        "executionArn": f"{machine.replace(':stateMachine:', ':execution:')}:died",
        "stateMachineArn": machine,
        "status": "FAILED",
        "input": json.dumps(scenario.event),
    }
    seen_to = start("recover-watches").invoke({"source": "aws.states", "detail": died})
    assert seen_to == {"done": "TAKEN_OVER"}
    message = subscriber.outcome(f"egain#default#{scenario.import_id}")
    assert message.event["data"]["outcome"] == scenario.expected["outcome"]


def test_the_deployed_stack_watches_an_import_by_itself(packaged_stack: LocalStack, subscriber: Observer) -> None:
    scenario = BY_NAME["voyado-aborted"]
    packaged_stack.simulators["voyado"].script(scenario.import_id, step_by_step(scenario))
    packaged_stack.start_import(scenario.event["detail"])
    message = subscriber.outcome(f"voyado#default#{scenario.import_id}")
    assert message.event["data"]["outcome"] == scenario.expected["outcome"]


def test_nothing_of_this_machine_is_found_by_a_packaged_function(start: Start) -> None:
    function = start("register-watch", "pytest.main")
    with pytest.raises(FunctionError, match="No module named 'pytest'") as failed:
        function.invoke({})
    assert failed.value.kind == "Runtime.ImportModuleError"


def test_the_layer_has_no_native_code_and_no_commands(sam: Sam) -> None:
    layer = sam.built / "ImportWatchLayer" / "python"
    assert (layer / "import_watch" / "services" / "polling.py").is_file()
    assert [path.name for path in layer.rglob("*") if path.name.endswith(NATIVE)] == []
    assert not (layer / "bin").exists()
