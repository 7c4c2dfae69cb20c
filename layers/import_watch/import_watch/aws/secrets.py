"""Connections: the secrets with a vendor's base URL and credentials.

A secret is read through Powertools Parameters, which caches it; `force_refresh` bypasses the cache. For a missing or
malformed secret, the result is a `FailedPoll` that names the invalid fields, never their values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from import_watch.model.observation import FailedPoll, PollError
from import_watch.model.serialization import JSON
from import_watch.model.text import parse_number, trimmed
from import_watch.vendors.adapter import Adapter, Api, ConnectionSpec
from import_watch.vendors.allowed_hosts import Hosts, with_scheme
from import_watch.vendors.authentication import ApiKey, Basic, ClientCredentials
from import_watch.vendors.connection import Connection
from import_watch.vendors.connection_fields import (
    BUCKETS_FIELD,
    HOSTS_FIELD,
    NUMBER_FIELD,
    POLICY_FIELD,
    buckets_of,
    fields_of,
    host_fault,
    log_hosts_of,
    misspelled,
    text_field,
)

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from import_watch.scheduling.interval import Policy

T = TypeVar("T")

MIN_PER_MINUTE, MAX_PER_MINUTE = 1, 100_000
"""Bounds of a valid rate limit: with a lower one, the watches of a connection would hardly ever poll."""


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
        Seconds for which a secret is cached.
    client : SecretsManagerClient, optional
        An existing boto3 client.
    """

    def __init__(
        self,
        prefix: str,
        adapter: Adapter,
        hosts: Hosts,
        cache_seconds: int,
        client: SecretsManagerClient | None = None,
    ) -> None:
        self._prefix = prefix
        self._adapter = adapter
        self._hosts = hosts
        self._cache_seconds = cache_seconds
        self._secrets = SecretsProvider(boto3_client=client or _client())
        self._kept: dict[str, tuple[str | bytes, Connection]] = {}

    def get(self, name: str, *, force_refresh: bool = False) -> Connection | FailedPoll:
        """Connection by name.

        Parameters
        ----------
        name : str
            As in the start event.
        force_refresh : bool
            Whether to bypass the cache.

        Returns
        -------
        Connection or FailedPoll
            MISCONFIGURED where the secret is missing, may not be read or is malformed; UNAVAILABLE where
            Secrets Manager itself could not be reached.
        """
        secret_name = f"{self._prefix}/{self._adapter.vendor}/{name}"
        try:
            secret = self._secrets.get(secret_name, max_age=self._cache_seconds, force_fetch=force_refresh)
        except GetParameterError as error:
            return _unread(secret_name, error)
        content = secret if isinstance(secret, bytes) else str(secret)
        # Most polls of a container read the same content: a connection is a value, made once of it.
        kept = self._kept.get(name)
        if kept is not None and kept[0] == content:
            return kept[1]
        try:
            connection = self.read(name, content)
        except ValueError as error:
            return FailedPoll(PollError.MISCONFIGURED, f"the secret {secret_name} is malformed: {error}")
        self._kept[name] = (content, connection)
        return connection

    def read(self, name: str, secret: str | bytes) -> Connection:
        """Connection from the content of a secret.

        Raises
        ------
        ValueError
            Naming everything that is wrong with its fields, never their values.
        """
        fields = fields_of(secret, self._known_of_any)
        return self._checked(name, fields, self._api_of(fields))

    def _api_of(self, fields: dict[str, JSON]) -> Api:
        """API that the connection uses; a version that they name is then in its usual spelling.

        Raises
        ------
        ValueError
            If there is no such version.
        """
        version, field = self._adapter.version_of(fields), self._adapter.version_field
        if field is not None and fields.get(field) is not None:
            fields[field] = version
        return self._adapter.api(version)

    def _known_of_any(self) -> set[str]:
        """Names of the fields of all versions; only a fault needs them, so a poll loads no other version."""
        return {name for version in self._adapter.versions for name in self._known(self._adapter.api(version))}

    def _known(self, api: Api) -> tuple[str, ...]:
        shape, field = api.connection, self._adapter.version_field
        general = (BUCKETS_FIELD, HOSTS_FIELD, NUMBER_FIELD, POLICY_FIELD, *([field] if field else []))
        return (*shape.required, *shape.optional, *general)

    def _checked(self, name: str, fields: dict[str, JSON], api: Api) -> Connection:
        """Connection from the fields of a secret.

        Raises
        ------
        ValueError
            Naming everything that is wrong with the fields.
        """
        faults: list[str] = []

        def read(key: str, how: Callable[[JSON], T], default: T) -> T:
            if fields.get(key) is None:
                return default
            try:
                return how(fields[key])
            except ValueError as error:
                faults.append(str(error))
                return default

        shape = api.connection
        faults += [
            f"{key} is {'empty' if key in fields else 'missing'}" for key in shape.required if fields.get(key) is None
        ]
        faults += misspelled([key for key, value in fields.items() if value is not None], self._known(api))
        texts: dict[str, str] = {}
        for key in (*shape.required, *shape.optional):
            if (text := read(key, partial(_text, api, key), None)) is not None:
                texts[key] = text
        base_url = self._base_url(shape, texts, faults)
        self._check_token_url(api, texts, faults)
        buckets: tuple[str, ...] = read(BUCKETS_FIELD, buckets_of, tuple[str, ...]())
        log_hosts: tuple[str, ...] = read(HOSTS_FIELD, log_hosts_of, tuple[str, ...]())
        limit = read(NUMBER_FIELD, _limit_of, None)
        policy = read(POLICY_FIELD, _policy_of, None)
        texts = shape.with_defaults(texts)
        if not faults and (fault := api.request.fault(texts)):
            faults.append(fault)
        if faults:
            raise ValueError("; ".join(faults))
        more = {key: trimmed(value) for key, value in fields.items() if isinstance(value, str) and value.isprintable()}
        found = {**more, **texts}
        deprecation = api.deprecation(found)
        return Connection(
            name, base_url, found, buckets, limit, policy, api.keeps_log, deprecation, frozenset(log_hosts)
        )

    def _base_url(self, shape: ConnectionSpec, texts: Mapping[str, str], faults: list[str]) -> str:
        """Scheme, host and port in lower case; empty where they are invalid."""
        url = shape.base_url(texts)
        if url is None:
            given = next((name for name in shape.optional if name in texts and name in shape.base_url_fields), None)
            faults.append(host_fault(given, texts[given]) if given else f"{shape.base_url_fields} is missing")
            return ""
        source = "" if "baseUrl" in texts else f" (of {shape.base_url_fields.split()[0]})"
        if fault := self._hosts.fault(url, shape.hosts):
            faults.append(f"the base URL{source} {fault}")
            return ""
        if "?" in url or "#" in url:
            faults.append(f"the base URL{source} has a query or a fragment: give scheme, host and port only")
            return ""
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}".lower()

    def _check_token_url(self, api: Api, texts: dict[str, str], faults: list[str]) -> None:
        if isinstance(api.authentication, ClientCredentials) and "tokenUrl" in texts:
            texts["tokenUrl"] = with_scheme(texts["tokenUrl"])
            if fault := self._hosts.fault(texts["tokenUrl"], api.connection.hosts):
                faults.append(f"tokenUrl {fault}")
            elif "#" in texts["tokenUrl"]:
                faults.append("tokenUrl has a fragment: remove it")


def _text(api: Api, key: str, value: JSON) -> str:
    """Text of a field, as the place needs it to which it is sent.

    Raises
    ------
    ValueError
        Naming the field.
    """
    form, authentication = api.connection.forms.get(key), api.authentication
    if form is not None:
        # A number has one clear form as a text here, unlike in a credential.
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if (found := form.read(text_field(key, text, ascii_only=True))) is None:
            raise ValueError(f"{key} must be {form.hint}")
        return found
    if isinstance(authentication, ApiKey) and key == authentication.field:
        schemes = "|".join(re.escape(scheme) for scheme in ("bearer", authentication.scheme) if scheme)
        if isinstance(value, str) and re.fullmatch(rf"(?:{schemes}) +\S+", trimmed(value), re.IGNORECASE):
            # A key has no blanks: a whole Authorization header was pasted.
            value = trimmed(value).split()[1]
        return text_field(key, value, ascii_only=True, blanks=False)
    # A form and Basic authentication may contain any text.
    anywhere = key in api.connection.secret and not isinstance(authentication, ApiKey)
    if isinstance(authentication, Basic) and key == authentication.user_field:
        text = text_field(key, value, ascii_only=False)
        if ":" in text:
            raise ValueError(f"{key} has a colon at character {text.index(':') + 1}: no user of a password has one")
        return text
    return text_field(key, value, ascii_only=not anywhere)


def _policy_of(value: JSON) -> Policy:
    from import_watch.scheduling.policy import parse_policy  # few secrets have one

    return parse_policy(value)


def _limit_of(value: JSON) -> float:
    limit = parse_number(value)
    if limit is None or not MIN_PER_MINUTE <= limit <= MAX_PER_MINUTE:
        raise ValueError(f"{NUMBER_FIELD} must be a number from {MIN_PER_MINUTE:g} to {MAX_PER_MINUTE:,}")
    return limit


def _client() -> SecretsManagerClient:
    # Of the default session, like every other client: a session of its own would read the SDK's data again, for 100 ms.
    # With short timeouts, so that a slow Secrets Manager costs one poll and not the function's whole time.
    return boto3.client(
        "secretsmanager", config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    )


def _unread(secret_name: str, error: GetParameterError) -> FailedPoll:
    cause = error.__cause__ or error.__context__
    code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else _why(cause)
    if code == "ResourceNotFoundException":
        return FailedPoll(PollError.MISCONFIGURED, f"the secret {secret_name} does not exist: create it")
    if code in ("AccessDeniedException", "DecryptionFailure", "InvalidRequestException"):
        return FailedPoll(PollError.MISCONFIGURED, f"the secret {secret_name} cannot be read: {code}")
    return FailedPoll(PollError.UNAVAILABLE, f"Secrets Manager did not return the secret {secret_name}: {code}")


def _why(cause: BaseException | None) -> str:
    if isinstance(cause, ConnectTimeoutError | ReadTimeoutError):
        return "no response in time"
    if isinstance(cause, EndpointConnectionError | HTTPClientError):
        return "it could not be reached"
    return "an unexpected error of the SDK"
