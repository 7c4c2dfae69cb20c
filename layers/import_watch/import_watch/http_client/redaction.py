"""Removes secrets and signed query strings from a response before it is read or stored. Pure.

A vendor may send back what it received. Whole bodies are searched, because a text that is cut first could contain a
part of a secret. They are also searched in decoded form: a server, a proxy or a log may escape a secret for JSON, HTML
or URLs, nest these escapes, or encode it in base64. A text is decoded repeatedly, each of these views is searched, and
each finding is traced back to its position in the text.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from urllib.parse import quote, quote_plus, unquote

from import_watch.vendors.response_body import HttpResponse, parse

MARK = "(redacted)"
MIN_SECRET = 6
"""Minimum characters of a secret: the removal of a shorter text would damage the whole response."""
MIN_PIECE = 4
"""Minimum characters of a part of a secret that is removed: where a body was cut within it, or it was decoded."""
MAX_PASSES = 6
"""How often a text is decoded, for nested escapes such as JSON in a JSON string in a URL."""

MAX_SPANS = 150_000
"""Maximum places of one body that are replaced one by one; a normal response has fewer, and more would take much
memory."""
MAX_WORK = 8_000_000
"""Maximum escapes that are decoded for one body, a few seconds of work: enough for the largest body in all its views,
with a few findings traced back. A body that needs more is crafted to take long."""

Span = tuple[int, int, str]
"""Start and end of a text to remove, and its replacement."""

_UNIT = re.compile(
    r"""
      \\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2} | \\u[0-9a-fA-F]{4} | \\x[0-9a-fA-F]{2}
    | \\(?!u[0-9a-fA-F]{0,3}[\\&%])[^\x00]
    | &\#[0-9]{1,7}(?:;|(?![\\%])) | &\#[xX][0-9a-fA-F]{1,6}(?:;|(?![\\%]))
    | &(?:[aA][mM][pP]|[lLgG][tT]|[qQ][uU][oO][tT])(?![;\\%]) | &[A-Za-z][A-Za-z0-9]{1,31};
    | %[0-7][0-9a-fA-F] | %[cdCD][0-9a-fA-F]%[89abAB][0-9a-fA-F] | %[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}
    | %[fF][0-7](?:%[89abAB][0-9a-fA-F]){3} | %[89a-fA-F][0-9a-fA-F](?![\\&]) | %u[0-9a-fA-F]{4}
    | \x00+
    | \n(?<=[0-9A-Za-z+/]{60}\n)(?=[0-9A-Za-z+/=]) | \r\n(?<=[0-9A-Za-z+/]{60}\r\n)(?=[0-9A-Za-z+/=])
    """,
    re.VERBOSE | re.DOTALL,
)
"""One character as JSON, HTML or URLs escape it; also what decoding drops: NUL, and a line break within base64.

An escape of which a part is escaped itself is decoded by the next pass.
"""
_ESCAPE_SIGNS = ("\\", "&", "%", "\0", "\n")
_SHORT_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_CREDENTIAL = re.compile(
    r"""
    [?\#&;](?:
        [\w.-]{0,40}(?:signature|credential|token|secret|passw|accessid|key[-_]pair[-_]id|[-_]key
                      |(?:api|access|account|auth|private|shared|subscription)key)[\w.-]{0,40}
      | sig | sign | key | code | auth | authorization | policy | jwt | pwd | pass | sid | session | hmac
      | verify | md5 | hash | ticket | sas
      | hdn[a-z]{2,3} | __gda__
    )=
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
"""A parameter of a URL that is a credential, or that makes the URL one."""
_SIGNATURE = re.compile(
    r"(?<=[&;~])(?:X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|sig|signature|hmac)=[^\s\"<>&\\]+",
    re.IGNORECASE,
)
"""A signature of a URL whose query has a blank or a quotation mark before it; elsewhere, these end a query."""
_QUERY = re.compile(r'[?#][^\s"<>\\]*')
_USER_INFORMATION = re.compile(r'(?<=://)[^\s/?#"<>\\]+@')
HTML_UNSAFE = ("<>&", "<>&'=", "<>&'\"+`")
"""Characters that JSON encoders of Go, Java and .NET escape, so that the JSON is safe within HTML."""
MAX_TAIL, MAX_CUT_ESCAPE = 64 * 1024, 16
_CUT_ESCAPE = re.compile(r"(?:\\+u?[0-9a-fA-F]{0,3}|%(?:25)*[0-9a-fA-F]?|&(?:amp;)*#?[xX]?[0-9a-zA-Z]{0,8})\Z")
_BEFORE_HOST = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?([^/]*@)?")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\s\[\]{}:,"]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Sought:
    """Forms of a secret: `texts` in a decoded view, and `cores` within base64."""

    texts: tuple[str, ...]
    cores: tuple[str, ...]
    truncated: bool = False
    """Whether the body was cut, and so may end within a secret."""


def redacted(response: HttpResponse, secrets: Iterable[str]) -> HttpResponse:
    """Response whose body contains neither the secrets nor query strings that are credentials.

    Parameters
    ----------
    response : HttpResponse
    secrets : iterable of str
        Those shorter than `MIN_SECRET` are not removed.

    Returns
    -------
    HttpResponse
        The same object where nothing is removed. Else a response in the same encoding, which is still JSON if it was.
    """
    sought = _sought(tuple(secrets))
    if response.truncated:
        sought = replace(sought, truncated=True)
    content, body = response.content, response.body
    clean = _without(content.text, sought)
    if clean is not content.text:
        body = content.encoded(clean)
    if content.encoding != "utf-8":
        # The declared encoding may be wrong: then other readers would find in the bytes what the decoded text does not
        # show.
        plain = body.decode("utf-8", "surrogateescape")
        # Every second byte of most such bodies is NUL: searching without those is fast, tracing findings back is not.
        if _is_in(plain.replace("\0", ""), sought):
            clean = _without(plain, sought)
            if clean is not plain:
                body = clean.encode("utf-8", "surrogateescape")
    return response if body is response.body else replace(response, body=body)


def without_query(location: str) -> str:
    """Location without query, fragment and user information, which may be credentials, escaped ones included."""
    location = _applied(location, _spans(location, _Sought((), ())))
    location = re.split(r"[?#]", location, maxsplit=1)[0]
    scheme, user = _BEFORE_HOST.match(location).groups("")  # type: ignore[union-attr]  # it matches every text
    return scheme + location[len(scheme) + len(user) :] if scheme or ":" in user else location


class _TooManyFindings(Exception):
    """A body with too many findings, or findings too expensive to trace, to remove them one by one."""


@lru_cache(maxsize=64)  # consecutive polls have the same secrets, and computing their forms takes longer than searching
def _sought(secrets: tuple[str, ...]) -> _Sought:
    texts: dict[str, None] = {}
    cores: dict[str, None] = {}
    for secret in secrets:
        if len(secret) < MIN_SECRET:
            continue
        # A secret may itself look like an escape, or end like the start of one, which a decoded view no longer shows.
        forms = [*_views(secret), *_misread(secret), secret.replace(" ", "+"), secret.replace("+", " ")]
        forms += [form.rstrip("\\") for form in forms]
        texts.update(dict.fromkeys(form for form in forms if len(form) >= MIN_PIECE))
        in_hex = secret.encode("utf-8", "replace").hex()
        texts.update(dict.fromkeys((in_hex, in_hex.upper())))
        # By RFC 6749, 2.3.1, a client escapes its id and secret before it encodes them in base64.
        for form in (secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret), *_json_forms(secret)):
            cores.update(dict.fromkeys(core for core in _base64_cores(form) if len(core) >= MIN_SECRET))
    return _Sought(tuple(texts), tuple(cores))


def _misread(secret: str) -> Iterator[str]:
    """Forms of a secret with non-ASCII characters that was read or written in a wrong encoding."""
    if secret.isascii():
        return
    raw = secret.encode("utf-8", "replace")
    for encoding in ("latin-1", "cp1252"):
        yield raw.decode(encoding, "replace")
        yield secret.encode(encoding, "replace").decode("utf-8", "replace")
    yield secret.encode("ascii", "replace").decode()


def _json_forms(text: str) -> Iterator[str]:
    """Forms of a text within JSON: encoders differ in `/` and in non-ASCII letters."""
    for ascii_only in (True, False):
        form = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield form
        yield form.replace("/", "\\/")
        for unsafe in HTML_UNSAFE:
            for upper_case in (False, True):
                yield _safe_in_html(form, unsafe, upper_case=upper_case)


def _safe_in_html(form: str, unsafe: str, *, upper_case: bool) -> str:
    """JSON text in which characters with a meaning in HTML are escaped by their number."""
    for char in unsafe:
        form = form.replace('\\"' if char == '"' else char, f"\\u{ord(char):04x}")
    return re.sub(r"\\u[0-9a-f]{4}", lambda code: f"\\u{code[0][2:].upper()}", form) if upper_case else form


def _base64_cores(text: str) -> Iterator[str]:
    """Characters that are in the base64 of every text that contains this one, for each of its possible offsets."""
    for raw in {
        text.encode("utf-8", "replace"),
        text.encode("latin-1", "replace"),
        text.encode("utf-16-le", "replace"),
    }:
        for before in range(3):
            length = 8 * (before + len(raw)) // 6
            core = base64.b64encode(bytes(before) + raw).decode()[-(-8 * before // 6) : length]
            yield core
            yield core.replace("+", "-").replace("/", "_")


def _without(text: str, sought: _Sought) -> str:
    """Text without everything that is sought; the same object where it contains none of it."""
    try:
        spans = _spans(text, sought)
        if not spans:
            return text
        is_json = _is_json(text)
        result = _applied(text, spans)
        if is_json and not _is_json(result):
            result = _applied_by_token(text, spans)
        left = _spans(result, sought)
        if left:
            result = _applied(result, left)
            left = _spans(result, sought)
        if not left and (not is_json or _is_json(result)):
            return result
    except _TooManyFindings:
        is_json = _is_json(text)
    # The rest still contains a form of a secret, or is no longer JSON: the whole text is replaced.
    return f'"{MARK}"' if is_json else MARK


def _is_json(text: str) -> bool:
    return parse(text)[1] is None


def _is_in(text: str, sought: _Sought) -> bool:
    """Whether a text, or its end, contains anything that is sought."""
    try:
        return bool(_spans(text, sought))
    except _TooManyFindings:
        return True


def _applied(text: str, spans: Sequence[Span]) -> str:
    pieces: list[str] = []
    kept = 0
    for start, end, mark in _merged(spans):
        pieces += (text[kept:start], mark)
        kept = end
    return "".join((*pieces, text[kept:]))


def _applied_by_token(text: str, spans: Iterable[Span]) -> str:
    """Text with whole JSON tokens replaced, where replacing only the spans makes the JSON invalid.

    Such as in a number, or in two keys that become equal.
    """
    pieces: list[str] = []
    kept = count = 0
    waiting = iter(_merged(spans))
    start, end, _ = next(waiting)
    for token in _JSON_TOKEN.finditer(text):
        while end <= token.start():
            start, end, _ = next(waiting, (len(text) + 1, len(text) + 1, ""))
        if start < token.end():
            count += 1
            pieces += (text[kept : token.start()], f'"{MARK[:-1]} {count})"')
            kept = token.end()
    return "".join((*pieces, text[kept:]))


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, none of which touches another: two overlapping secrets are removed completely."""
    merged: list[Span] = []
    for start, end, mark in sorted(spans):
        if merged and start < merged[-1][1]:
            before = merged.pop()
            merged.append((before[0], max(before[1], end), before[2] or mark))
        else:
            merged.append((start, end, mark))
    return merged


def _spans(text: str, sought: _Sought) -> list[Span]:
    """Spans of a text that contain anything sought, in any view of it.

    Raises
    ------
    _TooManyFindings
        If there are too many findings, or too deeply nested escapes, for the time that tracing takes.
    """
    found: set[Span] = set()
    work = 0
    for passes, view in enumerate(_views(text)):
        here = list(islice(chain(_secret_spans(view, sought), _credential_spans(view)), MAX_SPANS + 1))
        work += sum(map(view.count, _ESCAPE_SIGNS)) * (1 + passes * bool(here))
        if work > MAX_WORK:
            raise _TooManyFindings
        # A finding of one view is often in the next one, too.
        found.update(_back(here, text, passes))
        if len(found) > MAX_SPANS:
            raise _TooManyFindings
    if sought.truncated:
        found.update(_end_spans(text, sought))
    # A span must not begin or end within an escape.
    return _aligned(found, text) if found else []


def _back(spans: list[Span], text: str, passes: int) -> list[Span]:
    """Spans of the text for spans of the view after `passes` decoding passes."""
    if spans:
        for before in reversed(list(islice(_views(text), passes))):
            spans = _traced(spans, before)
    return spans


def _views(text: str) -> Iterator[str]:
    """A text, followed by its decoded views."""
    yield text
    for _ in range(MAX_PASSES):
        if not any(sign in text for sign in _ESCAPE_SIGNS):
            return
        following = _UNIT.sub(lambda unit: _decoded(unit[0]), text)
        if following == text:
            return
        text = following
        yield text


@lru_cache(maxsize=2_048)
def _decoded(unit: str) -> str:
    if unit[0] == "\\":
        if len(unit) == 12:
            return unit.encode().decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16")
        return chr(int(unit[2:], 16)) if len(unit) > 2 else _SHORT_ESCAPES.get(unit[1], unit[1])
    if unit[0] == "&":
        return html.unescape(unit)
    if unit[0] == "%":
        # A single byte from 80 on is not valid UTF-8: older forms encode Latin-1 so.
        return chr(int(unit[2:], 16)) if unit[1] == "u" else unquote(unit, "latin-1" if len(unit) == 3 else "utf-8")
    return ""


def _secret_spans(view: str, sought: _Sought) -> Iterator[Span]:
    for text in sought.texts:
        for start in _positions(view, text):
            yield start, start + len(text), MARK
    for core in sought.cores:
        for start in _positions(view, core):
            # The adjacent characters contain bits of the secret, too.
            end = start + len(core)
            yield start - (view[start - 1 : start] in _BASE64), end + (view[end : end + 1] in _BASE64), MARK


def _end_spans(text: str, sought: _Sought) -> Iterator[Span]:
    """Span of the start of a secret at the end of a text that was cut, even where an escape was cut, too."""
    before = max(0, len(text) - MAX_TAIL)
    tail = text[before:]
    cut = _CUT_ESCAPE.search(tail, len(tail) - MAX_CUT_ESCAPE)
    for part in (tail, tail[: cut.start()]) if cut else (tail,):
        for passes, view in enumerate(_views(part)):
            pieces = (
                sought_for[:length]
                for sought_for in (*sought.texts, *sought.cores)
                for length in range(MIN_PIECE, len(sought_for))
            )
            here = [(len(view) - len(piece), len(view), MARK) for piece in pieces if view.endswith(piece)]
            for start, _, mark in _back(here, part, passes):
                yield before + start, len(text), mark


def _positions(view: str, text: str) -> Iterator[int]:
    start = view.find(text)
    while start >= 0:
        yield start
        start = view.find(text, start + 1)


def _credential_spans(view: str) -> Iterator[Span]:
    if ("?" in view or "#" in view) and _CREDENTIAL.search(view):
        for query in _QUERY.finditer(view):
            if _CREDENTIAL.search(query[0]):
                yield *query.span(), ""
    if "=" in view:
        for signature in _SIGNATURE.finditer(view):
            yield *signature.span(), ""
    if "@" in view and "://" in view:
        for user in _USER_INFORMATION.finditer(view):
            yield *user.span(), ""


class _Units:
    """Positions of the escapes of a text, in the text and in its decoded view.

    Parameters
    ----------
    text : str
    """

    def __init__(self, text: str) -> None:
        # Needed only after a finding, so loaded only then.
        from array import array

        self.starts, self.ends = array("I"), array("I")
        self.decoded_starts, self.decoded_ends = array("I"), array("I")
        shorter = 0
        for unit in _UNIT.finditer(text):
            start, end = unit.span()
            length = len(_decoded(unit[0]))
            self.starts.append(start)
            self.ends.append(end)
            self.decoded_starts.append(start - shorter)
            self.decoded_ends.append(start - shorter + length)
            shorter += end - start - length


def _traced(spans: Iterable[Span], before: str) -> list[Span]:
    """Spans of a view as spans of the view before it."""
    from bisect import bisect_right

    units = _Units(before)

    def character(position: int) -> tuple[int, int]:
        """Span of the character that is at this position in the decoded view."""
        at = bisect_right(units.decoded_starts, position) - 1
        if at < 0:
            return position, position + 1
        if position < units.decoded_ends[at]:
            return units.starts[at], units.ends[at]
        start = units.ends[at] + position - units.decoded_ends[at]
        return start, start + 1

    return [(character(start)[0], character(end - 1)[1], mark) for start, end, mark in spans]


def _aligned(spans: Iterable[Span], text: str) -> list[Span]:
    from bisect import bisect_right

    units = _Units(text)

    def escape(position: int) -> tuple[int, int]:
        """Span of the escape around this position, or the position itself."""
        at = bisect_right(units.starts, position) - 1
        within = at >= 0 and units.starts[at] < position < units.ends[at]
        return (units.starts[at], units.ends[at]) if within else (position, position)

    return [(escape(start)[0], escape(end)[1], mark) for start, end, mark in spans]
