"""Who may use the page: checks of each request's origin, and the headers that bind the browser to this server."""

from __future__ import annotations

import hmac
import secrets
import sys
from urllib.parse import parse_qsl

from import_watch.model.text import clean
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = ("127.0.0.1", "localhost")
MAX_FORM_BYTES = 8_192
TOKEN_FIELD = "token"  # noqa: S105 - the name of a form field
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that this page does not accept; the message names the reason.

    Parameters
    ----------
    status : int
        HTTP status of the response.
    reason : str
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Guard:
    """ASGI middleware: refuses requests that did not come from this page, and adds the headers to every response.

    A name that an attacker controls can resolve to 127.0.0.1 (DNS rebinding): the Host header then has that name. A
    form of another site can be sent here: its Origin is that site's.

    Parameters
    ----------
    app : ASGIApp
    port : int
        The port on which the page is served.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = frozenset(f"{name}:{port}" for name in LOOPBACK_NAMES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the server."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        has_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope["method"], Headers(scope=scope))
            await self._app(scope, receive, send_with_headers)
        except Refused as refused:
            response = PlainTextResponse(f"{refused.reason}\n", refused.status)
            await response(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001
            # One line in the terminal; the page continues for every other request.
            sys.stderr.write(f"The page failed at {clean(scope['path'])[:200]}: {clean(repr(error))[:500]}\n")
            if not has_started:
                response = PlainTextResponse("The page failed; its terminal shows the error.\n", 500)
                await response(scope, receive, send_with_headers)

    def _check(self, method: str, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise Refused(421, "Open this page at the address that `import-watch page` printed.")
        if method not in ("GET", "HEAD", "POST"):
            raise Refused(405, "This page accepts GET and POST.")
        site = headers.get("sec-fetch-site")
        if method == "POST":
            self._check_origin(headers.get("origin"), site, hosts[0].lower())
        elif site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
            raise Refused(403, "Another site may not read this page.")

    def _check_origin(self, origin: str | None, site: str | None, host: str) -> None:
        # With `Referrer-Policy: no-referrer`, a browser sends `Origin: null` with the forms of this page, too; then the
        # header that no script can set decides.
        if site not in (None, "same-origin"):
            raise Refused(403, "Another site may not use this page.")
        if origin != f"http://{host}" and not (origin == "null" and site == "same-origin"):
            raise Refused(403, "Another site may not use this page.")


class FormToken:
    """The token that every form of this page contains, new with each start of the server: other sites cannot read it.

    Parameters
    ----------
    value : str, optional
        For tests.
    """

    def __init__(self, value: str | None = None) -> None:
        self.value = value or secrets.token_urlsafe(32)

    async def form(self, request: Request) -> dict[str, str]:
        """Fields of a form that was sent with the token.

        Raises
        ------
        Refused
            If the form is too large, is not one, or does not contain the token.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise Refused(415, "Send a form.")
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_FORM_BYTES:
                raise Refused(413, "The form is too large.")
        try:
            fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict"))
        except ValueError:
            raise Refused(400, "The form cannot be read.") from None
        if not hmac.compare_digest(fields.pop(TOKEN_FIELD, "").encode(), self.value.encode()):
            raise Refused(403, "The page was opened before the server was started again: reload it.")
        return fields
