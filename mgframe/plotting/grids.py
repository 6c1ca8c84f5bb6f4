"""Heat maps: weekday by hour, and key by day."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mgframe.errors import FrameError, QueryError, suggestion
from mgframe.framing import meta_of, require_columns, times_of
from mgframe.periods import local_days
from mgframe.plotting.choosing import Chosen, choose, whose, without_single_tag
from mgframe.plotting.mesh import GREY_NOTE, OPEN_NOTE, draw_mesh, hatch_columns
from mgframe.plotting.style import finish, new_axes, say_nothing_to_draw
from mgframe.plotting.tables import (
    count_tables,
    cut_for,
    pooled_rate,
    rate_table,
    silent_notes,
    window_for,
)
from mgframe.plotting.texts import key_labels, plain
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
from mgframe.vocabulary import COUNTS, RATES, rate_name

Kind = Literal["weekday-hour", "key-day"]

_KINDS: Final = ("weekday-hour", "key-day")
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONDAY: Final = pd.Timestamp("2001-01-01", tz="UTC")


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
    name = rate_name(what) if _is_rate(frame, what) else _count(frame, what)
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


def _is_rate(frame: pd.DataFrame, what: str) -> bool:
    mailgun = {rate.mailgun for rate in RATES.values()} - {""}
    return what not in frame.columns and (what in RATES or what in mailgun)


def _count(frame: pd.DataFrame, what: str) -> str:
    """Return the column that `what` names, its own or a count's."""
    if what in frame.columns:
        return what
    bare = str(what).removesuffix("_count")
    if bare not in COUNTS:
        near = suggestion(bare, [*COUNTS, *RATES])
        raise QueryError(f"what={what!r} is no count and no rate{near}; see mg.explain()")
    require_columns(frame, [bare])
    return bare


# ---------------------------------------------------------------- weekday by hour


def _weekday_hour(
    frame: pd.DataFrame,
    name: str,
    of: str | None,
    tz: str | None,
    until: Moment | None,
    ax: Axes | None,
) -> Axes:
    complete, notes = complete_rows(without_single_tag(frame), until)
    local = _local_hours(complete, tz)
    slots = _MONDAY + pd.to_timedelta(local.day_of_week * 24 + local.hour, unit="h")
    if name in RATES:
        label = plain(rate_label(name, of=of))
        cells = pooled_rate(_at(complete, slots), name, of)
    else:
        label = f"{_label(name)} per hour, mean"
        hours = sum_of(complete[[name]], "time")[name].astype("Float64")
        cells = hours.groupby(slots[~times_of(complete).duplicated()]).mean()
    week = pd.date_range(_MONDAY, periods=7 * 24, freq="h").as_unit("us")
    values = cells.reindex(week).to_numpy(dtype="float64", na_value=np.nan)
    table = np.asarray(values, dtype="float64").reshape(7, 24)
    ax = ax if ax is not None else new_axes(9, 3.8)
    if np.isfinite(table).any():
        draw_mesh(
            ax,
            np.arange(25),
            table,
            gid=name,
            label=label,
            rate=name in RATES,
        )
        ax.set_yticks(np.arange(7) + 0.5, _WEEKDAYS)
        ax.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
        notes += [] if np.isfinite(table).all() else [GREY_NOTE]
    else:
        say_nothing_to_draw(ax, empty=frame.empty)
    title = f"{_label(name)} by weekday and hour{whose(complete)}"
    hours_label = f"hour of the day ({local.tz}), from {window_text(complete)}"
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


def _at(frame: pd.DataFrame, times: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the frame with other times, which may repeat."""
    names = [str(name) for name in frame.index.names]
    arrays = [times if name == "time" else frame.index.get_level_values(name) for name in names]
    return frame.set_axis(pd.MultiIndex.from_arrays(arrays, names=names), axis=0)


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
        draw_mesh(ax, edges, cells, gid=name, label=label, rate=name in RATES)
        labels = key_labels(chosen.keys, most=32).values()
        ax.set_yticks(np.arange(len(rows)) + 0.5, list(labels) or [""])
        set_time_axis(ax, chosen.frame)
        ax.set_xlim(edges[0], edges[-1])
        is_open = open_buckets(chosen.frame, times, until)
        if is_open.any():
            hatch_columns(ax, edges[int(np.argmax(is_open))], edges[-1])
            notes.append(OPEN_NOTE)
        notes += [] if np.isfinite(cells).all() else [GREY_NOTE]
    else:
        say_nothing_to_draw(ax, empty=frame.empty)
    title = f"{_label(name)} {chosen.phrase}".strip()
    finish(ax, frame, title=title, xlabel=time_label(chosen.frame), notes=notes)
    return ax


def _label(name: str) -> str:
    if name in RATES:
        return RATES[name].label
    return COUNTS[name].label if name in COUNTS else plain(name)
