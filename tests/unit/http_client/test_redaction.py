"""Redaction: a secret is removed in any form in which a vendor may return it, and all else stays as it is."""

from __future__ import annotations

import base64
import html
import json
import re
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.http_client.redaction import MARK, MAX_SPANS, redacted, without_query
from import_watch.model.observation import FailedPoll, Observation
from import_watch.vendors.response import parse_response
from import_watch.vendors.response_body import HttpResponse

from local.paths import ROOT
from tests.unit.aws_fixtures import adapter

SECRETS = (
    "q7Zk+Xw9/Lm'T==",
    'a"b\\c<d>&e f',
    "pässwörd-木-🙂",
    "nnnnnnnn",
    "100%41&amp;\\u0041",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "sixsix",
)
MAX_RSS_MB = 256


def every(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(char)) for char in text)


def mixed(text: str) -> str:
    """Write each character in another way than the one before it."""
    ways: list[Callable[[str], str]] = [
        lambda char: char if char not in '"\\' else f"\\{char}",
        lambda char: f"\\u{ord(char):04x}",
        lambda char: f"\\u{ord(char):04X}",
    ]
    return "".join(ways[place % 3](char) if ord(char) < 0x10000 else char for place, char in enumerate(text))


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def in_base64(before: str, after: str = "", *, safe: bool = False, encoding: str = "utf-8") -> Callable[[str], str]:
    encode = base64.urlsafe_b64encode if safe else base64.b64encode
    return lambda text: encode((before + text + after).encode(encoding)).decode()


def in_dotnet_json(text: str) -> str:
    written = json.dumps(text)[1:-1].replace('\\"', "\\u0022")
    return re.sub("[+<>&'`]", lambda found: f"\\u{ord(found[0]):04X}", written)


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": in_json,
    "JSON, not ASCII only": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON, slashes too": lambda text: in_json(text).replace("/", "\\/"),
    "JSON of .NET": lambda text: in_json(text).replace("+", "\\u002B").replace("'", "\\u0027").replace("&", "\\u0026"),
    "JSON, mixed": mixed,
    "JSON in JSON": lambda text: in_json(in_json(text)),
    "JSON in JSON in JSON": lambda text: in_json(in_json(in_json(text))),
    "HTML": html.escape,
    "HTML, decimal": every("&#{};"),
    "HTML, hexadecimal": every("&#x{:x};"),
    "HTML, upper case and zeros": every("&#X{:06X};"),
    "HTML, no semicolons": every("&#{}"),
    "HTML, twice": lambda text: html.escape(html.escape(text)),
    "HTML in JSON": lambda text: in_json(html.escape(text)).replace("&", "\\u0026").replace(";", "\\u003b"),
    "JSON in HTML": lambda text: html.escape(in_json(text)),
    "URL": lambda text: quote(text, safe=""),
    "URL, lower case": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    "URL, slashes left": quote,
    "URL, plus for blanks": quote_plus,
    "URL, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "URL, all of it": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "URL in JSON": lambda text: in_json(quote(text, safe="")).replace("%", "\\u0025"),
    "JSON in URL": lambda text: quote(in_json(text), safe=""),
    "base64": in_base64(""),
    "base64, one before": in_base64("x", "yy"),
    "base64, two before": in_base64("xx", "y"),
    "base64 of client id and secret": in_base64("a-client:"),
    "base64, safe in URLs": in_base64("xx>", "?", safe=True),
    "base64, without padding": lambda text: in_base64("", ".")(text).rstrip("="),
    "base64 in URL": lambda text: quote(in_base64("x:")(text), safe=""),
    "base64 of URL": lambda text: in_base64("a-client:")(quote(text, safe="")),
    "base64 of JSON": lambda text: in_base64("")(json.dumps({"key": text})),
    "base64 of JSON, with letters as they are": lambda text: in_base64("")(
        json.dumps({"key": text}, ensure_ascii=False)
    ),
    "base64 of JSON of .NET": lambda text: in_base64("x:")(in_dotnet_json(text)),
    "base64 of HTML": lambda text: in_base64("x:")(html.escape(text)),
    "base64 of a form": lambda text: in_base64("client_secret=")(quote_plus(text)),
    "base64 of UTF-16": in_base64("x:", encoding="utf-16-le"),
    "base64 in lines": lambda text: re.sub("(.{76})", r"\1\r\n", in_base64("x" * 50, "y" * 80)(text)),
    "base64 in lines in JSON": lambda text: re.sub("(.{64})", r"\1\\n", in_base64("x" * 45, "y" * 80)(text)),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: text.encode().hex().upper(),
    "a dump of Python": lambda text: repr(text.encode())[2:-1],
    "NUL between": "\0".join,
}
"""Ways in which a secret comes back."""
WITH_MORE = {form for form in FORMS if "base64" in form}
"""Forms in which something beside the secret stays."""
JSON_FORMS = ("JSON", "JSON, not ASCII only", "JSON, slashes too", "JSON of .NET", "JSON, mixed")


def reported_text(response: HttpResponse, vendor: str = "document360") -> str:
    polled = parse_response(adapter(vendor), response, "1")
    return polled.detail if isinstance(polled, FailedPoll) else repr(polled)


def written(secret: str, form: str) -> str:
    if form == "JSON in HTML" and "&" in secret:
        pytest.skip("no server escapes in this order")
    return FORMS[form](secret)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
class TestForms:
    def test_it_is_removed_from_a_text(self, secret: str, form: str) -> None:
        again = written(secret, form)
        found = redacted(HttpResponse(401, {}, f"Token {again} no".encode()), [secret]).text
        assert found.startswith("Token ")
        assert found.endswith(" no")
        assert left_of(secret, found) == []
        if form not in WITH_MORE:
            assert found == f"Token {MARK} no"

    def test_it_is_removed_from_json_which_stays_json(self, secret: str, form: str) -> None:
        again = written(secret, form)
        string = again if form in JSON_FORMS else in_json(again)
        body = f'{{ "message":"no {string}!", "{string}": 1.50, "x" : ["{string}"]}}'.encode()
        found = redacted(HttpResponse(401, {}, body), [secret])
        assert found.fault is None
        assert found.text.startswith('{ "message":"no ')
        assert ": 1.50, " in found.text
        assert left_of(secret, found.text) == left_of(secret, reported_text(found)) == []


def left_of(secret: str, text: str) -> list[str]:
    """Pieces of a secret in a text, plain or in base64 at any offset."""
    shown = [text]
    for run in re.findall(r"[A-Za-z0-9+/_-]{4,}", text):
        for start in range(4):
            part = run[start:].translate(str.maketrans("-_", "+/"))
            raw = base64.b64decode(part[: len(part) // 4 * 4])
            shown += (raw.decode("latin-1"), raw[::2].decode("latin-1"), raw[1::2].decode("latin-1"))
    pieces = [secret[at : at + 4] for at in range(len(secret) - 3)]
    return [piece for piece in pieces if any(piece in one for one in shown)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("form", ["plain", "JSON in JSON", "HTML", "URL"])
def test_it_is_removed_from_every_encoding_which_stays_the_same(encoding: str, form: str) -> None:
    secret = SECRETS[0]
    body = f'{{"message":"no {FORMS[form](secret)}"}}'.encode(encoding)
    found = redacted(HttpResponse(401, {}, body), [secret])
    assert found.body == f'{{"message":"no {MARK}"}}'.encode(encoding)
    assert found.json() == {"message": f"no {MARK}"}


@pytest.mark.parametrize(
    ("charset", "body", "expected"),
    [
        ("iso-8859-1", "söcret-ä is bäd".encode("latin-1"), f"{MARK} is bäd".encode("latin-1")),
        ("utf-8", "söcret-ä is bäd".encode("latin-1"), f"{MARK} is b\ufffdd".encode()),
        ("iso-8859-1", "söcret-ä is bäd".encode(), f"{MARK} is bäd".encode()),
        ("utf-16", "söcret-ä is bäd".encode(), f"{MARK} is bäd".encode()),
        ("utf-16-le", b"in ASCII: s?cret-? is", f"in ASCII: {MARK} is".encode()),
    ],
)
def test_a_wrong_charset_hides_no_secret(charset: str, body: bytes, expected: bytes) -> None:
    found = redacted(HttpResponse(401, {"content-type": f"text/plain; charset={charset}"}, body), ["söcret-ä"])
    assert found.body == expected


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        # The longest goes whole, whichever is named first.
        ("abcdefghi", ["abcdef", "abcdefghi"], MARK),
        ("abcdefghi", ["abcdefghi", "abcdef"], MARK),
        ("abcdefghi", ["abcdef", "defghi"], MARK),
        ("abcdefabcdef", ["abcdef"], MARK * 2),
        ("Bearer abcdef.", ["abcdef"], f"Bearer {MARK}."),
        ("abcde abcde", ["abcde"], "abcde abcde"),
        ("abc", [""], "abc"),
        ('{"x":"\\nabcdef"}', ["nabcdef"], f'{{"x":"{MARK}"}}'),
        ('{"x":123456.5,"y":"123456"}', ["123456"], f'{{"x":"{MARK[:-1]} 1)","y":"{MARK[:-1]} 2)"}}'),
        ('{"abcdef":1,"abc%64ef":2}', ["abcdef"], f'{{"{MARK[:-1]} 1)":1,"{MARK[:-1]} 2)":2}}'),
        ('{"ab":"cd"}', ['ab":"cd'], f'{{"{MARK[:-1]} 1)":"{MARK[:-1]} 2)"}}'),
        ("abcabcdefdef", ["abcdef"], f"abc{MARK}def"),
    ],
)
def test_what_is_removed_and_what_stays(text: str, secrets: list[str], expected: str) -> None:
    assert redacted(HttpResponse(200, {}, text.encode()), secrets).text == expected


SIGNED = "https://b.s3.eu-west-1.amazonaws.com/l.txt"
SIGNATURES = [
    "X-Amz-Expires=604800&X-Amz-Security-Token=FwoSESSION&X-Amz-Signature=deadbeefcafe",
    "x-amz-credential=deadbeefcafe",
    "X-Goog-Date=1&X-Goog-Signature=deadbeefcafe",
    "sv=2022-11-02&se=2030-01-01&sp=r&sig=deadbeefcafe%3D",
    "Expires=1&AWSAccessKeyId=AKIA&Signature=deadbeefcafe",
    "Policy=deadbeefcafe__&Key-Pair-Id=K1",
    *(f"x=1&{name}=deadbeefcafe" for name in ("token", "access_token", "api_key", "apikey", "password", "code")),
    *(f"{name}=deadbeefcafe&x=1" for name in ("client_secret", "key", "auth", "Secret", "sessionToken", "jwt")),
    *(f"x=1&{name}=deadbeefcafe" for name in ("subscription-key", "AuthKey", "hdnea", "__gda__token")),
]


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize(
    "write",
    [
        lambda url: url,
        lambda url: url.replace("?", "#"),
        lambda url: url.replace("&", "&amp;"),
        lambda url: url.replace("&", "\\u0026"),
        lambda url: url.replace("?", "\\u003f").replace("&", "\\u0026").replace("=", "\\u003D"),
        lambda url: url.replace("/", "\\/"),
        lambda url: "https://login.example/?to=" + quote(url, safe=""),
        lambda url: in_json(json.dumps({"url": url.replace("&", "\\u0026")})),
    ],
)
def test_a_signed_query_string_is_cut(signature: str, write: Callable[[str], str]) -> None:
    body = f'{{"status":"Failed","error":"see {write(f"{SIGNED}?{signature}")} for more","x":[1.0]}}'
    found = redacted(HttpResponse(200, {}, body.encode()), [])
    assert (found.fault, found.json()["status"], found.json()["x"]) == (None, "Failed", [1.0])
    assert [left for left in ("deadbeef", "Signature", "AKIA", "FwoSESSION") if left in found.text] == []
    assert "l.txt" in found.text or "https://login.example/ " in found.text
    assert "for more" in found.text
    assert "deadbeef" not in reported_text(found, "egain")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://user:pa%73s@host/x", "see https://host/x"),
        ("see https:\\/\\/user:p@ss@host\\/x", "see https:\\/\\/host\\/x"),
        ("https%3A%2F%2Fuser%3Apass%40host", "https%3A%2F%2Fhost"),
        ("postgres://token@db", "postgres://db"),
        ("https://host/?mail=a@b.c", "https://host/?mail=a@b.c"),
        ("https://host/?page=2&sort=up#top", "https://host/?page=2&sort=up#top"),
        ("Really? token=abc; mail a@b.c", "Really? token=abc; mail a@b.c"),
        ("s3://case-logs/a/b.txt", "s3://case-logs/a/b.txt"),
    ],
)
def test_user_information_is_cut_and_all_else_stays(text: str, expected: str) -> None:
    assert redacted(HttpResponse(200, {}, text.encode()), []).text == expected


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://case-logs/a//b@c.txt", "s3://case-logs/a//b@c.txt"),
        ("https://b.s3.amazonaws.com/l.txt?X-Amz-Signature=1", "https://b.s3.amazonaws.com/l.txt"),
        ("https://b/l.txt?page=1#part", "https://b/l.txt"),
        ("https://b/l.txt#access_token=1", "https://b/l.txt"),
        ("https://u:p@b/l.txt", "https://b/l.txt"),
        ("//u:p@b/l.txt", "//b/l.txt"),
        ("u:p@b/l.txt", "b/l.txt"),
        ("folder@x/l.txt", "folder@x/l.txt"),
        ("https://b/l.txt%3Fsig%3D1", "https://b/l.txt"),
        ("https://b/l.txt&quot;", "https://b/l.txt&quot;"),
        ("", ""),
        ("?", ""),
    ],
)
def test_a_location_is_shown_without_its_query(location: str, expected: str) -> None:
    assert without_query(location) == expected


def test_nothing_to_remove_gives_the_very_same_response() -> None:
    response = HttpResponse(200, {}, b'{"status": "SUCCESS", "x": "\\u002b &amp; %20 \xff", "y": 1e2}')
    assert redacted(response, SECRETS) is response


def test_the_adapter_still_reads_where_the_log_is() -> None:
    body = json.dumps({"status": "Successful", "jobType": "Import", "logFileLocation": f"{SIGNED}?X-Amz-Signature=1"})
    polled = parse_response(adapter("egain"), redacted(HttpResponse(200, {}, body.encode()), []), "1")
    assert isinstance(polled, Observation)
    assert SIGNED in repr(polled.log)


@pytest.mark.parametrize(
    "form", ["plain", "JSON of .NET", "JSON, mixed", "HTML, hexadecimal", "URL, all of it", "base64"]
)
@pytest.mark.parametrize("secret", SECRETS[:2])
def test_no_piece_of_a_secret_stays_where_a_body_was_cut(secret: str, form: str) -> None:
    again = FORMS[form](secret)
    for length in range(len(again)):
        found = redacted(HttpResponse(200, {}, f'{{"x":"it was {again[:length]}'.encode(), truncated=True), [secret])
        assert left_of(secret, found.text) == []
        assert found.text.startswith('{"x":"it was ')


def test_a_body_that_was_cut_elsewhere_stays() -> None:
    response = HttpResponse(200, {}, b'{"x":"it was q7Z', truncated=True)
    assert redacted(response, SECRETS) is response


def test_twenty_thousand_signed_urls_leave_a_response_readable() -> None:
    """Each is seen in every view of the text, and a backslash makes more views."""
    url = "https://b.example/log.txt?sig=c4n4ry&se=2026"
    messages = [{"message": f"wrote {url}"} for _ in range(20_000)]
    body = json.dumps({"status": "Completed", "path": r"\\fileserver\share", "messages": messages}).encode()
    found = redacted(HttpResponse(200, {}, body), SECRETS)
    assert found.json()["status"] == "Completed"
    assert b"c4n4ry" not in found.body


def test_a_body_that_takes_long_to_go_through_leaves_nothing() -> None:
    body = json.dumps("\\" * 2_000_000 + "abcdef-and-more").encode()
    assert redacted(HttpResponse(200, {}, body), ["abcdef-and-more"]).json() == MARK


def test_more_places_than_can_be_replaced_leave_nothing() -> None:
    body = json.dumps(["abcdef"] * (MAX_SPANS + 1)).encode()
    assert redacted(HttpResponse(200, {}, body), ["abcdef"]).json() == MARK


@given(st.text(), st.sampled_from(sorted(FORMS)), st.sampled_from(SECRETS), st.text())
def test_no_text_around_it_hides_a_secret(before: str, form: str, secret: str, after: str) -> None:
    again = FORMS[form](secret)
    if form != "JSON in HTML" and "base64" not in form:
        found = redacted(HttpResponse(401, {}, f"{before} {again} {after}".encode("utf-8", "replace")), [secret])
        assert again not in found.text or again in before + after


@given(st.binary(), st.lists(st.text()))
def test_no_bytes_and_no_secret_raise(body: bytes, secrets: list[str]) -> None:
    again = body + b"".join(secret.encode("utf-16", "replace") for secret in secrets)
    redacted(HttpResponse(200, {}, again), secrets).json()


MEASURED = """
import boto3, pathlib, re, requests, resource, sys
from import_watch.http_client import client as http
from import_watch.http_client.redaction import redacted
from import_watch.vendors.adapter import MAX_BYTES_WITH_LOG as MOST
from import_watch.vendors.response import error_text
from import_watch.vendors.response_body import HttpResponse

def peak_megabytes():
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # what getrusage says there begins with the peak of the process that started this one
        return int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read_text())[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024**2  # macOS counts bytes


SECRETS = ["q7Zk+Xw9/Lm=", "eyJhbGciOiJIUzI1NiJ9." + "abcdefghij" * 120]


def items(unit):
    return b'{"status":"SUCCESS","x":[' + (unit * (MOST // len(unit) - 9))[:-1] + b"]}"


def text(unit):
    return b'{"status":"SUCCESS","x":"' + unit * ((MOST - 40) // len(unit)) + b'"}'


KINDS = {
    "numbers": lambda: items(b"1,"),
    "empty objects": lambda: items(b"{},"),
    "objects": lambda: items(b'{"a":1},'),
    "messages": lambda: items(b'{"message":"x"},'),
    "empty lists": lambda: items(b"[],"),
    "short texts": lambda: items(b'"ab",'),
    "nested objects": lambda: b'{"status":"SUCCESS","x":' + b'{"":' * 900_000 + b"1" + b"}" * 900_000 + b"}",
    "nested lists": lambda: b'{"status":"SUCCESS","x":' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}",
    "keys": lambda: ("{" + ",".join(f'"{key}":1' for key in range(450_000)) + "}").encode(),
    "keys twice": lambda: ("{" + ",".join(f'"{key}":1' for key in [*range(300_000), 1]) + "}").encode(),
    "a long text": lambda: text(b"x"),
    "escaped escapes": lambda: text(b"\\\\\\\\"),
    "other escapes": lambda: text(b"\\\\u4e00&lt;%41"),
    "one wide character and escapes": lambda: text("\\U0001f642".encode() + b"\\\\u4e00" * 700_000),
    "secrets": lambda: items(b'"' + SECRETS[0].encode() + b'",'),
    "secrets in messages": lambda: items(b'"' + b"m" * 150 + SECRETS[0].encode() + b'",'),
    "signed URLs": lambda: items(b'"https://host/l?X-Amz-Expires=60&X-Amz-Signature=' + b"0" * 80 + b'",'),
}


for kind, make in KINDS.items():
    answer = redacted(HttpResponse(200, {}, make()), SECRETS)
    value, said = answer.json(), error_text(answer)
    read = "read" if value is not None else answer.fault
    del answer, value, said
    print(f"{kind}: {read}: {peak_megabytes()}")
"""


def test_every_body_is_read_in_bounded_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        env={"PYTHONPATH": str(ROOT / "layers" / "import_watch"), "AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split(": ") for line in done.stdout.splitlines()]
    assert max(int(megabytes) for _, _, megabytes in lines) < MAX_RSS_MB, done.stdout
    refused = {kind for kind, read, _ in lines if read == "more values than can be read"}
    assert refused == {"objects", "empty lists"}
    assert len(lines) == 17
