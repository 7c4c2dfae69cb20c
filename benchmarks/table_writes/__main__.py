"""Counts what the polls of simulated imports write to the table: with 0.2.0, and with this checkout.

    python -m benchmarks.table_writes [--imports 3] [--seed 2]

The watches are those of the schedule's benchmark, poll by poll; each release writes them with its own code to a table
in memory, and `tests.support.capacity` counts the units of each write as DynamoDB does, those of the indexes included.
Exits with status 1 if a poll takes more than the units to reach.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.table_writes.watched import watched
from local.paths import ROOT, TEMPLATE
from releases.versions import Version, released_bundles

BEFORE = Version.parse("0.2.0")
"""The last release whose polls wrote the whole item, and moved it in the index every time."""
MAX_UNITS = 1.2
"""Units that a poll may take on average."""
MAX_BYTES = 1_024
"""Bytes that the item of a poll may have."""


def main(
    imports: Annotated[int, typer.Option(help="Imports of each scenario.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the imports.")] = 2,
) -> None:
    """Count with both releases, and print."""
    given = json.dumps(watched(imports, seed))
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(released_bundles(ROOT)[BEFORE]) as bundle:
            bundle.extractall(folder)
        before = counted(Path(folder) / "layers" / "import_watch", Path(folder) / TEMPLATE.name, given)
    after = counted(ROOT / "layers" / "import_watch", TEMPLATE, given)
    polls = sum(len(one["polls"]) for one in after)
    table = Table(title=f"Write units of {polls:,} polls of {len(after)} imports, and of their starts and ends")
    for column in ("", str(BEFORE), "this checkout", "to reach"):
        table.add_column(column, justify="left" if column == "" else "right")
    reached = True
    for name, units, most in (
        ("a poll: the item", (per_poll(before, [""]), per_poll(after, [""])), None),
        ("a poll: the indexes", (per_poll(before, INDEXES), per_poll(after, INDEXES)), None),
        ("a poll: together", (per_poll(before), per_poll(after)), MAX_UNITS),
        ("bytes of the item, mean", (mean_bytes(before), mean_bytes(after)), None),
        ("bytes of the item, greatest", (most_bytes(before), most_bytes(after)), MAX_BYTES),
        ("a start", (mean(before, "registered"), mean(after, "registered")), None),
        ("an end", (mean(before, "ended"), mean(after, "ended")), None),
        ("a whole watch up to its end", (whole(before), whole(after)), None),
    ):
        good = most is None or units[1] <= most
        reached &= good
        goal = "" if most is None else f"<= {most:,}: {'reached' if good else 'MISSED'}"
        table.add_row(name, *(f"{one:,.2f}" if one < 100 else f"{one:,.0f}" for one in units), goal)
    Console(width=110).print(table)
    raise typer.Exit(0 if reached else 1)


INDEXES = ("active-by-next-poll", "unpublished-by-detection", "ended-by-detection")


def counted(layer: Path, template: Path, given: str) -> list[dict[str, Any]]:
    """Count with the code of a layer."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(layer), str(ROOT)]),
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.table_writes.writer", str(template)],
        input=given,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
        cwd=ROOT,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def per_poll(counts: Iterable[dict[str, Any]], names: Iterable[str] = ("", *INDEXES)) -> float:
    """Mean units of a poll, of the table (an empty name) and of indexes."""
    polls = [poll["units"] for one in counts for poll in one["polls"]]
    total: Counter[str] = Counter()
    for units in polls:
        total.update(units)
    return sum(total[name] for name in names) / len(polls)


def mean_bytes(counts: Iterable[dict[str, Any]]) -> float:
    """Mean bytes of the item after a poll."""
    found = _bytes(counts)
    return sum(found) / len(found)


def most_bytes(counts: Iterable[dict[str, Any]]) -> float:
    """Most bytes of an item after a poll."""
    return max(_bytes(counts))


def mean(counts: list[dict[str, Any]], what: str) -> float:
    """Mean units of a write of each watch, its indexes included."""
    return sum(sum(one[what].values()) for one in counts) / len(counts)


def whole(counts: list[dict[str, Any]]) -> float:
    """Mean units of a watch up to its end."""
    polls = sum(sum(poll["units"].values()) for one in counts for poll in one["polls"])
    return mean(counts, "registered") + mean(counts, "ended") + polls / len(counts)


def _bytes(counts: Iterable[dict[str, Any]]) -> list[int]:
    return [poll["bytes"] for one in counts for poll in one["polls"]]


if __name__ == "__main__":
    typer.run(main)
