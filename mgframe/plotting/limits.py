"""Known limits of rates, with who says so, and the range of the axis that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from mgframe.analysis.limits import LIMITS, Limit
from mgframe.plotting.style import Percent, halo
from mgframe.plotting.tables import NO_BANDS, Bands, Tables, all_values

LIMIT_RED: Final = "#B00020"

#: From here on every value counts as near 1.
_NEAR_ONE: Final = 0.8

#: How much higher than the highest value an axis may reach for a band.
_MOST_BAND: Final = 2.0


LIMIT_NOTES: Final = {
    "complaint_rate": "Google judges complaints of Gmail users, which Mailgun never sees and this "
    "plot does not show: read them in Google Postmaster Tools.",
}


def limits_of(names: Iterable[str]) -> list[Limit]:
    """Return the limits that belong to the rates, each line once."""
    found = [limit for name in names for limit in LIMITS.get(name, ())]
    return list({limit.line: limit for limit in found}.values())


def draw_limits(ax: Axes, names: Sequence[str], limits: Sequence[Limit]) -> list[str]:
    """Draw each limit as a dotted level line, its name at the line; return what is to be noted."""
    for limit in limits:
        ax.axhline(limit.value, **_style(limit))
        ax.annotate(
            limit.line,
            (0.0, limit.value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 2),
            textcoords="offset points",
            fontsize="x-small",
            color=LIMIT_RED,
            bbox=halo(ax),
        )
    return _notes(names, limits)


def draw_limits_of_bars(ax: Axes, names: Sequence[str], limits: Sequence[Limit]) -> list[str]:
    """Draw each limit as a dotted upright line; its name is too long for it and becomes a note."""
    for limit in limits:
        ax.axvline(limit.value, **_style(limit))
    widest = max((limit.value for limit in limits), default=0.0)
    ax.set_xlim(0, max(ax.get_xlim()[1], widest * 1.1))
    return [*(f"Dotted line at {limit.line}." for limit in limits), *_notes(names, limits)]


def _style(limit: Limit) -> dict[str, Any]:
    return {
        "color": LIMIT_RED,
        "linewidth": 1.2,
        "linestyle": (0, (1, 1.5)),
        "gid": f"limit {limit.value}",
        "label": f"_limit {limit.line}",
    }


def _notes(names: Sequence[str], limits: Sequence[Limit]) -> list[str]:
    return [LIMIT_NOTES[name] for name in names if limits and name in LIMIT_NOTES]


def set_rate_axis(
    ax: Axes, tables: Tables, *, limits: Sequence[Limit] = (), bands: Bands = NO_BANDS
) -> list[str]:
    """Set the range of a y axis of fractions; return what the reader must know of it.

    It starts at zero, except where every value is near 1: there a whole axis would hide a loss of
    two points, so it is cut, to at least five points, and a note says where it starts. The bands of
    days with little mail may be as wide as all there is: they leave the axis before they make the
    lines flat.
    """
    known = all_values(tables)
    if not len(known):
        return []
    lows, highs = (all_values({what: band[i] for what, band in bands.items()}) for i in (0, 1))
    ax.yaxis.set_major_formatter(Percent())
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    if known.min() >= _NEAR_ONE and known.max() <= 1 and not limits:
        lost = 1 - known.min()
        depth = max(lost * 1.2, 0.05, min(1 - lows.min(initial=1), 2 * lost) * 1.05)
        start = float(np.floor((1 - depth) * 100) / 100)
        ax.set_ylim(start, 1 + 0.06 * (1 - start))
        return [f"The axis starts at {start * 100:.0f} %, not at zero."]
    widest = min(highs.max(initial=0), _MOST_BAND * known.max())
    highest = max([float(known.max()), float(widest), *(limit.value for limit in limits)])
    ax.set_ylim(0, highest * 1.12 if highest > 0 else 0.01)
    return []


def set_count_axis(ax: Axes, tables: Tables) -> None:
    """Set the range of a y axis of counts: from zero."""
    known = all_values(tables)
    if not len(known):
        return
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10], integer=True))
    highest = float(known.max())
    ax.set_ylim(0, highest * 1.08 if highest > 0 else 1)
