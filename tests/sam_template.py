"""The template's resources as SAM sees them: functions with the properties that the Globals section gives them."""

from __future__ import annotations

from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.paths import TEMPLATE

STACK: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
RESOURCES: dict[str, dict[str, Any]] = STACK["Resources"]


def of_type(*kinds: str) -> dict[str, dict[str, Any]]:
    """Properties of the resources of some types, by logical name."""
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] in kinds}


FUNCTIONS = {
    name: {**STACK["Globals"]["Function"], **properties}
    for name, properties in of_type("AWS::Serverless::Function").items()
}
"""A function's own properties win; of `Environment`, only its own is kept here."""
FAILED_EVENTS = {
    properties["FunctionName"]["Ref"]: properties["DestinationConfig"]["OnFailure"]["Destination"]
    for properties in of_type("AWS::Lambda::EventInvokeConfig").values()
}
"""Where events are kept that a function failed with, by the function."""


def poll_role(vendor: str) -> str:
    """Logical name of the role of a vendor's poll function."""
    (role,) = (one["Role"]["Fn::GetAtt"][0] for one in FUNCTIONS.values() if one["CodeUri"] == poll_folder(vendor))
    return str(role)


def poll_folder(vendor: str) -> str:
    """Folder of a vendor's poll function, as the template names it."""
    return f"functions/poll_{vendor}"
