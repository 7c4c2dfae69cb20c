"""Pages of the AWS console: right in every partition whose console is known, and None where nothing is known."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from import_watch.notifications.console_pages import execution_page, object_page

LOCATION = "s3://archive/voyado/default/a b%2F+&#ü/log.json"
KNOWN = [
    ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
    ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
    ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
]
UNKNOWN = [
    "arn:aws-iso:states:us-iso-east-1:123456789012:execution:watch:first",
    "arn:aws:states:eu-west-1:000000000000:execution:watch:first",
    "execution",
    "",
]


@pytest.mark.parametrize(("partition", "region", "host"), KNOWN)
def test_a_page_is_that_of_the_partition(partition: str, region: str, host: str) -> None:
    execution = f"arn:{partition}:states:{region}:123456789012:execution:watch:a b"
    page = execution_page(execution)
    assert page == (
        f"https://{host}/states/home?region={region}#/v2/executions/details/"
        f"arn:{partition}:states:{region}:123456789012:execution:watch:a%20b"
    )
    shown = object_page(LOCATION, execution)
    assert shown is not None
    address = urlsplit(shown)
    assert (address.netloc, address.path, address.fragment) == (host, "/s3/object/archive", "")
    assert parse_qs(address.query) == {"region": [region], "prefix": ["voyado/default/a b%2F+&#ü/log.json"]}
    assert object_page(None, execution) is None


@pytest.mark.parametrize("execution", UNKNOWN)
def test_no_page_is_named_that_may_not_exist(execution: str) -> None:
    assert execution_page(execution) is None
    assert object_page(LOCATION, execution) is None
