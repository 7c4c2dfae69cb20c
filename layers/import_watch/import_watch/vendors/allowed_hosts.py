"""Hosts to which requests are allowed: the vendor's, the stack's, and on the local stack this machine. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from import_watch.model.text import trimmed

PLAUSIBLE_HOST = (
    r"(?=.{1,100}$)(?:[a-z0-9_-]{1,40}\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]{1,40})"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f.]{0,40}:[0-9a-f:.]{1,45}|localhost"
)
"""What is clearly a host name or an address, and not a credential."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def host_of(text: str) -> str | None:
    """Host name in a text that may also have a scheme, a port, a path, or a dot at the end.

    Returns
    -------
    str or None
        In lower case; None where it is not clearly one host.
    """
    text = trimmed(text)
    parts = _parts(with_scheme(text))
    if parts is None or "@" in parts.netloc or not re.fullmatch(r"[!-\[\]-~]+", text):
        return None
    host = (parts.hostname or "").rstrip(".")
    return host if re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", host) else None


def _parts(url: str) -> SplitResult | None:
    """Parts of a URL; None where it cannot be split, or its port is invalid, which only reading the port shows."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts to which requests are allowed besides those of the vendor's pattern.

    Parameters
    ----------
    allowed : frozenset of str
        Lower-case host names of private hosting.
    loopback_http : bool
        Whether plain http to this machine is allowed: only the local stack sets it.
    """

    allowed: frozenset[str] = frozenset()
    loopback_http: bool = False

    def fault(self, url: str, patterns: tuple[str, ...], kind: str = "the vendor's") -> str | None:
        """What is wrong with a URL, or None where requests to it are allowed.

        Parameters
        ----------
        url : str
            From a secret, so untrusted.
        patterns : tuple of str
            The vendor's hosts, as regular expressions.
        kind : str
            What a host is that matches one of them, for the message.
        """
        parts = _parts(url)
        if parts is None:
            return "is not a URL"
        host = parts.hostname or ""
        if not host or "@" in parts.netloc or re.search(r"[^!-~]|\\", url):
            return "is not a URL of the form https://host"
        if host in LOOPBACK and self.loopback_http and parts.scheme in ("http", "https"):
            return None
        if parts.scheme != "https":
            return "must begin with https://"
        if host in self.allowed or any(re.fullmatch(pattern, host) for pattern in patterns):
            return None
        # What is not a plausible host name may be a credential in the wrong field.
        shown = f"the host {host!r}, which" if re.fullmatch(PLAUSIBLE_HOST, host) else "a host that"
        return f"leads to {shown} is neither {kind} nor in the parameter AllowedHosts"


def with_scheme(location: str) -> str:
    """URL of a host, with `https://` if it has no scheme; a text that is not a host stays unchanged."""
    location = re.sub(r"(?:https?://)+(?=https?://)", "", location, count=1, flags=re.IGNORECASE)
    if re.match(r"[a-z][a-z0-9+.-]*://|https?[:/]", location, re.IGNORECASE):
        return location
    return f"https://{location.removeprefix('//')}"


def base_url_of(fields: Mapping[str, str], name: str, host: str) -> str | None:
    """Base URL of a connection that has a `baseUrl`, or a field from which the host of its account follows.

    Parameters
    ----------
    fields : mapping of str to str
        The fields of the connection.
    name : str
        The field; it may also be a whole host, or its URL.
    host : str
        The vendor's host, with `{}` for the value of the field.
    """
    if "baseUrl" in fields:
        return with_scheme(fields["baseUrl"])
    account = re.sub(r"(?i:https?)://|/+$", "", fields.get(name, ""))
    if "." in account:
        return with_scheme(fields[name])
    return f"https://{host.format(account)}" if re.fullmatch(r"[a-zA-Z0-9-]{1,63}", account) else None
