"""Each grant of a role is removed alone, from a stack that enforces policies: something fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.simulators.egain import LOG_BUCKET
from local.stack import LocalStack
from tests.customer_key import deploy_with_a_key
from tests.permissions.grants import Grant, grants, without
from tests.permissions.services import EVERY_USE
from tests.permissions.uses import LOG_READER_ARN, WORKS, Harness, prepare

pytestmark = pytest.mark.xdist_group("permissions-stack")
USED = [grant for grant in grants() if (grant.role, grant.action, grant.resource) in EVERY_USE]
PARAMETERS = {
    "LogSourceObjectArns": f"arn:aws:s3:::{LOG_BUCKET}/*",
    "LogReaderRoleArns": LOG_READER_ARN,
    "RecoveryGraceSeconds": "0",
    # Only the tests sweep: they are done by then.
    "RecoveryMinutes": "15",
    "CreateChatTopic": "true",
    # The emulator does not find the state machine of a token, so it checks access to all of them.
    "CallbackStateMachineArns": "*",
}


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with LocalStack(parameters=PARAMETERS, deployer=deploy_with_a_key, enforces_policies=True) as stack:
        prepare(stack)
        yield Harness(stack)


@contextmanager
def removed(harness: Harness, grant: Grant) -> Iterator[None]:
    """Have a role without a grant."""
    iam = harness.client("iam")
    role = harness.physical(grant.role)
    if grant.policy is not None:
        with _replaced(harness, role, grant):
            yield
        return
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    less = without(policy, grant)
    if less["Statement"]:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
    else:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


@contextmanager
def _replaced(harness: Harness, role: str, grant: Grant) -> Iterator[None]:
    """Have a copy of a managed policy without a grant in its place, for this role alone."""
    iam, name, arn = harness.client("iam"), "managed-without-a-grant", harness.physical(str(grant.policy))
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    policy = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(without(policy, grant)))
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    try:
        yield
    finally:
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        iam.delete_role_policy(RoleName=role, PolicyName=name)


@pytest.mark.parametrize("grant", USED, ids=str)
def test_something_fails_without_this_grant(grant: Grant, harness: Harness) -> None:
    use = EVERY_USE[grant.role, grant.action, grant.resource]
    assert use(harness) == WORKS
    with removed(harness, grant):
        assert use(harness) != WORKS
    harness.forget()
