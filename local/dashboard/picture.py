"""Draws the widgets of a dashboard where the dashboard has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from local.dashboard.data import Measurement
from local.dashboard.expressions import Series, shown

COLUMNS = 24
WIDE, TALL = 0.62, 0.5
"""Inches of a column, and of a row."""
FOOT = 0.25
"""Inches for the note below."""
GAP = 0.16
PALETTE = ("#1f77b4", "#e377c2", "#17becf", "#9467bd", "#bcbd22", "#8c564b", "#aec7e8", "#c49c94", "#dbdb8d")
"""Colours of what has none of its own; none of them is one that the dashboard gives."""
INK, FAINT, PAPER = "#16191f", "#687078", "#f2f3f3"
LEGEND_WIDTH = 325.0
"""What a graph's legend is wide, in letters of a point."""
FOREVER = 1e12


def draw(body: Mapping[str, Any], measurements: Sequence[Measurement], period: float, path: Path) -> None:
    """Draw a dashboard.

    Parameters
    ----------
    body : mapping
        Its widgets, with every name filled in.
    measurements : sequence of Measurement
        In the order of time.
    period : float
        Seconds that one value stands for.
    path : Path
        Where the picture goes.
    """
    rows = max(widget["y"] + widget["height"] for widget in body["widgets"])
    figure = pyplot.figure(figsize=(COLUMNS * WIDE, rows * TALL + FOOT), facecolor=PAPER)
    began = measurements[0].time // period * period
    ends = measurements[-1].time // period * period + period
    colors = _colors_of_lines(body, measurements, period)
    for widget in body["widgets"]:
        axes = _place(figure, widget, rows)
        properties = widget["properties"]
        at = 0.01 if properties["view"] == "singleValue" else -0.09
        axes.set_title(properties["title"], loc="left", x=at, fontsize=8.5, color=INK, fontweight="bold", pad=7)
        if properties["view"] == "singleValue":
            _single_values(axes, shown(properties, measurements, FOREVER))
            continue
        series = [one for one in shown(properties, measurements, period) if one.points]
        _graph(axes, series, colors, (began, ends, period), stacked=properties.get("stacked", False))
    minutes = (ends - began) / 60
    note = f"{minutes:.0f} minutes of a storm on the local stack, one value every {period:.0f} s; “–” is not measured"
    figure.text(0.995, 0.004, note, ha="right", va="bottom", fontsize=7, color=FAINT)
    figure.savefig(path, dpi=110, facecolor=PAPER)
    pyplot.close(figure)


def _colors_of_lines(body: Mapping[str, Any], measurements: Sequence[Measurement], period: float) -> dict[str, str]:
    """Give colours to what lines stand for, mostly vendors, before bars take the colours that are told apart best."""
    lines = [one["properties"] for one in body["widgets"] if "stacked" not in one["properties"]]
    names = [_name(one) for properties in lines for one in shown(properties, measurements, period) if not one.color]
    return {name: PALETTE[number % len(PALETTE)] for number, name in enumerate(dict.fromkeys(names))}


def _name(line: Series) -> str:
    """Give what a line stands for: two lines of one vendor have one colour."""
    return line.label.partition(" ")[0]


def _place(figure: Figure, widget: Mapping[str, Any], rows: int) -> Axes:
    """Give the axes of a widget, on a white card."""
    height = rows * TALL + FOOT
    left, width = widget["x"] / COLUMNS, widget["width"] / COLUMNS
    top = 1 - widget["y"] * TALL / height
    tall = widget["height"] * TALL / height
    margin_x, margin_y = GAP / 2 / (COLUMNS * WIDE), GAP / 2 / height
    card = FancyBboxPatch(
        (left + margin_x, top - tall + margin_y),
        width - 2 * margin_x,
        tall - 2 * margin_y,
        boxstyle="round,pad=0,rounding_size=0.002",
        transform=figure.transFigure,
        facecolor="white",
        edgecolor="#d5dbdb",
        linewidth=0.8,
    )
    figure.add_artist(card)
    if widget["properties"]["view"] == "singleValue":
        inside = (left + 0.01, top - tall + 0.012, width - 0.02, tall - 0.045)
    else:
        inside = (left + 0.032, top - tall + 0.068, width - 0.042, tall - 0.104)
    return figure.add_axes(inside, zorder=2)


def _single_values(axes: Axes, series: Sequence[Series]) -> None:
    axes.axis("off")
    for number, one in enumerate(series):
        x = (number + 0.5) / len(series)
        value = next(iter(one.points.values()), None)
        text = "–" if value is None else f"{value:,.0f}"
        # What is as it should be does not call for attention.
        color = FAINT if not value else one.color or INK
        axes.text(x, 0.55, text, ha="center", va="center", fontsize=19, color=color, fontweight="bold")
        axes.text(x, 0.08, one.label, ha="center", va="center", fontsize=8, color=FAINT)


def _graph(
    axes: Axes,
    series: Sequence[Series],
    colors: dict[str, str],
    time: tuple[float, float, float],
    *,
    stacked: bool,
) -> None:
    began, ends, period = time
    bottom: dict[float, float] = {}
    solid: set[str] = set()
    for one in series:
        name = one.label if stacked else _name(one)
        color = one.color or colors.setdefault(name, PALETTE[len(colors) % len(PALETTE)])
        starts = list(one.points)
        minutes = [(start - began) / 60 for start in starts]
        values = [one.points[start] for start in starts]
        if stacked:
            below = [bottom.get(start, 0.0) for start in starts]
            axes.bar(minutes, values, period / 60 * 0.9, below, align="edge", color=color, label=one.label)
            bottom |= {start: bottom.get(start, 0.0) + one.points[start] for start in starts}
        else:
            style = "--" if name in solid else "-"
            axes.plot(minutes, values, style, color=color, label=one.label, linewidth=1.3, marker="o", markersize=2.2)
            solid.add(name)
    whole = all(value == int(value) for one in series for value in one.points.values())
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=whole))
    axes.set_xlim(0, (ends - began) / 60)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#eaeded", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=6.5, colors=FAINT, length=0)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(lambda minute, _: f"{minute:.0f} min")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d5dbdb")
    if series:
        columns = min(3, max(2, math.ceil(len(series) / 3)))
        longest = max(len(one.label) for one in series)
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.06, -0.1),
            ncols=columns,
            fontsize=min(6.2, LEGEND_WIDTH / columns / longest),
            frameon=False,
            labelcolor=INK,
            handlelength=1.0,
            handletextpad=0.4,
            columnspacing=0.9,
            labelspacing=0.25,
        )
