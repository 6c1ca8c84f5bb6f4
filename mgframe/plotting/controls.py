"""A rate over time with the band in which it was to be expected, and what lies outside of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.forecasting import LEAST_BUCKETS, WINDOW_DAYS
from mgframe.analysis.monitoring import band, judge, limit_for
from mgframe.analysis.panels import Panel, panel_of
from mgframe.plotting.choosing import whose
from mgframe.plotting.expectation import LATE_NOTE, draw_expected, draw_series
from mgframe.plotting.limits import set_rate_axis
from mgframe.plotting.style import (
    COLOURS,
    LINES_SIZE,
    dress,
    finish,
    legend_beside,
    new_axes,
    say_nothing_to_draw,
)
from mgframe.plotting.texts import plain, with_denominator_below
from mgframe.plotting.timeaxis import instants, set_time_axis, time_label
from mgframe.ratios import rate_label
from mgframe.timespan import Moment

_LABEL_WIDTH: Final = 46
_WORSE: Final[dict[str, Any]] = {
    "marker": "o",
    "color": COLOURS[1],
    "gid": "worse",
    "label": "out of line: worse",
}
_BETTER: Final[dict[str, Any]] = {
    "marker": "^",
    "color": COLOURS[2],
    "gid": "better",
    "label": "out: better",
}
_OPEN_NOTE: Final = "Hollow and dashed: open or still counting, not judged."


def control(
    frame: pd.DataFrame,
    rate: str,
    *,
    of: str | None = None,
    limit: float | None = None,
    run_limit: float | None = None,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a rate of all keys together, the band it was expected in, and what lies out of line.

    Each bucket is judged by the 56 days before it (28 days of hours), as in
    :func:`mgframe.anomalies`. The band is as wide as the rate strays by itself and as small numbers
    allow, so it widens on quiet days.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts in days or hours. To draw one key cut it first, such as
        ``df.mg.where(domain="example.com").mg.plot.control("delivery_rate")``.
    rate : str
        A rate, by its name here or Mailgun's own; a proportion.
    of, limit, run_limit, holidays, until
        As for :func:`mgframe.anomalies`; `limit` is also the width of the band.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With lines whose ``gid`` is ``"rate"``, ``"rate (open)"`` (hollow: the open bucket, and
        those whose counts still move), ``"expected"``, ``"worse"`` and ``"better"``; the band has
        the ``gid`` ``"band"``. Times are in the frame's zone, values fractions.

    Raises
    ------
    QueryError
        There is no such rate, or a limit is no number above 0.
    FrameError
        The frame cannot give the rate, it is no proportion, or the buckets are neither days nor
        hours; tags would be added up; or it is not known until when the frame is complete.

    Examples
    --------
    >>> import pandas as pd, matplotlib, mgframe as mg
    >>> matplotlib.use("Agg")
    >>> days = pd.date_range("2026-08-03", periods=60)
    >>> table = pd.DataFrame({"date": days, "domain": "a.com", "sent": 1000,
    ...                       "delivered": [985, 983, 987] * 19 + [985, 900, 984]})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-10-03")
    >>> ax = control(df, "delivery_rate")
    >>> [float(line.get_ydata()[0]) for line in ax.lines if line.get_gid() == "worse"]
    [0.9]
    """
    panel = panel_of(frame, rate, by=[], of=of, holidays=holidays, until=until)
    ax = ax if ax is not None else new_axes(*LINES_SIZE)
    dress(ax)
    notes = _draw(ax, panel, limit, run_limit, frame)
    keys = [str(name) for name in frame.index.names]
    label = plain(rate_label(panel.rate.name, of=panel.rate.denominator, keys=keys))
    ax.set_ylabel(with_denominator_below(label, _LABEL_WIDTH), fontsize="small")
    title = f"{panel.rate.label}{whose(frame)}"
    finish(ax, frame, title=title, xlabel=time_label(frame), notes=notes)
    return ax


def _draw(
    ax: Axes, panel: Panel, limit: float | None, run_limit: float | None, frame: pd.DataFrame
) -> list[str]:
    """Draw the series with its band; return what is to be noted."""
    if not (panel.n > 0).any():
        say_nothing_to_draw(ax, empty=frame.empty)
        return []
    found, out = judge(panel, limit=limit, run_limit=run_limit, false_alarms=1.0)
    times = instants(panel.times)
    values = np.divide(
        panel.k[0], panel.n[0], out=np.full(len(times), np.nan), where=panel.n[0] > 0
    )
    columns = np.arange(len(times))
    width = limit_for(panel, limit)
    low, high = band(panel, found, np.zeros_like(columns), columns, width)
    draw_expected(ax, times, low, high, found.rate[0])
    draw_series(ax, times, values, panel.final)
    worse = out.out[0] & _is_worse(panel, found.z[0])
    for style, rows in ((_WORSE, worse), (_BETTER, out.out[0] & ~worse)):
        if rows.any():
            ax.plot(times[rows], values[rows], linestyle="none", markersize=7, zorder=4, **style)
    set_time_axis(ax, frame)
    index = pd.RangeIndex(len(times))
    tables = {panel.rate.name: pd.DataFrame({"": values}, index=index)}
    bounds = (pd.DataFrame({"": low}, index=index), pd.DataFrame({"": high}, index=index))
    notes = set_rate_axis(ax, tables, bands={panel.rate.name: bounds})
    legend_beside(ax)
    return [*_notes(panel, values, width, judged=bool(np.isfinite(found.z).any())), *notes]


def _is_worse(panel: Panel, z: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    worse: npt.NDArray[np.bool_] = np.nan_to_num(z) * EFFECTS[panel.rate.name].worse > 0
    return worse


def _notes(panel: Panel, values: Any, limit: float, *, judged: bool) -> list[str]:
    notes = []
    if judged:
        notes.append(
            f"Expected range: {limit:g} standard deviations around what the "
            f"{WINDOW_DAYS[panel.width]} days before make of each bucket."
        )
    else:
        notes.append(
            f"No expected range: it takes {LEAST_BUCKETS[panel.width]} {panel.width}s with "
            "messages before the first bucket that can be judged."
        )
    if panel.noise.any() and panel.width == "day":
        notes.append(LATE_NOTE)
    if (~panel.final & np.isfinite(values)).any():
        notes.append(_OPEN_NOTE)
    return notes
