"""What the template allows: each role's statements, taken apart into one action on one resource."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.sam_template import RESOURCES

ROLES = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::Role"}


@dataclass(frozen=True)
class Statement:
    """One statement of a role.

    Parameters
    ----------
    role, sid : str
        The role's logical name, and the statement's own.
    actions, resources : tuple of str
        Resources as the template writes them.
    condition : str or None
        The template's condition under which the statement is there.
    policy : str or None
        Logical name of the managed policy that has the statement; None for the role's own.
    """

    role: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: str | None = None
    policy: str | None = None


@dataclass(frozen=True)
class Grant:
    """One action on one resource: the least that can be taken away."""

    role: str
    sid: str
    action: str
    resource: str
    policy: str | None = None

    def __str__(self) -> str:
        return f"{self.role} {self.sid} {self.action} {self.resource}"


def statements() -> Iterator[Statement]:
    """Every statement of every role."""
    for role, resource in ROLES.items():
        managed = managed_by(resource)
        documents = [(name, RESOURCES[name]["Properties"]["PolicyDocument"]) for name in managed]
        own = [(None, policy["PolicyDocument"]) for policy in resource["Properties"]["Policies"]]
        for policy, document in (*documents, *own):
            for found in document["Statement"]:
                condition, body = (found["Fn::If"][0], found["Fn::If"][1]) if "Fn::If" in found else (None, found)
                yield Statement(
                    role,
                    body.get("Sid", ""),
                    tuple(_list(body["Action"])),
                    tuple(written(one) for one in _list(body["Resource"])),
                    condition,
                    policy,
                )


def managed_by(role: dict[str, Any]) -> list[str]:
    """Logical names of the managed policies that a role has."""
    return [arn["Ref"] for arn in role["Properties"].get("ManagedPolicyArns", [])]


def grants() -> Iterator[Grant]:
    """Every grant of every role."""
    for statement in statements():
        for action in statement.actions:
            for resource in statement.resources:
                yield Grant(statement.role, statement.sid, action, resource, statement.policy)


def role_of(function: dict[str, Any]) -> str:
    """Logical name of a function's or the state machine's role."""
    name, attribute = function["Role"]["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(name)


def without(policy: dict[str, Any], grant: Grant) -> dict[str, Any]:
    """A deployed policy without a grant.

    Raises
    ------
    ValueError
        If the policy would not change, or the statement has several actions on several resources.
    """
    statement = next(one for one in statements() if (one.role, one.sid) == (grant.role, grant.sid))
    kept = []
    for found in policy["Statement"]:
        if found["Sid"] != grant.sid:
            kept.append(found)
            continue
        actions, resources = _list(found["Action"]), _list(found["Resource"])
        if len(actions) > 1 and len(resources) > 1:
            raise ValueError(f"{grant.sid} has several actions on several resources: make it several statements")
        if len(resources) > 1:
            gone = resources[statement.resources.index(grant.resource)]
            kept.append({**found, "Resource": [one for one in resources if one != gone]})
        elif len(actions) > 1:
            kept.append({**found, "Action": [one for one in actions if one != grant.action]})
    changed = {**policy, "Statement": kept}
    if changed == policy:
        raise ValueError(f"the deployed policy has no {grant}")
    return changed


def written(resource: Any) -> str:
    """A resource as a person writes it: `WatchTable.Arn`, `${LogArchiveBucket.Arn}/egain/*`; with an If, both."""
    if isinstance(resource, str):
        return resource
    ((function, value),) = resource.items()
    match function:
        case "Fn::GetAtt":
            return ".".join(value)
        case "Ref" | "Fn::Sub":
            return str(value)
        case "Fn::If":
            return " or ".join(map(written, value[1:]))
        case _:
            raise ValueError(f"a statement's resource is an {function}: name it")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
