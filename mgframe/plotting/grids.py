"""Heat maps: weekday by hour, and key by day."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from mgframe.errors import FrameError, QueryError, suggestion
from mgframe.framing import meta_of, require_columns, require_table, times_of
from mgframe.periods import local_days
from mgframe.plotting.choosing import Chosen, choose, whose
from mgframe.plotting.style import Percent, finish, new_axes, say_nothing_to_draw
from mgframe.plotting.tables import (
    count_tables,
    cut_for,
    pooled_rate,
    rate_table,
    silent_notes,
    window_for,
)
from mgframe.plotting.texts import key_labels, plain, with_denominator_below
from mgframe.plotting.timeaxis import (
    bucket_stops,
    bucket_word,
    complete_rows,
    instants,
    open_buckets,
    set_time_axis,
    sorted_times,
    time_label,
    width_of,
    window_text,
    with_gaps,
)
from mgframe.ratios import rate_label
from mgframe.reshaping import sum as sum_of
from mgframe.timespan import Moment, read_zone
from mgframe.vocabulary import ALL_COUNTS, RATES, rate_name

Kind = Literal["weekday-hour", "key-day"]
Floats = npt.NDArray[np.float64]

_KINDS: Final = ("weekday-hour", "key-day")
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONDAY: Final = pd.Timestamp("2001-01-01", tz="UTC")

#: From dark to light without a change of hue: it survives colour blindness and print.
_COLOUR_MAP: Final = "cividis"
_LABEL_WIDTH: Final = 34
#: With more columns the white edges would hide the colours between them.
_MOST_EDGED: Final = 62
_NO_DATA: Final = "#D9D9D9"
_GREY_NOTE: Final = "Grey: no data."
_OPEN_NOTE: Final = "Hatched: open bucket, still counting."


def heatmap(
    frame: pd.DataFrame,
    what: str = "delivered",
    *,
    kind: Kind | None = None,
    by: str | None = None,
    of: str | None = None,
    top: int = 20,
    tz: str | None = None,
    until: Moment | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a count or a rate as colours: weekday by hour, or key by day.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts with time.
    what : str, default "delivered"
        A count (drawn as the mean per hour, or the sum per bucket) or a rate (pooled over the weeks
        that a cell holds).
    kind : {"weekday-hour", "key-day"}, optional
        By default weekday by hour for hours, else key by bucket.
    by : str, optional
        The rows of key by day; by default the only key level that varies. Other levels, and all
        keys of weekday by hour, are pooled.
    of : str, optional
        Another denominator, as :func:`mgframe.rates` takes it.
    top : int, default 20
        How many keys are named, the largest by volume; the rest is ``"(other)"``.
    tz : str, optional
        The zone of weekdays, hours and days, UTC by default; it needs hours.
    until : str, date or datetime, optional
        When the complete buckets end, by default what attrs say. Later ones are hatched (key by
        bucket) or left out with a note (weekday by hour, days made of hours).
    ax : Axes, optional
        Where to draw; by default a new figure. The colour bar takes a part of it.

    Returns
    -------
    Axes
        With one mesh, whose ``gid`` is `what`; its array holds the values, masked where unknown.

    Raises
    ------
    QueryError
        No such count, rate, kind or zone, or a zone for other buckets than hours.
    FrameError
        Weekday by hour without hours, a missing column or level, or a sum over tags.

    Warns
    -----
    MgframeWarning
        Rows with unknown counts were left out of a pooled rate.

    Examples
    --------
    >>> import pandas as pd, matplotlib, mgframe as mg
    >>> matplotlib.use("Agg")
    >>> table = pd.DataFrame({"hour": pd.date_range("2026-11-09", periods=168, freq="h"),
    ...     "domain": "example.com", "delivered": range(168)})
    >>> df = mg.as_frame(table, time="hour", keys={"domain": "domain"}, resolution="hour")
    >>> ax = mg.plot.heatmap(df)
    >>> ax.collections[0].get_array().shape
    (7, 24)
    """
    name = _name(frame, what)
    width = width_of(frame)
    chosen_kind = kind or ("weekday-hour" if width == "hour" else "key-day")
    if chosen_kind not in _KINDS:
        raise QueryError(f"kind={kind!r} must be one of {_KINDS}{suggestion(kind, _KINDS)}")
    if width != "hour" and (tz is not None or chosen_kind == "weekday-hour"):
        need = f"tz={tz!r}" if tz is not None else "weekday by hour"
        raise FrameError(
            f"{need} needs hours, the frame has {width or 'unknown bucket'}s; "
            "fetch resolution='hour'"
        )
    if chosen_kind == "weekday-hour":
        return _weekday_hour(frame, name, of, tz, until, ax)
    if width == "hour":
        frame = _days_of_hours(frame, tz, until)
    return _key_day(
        frame,
        cut_for(frame, name, choose(frame, by=by, top=top), by=by, top=top),
        name,
        of,
        until,
        ax,
    )


def _name(frame: pd.DataFrame, what: str) -> str:
    """Return the column or the rate that `what` names, a column of that very name first."""
    if not isinstance(what, str):
        raise QueryError(f"what={what!r} must be the name of a count or a rate")
    require_table(frame)
    if what in frame.columns:
        return what
    bare = what.removesuffix("_count")
    if bare in ALL_COUNTS:
        require_columns(frame, [bare])
        return bare
    try:
        return rate_name(what)
    except QueryError:
        near = suggestion(bare, [*ALL_COUNTS, *RATES])
        raise QueryError(f"what={what!r} is no count and no rate{near}; see mg.explain()") from None


# ---------------------------------------------------------------- weekday by hour


def _weekday_hour(
    frame: pd.DataFrame,
    name: str,
    of: str | None,
    tz: str | None,
    until: Moment | None,
    ax: Axes | None,
) -> Axes:
    complete, notes = complete_rows(frame, until)
    if name in RATES:
        label = plain(rate_label(name, of=of))
        cells = pooled_rate(_at(complete, _slots(complete, tz)), name, of)
    else:
        label = f"{_label(name)} per hour, mean"
        hours = sum_of(complete[[name]], "time")
        cells = hours[name].astype("Float64").groupby(_slots(hours, tz)).mean()
    week = pd.date_range(_MONDAY, periods=7 * 24, freq="h").as_unit("us")
    values = cells.reindex(week).to_numpy(dtype="float64", na_value=np.nan)
    table = np.asarray(values, dtype="float64").reshape(7, 24)
    ax = ax if ax is not None else new_axes(9, 3.8)
    if np.isfinite(table).any():
        _draw_mesh(
            ax,
            np.arange(25),
            table,
            gid=name,
            label=label,
            rate=name in RATES,
        )
        ax.set_yticks(np.arange(7) + 0.5, _WEEKDAYS)
        ax.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
        notes += [] if np.isfinite(table).all() else [_GREY_NOTE]
    else:
        say_nothing_to_draw(ax, empty=frame.empty)
    title = f"{_label(name)} by weekday and hour{whose(complete)}"
    hours_label = f"hour of the day ({_local_hours(complete, tz).tz}), from {window_text(complete)}"
    finish(ax, frame, title=title, xlabel=hours_label, notes=notes)
    return ax


def _local_hours(frame: pd.DataFrame, tz: str | None) -> pd.DatetimeIndex:
    """Return the rows' hours in a zone, refused where Mailgun's hours do not fit into it."""
    times = times_of(frame)
    local = times if tz is None else times.tz_convert(read_zone(tz))
    if (local.minute != 0).any():
        raise QueryError(
            f"tz={tz!r} is not a whole number of hours from UTC, so Mailgun's hours are no hours "
            "there; choose a zone on the full hour, or leave tz out"
        )
    return local


def _slots(frame: pd.DataFrame, tz: str | None) -> pd.DatetimeIndex:
    """Return for every row the hour of one week that stands for its weekday and hour."""
    local = _local_hours(frame, tz)
    return _MONDAY + pd.to_timedelta(local.day_of_week * 24 + local.hour, unit="h")


def _at(frame: pd.DataFrame, times: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the frame with other times, which may repeat; each row keeps its own as `bucket`."""
    names = [str(name) for name in frame.index.names]
    arrays = [times if name == "time" else frame.index.get_level_values(name) for name in names]
    index = pd.MultiIndex.from_arrays([*arrays, times_of(frame)], names=[*names, "bucket"])
    return frame.set_axis(index, axis=0)


# ---------------------------------------------------------------- key by day


def _days_of_hours(frame: pd.DataFrame, tz: str | None, until: Moment | None) -> pd.DataFrame:
    """Return the complete days of a zone; where it is not known which are, all covered ones."""
    if frame.empty:
        return frame
    known = until if until is not None else meta_of(frame).get("complete_until")
    end = known if known is not None else bucket_stops(frame, sorted_times(frame))[-1]
    return local_days(frame, tz or str(times_of(frame).tz), until=end)


def _key_day(
    frame: pd.DataFrame,
    chosen: Chosen,
    name: str,
    of: str | None,
    until: Moment | None,
    ax: Axes | None,
) -> Axes:
    notes = [*chosen.notes, *silent_notes(frame, chosen, [name])]
    if name in RATES:
        window = window_for(chosen, name, "auto")
        label = plain(rate_label(name, of=of, rolling=window, keys=chosen.levels))
        table = rate_table(chosen, name, of, window)
    else:
        label = f"{_label(name)} per {bucket_word(chosen.frame)}"
        table = count_tables(chosen, [name])[name]
    rows = table.reindex(columns=chosen.keys or table.columns).T
    ax = ax if ax is not None else new_axes(9, 1.5 + 0.3 * max(len(rows), 3))
    if np.isfinite(rows.to_numpy()).any():
        times = with_gaps(chosen.frame)
        cells = rows.reindex(columns=times).to_numpy(dtype="float64")
        stops = bucket_stops(chosen.frame, times)
        edges = np.append(instants(times), instants(stops[-1:]))
        _draw_mesh(ax, edges, cells, gid=name, label=label, rate=name in RATES)
        labels = key_labels(chosen.keys, most=32).values()
        ax.set_yticks(np.arange(len(rows)) + 0.5, list(labels) or [""])
        set_time_axis(ax, chosen.frame)
        ax.set_xlim(edges[0], edges[-1])
        is_open = open_buckets(chosen.frame, times, until)
        if is_open.any():
            _hatch_columns(ax, edges[int(np.argmax(is_open))], edges[-1])
            notes.append(_OPEN_NOTE)
        notes += [] if np.isfinite(cells).all() else [_GREY_NOTE]
    else:
        say_nothing_to_draw(ax, empty=frame.empty)
    title = f"{_label(name)} {chosen.phrase}".strip()
    finish(ax, frame, title=title, xlabel=time_label(chosen.frame), notes=notes)
    return ax


def _label(name: str) -> str:
    if name in RATES:
        return RATES[name].label
    return ALL_COUNTS[name].label if name in ALL_COUNTS else plain(name)


# ---------------------------------------------------------------- cells


def _draw_mesh(
    ax: Axes, edges: npt.NDArray[Any], table: Floats, *, gid: str, label: str, rate: bool
) -> None:
    """Draw one cell per value, the first row on top, unknown ones grey.

    `label` stands beside the colour bar; a `rate` is a fraction, shown as percent.
    """
    ax.set_facecolor(_NO_DATA)
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


def _hatch_columns(ax: Axes, first: Any, last: Any) -> None:
    """Hatch the columns from one edge to another: they are still counting."""
    ax.axvspan(
        first, last, facecolor="none", edgecolor="white", hatch="////", linewidth=0, gid="open"
    )
