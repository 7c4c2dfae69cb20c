"""The web application of the page: its addresses, and what each of them returns."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from import_watch.model.record import StoredWatch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from import_watch_cli import actions
from import_watch_cli.checkout import vendor_registry
from import_watch_cli.errors import CommandError, sentence_of
from import_watch_cli.page import listing, logs, watch_page
from import_watch_cli.page.overview import Overview, OverviewReader
from import_watch_cli.page.security import FormToken, Guard, Refused
from import_watch_cli.page.words import (
    LINES,
    clock_time,
    local,
    machine_time,
    next_poll,
    short_duration,
    visible,
)
from import_watch_cli.rows import WatchRow, row_of
from import_watch_cli.stack import Stack
from import_watch_cli.story import story_of
from import_watch_cli.watches import Watches

FOLDER = Path(__file__).resolve().parent
REFRESH_SECONDS = 2.0
REUSED = 0.75
"""Share of that time for which a reading is used again: windows that refresh together cause one."""
CONNECT_SECONDS, READ_SECONDS = 2, 5
"""Time limits of requests to AWS, in seconds: a window waits for the response."""
SERVICES = ("dynamodb", "events", "s3", "stepfunctions")
"""What the page uses."""
HTMX_CONFIG = {
    # The Content-Security-Policy allows neither, and nothing here needs them.
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    # No import ids in the storage of the browser.
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
    "defaultSettleDelay": 0,
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "409|502", "swap": True, "error": False},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
MAX_PAGES_READ = 20
"""Pages of ended watches that are read for one page with filters that no index has."""
Action = Callable[[Stack, StoredWatch, Mapping[str, str]], actions.Done]
ACTIONS: Mapping[str, Action] = {
    "wake": lambda stack, record, _: actions.wake(stack, record),
    "stop": lambda stack, record, form: actions.stop(stack, record, form.get("reason", "")),
    "again": lambda stack, record, _: actions.again(stack, record),
}
DONE_TITLES = {"wake": "The watch is woken", "stop": "The watch is stopped", "again": "The import is watched again"}


def create_app(
    stack: Stack,
    *,
    port: int,
    token: str | None = None,
    story: watch_page.StoryOf = story_of,
    clock: Callable[[], float] = time.time,
    refresh_seconds: float = REFRESH_SECONDS,
) -> ASGIApp:
    """Web application of the page.

    Parameters
    ----------
    stack : Stack
        What it shows.
    port : int
        On which it is served: other values of the Host header are refused.
    token : str, optional
        The token of its forms; a new one by default.
    story : callable
        Returns the story of a stored watch.
    clock : callable
        Returns epoch seconds.
    refresh_seconds : float
        Seconds after which an open page reads again.
    """
    return _Page(_with_time_limits(stack), FormToken(token), story, clock, refresh_seconds).application(port)


def _with_time_limits(stack: Stack) -> Stack:
    """The same stack with clients that give up early, of its own."""
    from dataclasses import replace

    limits = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 2})
    given = stack.options.get("config")
    config = limits if given is None else given.merge(limits)
    limited = replace(stack, options={**stack.options, "config": config}, _clients={})
    for service in SERVICES:
        # Several threads use the clients, and only one at a time may make one.
        limited.client(service)
    return limited


class _Page:
    def __init__(
        self, stack: Stack, token: FormToken, story: watch_page.StoryOf, clock: Callable[[], float], refresh: float
    ) -> None:
        self._stack = stack
        self._token = token
        self._clock = clock
        self._watches = Watches(stack)
        self._refresh = refresh
        self._overview = OverviewReader(self._watches, stack.region, clock, active_seconds=REUSED * refresh)
        self._single = watch_page.WatchReader(stack, self._watches, story, clock)
        self._files = {path.name: path.read_bytes() for path in sorted((FOLDER / "static").iterdir())}

    def application(self, port: int) -> ASGIApp:
        """The routes, behind the checks."""
        routes = [
            Route("/", self._list, methods=["GET"]),
            Route("/watch", self._watch, methods=["GET"]),
            Route("/steer", self._steer, methods=["GET"]),
            Route("/log", self._log, methods=["GET"]),
            Route("/favicon.ico", self._icon, methods=["GET"]),
            Route("/static/{name}", self._static, methods=["GET"]),
            *(Route(f"/{name}", partial(self._act, name), methods=["POST"]) for name in ACTIONS),
        ]
        handlers: dict[Any, Callable[[Request, Exception], Response | Awaitable[Response]]] = {
            Refused: self._refused,
            HTTPException: self._missing,
            CommandError: self._failed,
            BotoCoreError: self._failed,
            ClientError: self._failed,
        }
        # Around everything, also around Starlette's own handling of errors.
        return Guard(Starlette(routes=routes, exception_handlers=handlers), port)

    @cached_property
    def _titles(self) -> dict[str, str]:
        registry = vendor_registry()
        return {name: registry.adapter(name).title for name in registry.names}

    def _title(self, vendor: str) -> str:
        return self._titles.get(vendor, vendor or "(no vendor)")

    @cached_property
    def _templates(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            # Every text in the page passes here: what comes from vendors may have control characters.
            finalize=_printable,
        )
        environment.filters["age"] = lambda since: short_duration(self._clock() - since)
        environment.filters["until"] = lambda at: next_poll(at - self._clock())
        environment.filters["clock_time"] = lambda at: clock_time(at, self._clock())
        environment.filters["machine_time"] = machine_time
        environment.filters["count"] = lambda number, one, many: f"{number:,} {one if number == 1 else many}"
        environment.globals.update(
            stack={"name": self._stack.name},
            place="on this machine" if self._stack.is_local else self._stack.place,
            token=self._token.value,
            htmx_config=json.dumps(HTMX_CONFIG),
            refresh_milliseconds=round(1000 * self._refresh),
            static=self._static_url,
        )
        return environment

    def _html(
        self, template: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        given = {"live": None, "refreshes": False, "own_url": "", **values}
        return HTMLResponse(self._templates.get_template(template).render(given), status, headers)

    # ---------------------------------------------------------------- the list

    def _list(self, request: Request) -> Response:
        query = listing.Query.parse(request.query_params)
        overview = self._overview.latest()
        live = self._live(overview.read_at, overview.failure, overview.failing_since)
        rows, pages, failure = self._rows(query, overview)
        if failure is not None and live["failure"] is None:
            live = self._live(overview.read_at, failure, None)
        is_read = failure is None and (overview.read_at is not None or query.view == listing.ENDED)
        numbers = listing.numbers(overview, query)
        ended_text = listing.PERIODS.get(query.period, ("all that are kept", 0))[0]
        heading = "Active imports" if query.view == listing.ACTIVE else f"Ended imports, {ended_text}"
        # The address of a filter that a person changed in the page, without its empty fields.
        headers = {"HX-Replace-Url": query.url()} if request.headers.get("hx-trigger") == "filters" else None
        return self._html(
            "list.html",
            headers=headers,
            live=live,
            refreshes=True,
            own_url=query.url(before=query.before, start=query.start),
            title=f"{numbers[0].figure} active, {numbers[2].figure} failed"
            if overview.read_at is not None
            else "Imports",
            heading=heading,
            query=query,
            numbers=numbers,
            window="last 24 hours",
            counts_are_partial=overview.ended_is_partial,
            counted=f"{len(overview.ended):,}",
            cost=listing.cost(overview),
            health=listing.health(overview.active, overview.latencies, self._title),
            tabs={
                "active": query.url(view=listing.ACTIVE, outcome=""),
                "ended": query.url(view=listing.ENDED),
            },
            choices=listing.choices(query, overview, self._titles),
            lines=[listing.line_of(row, self._title) for row in rows],
            pages=pages,
            other=self._other(query, overview),
            empty=listing.empty(query, overview, self._stack.outputs.get("ImportBusName", ""), is_read=is_read),
        )

    def _rows(
        self, query: listing.Query, overview: Overview
    ) -> tuple[list[WatchRow], dict[str, str | None], str | None]:
        if query.view == listing.ACTIVE:
            rows = listing.active_rows(overview, query)
            ends = query.start + listing.LINES_PER_PAGE
            following = query.url(start=ends) if len(rows) > ends else None
            pages = {
                "first": query.url() if query.start else None,
                "first_text": "First page",
                "next": following,
                "next_text": f"Next {listing.LINES_PER_PAGE} of {len(rows):,}",
            }
            return rows[query.start : ends], pages, None
        try:
            rows, has_more = self._ended(query, overview)
        except (BotoCoreError, ClientError) as error:
            return [], {"first": None, "next": None}, sentence_of(error, self._stack.region)
        except CommandError as error:
            return [], {"first": None, "next": None}, str(error)
        return (
            rows,
            {
                "first": query.url() if query.before is not None else None,
                "first_text": "Latest",
                "next": query.url(before=rows[-1].ended_at) if has_more and rows else None,
                "next_text": "Older",
            },
            None,
        )

    def _ended(self, query: listing.Query, overview: Overview) -> tuple[list[WatchRow], bool]:
        """One page of ended watches, and whether there are more."""
        limit = listing.ENDED_PER_PAGE
        if query.period == listing.DEFAULT_PERIOD and not overview.ended_is_partial and overview.read_at is not None:
            # Those are read already.
            rows = [row for row in overview.ended if query.accepts(row)]
            if query.before is not None:
                rows = [row for row in rows if (row.ended_at or 0.0) < query.before]
            return self._with_found(query, rows)[:limit], len(rows) > limit
        outcomes = listing.GROUPS[query.outcome][1] if query.outcome else None
        seconds = listing.PERIODS[query.period][1] if query.period in listing.PERIODS else None
        since = None if seconds is None else self._clock() - seconds
        before, found = query.before, list[WatchRow]()
        for _ in range(MAX_PAGES_READ):
            page = self._watches.ended(outcomes, since, query.vendor or None, limit + 1, before)
            found += [row for row in page if query.accepts(row)]
            if len(page) <= limit or len(found) > limit:
                break
            before = page[-1].ended_at
        return self._with_found(query, found)[:limit], len(found) > limit

    def _with_found(self, query: listing.Query, rows: list[WatchRow]) -> list[WatchRow]:
        """The rows, and the ended watch that a searched id names, however long ago it ended."""
        if not query.text or query.before is not None:
            return rows
        known = {(row.watch_id, row.attempt) for row in rows}
        found = [row_of(record) for record in self._watches.find(query.text)]
        return [*(row for row in found if row.outcome and (row.watch_id, row.attempt) not in known), *rows]

    def _other(self, query: listing.Query, overview: Overview) -> dict[str, str] | None:
        """Matches of a search in the other view."""
        if not query.text:
            return None
        if query.view == listing.ENDED:
            amount = len(listing.active_rows(overview, listing.Query(text=query.text)))
            matches = "1 match" if amount == 1 else f"{amount:,} matches"
            text = f"{matches} among active imports"
            return {"href": query.url(view=listing.ACTIVE), "text": text} if amount else None
        amount = sum(listing.Query(text=query.text).accepts(row) for row in overview.ended)
        return {
            "href": query.url(view=listing.ENDED, period=listing.ALL),
            "text": f"Search among ended imports{f' ({amount:,} of the last 24 hours)' if amount else ''}",
        }

    # ---------------------------------------------------------------- one watch

    def _watch(self, request: Request) -> Response:
        watch_id, attempt = _identity(request.query_params)
        reading = self._single.read(watch_id, attempt)
        if reading is None:
            return self._message(404, "There is no such watch", "It may have expired, or its id may be incomplete.")
        values = watch_page.context(reading, self._title, self._clock())
        return self._html(
            "watch.html",
            live=self._live(reading.read_at, reading.failure, reading.failing_since),
            refreshes=True,
            own_url=listing.watch_href(watch_id, attempt),
            **values,
        )

    def _steer(self, request: Request) -> Response:
        watch_id, _ = _identity(request.query_params)
        record = self._single.record(watch_id, None)
        if record is None:
            return self._done(404, "There is no such watch", "It may have expired.", "/")
        return self._html("steer.html", line=listing.line_of(row_of(record), self._title))

    def _log(self, request: Request) -> Response:
        record = self._single.record(*_identity(request.query_params))
        if record is None:
            return self._message(404, "There is no such watch", "It may have expired.")
        found = logs.download(self._stack, record)
        headers = {
            "Content-Disposition": f'attachment; filename="{found.name}"',
            "Content-Length": str(found.length),
        }
        return StreamingResponse(found.parts, headers=headers, media_type="application/octet-stream")

    async def _act(self, name: str, request: Request) -> Response:
        form = await self._token.form(request)
        return await run_in_threadpool(self._acted, name, form, _is_of_htmx(request))

    def _acted(self, name: str, form: Mapping[str, str], is_of_htmx: bool) -> Response:  # noqa: FBT001
        watch_id, _ = _identity(form)
        href = listing.watch_href(watch_id)
        try:
            record = self._single.record(watch_id, None)
            if record is None:
                return self._done(409, "Nothing was changed", "There is no such watch: it may have expired.", "/")
            done = ACTIONS[name](self._stack, record, form)
            status, title, text = 200, DONE_TITLES[name], done.text
        except CommandError as error:
            status, title, text = 409, "Nothing was changed", str(error).replace("--reason", "The reason")
        except (BotoCoreError, ClientError) as error:
            status, title, text = 502, "It is not known whether this was done", sentence_of(error, self._stack.region)
        self._overview.expire()
        if is_of_htmx:
            return self._done(status, title, text, href)
        return self._message(status, title, text, href, "Back to its page")

    # ---------------------------------------------------------------- files, and errors

    def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            raise HTTPException(404)
        return self._file(name, {"Cache-Control": "max-age=31536000, immutable"})

    def _icon(self, _request: Request) -> Response:
        return self._file("icon.svg", {})

    def _file(self, name: str, headers: dict[str, str]) -> Response:
        return Response(self._files[name], media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)

    def _static_url(self, name: str) -> str:
        return f"/static/{name}?v={hashlib.sha256(self._files[name]).hexdigest()[:12]}"

    def _live(self, read_at: float | None, failure: str | None, failing_since: float | None) -> dict[str, Any]:
        now = self._clock()
        return {
            "failure": failure,
            "failing_since": None if failing_since is None else f"{local(failing_since):%H:%M:%S}",
            "read_at": read_at,
            "read_clock": None if read_at is None else f"{local(read_at):%H:%M:%S}",
            "age": None if read_at is None else short_duration(now - read_at),
        }

    def _message(self, status: int, title: str, text: str, href: str = "/", link: str = "All imports") -> HTMLResponse:
        return self._html("message.html", status, title=title, text=text, href=href, link=link)

    def _done(self, status: int, title: str, text: str, href: str) -> HTMLResponse:
        return self._html("done.html", status, title=title, text=text, href=href)

    def _refused(self, _request: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, Refused) else 403
        return PlainTextResponse(f"{error}\n", status)

    def _missing(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self._message(status, "There is no such page", "The address may be incomplete.")

    def _failed(self, _request: Request, error: Exception) -> Response:
        if isinstance(error, CommandError):
            return self._message(404, "That cannot be shown", str(error))
        return self._message(502, "AWS does not respond as expected", sentence_of(error, self._stack.region))


def _identity(values: Mapping[str, str]) -> tuple[str, int | None]:
    """Watch id and attempt of a query or a form."""
    attempt = values.get("attempt", "")
    number = int(attempt) if attempt.isascii() and attempt.isdecimal() and len(attempt) <= 4 else None
    return values.get("id", ""), number or None


def _is_of_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _printable(value: Any) -> Any:
    """Value with visible characters alone, where it is a text that is not markup of this page."""
    return visible(value, LINES) if type(value) is str else value
