"""Draws polls against the 95 % quantile of the lag, and the frontier that nothing lies below."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.schedule.figures import Figures, frontier
from benchmarks.schedule.runs import OURS


def draw(pooled: Mapping[str, Figures], path: Path) -> None:
    """Draw the pooled figures of every schedule as an SVG, the same for the same figures."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    mpl.rcParams["svg.hashsalt"] = "import-watch"
    mpl.rcParams["svg.fonttype"] = "none"
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_yscale("log")
    best = [pooled[name] for name in frontier(pooled)]
    axes.step(
        [figures.polls for figures in best],
        [figures.lag_p95 for figures in best],
        where="post",
        color="0.6",
        linestyle="--",
        label="frontier",
        zorder=1,
    )
    for own, colour, marker, label in ((True, "tab:blue", "o", OURS), (False, "tab:red", "s", "peers")):
        named = {name: figures for name, figures in pooled.items() if name.startswith(OURS) is own}
        polls, lags = zip(*((figures.polls, figures.lag_p95) for figures in named.values()), strict=True)
        axes.scatter(polls, lags, color=colour, marker=marker, label=label, zorder=2)
        for name, figures in named.items():
            axes.annotate(
                name.removeprefix(f"{OURS}, "),
                (figures.polls, figures.lag_p95),
                textcoords="offset points",
                xytext=(-6, -10) if own else (6, 5),
                ha="right" if own else "left",
                fontsize=8,
                color=colour,
            )
    axes.set_xlim(15, 900)
    axes.set_xlabel("polls of an import, mean (logarithmic)")
    axes.set_ylabel("lag, 95 % quantile in seconds (logarithmic)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ScalarFormatter())
    axes.set_xticks([20, 50, 100, 200, 500])
    axes.set_yticks([15, 30, 60, 120, 300])
    axes.minorticks_off()
    axes.grid(color="0.9")
    axes.legend(loc="upper right")
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
