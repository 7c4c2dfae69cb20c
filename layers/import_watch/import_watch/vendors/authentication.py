"""How a vendor's requests are authenticated, as values: which fields of the connection go into which header.

They are named tuples: a cold poll loads all of them, and a dataclass takes several times as long to define.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class ClientAuthentication(StrEnum):
    """Where a client's id and secret are in a request for a token (RFC 6749, 2.3.1)."""

    BODY = "BODY"
    BASIC = "BASIC"


class ApiKey(NamedTuple):
    """A header whose value is a field of the connection, unchanged, after a scheme such as `Bearer` if there is one."""

    header: str
    field: str
    scheme: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of the connection that it needs."""
        return (self.field,)

    def value(self, fields: Mapping[str, str]) -> str:
        """Value of the header."""
        return f"{self.scheme} {fields[self.field]}".lstrip()


class Basic(NamedTuple):
    """HTTP Basic authentication (RFC 7617) by two fields of the connection."""

    user_field: str
    password_field: str
    header: str = "Authorization"

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of the connection that it needs."""
        return (self.user_field, self.password_field)

    def value(self, fields: Mapping[str, str]) -> str:
        """Value of the header."""
        return basic(fields[self.user_field], fields[self.password_field])


class ClientCredentials(NamedTuple):
    """OAuth 2.0 client credentials: a form POST to the connection's `tokenUrl` returns a bearer token.

    Parameters
    ----------
    default_scope : str
        The scope of a connection that has none; without one, none is sent.
    scope_hint : str
        Another scope that the vendor gives to some clients, for the message about a refused scope.
    client_authentication : ClientAuthentication
    """

    default_scope: str = ""
    scope_hint: str = ""
    client_authentication: ClientAuthentication = ClientAuthentication.BODY
    header: str = "Authorization"

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of the connection that it needs."""
        return ("tokenUrl", "clientId", "clientSecret")


Authentication: TypeAlias = ApiKey | Basic | ClientCredentials


def basic(user: str, password: str) -> str:
    """Value of an Authorization header with the scheme Basic."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
