"""The further request of an ended import: what its pages add to the observation, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from import_watch.model.observation import (
    MAX_PROBLEMS,
    FailedPoll,
    ImportState,
    Observation,
    Problem,
)
from import_watch.vendors.request import RequestSpec
from import_watch.vendors.response_body import HttpResponse

CURSOR = "cursor"
"""Placeholder of what names a page in the request for it."""
MAX_PAGES = 20
"""Maximum pages that are read of an ended import."""
MAX_CURSOR = 2_000
"""Maximum characters of a cursor, or of another value for the request: it comes from the vendor."""
FAILED = (ImportState.FAILED, ImportState.EXPIRED)


class Page(NamedTuple):
    """What one page of details adds to the observation.

    Parameters
    ----------
    counts : mapping of str to int
        Counts of the import so far, this page included.
    problems : tuple of Problem
        Those of this page.
    reason : str or None
        Why the import failed, where the status response has no reason.
    cursor : str or None
        Names the next page; None on the last one.
    """

    counts: Mapping[str, int] = {}
    problems: tuple[Problem, ...] = ()
    reason: str | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """A further request for an ended import; sent where the observation has `details`.

    Parameters
    ----------
    request : RequestSpec
        Its templates may also have the names of `values`, and `cursor`.
    read : callable
        Returns what a page adds to the observation, which has the pages before it already.
    values : tuple of str
        Names that `Observation.details` gives values of.
    first_cursor : str or None
        Names the first page. None where its request has no cursor: query parameters with one are left out then.
    """

    request: RequestSpec
    read: Callable[[HttpResponse, Observation], Page | FailedPoll]
    values: tuple[str, ...] = ()
    first_cursor: str | None = None
    first_request: RequestSpec = field(init=False)

    def __post_init__(self) -> None:
        request = self.request
        if self.first_cursor is None:
            query = {name: text for name, text in request.query.items() if f"{{{CURSOR}}}" not in text}
            request = replace(request, query=query)
            if CURSOR in request.placeholders:
                raise ValueError("without a first cursor, only the query may have one")
        object.__setattr__(self, "first_request", request)

    def request_for(self, cursor: str | None) -> RequestSpec:
        """Request for a page; for the first one where there is no cursor yet."""
        return self.first_request if cursor is None else self.request


def with_page(seen: Observation, page: Page) -> Observation:
    """Observation with a page of details.

    No state changes. A success with errors is a partial one, so no page makes the number of errors smaller, or takes
    anything away that the status response has.
    """
    counts = {**seen.counts, **page.counts}
    if "errors" in seen.counts:
        counts["errors"] = max(counts["errors"], seen.counts["errors"])
    return replace(
        seen,
        counts=counts,
        problems=(*seen.problems, *page.problems)[: max(MAX_PROBLEMS, len(seen.problems))],
        reason=seen.reason or (page.reason if seen.state in FAILED else None),
    )
