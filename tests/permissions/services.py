"""What needs each grant of a role that a service of AWS acts in: the service's own calls, made in that role.

The emulator's services act for a role without a check, but it refuses what a role's own credentials are not
allowed. So the calls that Step Functions, EventBridge, a pipe and Lambda would make are made here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from local.deployment import STACK_NAME
from local.emulator import client
from tests.permissions.grants import ROLES, statements
from tests.permissions.uses import TRUST_OF_ROOT, USES, WORKS, Harness, Use

Call = Callable[[Harness, Callable[[str], Any]], object]
"""What a service does, with a maker of clients that act in the role."""


def in_role(role: str, call: Call) -> Use:
    """A use that makes a call with a role's credentials."""

    def use(harness: Harness) -> str:
        try:
            call(harness, _clients(harness, role))
        except ClientError as error:
            return str(error)
        return WORKS

    use.__name__ = call.__name__
    return use


@cache
def _clients(harness: Harness, role: str) -> Callable[[str], Any]:
    """Factory of clients with the credentials of a role that root may assume in place of its service."""
    iam, emulator = harness.client("iam"), harness.stack.emulator
    name = harness.physical(role)
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=TRUST_OF_ROOT)
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    credentials = harness.client("sts").assume_role(RoleArn=arn, RoleSessionName="its-service")["Credentials"]
    return cache(lambda service: client(emulator.endpoint_url, service, emulator.certificate, credentials))


def invokes(function: str) -> Call:
    """Invocation of a function; its result for an empty event does not matter here."""

    def invokes_a_function(_harness: Harness, in_its_role: Callable[[str], Any]) -> object:
        return in_its_role("lambda").invoke(FunctionName=f"{STACK_NAME}-{function}", Payload=b"{}")

    return invokes_a_function


def starts_an_execution(harness: Harness, in_its_role: Callable[[str], Any]) -> object:
    machine = harness.stack.outputs["WatchStateMachineArn"]
    return in_its_role("stepfunctions").start_execution(stateMachineArn=machine, input="{}")


def takes_a_message(harness: Harness, in_its_role: Callable[[str], Any]) -> object:
    return in_its_role("sqs").receive_message(QueueUrl=harness.physical("ChatQueue"))


def deletes_a_message(harness: Harness, in_its_role: Callable[[str], Any]) -> object:
    queue = harness.physical("ChatQueue")
    harness.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    (message,) = harness.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    return in_its_role("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def looks_at_the_queue(harness: Harness, in_its_role: Callable[[str], Any]) -> object:
    return in_its_role("sqs").get_queue_attributes(QueueUrl=harness.physical("ChatQueue"), AttributeNames=["QueueArn"])


def publishes_for_chat(harness: Harness, in_its_role: Callable[[str], Any]) -> object:
    return in_its_role("sns").publish(TopicArn=harness.physical("ChatTopic"), Message="{}")


def stores_a_failed_event(harness: Harness, in_its_role: Callable[[str], Any]) -> object:
    return in_its_role("sqs").send_message(QueueUrl=harness.physical("DeadLetterQueue"), MessageBody="{}")


def makes_a_data_key(harness: Harness, in_its_role: Callable[[str], Any]) -> object:
    return in_its_role("kms").generate_data_key(KeyId=harness.key, KeySpec="AES_256")


def decrypts(harness: Harness, in_its_role: Callable[[str], Any]) -> object:
    written = harness.client("kms").encrypt(KeyId=harness.key, Plaintext=b"anything")["CiphertextBlob"]
    return in_its_role("kms").decrypt(CiphertextBlob=written)


FUNCTION = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}"
MACHINE = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}"
CALLS: dict[tuple[str, str, str], Call] = {
    ("WatchStateMachineRole", "lambda:InvokeFunction", "RegisterWatchFunction.Arn"): invokes("register-watch"),
    ("WatchStateMachineRole", "lambda:InvokeFunction", "PublishOutcomeFunction.Arn"): invokes("publish-outcome"),
    ("WatchStateMachineRole", "lambda:InvokeFunction", f"{FUNCTION}-poll-*"): invokes("poll-egain"),
    ("WatchStateMachineRole", "states:StartExecution", f"{MACHINE}-watch-import"): starts_an_execution,
    ("ImportStartedRole", "states:StartExecution", "WatchStateMachine.Arn"): starts_an_execution,
    ("ChatPipeRole", "sqs:ReceiveMessage", "ChatQueue.Arn"): takes_a_message,
    ("ChatPipeRole", "sqs:DeleteMessage", "ChatQueue.Arn"): deletes_a_message,
    ("ChatPipeRole", "sqs:GetQueueAttributes", "ChatQueue.Arn"): looks_at_the_queue,
    ("ChatPipeRole", "sns:Publish", "ChatTopic"): publishes_for_chat,
    ("RecoverWatchesRole", "sqs:SendMessage", "DeadLetterQueue.Arn"): stores_a_failed_event,
}
for _role in ROLES:
    if any((one.role, one.sid) == (_role, "UseKey") for one in statements()):
        CALLS[_role, "kms:GenerateDataKey", "KmsKeyArn"] = makes_a_data_key
        CALLS[_role, "kms:Decrypt", "KmsKeyArn"] = decrypts
EVERY_USE: dict[tuple[str, str, str], Use] = USES | {key: in_role(key[0], call) for key, call in CALLS.items()}
"""What needs each grant, by role, action and resource."""
