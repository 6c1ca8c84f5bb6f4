"""A rate over time as a line, hollow where it is not final, and the band it was expected in."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from mgframe.plotting.style import COLOURS, GREY, OPEN_DASH

_MANY_POINTS: Final = 130

LATE_NOTE: Final = (
    "Events of a day are held against the sends of that day and the seven before it, weighted as "
    "the data show."
)


def draw_expected(
    ax: Axes, times: Any, low: Any, high: Any, expected: Any, *, name: str = "expected range"
) -> None:
    """Draw what was expected as a thin line, and around it where the rate would be in line."""
    if not np.isfinite(expected).any():
        return
    ax.fill_between(times, low, high, color=GREY, alpha=0.22, linewidth=0, gid="band", label=name)
    ax.plot(
        times, expected, color=GREY, linewidth=1.1, linestyle="--", gid="expected", label="expected"
    )


def draw_series(ax: Axes, times: Any, values: Any, final: Any) -> None:
    """Draw the rate solid where it is final, and hollow and dashed where it is not."""
    colour = COLOURS[0]
    few = len(values) <= _MANY_POINTS
    ax.plot(
        times,
        np.where(final, values, np.nan),
        color=colour,
        linewidth=1.5 if few else 0.9,
        marker="o",
        markersize=3 if few else 1.2,
        gid="rate",
        label="rate",
    )
    is_open = ~final & np.isfinite(values)
    if not is_open.any():
        return
    start = max(int(np.argmax(is_open)) - 1, 0)
    ax.plot(
        times[start:],
        values[start:],
        color=colour,
        linewidth=1.2,
        linestyle=OPEN_DASH,
        marker="o",
        markersize=6,
        markerfacecolor=ax.get_facecolor(),
        markeredgewidth=1.3,
        markevery=np.flatnonzero(is_open[start:]).tolist(),
        gid="rate (open)",
        label="_rate (open)",
    )
