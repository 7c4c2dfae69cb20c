"""Reads the calls of functions to AWS: which service, which operation, and about which watch. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, unquote

IMPORT_ID = re.compile(r"9[0-9]{18}|[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}")
"""Ids that this suite gives its imports: nothing else in a call looks like one."""
SET_NAMES = re.compile(r"(?:SET|,) #?(\w+) =")
"""Attributes that an update sets, in its expression."""


class Operation(StrEnum):
    """What a call is for."""

    REGISTER = "register a watch"
    SAVE = "save a poll"
    TRANSFER_OWNERSHIP = "hand a watch over"
    END = "end a watch"
    RECORD_LOG = "record a log"
    RECORD_PUBLISHED = "record a publish"
    COUNT = "write a connection's state"
    READ = "read the table"
    PUBLISH = "publish an outcome"
    ARCHIVE = "archive a response or a log"
    READ_SECRET = "read a secret"
    START = "start an execution"
    DESCRIBE = "look at an execution"
    OTHER = "anything else"


WRITES = frozenset(
    {
        Operation.REGISTER,
        Operation.SAVE,
        Operation.TRANSFER_OWNERSHIP,
        Operation.END,
        Operation.RECORD_LOG,
        Operation.RECORD_PUBLISHED,
        Operation.COUNT,
    }
)
"""Writes of the table."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Parameters
    ----------
    service : str
        As AWS signs it: `dynamodb`, `sns`, `s3`, `secretsmanager`, `states`.
    operation : Operation
    import_id : str or None
        The import that it is about, where it names one.
    secret : str or None
        Name of the secret that is read.
    """

    service: str
    operation: Operation
    import_id: str | None
    secret: str | None = None


def read_call(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Read a call out of its HTTP request; header names are in lower case."""
    signed = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", headers.get("authorization", ""))
    service = signed[1] if signed else ""
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    match service:
        case "dynamodb":
            return _of_table(action, body)
        case "sns":
            form = parse_qs(body.decode())
            if form.get("Action") == ["Publish"] and "OutcomeTopic" in form["TopicArn"][0]:
                return Call(service, Operation.PUBLISH, _import_id(form["Message"][0]))
        case "s3" if method == "PUT":
            return Call(service, Operation.ARCHIVE, _import_id(unquote(path)))
        case "secretsmanager" if action == "GetSecretValue":
            return Call(service, Operation.READ_SECRET, None, str(json.loads(body)["SecretId"]))
        case "states":
            operations = {"StartExecution": Operation.START, "DescribeExecution": Operation.DESCRIBE}
            return Call(service, operations.get(action, Operation.OTHER), _import_id(body.decode()))
    return Call(service, Operation.OTHER, None)


def _of_table(action: str, body: bytes) -> Call:
    if action in ("GetItem", "BatchGetItem", "Query"):
        return Call("dynamodb", Operation.READ, _import_id(body.decode()))
    request = json.loads(body)
    if action == "TransactWriteItems":
        # The first write of a transaction is that of the watch.
        ((kind, request),) = request["TransactItems"][0].items()
        action = f"{kind}Item"
    key = request.get("Item", request.get("Key", {})).get("watchId", {}).get("S", "")
    import_id = _import_id(key)
    if key.count("#") == 1:
        return Call("dynamodb", Operation.COUNT, None)
    if action == "PutItem" and import_id:
        return Call("dynamodb", Operation.REGISTER, import_id)
    names = set(SET_NAMES.findall(request.get("UpdateExpression", "").partition(" REMOVE ")[0]))
    by_attribute = (
        ("publishedAt", Operation.RECORD_PUBLISHED),
        ("log", Operation.RECORD_LOG),
        ("ending", Operation.END),
        ("execution", Operation.TRANSFER_OWNERSHIP),
        ("generation", Operation.SAVE),
    )
    for name, operation in by_attribute:
        if name in names:
            return Call("dynamodb", operation, import_id)
    return Call("dynamodb", Operation.OTHER, import_id)


def _import_id(text: str) -> str | None:
    found = IMPORT_ID.search(text)
    return found[0] if found else None
