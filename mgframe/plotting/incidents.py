"""A finding over time: the rate at its place, what was expected of it, and the affected days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mgframe.analysis.evidence import metric_shown
from mgframe.analysis.metrics import Metric
from mgframe.analysis.rereading import Told, read_row
from mgframe.analysis.wording import rate_words
from mgframe.errors import FrameError
from mgframe.plotting.expectation import LATE_NOTE, draw_expected, draw_series
from mgframe.plotting.limits import set_rate_axis
from mgframe.plotting.style import (
    dress,
    finish,
    legend_beside,
    new_axes,
    say_nothing_to_draw,
)
from mgframe.plotting.texts import key_labels, plain, with_denominator_below
from mgframe.plotting.timeaxis import instants, set_time_axis, time_label
from mgframe.ratios import rate_label
from mgframe.timespan import read_moment

SIZE: Final = (9.0, 3.4)

_COLUMNS: Final = ("rate", "expected", "low", "high", "affected", "judged")
_LABEL_WIDTH: Final = 40
_AFFECTED: Final = "#D55E00"
_DAY: Final = pd.Timedelta(days=1)
_ALL_NOTE: Final = "All opens: those by machines alone are not known at this place."
_MIX_NOTE: Final = "Expected: what the usual rates of all parts give for each day's mix of mail."
_RANGE_NOTE: Final = "Ordinary range: where 95 % of the days outside of the finding lie."
_OPEN_NOTE: Final = "Hollow and dashed: open, still counting, or a holiday; not judged."


def incident(
    days: pd.DataFrame, finding: pd.Series | Mapping[str, Any], *, ax: Axes | None = None
) -> Axes:
    """Draw the rate of a finding's place over time, what was expected, and the affected days.

    Parameters
    ----------
    days : DataFrame
        The days behind the finding, as :func:`mgframe.show` has them: by `time` the columns
        `rate`, `expected`, `low`, `high` (fractions), `affected` and `judged` (bool).
    finding : Series or mapping
        The row of :func:`mgframe.investigate`.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With lines whose ``gid`` is ``"rate"``, ``"rate (open)"`` (hollow) and ``"expected"``; areas
        ``"band"`` (what an ordinary day has), ``"affected"`` (the days of the finding) and
        ``"start"`` (the days on which it may have begun, 90 %). Values are fractions.

    Raises
    ------
    QueryError
        `finding` is no row of findings.
    FrameError
        `days` lacks a column.

    Examples
    --------
    >>> import matplotlib, mgframe as mg
    >>> matplotlib.use("Agg")
    >>> client = mg.demo()
    >>> frame = mg.metrics(by=["domain", "recipient_provider"], last="90d", client=client)
    >>> view = mg.show(mg.investigate(frame).loc[0], frame)
    >>> ax = incident(view.days, view.finding)
    >>> ax.get_title(loc="left")
    'Block rate: news.example.com, Gmail'
    """
    told = read_row(finding)
    if missing := [name for name in _COLUMNS if name not in days.columns]:
        raise FrameError(f"days= lacks {missing[0]!r}; take those of mg.show(finding, frames).days")
    ax = ax if ax is not None else new_axes(*SIZE)
    dress(ax)
    notes = _draw(ax, days, dict(finding), told)
    metric = metric_shown(days, told)
    label = plain(_label(metric, told))
    ax.set_ylabel(with_denominator_below(label, _LABEL_WIDTH), fontsize="small")
    notes = [*([_ALL_NOTE] if metric != told.metric else []), *notes]
    finish(ax, days, title=_title(metric, told), xlabel=time_label(days), notes=notes)
    return ax


def _label(metric: Metric, told: Told) -> str:
    label = rate_label(metric.rate, keys=list(told.where))
    return label.replace(" / ", " by machines / ") if metric.bots else label


def _title(metric: Metric, told: Told) -> str:
    if told.kind == "mix" or not told.where:
        return f"{rate_words(metric)}: whole account"
    names = [name for level in told.where for name in told.where[level]]
    labels = key_labels(names, most=48)
    return f"{rate_words(metric)}: {', '.join(labels[name].strip() for name in names)}"


def _draw(ax: Axes, days: pd.DataFrame, row: Mapping[str, Any], told: Told) -> list[str]:
    """Draw everything; return what is to be noted."""
    rates = {name: days[name].to_numpy(dtype="float64") for name in _COLUMNS[:4]}
    if not np.isfinite(rates["rate"]).any():
        say_nothing_to_draw(ax, empty=days.empty)
        return []
    times, judged = instants(pd.DatetimeIndex(days.index)), days["judged"].to_numpy(dtype=bool)
    _shade(ax, row, told)
    draw_expected(ax, times, rates["low"], rates["high"], rates["expected"], name="ordinary range")
    draw_series(ax, times, rates["rate"], judged)
    set_time_axis(ax, days)
    notes = _scale(ax, rates)
    legend_beside(ax)
    hollow = (~judged & np.isfinite(rates["rate"])).any()
    told_of = {
        _RANGE_NOTE: True, _MIX_NOTE: told.kind == "mix", LATE_NOTE: told.metric.late,
        _OPEN_NOTE: hollow,
    }  # fmt: skip
    return [*(note for note, applies in told_of.items() if applies), *notes]


def _shade(ax: Axes, row: Mapping[str, Any], told: Told) -> None:
    """Shade the affected days, and darker below them those on which it may have begun."""
    first, after = _edges(told.start, told.end)
    ax.axvspan(
        first, after, color=_AFFECTED, alpha=0.14, linewidth=0, gid="affected", label="affected"
    )
    if "start_low" in row and "start_high" in row:
        low, high = (
            read_moment(row[f"start_{side}"], argument="finding=") for side in ("low", "high")
        )
        ax.axvspan(
            *_edges(low, high), ymax=0.04, color=_AFFECTED, alpha=0.9, linewidth=0, gid="start",
            label="began (90 %)",
        )  # fmt: skip


def _edges(first: pd.Timestamp, last: pd.Timestamp) -> tuple[Any, Any]:
    """Return where days begin and end on the axis: half a day around the point of each."""
    low, high = instants(pd.DatetimeIndex([first - _DAY / 2, last + _DAY / 2]))
    return low, high


def _scale(ax: Axes, rates: Mapping[str, Any]) -> list[str]:
    index = pd.RangeIndex(len(rates["rate"]))
    tables = {side: pd.DataFrame({"": rates[side]}, index=index) for side in rates}
    bounds = (tables["low"], tables["high"])
    shown = {side: tables[side] for side in ("rate", "expected")}
    return set_rate_axis(ax, shown, bands={"rate": bounds})
