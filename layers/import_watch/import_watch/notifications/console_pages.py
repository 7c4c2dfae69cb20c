"""Pages of the AWS console about a watch. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""Host of the console, by the partition."""
EMULATED_ACCOUNT = "000000000000"
"""Account of a stack on an emulator, about which no console has a page."""
_EXECUTION = re.compile(r"arn:(?P<partition>[a-z-]+):states:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):.+")


def execution_page(execution: str) -> str | None:
    """Page of an execution, by its ARN; None where there is none, or its address is not known."""
    console = _console(execution)
    if console is None:
        return None
    base, region = console
    return f"{base}/states/home?region={region}#/v2/executions/details/{_escaped(execution, safe=':')}"


def object_page(location: str | None, execution: str) -> str | None:
    """Page of an object of the archive; None where there is none, or its address is not known.

    Parameters
    ----------
    location : str or None
        `s3://<bucket>/<key>`.
    execution : str
        ARN of an execution of the same stack, which has its partition, region and account.
    """
    console = _console(execution)
    if console is None or location is None:
        return None
    base, region = console
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return f"{base}/s3/object/{_escaped(bucket)}?region={region}&prefix={_escaped(key)}"


def _console(execution: str) -> tuple[str, str] | None:
    """Base of the console's addresses, and the region, of an execution's stack."""
    found = _EXECUTION.fullmatch(execution)
    if found is None or found["account"] == EMULATED_ACCOUNT or found["partition"] not in CONSOLES:
        return None
    return f"https://{found['region']}.{CONSOLES[found['partition']]}", found["region"]


def _escaped(text: str, safe: str = "") -> str:
    # Half of a surrogate pair, which UTF-8 cannot represent, must not prevent a notification.
    return quote(text, safe=safe, errors="replace")
