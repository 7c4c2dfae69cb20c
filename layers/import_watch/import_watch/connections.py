"""Connections: the secrets that say where a vendor is and how to authenticate there.

A secret is read through Powertools Parameters, which caches it; `fresh` reads past the cache. Where a secret
is missing or malformed the answer is a `FailedPoll` that names the fields at fault, never their values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config
from botocore.exceptions import ClientError

from import_watch.hosts import Hosts
from import_watch.model import JSON, FailedPoll, Trouble
from import_watch.policies import policy_of
from import_watch.schedule import Policy
from import_watch.vendor import Adapter, ClientCredentials

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

LEAST_PER_MINUTE, MOST_PER_MINUTE = 1, 100_000
"""Bounds of a rate limit that is believed: with less, the watches of a connection would hardly ever poll."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a vendor is and how to authenticate there; the fields are kept out of its repr.

    Parameters
    ----------
    name : str
        `default`, unless the start event names another.
    base_url : str
        Scheme, host and port; checked against the vendor's hosts.
    fields : mapping of str to str
        The text fields of the secret.
    log_buckets : tuple of str
        Buckets that the connection names as its own.
    requests_per_minute : float or None
        The vendor's rate limit for these credentials, if the connection names it.
    policy : Policy or None
        The connection's own schedule, if it has one.
    """

    name: str
    base_url: str
    fields: Mapping[str, str] = field(repr=False)
    log_buckets: tuple[str, ...] = ()
    requests_per_minute: float | None = None
    policy: Policy | None = None


class Connections:
    """Reads the connections of one vendor.

    Parameters
    ----------
    prefix : str
        First part of the secrets' names, `<prefix>/<vendor>/<connection>`.
    adapter : Adapter
        The vendor, which knows the fields and hosts.
    hosts : Hosts
        Hosts allowed besides the vendor's.
    cache_seconds : int
        How long a secret that was read is believed.
    """

    def __init__(self, prefix: str, adapter: Adapter, hosts: Hosts, cache_seconds: int) -> None:
        self._prefix = prefix
        self._adapter = adapter
        self._hosts = hosts
        self._cache_seconds = cache_seconds
        self._secrets = SecretsProvider(boto3_client=_client())

    def get(self, name: str, *, fresh: bool = False) -> Connection | FailedPoll:
        """Give a connection by name.

        Parameters
        ----------
        name : str
            As in the start event.
        fresh : bool
            Whether to read past the cache.

        Returns
        -------
        Connection or FailedPoll
            MISCONFIGURED where the secret is missing, may not be read or is malformed; UNAVAILABLE where
            Secrets Manager itself could not be reached.
        """
        secret_name = f"{self._prefix}/{self._adapter.vendor}/{name}"
        try:
            text = self._secrets.get(secret_name, max_age=self._cache_seconds, force_fetch=fresh)
        except GetParameterError as error:
            return _unread(secret_name, error)
        if not isinstance(text, str):
            return _malformed(secret_name, "it is binary: store it as text")
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            # The parser's own words would quote the secret.
            return _malformed(secret_name, "it is not JSON")
        if not isinstance(fields, dict):
            return _malformed(secret_name, "it is not a JSON object")
        return self._checked(name, secret_name, fields)

    def _checked(self, name: str, secret_name: str, fields: dict[str, JSON]) -> Connection | FailedPoll:
        shape = self._adapter.connection
        oauth = isinstance(self._adapter.authentication, ClientCredentials)
        faults = [f"{key} is missing" for key in shape.required if key not in fields]
        texts: dict[str, str] = {}
        for key, value in fields.items():
            if isinstance(value, str) and value.strip() and value.isprintable() and value.isascii():
                texts[key] = value.strip()
            elif key in (*shape.required, *shape.optional):
                faults.append(f"{key} must be a text of visible ASCII characters")
        base_url = shape.base_url(texts)
        if base_url is None:
            faults.append(f"{shape.base_url_fields} is missing or not valid")
        elif fault := self._hosts.fault(base_url, shape.hosts):
            faults.append(f"the base URL {fault}")
        if oauth and "tokenUrl" in texts and (fault := self._hosts.fault(texts["tokenUrl"], shape.hosts)):
            faults.append(f"tokenUrl {fault}")
        buckets = fields.get("logBuckets", [])
        if not isinstance(buckets, list) or not all(isinstance(bucket, str) and bucket for bucket in buckets):
            faults.append("logBuckets must be a list of bucket names")
        limit = fields.get("requestsPerMinute")
        if limit is not None and (
            isinstance(limit, bool)
            or not isinstance(limit, int | float)
            or not LEAST_PER_MINUTE <= limit <= MOST_PER_MINUTE
        ):
            faults.append(f"requestsPerMinute must be a number from {LEAST_PER_MINUTE:g} to {MOST_PER_MINUTE:,}")
        policy = None
        if fields.get("policy") is not None:
            try:
                policy = policy_of(fields["policy"])
            except ValueError as error:
                faults.append(str(error))
        if faults or base_url is None:
            return _malformed(secret_name, "; ".join(faults))
        return Connection(name, base_url, texts, tuple(buckets), limit, policy)


def _client() -> SecretsManagerClient:
    # Of the default session, as every other client: one of its own would read the SDK's data anew, for 100 ms.
    # Bounded, so that a slow Secrets Manager costs a poll and not the function's whole time.
    return boto3.client(
        "secretsmanager", config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    )


def _malformed(secret_name: str, why: str) -> FailedPoll:
    return FailedPoll(Trouble.MISCONFIGURED, f"the secret {secret_name} is malformed: {why}")


def _unread(secret_name: str, error: GetParameterError) -> FailedPoll:
    cause = error.__cause__ or error.__context__
    code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause or error).__name__
    if code == "ResourceNotFoundException":
        return FailedPoll(Trouble.MISCONFIGURED, f"the secret {secret_name} does not exist: create it")
    if code in ("AccessDeniedException", "DecryptionFailure", "InvalidRequestException"):
        return FailedPoll(Trouble.MISCONFIGURED, f"the secret {secret_name} cannot be read: {code}")
    return FailedPoll(Trouble.UNAVAILABLE, f"Secrets Manager did not give the secret {secret_name}: {code}")
