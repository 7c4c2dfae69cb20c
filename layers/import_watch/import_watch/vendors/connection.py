"""A connection: where a vendor is, and how to authenticate there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from import_watch.scheduling.interval import Policy


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
    keeps_log : bool or None
        Whether the API that it uses keeps logs; None where that is not known.
    deprecation : str or None
        A sentence where the API that it uses will end.
    log_hosts : frozenset of str
        Hosts from which its logs may be fetched, in lower case.
    """

    name: str
    base_url: str
    fields: Mapping[str, str] = field(repr=False)
    log_buckets: tuple[str, ...] = ()
    requests_per_minute: float | None = None
    policy: Policy | None = None
    keeps_log: bool | None = None
    deprecation: str | None = None
    log_hosts: frozenset[str] = frozenset()
