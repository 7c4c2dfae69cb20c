"""Lines for watches at every width: nothing is cut, nothing is wider than the terminal, and no bar moves backwards."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch.model.outcome import Outcome
from import_watch_cli.display import (
    COLOURS,
    MIN_MESSAGE,
    RUNNING_COLOUR,
    HighestProgress,
    OutcomeLine,
    Standing,
    one,
    outcomes,
    percentage,
    plain_line,
    printable,
    result,
    suggestions,
    table,
)
from import_watch_cli.durations import due, duration
from rich.cells import cell_len
from rich.text import Text

WIDTHS = (60, 80, 109, 110, 140)
UUID = "c8d8976b-fd91-5585-9fd2-a802ac104b80"
MESSAGE = (
    "Import abb1c077-96bb-597e-b073-cd88f3762ba7 at Document360 completed, but its log is not available "
    "(Element 'ImportLog' not found): check Document360 for what was imported."
)
RUNNING = Standing("RUNNING", 19, 141.0, 0.645, None, 0.0)
FAILING = Standing("RUNNING", 34, 220.0, 0.51, "eGain responded with HTTP 503: maintenance", 0.0)
FAILED = Standing("FAILED", 3, None, 0.25, None, 0.0, 15.0)
UNKNOWN = Standing("UNKNOWN", 0, None, None, None, 5.0, 5.0)
AWAITS_LOG = Standing("SUCCEEDED", 12, 105.0, None, None, 0.0, awaits_log=True)
DEMO = {
    "document360-warnings": RUNNING,
    "document360-throttled": FAILING,
    "egain-failed": FAILED,
    "two-faults": UNKNOWN,
    "voyado-late": AWAITS_LOG,
}
ROWS = [
    OutcomeLine("document360-no-log", True, "SUCCEEDED", "UNAVAILABLE", 11.0, 4, MESSAGE),
    OutcomeLine("two-faults", False, "UNKNOWN", "NONE", None, 0, "The event is invalid; fix and resend it."),
]


def plain(lines: Sequence[Text]) -> list[str]:
    return [line.plain for line in lines]


def colours(lines: Sequence[Text], word: str) -> set[str]:
    """Colours of a word in some lines."""
    return {
        str(span.style)
        for line in lines
        for span in [*line.spans]
        if word in line.plain[span.start : span.end] and span.style
    }


TABLES = {
    60: """\
IMPORT                 STATE        DONE    RUNNING     NEXT
document360-warnings   RUNNING       64 %  1 m 40 s  in 41 s
document360-throttled  POLL FAILED   51 %  1 m 40 s   in 2 m
   poll failed: eGain responded with HTTP 503: maintenance
egain-failed           FAILED        25 %      15 s
two-faults             UNKNOWN                  0 s
voyado-late            LOG AWAITED         1 m 40 s   in 5 s
1 m 40 s: 3 active, 2 ended
""",
    80: """\
IMPORT                 STATE        PROGRESS       RUNNING  NEXT POLL  POLLS
document360-warnings   RUNNING      ███░░░  64 %  1 m 40 s    in 41 s     19
document360-throttled  POLL FAILED  ███░░░  51 %  1 m 40 s     in 2 m     34
   poll failed: eGain responded with HTTP 503: maintenance
egain-failed           FAILED       █░░░░░  25 %      15 s                 3
two-faults             UNKNOWN                         0 s                 0
voyado-late            LOG AWAITED                1 m 40 s     in 5 s     12
1 m 40 s: 3 active, 2 ended
""",
    140: """\
IMPORT                 STATE        PROGRESS             RUNNING  NEXT POLL  POLLS
document360-warnings   RUNNING      ███████░░░░░  64 %  1 m 40 s    in 41 s     19
document360-throttled  POLL FAILED  ██████░░░░░░  51 %  1 m 40 s     in 2 m     34
   poll failed: eGain responded with HTTP 503: maintenance
egain-failed           FAILED       ███░░░░░░░░░  25 %      15 s                 3
two-faults             UNKNOWN                               0 s                 0
voyado-late            LOG AWAITED                      1 m 40 s     in 5 s     12
1 m 40 s: 3 active, 2 ended
""",
}
ONE = {
    60: """\
c8d8976b-fd91-5585-9fd2-a802ac104b80 at eGain  RUNNING
  ██████░░░░░░  51 %  1 m 40 s  next poll in 2 m
   poll failed: eGain responded with HTTP 503: maintenance
""",
    80: """\
c8d8976b-fd91-5585-9fd2-a802ac104b80 at eGain  RUNNING  ██████░░░░░░  51 %
  1 m 40 s  next poll in 2 m
   poll failed: eGain responded with HTTP 503: maintenance
""",
    140: """\
c8d8976b-fd91-5585-9fd2-a802ac104b80 at eGain  RUNNING  ██████░░░░░░  51 %  1 m 40 s  next poll in 2 m
   poll failed: eGain responded with HTTP 503: maintenance
""",
}
OUTCOMES = {
    60: """\
  IMPORT              OUTCOME    LOG             LAG  POLLS
✓ document360-no-log  SUCCEEDED  UNAVAILABLE  11.0 s      4
   Import abb1c077-96bb-597e-b073-cd88f3762ba7 at
   Document360 completed, but its log is not available
   (Element 'ImportLog' not found): check Document360 for
   what was imported.
✗ two-faults          UNKNOWN    NONE              -      0
   The event is invalid; fix and resend it.
""",
    109: """\
  IMPORT              OUTCOME    LOG             LAG  POLLS
✓ document360-no-log  SUCCEEDED  UNAVAILABLE  11.0 s      4
   Import abb1c077-96bb-597e-b073-cd88f3762ba7 at Document360 completed, but its log is not available
   (Element 'ImportLog' not found): check Document360 for what was imported.
✗ two-faults          UNKNOWN    NONE              -      0
   The event is invalid; fix and resend it.
""",
    110: """\
  IMPORT              OUTCOME    LOG             LAG  POLLS  MESSAGE
✓ document360-no-log  SUCCEEDED  UNAVAILABLE  11.0 s      4  Import abb1c077-96bb-597e-b073-cd88f3762ba7 at
                                                             Document360 completed, but its log is not
                                                             available (Element 'ImportLog' not found): check
                                                             Document360 for what was imported.
✗ two-faults          UNKNOWN    NONE              -      0  The event is invalid; fix and resend it.
""",
}


@pytest.mark.parametrize("width", TABLES)
def test_a_table_at_a_width(width: int) -> None:
    assert plain(table(DEMO, width=width, height=23, now=100.0, began=0.0)) == TABLES[width].splitlines()


@pytest.mark.parametrize("width", ONE)
def test_one_watch_at_a_width(width: int) -> None:
    assert plain(one(UUID, FAILING, width=width, now=100.0, vendor="eGain")) == ONE[width].splitlines()


@pytest.mark.parametrize("width", OUTCOMES)
def test_the_message_has_lines_of_its_own_below_110_columns(width: int) -> None:
    assert plain(outcomes(ROWS[:2], width)) == OUTCOMES[width].splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_twelve_imports_fit_a_terminal_of_24_lines(width: int) -> None:
    twelve = {f"document360-{number:09}": FAILING for number in range(12)}
    lines = plain(table(twelve, width=width, height=23, now=100.0, began=0.0))
    assert len(lines) <= 23
    assert [name for name in twelve if not any(name in line for line in lines)] == []


def test_a_small_terminal_shows_active_watches_first_and_counts_the_others() -> None:
    watches = {"ended-1": FAILED, "active-1": RUNNING, "ended-2": UNKNOWN, "active-2": RUNNING}
    lines = plain(table(watches, width=80, height=5, now=100.0, began=0.0))
    assert [line.split()[0] for line in lines] == ["IMPORT", "active-1", "active-2", "…", "1"]
    assert lines[-2:] == ["… and 2 more", "1 m 40 s: 2 active, 2 ended"]


@pytest.mark.parametrize(
    ("standing", "colour"),
    [
        (RUNNING, RUNNING_COLOUR),
        (FAILED, "red"),
        (UNKNOWN, "yellow"),
        (Standing("CANCELLED", ended_at=1.0), "bright_black"),
        (Standing("SUCCEEDED", ended_at=1.0), "green"),
    ],
    ids=lambda value: getattr(value, "state", value),
)
def test_the_colour_of_a_state(standing: Standing, colour: str) -> None:
    _headings, *lines = table({"an-import": standing}, width=80, height=9, now=9.0, began=0.0)
    lines += one("an-import", standing, width=80, now=9.0)
    assert colours(lines, standing.state) == {colour}


def test_every_outcome_has_a_colour_of_its_own() -> None:
    assert len(set(COLOURS.values())) == len(Outcome)


@pytest.mark.parametrize(
    ("outcome", "reason", "expected"),
    [
        ("FAILED", "no key <sku>", ["✗ FAILED after 3 m 2 s: no key <sku>", "  Look at it at Voyado."]),
        ("SUCCEEDED", None, ["✓ SUCCEEDED after 3 m 2 s", "  Look at it at Voyado."]),
        ("UNKNOWN", "NOT_FOUND", ["? UNKNOWN after 3 m 2 s: NOT_FOUND", "  Look at it at Voyado."]),
    ],
)
def test_the_outcome_of_one_watch(outcome: str, reason: str | None, expected: list[str]) -> None:
    lines = result(outcome, width=60, seconds=182, reason=reason, message="Look at it at Voyado.")
    assert plain(lines) == expected
    assert str(lines[0].style) == COLOURS[outcome]


@pytest.mark.parametrize("width", [20, *WIDTHS])
def test_a_command_is_never_broken(width: int) -> None:
    commands = {"make up": "the same stack", f"import-watch start egain {UUID} --wait": "start one"}
    lines = [line.strip() for line in plain(suggestions(commands, width))]
    assert [command for command in commands if not any(line.startswith(command) for line in lines)] == []


def test_a_plain_line() -> None:
    assert plain_line("egain-partial", FAILING, now=100.0, began=90.0) == (
        " 10.0 s  egain-partial           RUNNING 51 %            polls 34"
        "  poll failed: eGain responded with HTTP 503: maintenance  next in 2 m"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (41, "41 s"),
        (59.999, "59 s"),
        (59.999_999_9, "1 m"),
        (134, "2 m 14 s"),
        (120, "2 m"),
        (3_840, "1 h 4 m"),
        (3_605, "1 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(41, "in 41 s"), (0.9, "now"), (-3, "now")])
def test_when_a_poll_is_due(seconds: float, text: str) -> None:
    assert due(seconds) == text


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.0, "0 %"), (0.29, "29 %"), (0.996, "99 %"), (1.0, "100 %"), (-1.0, "0 %"), (7.0, "100 %")]
)
def test_a_percentage_is_rounded_down(fraction: float, text: str) -> None:
    assert percentage(fraction) == text


def test_no_control_character_reaches_the_terminal() -> None:
    evil = "a\x1b[2Jb\x07c\u202ed\ne\udc80"
    assert printable(evil) == "a?[2Jb?c?d e?"
    standing = Standing("RUNNING", error=evil, since=0.0)
    lines = [*table({evil: standing}, width=80, height=9, now=9.0, began=0.0), *one(evil, standing, width=80, now=9.0)]
    lines += outcomes([OutcomeLine(evil, expected=True, message=evil)], 80)
    assert all(line.isprintable() for line in plain(lines))


# ------------------------------------------------------------ properties

NAMES = st.one_of(
    st.uuids().map(str), st.from_regex(r"[0-9a-z-]{1,90}", fullmatch=True), st.text("ab漢é", min_size=1, max_size=70)
)
FRACTIONS = st.none() | st.floats(0, 1)
STANDINGS = st.builds(
    Standing,
    state=st.sampled_from(["-", "registered", "QUEUED", "RUNNING", "UNRECOGNISED", *COLOURS]),
    polls=st.integers(0, 100_000),
    next_poll_at=st.none() | st.floats(0, 1e6),
    fraction=FRACTIONS,
    error=st.none() | st.text(max_size=200),
    since=st.none() | st.floats(0, 1e6),
    ended_at=st.none() | st.floats(0, 1e6),
    awaits_log=st.booleans(),
)
COLUMNS = st.sampled_from(WIDTHS) | st.integers(20, 200)


def too_wide(lines: Sequence[Text], width: int) -> list[str]:
    return [line for line in plain(lines) if cell_len(line) > width]


def without_blanks(lines: Sequence[Text]) -> str:
    return "".join("".join(plain(lines)).split())


@given(st.dictionaries(NAMES, STANDINGS, min_size=1, max_size=14), COLUMNS)
def test_a_table_cuts_no_name_and_is_not_too_wide(watches: dict[str, Standing], width: int) -> None:
    lines = table(watches, width=width, height=10_000, now=1e6, began=0.0)
    assert too_wide(lines, width) == []
    for name in watches:
        # A name that fits a line is on one; a longer one continues on the next.
        assert any(name in line for line in plain(lines)) or cell_len(name) > width
        assert name in without_blanks(lines)


@given(st.dictionaries(NAMES, STANDINGS, min_size=1, max_size=40), COLUMNS, st.integers(2, 60))
def test_a_table_has_at_most_the_lines_of_the_terminal(watches: dict[str, Standing], width: int, height: int) -> None:
    assert len(table(watches, width=width, height=height, now=1e6, began=0.0)) <= height


@given(NAMES, STANDINGS, COLUMNS, st.sampled_from(["", "Voyado Elevate"]))
def test_one_watch_is_never_cut(name: str, standing: Standing, width: int, vendor: str) -> None:
    lines = one(name, standing, width=width, now=1e6, vendor=vendor)
    assert too_wide(lines, width) == []
    assert name in without_blanks(lines)
    assert standing.fraction is None or percentage(standing.fraction).replace(" ", "") in without_blanks(lines)


@given(
    st.lists(
        st.builds(
            OutcomeLine,
            NAMES,
            expected=st.booleans(),
            outcome=st.sampled_from([*COLOURS]),
            log=st.sampled_from(["ARCHIVED", "UNAVAILABLE", "NONE"]),
            lag=st.none() | st.floats(0, 90_000),
            polls=st.none() | st.integers(0, 9_999),
            message=st.text(max_size=300) | NAMES,
        ),
        min_size=1,
        max_size=5,
    ),
    COLUMNS,
)
def test_a_table_of_outcomes_cuts_nothing(rows: list[OutcomeLine], width: int) -> None:
    lines = outcomes(rows, width)
    assert too_wide(lines, width) == []
    for row in rows:
        assert row.name in without_blanks(lines)
        for word in printable(row.message).split():
            assert word in without_blanks(lines) or cell_len(word) > MIN_MESSAGE


@given(st.lists(st.tuples(st.integers(1, 2), FRACTIONS), min_size=1, max_size=20), COLUMNS)
def test_a_percentage_never_decreases(reported: list[tuple[int, float | None]], width: int) -> None:
    progress = HighestProgress()
    shown: dict[int, list[int]] = {1: [], 2: []}
    for attempt, fraction in reported:
        standing = Standing("RUNNING", fraction=fraction, attempt=attempt)
        lines = one(UUID, progress.apply({UUID: standing})[UUID], width=width, now=0.0)
        found = re.search(r"(\d+) %", " ".join(plain(lines)))
        if found:
            shown[attempt].append(int(found[1]))
        else:
            assert shown[attempt] == []
    assert all(values == sorted(values) for values in shown.values())
