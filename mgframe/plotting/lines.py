"""Tables over time as lines: solid while complete, hollow and dashed while open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from mgframe.plotting.choosing import Chosen
from mgframe.plotting.style import (
    COLOURS,
    DASHES,
    GREY,
    MARKERS,
    OPEN_DASH,
    OPEN_NOTE,
    dress,
    legend_beside,
    say_nothing_to_draw,
)
from mgframe.plotting.tables import NO_BANDS, NO_KEYS, Bands, Tables, all_values
from mgframe.plotting.texts import key_labels, with_denominator_below
from mgframe.plotting.timeaxis import instants, open_buckets, set_time_axis, with_gaps
from mgframe.timespan import Moment
from mgframe.vocabulary import OTHER_KEYS

#: Beyond so many points a line is drawn thin.
_MANY_POINTS: Final = 400
_MARKS_PER_LINE: Final = 6
_LEGEND_WIDTH: Final = 34
_MANY_BANDS: Final = 4


@dataclass(frozen=True)
class _Line:
    """One line: what it is called, how it looks, which points are open."""

    gid: str
    label: str
    style: dict[str, Any]
    times: npt.NDArray[np.datetime64]
    values: npt.NDArray[np.float64]
    is_open: npt.NDArray[np.bool_]
    band: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None


def draw_lines(
    ax: Axes,
    chosen: Chosen,
    tables: Tables,
    whats: Mapping[str, str],
    until: Moment | None,
    bands: Bands = NO_BANDS,
) -> list[str]:
    """Draw a line for each thing and key, with axis and legend; return what is to be noted.

    An unknown bucket breaks a line; a point between two breaks is a marker. A band lies behind its
    line; an open bucket has none, for what is missing there is no matter of chance.
    """
    dress(ax)
    if not len(all_values(tables)):
        say_nothing_to_draw(ax, empty=chosen.frame.empty)
        return []
    lines = _lines(chosen, tables, whats, until, bands)
    _draw_bands(ax, lines)
    for place, line in enumerate(lines):
        _draw_complete(ax, line, place, len(lines))
        _draw_open(ax, line)
    set_time_axis(ax, chosen.frame)
    _legend(ax, chosen.hidden)
    return [OPEN_NOTE] if any((np.isfinite(x.values) & x.is_open).any() for x in lines) else []


def _lines(
    chosen: Chosen,
    tables: Tables,
    whats: Mapping[str, str],
    until: Moment | None,
    bands: Bands,
) -> list[_Line]:
    """Return the lines in the order of the legend: colours tell keys apart, dashes things.

    Where there is one key only, colours tell things apart.
    """
    keys = chosen.keys or [NO_KEYS]
    labels = key_labels(keys)
    times = with_gaps(chosen.frame)
    moments, is_open = instants(times), open_buckets(chosen.frame, times, until)
    found = []
    for w, (what, table) in enumerate(tables.items()):
        spread = table.reindex(times)
        bounds = [bound.reindex(times) for bound in bands.get(what, ())]
        for k, key in enumerate(keys):
            if key not in spread:
                continue
            hue, dash = (k, w) if len(keys) > 1 else (w, 0)
            values = _floats(spread, key)
            label = _label(tables, keys, whats[what], labels[key])
            found.append(
                _Line(
                    gid=_gid(tables, keys, what, key),
                    label=label if np.isfinite(values).any() else f"{label} (no data)",
                    style=_style(hue, dash, other=key == OTHER_KEYS),
                    times=moments,
                    values=values,
                    is_open=is_open,
                    band=(_floats(bounds[0], key), _floats(bounds[1], key)) if bounds else None,
                )
            )
    return found


def _floats(table: pd.DataFrame, key: str) -> npt.NDArray[np.float64]:
    return table[key].to_numpy(dtype="float64")


def _gid(tables: Tables, keys: list[str], what: str, key: str) -> str:
    if len(tables) == 1:
        return key
    return f"{what}: {key}" if len(keys) > 1 else what


def _label(tables: Tables, keys: list[str], what: str, key: str) -> str:
    if len(tables) == 1:
        return key
    return with_denominator_below(f"{key}: {what}" if len(keys) > 1 else what, _LEGEND_WIDTH)


def _style(hue: int, dash: int, *, other: bool) -> dict[str, Any]:
    return {
        "color": GREY if other else COLOURS[hue % len(COLOURS)],
        "marker": MARKERS[hue % len(MARKERS)],
        "linestyle": DASHES[(dash + hue // len(COLOURS)) % len(DASHES)],
    }


def _draw_complete(ax: Axes, line: _Line, place: int, count: int) -> None:
    marked = _alone(line.values)
    if count > 1:
        # Shapes keep lines apart in black and white; staggered, they do not pile up.
        step = max(len(line.values) // _MARKS_PER_LINE, 1)
        marked[place * step // count :: step] = True
    ax.plot(
        line.times,
        np.where(line.is_open, np.nan, line.values),
        gid=line.gid,
        label=line.label,
        linewidth=1.0 if len(line.values) > _MANY_POINTS else 1.7,
        markersize=5,
        markevery=np.flatnonzero(marked).tolist(),
        **line.style,
    )


def _draw_bands(ax: Axes, lines: list[_Line]) -> None:
    """Draw the interval of each line as a pale area with a thin edge, a lone one as a bar.

    Many of them lie over each other, so that each is paler and its edge tells it apart.
    """
    alpha = 0.22 if len(lines) < _MANY_BANDS else 0.4 / len(lines)
    for line in lines:
        if line.band is None:
            continue
        low, high = (np.where(line.is_open, np.nan, bound) for bound in line.band)
        if not np.isfinite(low).any():
            continue
        gid = f"{line.gid} (interval)"
        style = {"color": line.style["color"], "gid": gid, "label": f"_{gid}", "zorder": 1.5}
        ax.fill_between(line.times, low, high, alpha=alpha, linewidth=0, **style)
        for bound in (low, high):
            ax.plot(line.times, bound, alpha=0.45, linewidth=0.6, **style)
        alone = _alone(low)
        ax.vlines(line.times[alone], low[alone], high[alone], alpha=0.6, **style)


def _draw_open(ax: Axes, line: _Line) -> None:
    """Draw the open buckets, joined to the last complete one, which is not marked again."""
    if not (np.isfinite(line.values) & line.is_open).any():
        return
    start = max(int(np.argmax(line.is_open)) - 1, 0)
    ax.plot(
        line.times[start:],
        line.values[start:],
        gid=f"{line.gid} (open)",
        label=f"_{line.gid} (open)",
        linewidth=1.2,
        markersize=6,
        markerfacecolor=ax.get_facecolor(),
        markeredgewidth=1.3,
        markevery=np.flatnonzero(line.is_open[start:]).tolist(),
        **(line.style | {"linestyle": OPEN_DASH}),
    )


def _alone(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which known values have no known neighbour."""
    known = np.pad(np.isfinite(values), 1)
    alone: npt.NDArray[np.bool_] = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone


def _legend(ax: Axes, hidden: int) -> None:
    """Name the lines, and say how many keys have none."""
    if hidden:
        ax.plot([], [], linestyle="none", gid="hidden", label=f"and {hidden} more")
    legend_beside(ax)
