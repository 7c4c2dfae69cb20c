"""The request that an API needs, as a value: templates over the fields of a connection and the import id.

The templates are those of `str.format` with plain names: `{importId}` is the id, every other name is a field of the
connection, and `{{` is a brace. Values are escaped here, for the place in which they are, and never by an adapter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from string import Formatter
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from import_watch.model.serialization import JSON

IMPORT_ID = "importId"
"""Placeholder of the import id."""
METHODS = ("GET", "POST")
RESERVED_HEADERS = ("authorization", "connection", "content-length", "cookie", "host", "transfer-encoding")
"""Headers that no template sets: they belong to the authentication or to the transport."""
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_PARSE = Formatter().parse


class BoundRequest(NamedTuple):
    """A request with all values filled in and escaped; `body` is None where it has none."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"BoundRequest({self.method} {self.url})"  # a secret may be in a header or in the body


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """Request of an API. It may be sent twice, so it must change nothing at the vendor.

    Parameters
    ----------
    path : str
        Template of the path; a value is one segment of it, or a part of one.
    method : str
        GET or POST.
    query, headers : mapping of str to str
        Templates of the query's values and of the headers besides those of the authentication.
    json : JSON
        Template of a JSON body; every string in it is a template. None for no body.

    Raises
    ------
    ValueError
        If a template is invalid.
    """

    path: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: JSON = None

    def __post_init__(self) -> None:
        if self.method not in METHODS or (self.json is not None and self.method == "GET"):
            raise ValueError(f"the method must be {' or '.join(METHODS)}, and a body needs POST")
        if not re.fullmatch(r"/[!-~]*", self.path) or re.search(r"[?#\\]", self.path):
            raise ValueError(f"{self.path!r} is not a path: it begins with / and has no query")
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
                raise ValueError(f"{name!r} is not a header that a request may set")
            if not _HEADER_VALUE.fullmatch(value):
                raise ValueError(f"the header {name} is not visible ASCII")
        _ = self.placeholders
        if fault := self.fault(dict.fromkeys(self.placeholders, "x")):
            raise ValueError(fault)

    @property
    def placeholders(self) -> frozenset[str]:
        """Names in all templates."""
        return self.url_placeholders | _names(self.headers) | _names(self.json)

    @property
    def url_placeholders(self) -> frozenset[str]:
        """Names in the templates of the URL, which servers and proxies log."""
        return _names(self.path) | _names(self.query)

    def bind(self, base_url: str, fields: Mapping[str, str], import_id: str) -> BoundRequest:
        """Request for one import: scheme, host and port are those of `base_url`, all else is of the templates.

        Raises
        ------
        ValueError
            If a value cannot be sent in its place; the message names the place, and not the value.
        """
        values = {**fields, IMPORT_ID: import_id}
        if fault := self.fault(values):
            raise ValueError(fault)
        base = urlsplit(base_url)
        path = _filled(self.path, values, _quoted)
        query = "&".join(f"{_quoted(name)}={_filled(text, values, _quoted)}" for name, text in self.query.items())
        headers = {name: _filled(text, values, str) for name, text in self.headers.items()}
        body = None
        if self.json is not None:
            body = json.dumps(_filled_json(self.json, values)).encode()
            headers = {"Content-Type": "application/json", **headers}
        url = f"{base.scheme}://{base.netloc}{path}" + (f"?{query}" if query else "")
        return BoundRequest(self.method, url, headers, body)

    def fault(self, values: Mapping[str, str]) -> str | None:
        """Why a request with these values cannot be sent; None where it can. Names without a value are not checked."""
        known = {name: values.get(name, "x") for name in self.placeholders}
        for segment in self.path.split("/")[1:]:
            # A server, or the HTTP library, would take such a segment for a step up or away.
            if (names := _names(segment)) and _filled(segment, known, str) in ("", ".", ".."):
                return f"{' and '.join(sorted(names))} cannot be a segment of a path"
        for name, text in self.headers.items():
            if not _HEADER_VALUE.fullmatch(_filled(text, known, str)):
                return f"{' and '.join(sorted(_names(text)))} cannot be in the header {name}: it must be visible ASCII"
        return None


def _quoted(value: str) -> str:
    return quote(value.encode("utf-8", "replace"), safe="")


def _filled(template: str, values: Mapping[str, str], escaped: Callable[[str], str]) -> str:
    return "".join([text + (escaped(values[name]) if name else "") for text, name in _parts(template).texts])


def _filled_json(template: JSON, values: Mapping[str, str]) -> JSON:
    if isinstance(template, str):
        return _filled(template, values, str)
    if isinstance(template, dict):
        return {name: _filled_json(value, values) for name, value in template.items()}
    return [_filled_json(value, values) for value in template] if isinstance(template, list) else template


def _names(template: Any) -> frozenset[str]:
    if isinstance(template, str):
        return _parts(template).names
    values = template.values() if isinstance(template, Mapping) else template if isinstance(template, list) else ()
    return frozenset[str]().union(*map(_names, values))


class _Parts(NamedTuple):
    """A template: its texts, each with the name that follows it, and all names."""

    texts: tuple[tuple[str, str | None], ...]
    names: frozenset[str]


@lru_cache(maxsize=256)
def _parts(template: str) -> _Parts:
    """Parts of a template. Every poll fills the few templates of an adapter."""
    texts = []
    for text, name, form, conversion in _PARSE(template):
        if name is not None and (form or conversion or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name)):
            raise ValueError(f"the placeholder {name!r} in {template!r} is not a name")
        texts.append((text, name))
    return _Parts(tuple(texts), frozenset(name for _text, name in texts if name))
