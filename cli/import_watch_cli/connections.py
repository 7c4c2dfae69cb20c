"""Checks the credentials of a connection with one harmless request, and writes its secret."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping

from import_watch import settings as stack_settings
from import_watch.aws.secrets import Connections
from import_watch.http_client.client import Client
from import_watch.lifecycle.start_event import parse
from import_watch.model.observation import FailedPoll, ImportState, Observation, PollError
from import_watch.model.serialization import JSON
from import_watch.model.text import clean
from import_watch.vendors.adapter import Adapter
from import_watch.vendors.allowed_hosts import Hosts
from import_watch.vendors.authentication import ClientCredentials
from import_watch.vendors.connection import Connection
from import_watch.vendors.response_body import HttpResponse

from import_watch_cli.checkout import vendor_registry
from import_watch_cli.errors import CommandError, code_of
from import_watch_cli.findings import Finding, Level
from import_watch_cli.stack import Stack

PROBES = ("00000000-0000-4000-8000-000000000000", "0000000000000000000")
"""Ids of imports that no vendor has."""
HARMLESS_REFUSALS = (400, 404, 409, 422)
"""Statuses about the id of an import: the vendor has accepted the credentials before."""


def adapter_of(vendor: str) -> Adapter:
    """Adapter of a vendor.

    Raises
    ------
    CommandError
        If there is no such vendor.
    """
    registry = vendor_registry()
    if vendor not in registry.names:
        raise CommandError(f"VENDOR must be one of {', '.join(registry.names)}.")
    return registry.adapter(vendor)


def secret_name(stack: Stack, vendor: str, connection: str) -> str:
    """Name of the secret of a connection.

    Raises
    ------
    CommandError
        If the connection cannot have this name.
    """
    registry = vendor_registry()
    read = parse({"detail": {"vendor": vendor, "importId": "", "connection": connection}}, registry.names, adapter_of)
    for fault in read.faults:
        if fault.startswith("connection "):
            raise CommandError(f"{fault[:1].upper()}{fault[1:]}.")
    return f"{stack.output('ConnectionSecretPrefix')}/{vendor}/{connection}"


def hosts_of(stack: Stack) -> Hosts:
    """Hosts to which the stack allows requests besides the vendors' own."""
    parameters = stack.parameters
    return stack_settings.hosts(
        {
            "ALLOWED_HOSTS": parameters.get("AllowedHosts", ""),
            "ALLOW_LOOPBACK_HTTP": parameters.get("AllowLoopbackHttp", "false"),
        }
    )


def connections_of(stack: Stack, adapter: Adapter) -> Connections:
    """The connections of a vendor, never cached."""
    return Connections(
        stack.output("ConnectionSecretPrefix"), adapter, hosts_of(stack), 0, stack.client("secretsmanager")
    )


def check(stack: Stack, vendor: str, connection: str) -> Iterator[Finding]:
    """Findings about a stored connection: its secret, then its token, then one request."""
    adapter = adapter_of(vendor)
    name = secret_name(stack, vendor, connection)
    found = connections_of(stack, adapter).get(connection)
    if isinstance(found, FailedPoll):
        fix = f"import-watch connect {vendor} --connection {connection} writes it."
        if found.error is PollError.UNAVAILABLE:
            fix = "Try again in a minute."
        yield Finding("secret", Level.PROBLEM, clean(found.detail), fix)
        return
    yield Finding("secret", Level.GOOD, f"the secret {name} has every field")
    if found.deprecation:
        fact, _, fix = found.deprecation.partition(": ")
        yield Finding("version", Level.WARNING, fact, f"{fix[:1].upper()}{fix[1:]} in the secret, then check again.")
    yield from check_requests(stack, adapter, found)


def check_requests(stack: Stack, adapter: Adapter, connection: Connection) -> Iterator[Finding]:
    """Findings about a connection whose fields are valid: its token, and one request for an import that is unknown."""
    hosts = hosts_of(stack)
    authentication = adapter.api_of(connection.fields).authentication
    if isinstance(authentication, ClientCredentials):
        failed = _token(adapter, connection, authentication, hosts)
        token_url = connection.fields["tokenUrl"].partition("?")[0]  # a query may have a key
        scope = connection.fields.get("scope", authentication.default_scope)
        if failed is not None:
            yield Finding("token", Level.PROBLEM, clean(failed.detail), _fix_of_token(failed, connection))
            return
        yield Finding("token", Level.GOOD, f"{clean(token_url)} gives a token (scope {clean(scope)})")
    client = Client(adapter, hosts=hosts)
    probe = next((one for one in PROBES if adapter.import_id(one) is not None), PROBES[0])
    response, polled = client.request_status(connection, probe)
    yield _of_request(adapter, connection, response, polled)


def write(stack: Stack, name: str, fields: Mapping[str, JSON]) -> str:
    """Write the secret of a connection, and return whether it was `created` or `replaced`."""
    from botocore.exceptions import ClientError

    secrets, text = stack.client("secretsmanager"), json.dumps(dict(fields))
    key = stack.parameters.get("KmsKeyArn")
    try:
        secrets.create_secret(Name=name, SecretString=text, **({"KmsKeyId": key} if key else {}))
    except ClientError as error:
        if code_of(error) != "ResourceExistsException":
            raise
        secrets.put_secret_value(SecretId=name, SecretString=text)
        return "replaced"
    return "created"


def exists(stack: Stack, name: str) -> bool:
    """Whether there is a secret of that name."""
    from botocore.exceptions import ClientError

    try:
        stack.client("secretsmanager").describe_secret(SecretId=name)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return False
        raise
    return True


def _token(
    adapter: Adapter, connection: Connection, authentication: ClientCredentials, hosts: Hosts
) -> FailedPoll | None:
    from import_watch.http_client.oauth import Tokens
    from import_watch.http_client.transport import HttpTransport

    transport = HttpTransport(adapter.title, private_addresses=hosts.loopback_http, clock=time.time)
    found = Tokens(transport, time.time).get(connection, authentication, force_refresh=True)
    return found if isinstance(found, FailedPoll) else None


def _fix_of_token(failed: FailedPoll, connection: Connection) -> str:
    match failed.error:
        case PollError.UNAUTHORIZED if "scope" in failed.detail:
            return 'Set "scope" in the secret to the one that the client was given, then check again.'
        case PollError.UNAUTHORIZED:
            return (
                f'Put the right "clientId" and "clientSecret" into the secret of {connection.name}, then check again.'
            )
        case PollError.MISCONFIGURED:
            return 'Correct "tokenUrl" in the secret, then check again.'
        case PollError.THROTTLED:
            return "The rate limit is used up: check again in a minute."
        case _:
            return 'Check the host in "tokenUrl", and that it can be reached from here; then check again.'


def _of_request(
    adapter: Adapter, connection: Connection, response: HttpResponse | None, polled: Observation | FailedPoll
) -> Finding:
    where, url_fields = connection.base_url, adapter.api_of(connection.fields).connection.base_url_fields
    status = response.status if response is not None else None
    if isinstance(polled, Observation):
        if polled.state is ImportState.UNRECOGNISED:
            return Finding("request", Level.WARNING, f"{where} responds with a status that is not mapped")
        if response is not None and response.status == 404 and response.json() is None:
            return Finding(
                "request",
                Level.WARNING,
                f"{where} responds with HTTP 404 that does not look like {adapter.title}'s",
                f"Check that {url_fields} leads to the vendor's API, then check again.",
            )
        return Finding("request", Level.GOOD, f"{where} accepts the credentials, and knows no import of the test's id")
    text = f"{where}: {clean(polled.detail)}"
    match polled.error:
        case PollError.THROTTLED:
            return Finding(
                "request",
                Level.WARNING,
                text,
                'The rate limit is used up: check again in a minute, or set "requestsPerMinute" in the secret.',
            )
        case PollError.UNAUTHORIZED:
            return Finding("request", Level.PROBLEM, text, _fix_of_refusal(adapter, connection, status))
        case PollError.MISCONFIGURED:
            return Finding("request", Level.PROBLEM, text, "Correct the secret, then check again.")
    if status in HARMLESS_REFUSALS:
        return Finding("request", Level.GOOD, f"{where} accepts the credentials (HTTP {status} for an unknown id)")
    if polled.error is PollError.UNREADABLE or status is not None:
        fix = f"Check that {url_fields} leads to the vendor's API, or try again later."
    else:
        fix = f"Check the host in {url_fields}, and that it can be reached from here."
    return Finding("request", Level.PROBLEM, text, fix)


def _fix_of_refusal(adapter: Adapter, connection: Connection, status: int | None) -> str:
    authentication = adapter.api_of(connection.fields).authentication
    if isinstance(authentication, ClientCredentials):
        scope = connection.fields.get("scope", authentication.default_scope)
        others = [one for one in (authentication.default_scope, authentication.scope_hint) if one and one != scope]
        if status == 403 and others:
            return (
                f'The client\'s scope may have to be {" or ".join(others)}: set "scope" in the secret, then check '
                "again."
            )
        return "Check that the client may use this API, and its scope; then check again."
    names = " and ".join(f'"{name}"' for name in authentication.fields)
    return f"Put a valid {names} into the secret of connection {connection.name}, then check again."
