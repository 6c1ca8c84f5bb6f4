"""A table of values as coloured cells with a colour bar."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from mgframe.plotting.style import Percent
from mgframe.plotting.texts import with_denominator_below

Floats = npt.NDArray[np.float64]

#: From dark to light without a change of hue: it survives colour blindness and print.
_COLOUR_MAP: Final = "cividis"
_LABEL_WIDTH: Final = 34
#: With more columns the white edges would hide the colours between them.
_MOST_EDGED: Final = 62
NO_DATA: Final = "#D9D9D9"
GREY_NOTE: Final = "Grey: no data."
OPEN_NOTE: Final = "Hatched: open bucket, still counting."


def draw_mesh(
    ax: Axes, edges: npt.NDArray[Any], table: Floats, *, gid: str, label: str, rate: bool
) -> None:
    """Draw one cell per value, the first row on top, unknown ones grey.

    `label` stands beside the colour bar; a `rate` is a fraction, shown as percent.
    """
    ax.set_facecolor(NO_DATA)
    rows = np.arange(len(table) + 1)
    low, high = _range(table, rate=rate)
    mesh = ax.pcolormesh(
        edges,
        rows,
        np.ma.masked_invalid(table),
        cmap=_COLOUR_MAP,
        vmin=low,
        vmax=high,
        gid=gid,
        edgecolors="white",
        linewidth=0.4 if table.shape[1] <= _MOST_EDGED else 0.0,
    )
    ax.invert_yaxis()
    ax.tick_params(labelsize="small", length=0)
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.015, aspect=18)
    bar.outline.set_visible(False)
    bar.set_label(with_denominator_below(label, _LABEL_WIDTH), fontsize="small")
    bar.ax.tick_params(labelsize="small")
    bar.locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    bar.formatter = Percent() if rate else StrMethodFormatter("{x:,.0f}")
    bar.update_ticks()


def _range(table: Floats, *, rate: bool) -> tuple[float, float]:
    """Return the values of the darkest and the lightest colour: counts start at zero."""
    low, high = float(np.nanmin(table)), float(np.nanmax(table))
    if not rate:
        low = min(low, 0.0)
    if low == high:
        return (low - 0.005, high + 0.005) if rate else (low, low + 1)
    return low, high


def hatch_columns(ax: Axes, first: Any, last: Any) -> None:
    """Hatch the columns from one edge to another: they are still counting."""
    ax.axvspan(
        first, last, facecolor="none", edgecolor="white", hatch="////", linewidth=0, gid="open"
    )
