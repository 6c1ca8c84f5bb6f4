"""How every plot looks: colours, markers, the frame around the data, notes and the mark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import Formatter

from mgframe.framing import is_simulated, meta_of
from mgframe.plotting.texts import plain, wrapped

#: Five colours of Okabe and Ito and three of Paul Tol: each has a contrast of 3 to white, and any
#: two stay apart under protanopia, deuteranopia and tritanopia.
COLOURS: Final = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#000000",
    "#AA3377",
    "#332288",
    "#663333",
)
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: Final[tuple[Any, ...]] = ("-", (0, (6, 2)), (0, (6, 2, 1, 2)), (0, (1, 1.5)))
OPEN_DASH: Final[Any] = (0, (2, 1.5))
GREY: Final = "#767676"
TEXT_GREY: Final = "#555555"
GRID: Final = "#E4E4E4"

SIMULATED: Final = "SIMULATED"
SIMULATED_RED: Final = "#B3261E"
OPEN_NOTE: Final = "Hollow and dashed: open bucket, still counting."

#: Inches of a new figure of lines.
LINES_SIZE: Final = (9.0, 4.2)

#: How a title is written.
TITLE: Final[dict[str, Any]] = {"fontsize": "medium", "fontweight": "bold"}

_NOTE_WIDTH: Final = 100
_TITLE_WIDTH: Final = 60


class Percent(Formatter):
    """Ticks of fractions as percent, with as many decimals as the ticks need."""

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return one value as percent, for the cursor."""
        return percent(value)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return all ticks with the same number of decimals, the fewest that tell them apart."""
        parts = np.asarray(values, dtype="float64") * 100
        near = min(np.diff(np.unique(parts)), default=1.0) / 100
        exact = (d for d in range(9) if (abs(parts - parts.round(d)) <= near).all())
        decimals = next(exact, 9)
        return [f"{part:.{decimals}f} %" for part in parts]


def percent(value: float) -> str:
    """Return a fraction as percent for a label, with decimals where they say something.

    What is not all of it never reads 100 %.
    """
    if not math.isfinite(value):
        return "no data"
    size = abs(value * 100)
    if 99.995 <= size < 100:
        return "> 99.99 %"
    decimals = 1 if 10 <= size < 90 or size > 100 else 2 if size >= 0.1 or size == 0 else 3
    return f"{value * 100:.{decimals}f} %"


def new_axes(width: float, height: float) -> Axes:
    """Return the Axes of a new pyplot figure; pyplot is loaded here, for callers without `ax`."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax


def dress(ax: Axes, *, grid: bool = True) -> None:
    """Take away what is not data: two spines, tick marks; a light grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize="small")
    if grid:
        ax.grid(axis="y", color=GRID, linewidth=0.8)


def halo(ax: Axes) -> dict[str, Any]:
    """Return the box that keeps a text readable where a line runs behind it."""
    return {"facecolor": ax.get_facecolor(), "edgecolor": "none", "alpha": 0.75, "pad": 0.6}


def legend_beside(ax: Axes) -> None:
    """Put the legend right of the Axes, where it covers no data; none for a single entry."""
    handles, labels = ax.get_legend_handles_labels()
    if len(handles) > 1:
        ax.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
            frameon=False,
            fontsize="small",
        )


def finish(ax: Axes, frame: pd.DataFrame, *, title: str, xlabel: str, notes: Iterable[str]) -> None:
    """Write title, x label with the notes below it, and the mark of simulated data."""
    told = [*_filters(frame), *notes]
    lines = [xlabel, *(wrapped(note, _NOTE_WIDTH) for note in dict.fromkeys(told))]
    ax.set_xlabel("\n".join(line for line in lines if line), loc="left", fontsize="small")
    ax.xaxis.label.set_color(TEXT_GREY)
    ax.set_title(title, loc="left", **TITLE)
    if is_simulated(frame):
        _mark_simulated(ax)


def _filters(frame: pd.DataFrame) -> list[str]:
    """Return what the frame was narrowed to when it was fetched, as a note."""
    request = meta_of(frame).get("request")
    where = request.get("where") if isinstance(request, dict) else None
    return [f"Only {plain('; '.join(map(str, where)))}."] if isinstance(where, list) else []


def _mark_simulated(ax: Axes) -> None:
    """Write SIMULATED large and pale behind lines, small above bars and cells."""
    filled = bool(ax.collections or ax.patches)
    if filled:
        # The small mark stands right of the title, which leaves it room.
        ax.set_title(
            wrapped(ax.get_title(loc="left"), _TITLE_WIDTH),
            loc="left",
            fontsize="medium",
            fontweight="bold",
        )
    if any(text.get_gid() == "simulated" for text in ax.texts):
        return
    place: dict[str, Any] = (
        {"x": 1.0, "y": 1.015, "ha": "right", "va": "bottom", "fontsize": "medium"}
        if filled
        else {"x": 0.5, "y": 0.5, "ha": "center", "va": "center", "fontsize": 44}
    )
    ax.text(
        s=SIMULATED,
        transform=ax.transAxes,
        fontweight="bold",
        color=SIMULATED_RED if filled else "#000000",
        alpha=None if filled else 0.08,
        zorder=0.1,
        gid="simulated",
        **place,
    )


def say_nothing_to_draw(ax: Axes, *, empty: bool) -> None:
    """Fill empty Axes with a sentence, so that nobody takes them for a zero."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.text(
        0.5,
        0.5,
        "The frame has no rows." if empty else "No known value: unknown is not zero.",
        transform=ax.transAxes,
        ha="center",
        va="center",
        color=TEXT_GREY,
        gid="nothing",
    )
