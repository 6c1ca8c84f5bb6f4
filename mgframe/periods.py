"""Buckets to longer ones: days, weeks, months, quarters, years, and the days of a time zone."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

import numpy as np
import pandas as pd

from mgframe.errors import FrameError, QueryError, warn
from mgframe.framing import (
    complete_until,
    meta_of,
    require_table,
    resolution_of,
    times_of,
    with_meta,
)
from mgframe.summing import (
    Booleans,
    Integers,
    add_up,
    group_rows,
    labels_of,
    levels_dropped,
    warn_of_uniques,
    with_used_labels,
)
from mgframe.timespan import (
    Moment,
    bucket_ends,
    bucket_starts,
    json_time,
    local_midnights,
    localise,
    read_zone,
)

_RULES: Final = {"D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}

#: Which buckets fit into a period without a rest.
FITS: Final = {
    "day": ("hour", "day"),
    "week": ("hour", "day", "week"),
    "month": ("hour", "day", "month"),
    "quarter": ("hour", "day", "month", "quarter"),
    "year": ("hour", "day", "month", "quarter", "year"),
}

_GRID: Final = {"day": "D", "week": "7D", "month": "MS", "quarter": "QS", "year": "YS"}


def resample(
    frame: pd.DataFrame,
    rule: str,
    *,
    partial: bool = False,
    until: Moment | None = None,
    skipna: bool = False,
) -> pd.DataFrame:
    """Return the counts summed over longer buckets, key by key.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts with the level `time`, in UTC or in a zone (from :func:`local_days`).
    rule : {"D", "W", "M", "Q", "Y"}
        Days, weeks (Monday to Sunday), months, quarters or years.
    partial : bool, default False
        Keep periods at the edges that the frame does not cover, or that are not over yet.
        Otherwise a period stays only where the frame's buckets cover it from its start to its end,
        and it ends at or before `until`.
    until : str or datetime, optional
        Until when (exclusive) buckets are complete; from attrs where left out.
    skipna : bool, default False
        Add up what is known. Otherwise a sum with an unknown part, or with a bucket that has no
        row, is NA.

    Returns
    -------
    DataFrame
        The same columns (``Int64``) and levels; `time` is the start of the period.

    Raises
    ------
    QueryError
        There is no such rule.
    FrameError
        The buckets do not fit into the period (days into hours, months into weeks), the frame has
        no `time`, or it is not known until when it is complete.

    Warns
    -----
    MgframeWarning
        No period is complete, a bucket has no row, or unique counts are summed over more than seven
        days.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": pd.date_range("2026-11-01", periods=15),
    ...                       "domain": "a.com", "delivered": 10})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-11-16")
    >>> df.mg.resample("W")  # doctest: +NORMALIZE_WHITESPACE
                                      delivered
    time                      domain
    2026-11-02 00:00:00+00:00 a.com          70
    2026-11-09 00:00:00+00:00 a.com          70
    """
    return _longer_buckets(
        frame, times_of(frame), read_rule(rule), partial=partial, until=until, skipna=skipna
    )


def read_rule(rule: str) -> str:
    """Return the period that a rule names, else raise :class:`QueryError`."""
    if not isinstance(rule, str):
        raise QueryError(f"rule={rule!r} must be one of {', '.join(map(repr, _RULES))}")
    if rule not in _RULES:
        near = f"; did you mean {rule[0].upper()!r}?" if rule[:1].upper() in _RULES else ""
        raise QueryError(
            f"rule={rule!r} must be 'D' (days), 'W' (weeks), 'M' (months), 'Q' (quarters) or 'Y' "
            f"(years){near}"
        )
    return _RULES[rule]


def local_days(
    frame: pd.DataFrame,
    tz: str | tzinfo,
    *,
    partial: bool = False,
    until: Moment | None = None,
    skipna: bool = False,
) -> pd.DataFrame:
    """Return hours summed to the days of a time zone, of 23 and 25 hours where clocks change.

    Parameters
    ----------
    frame : DataFrame
        A frame of hours.
    tz : str or tzinfo
        The zone, such as ``"Europe/Berlin"``.
    partial, until, skipna
        As for :func:`resample`.

    Returns
    -------
    DataFrame
        The same columns (``Int64``) and levels; `time` is local midnight, dtype
        ``datetime64[us, tz]``. A midnight that does not exist moves forward.

    Raises
    ------
    QueryError
        No such zone, or one that is not a whole number of hours from UTC.
    FrameError
        The frame has other buckets than hours, or it is not known until when it is complete.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"hour": pd.date_range("2026-10-24 22:00", periods=25, freq="h"),
    ...                       "domain": "a.com", "delivered": 1})
    >>> df = mg.as_frame(table, resolution="hour", complete_until="2026-10-26")
    >>> df.mg.local_days("Europe/Berlin")  # doctest: +NORMALIZE_WHITESPACE
                                      delivered
    time                      domain
    2026-10-25 00:00:00+02:00 a.com          25
    """
    zone = read_zone(tz)
    width = resolution_of(frame)
    if width != "hour":
        raise FrameError(
            f"local_days needs hours, but the frame has {width}s, which are cut in "
            f"{times_of(frame).tz}; fetch resolution='hour'"
        )
    times = local_hours(times_of(frame), zone)
    days = _longer_buckets(frame, times, "day", partial=partial, until=until, skipna=skipna)
    return with_meta(days, {**meta_of(days), "tz": str(zone)})


def local_hours(hours: pd.DatetimeIndex, zone: tzinfo) -> pd.DatetimeIndex:
    """Return hours in a zone, else raise :class:`QueryError` where its days cut them in two."""
    times = hours.tz_convert(zone)
    offsets = times.tz_localize(None) - times.tz_convert("UTC").tz_localize(None)
    if (offsets % pd.Timedelta(hours=1) != pd.Timedelta(0)).any():
        raise QueryError(
            f"tz={str(zone)!r} is not a whole number of hours from UTC, so Mailgun's hours cannot "
            "be cut at its midnight; choose a zone on the full hour, or stay in UTC with "
            "resample('D')"
        )
    return times


def _longer_buckets(
    frame: pd.DataFrame,
    times: pd.DatetimeIndex,
    period: str,
    *,
    partial: bool,
    until: Moment | None,
    skipna: bool,
) -> pd.DataFrame:
    """Return the sums over periods of the given times, which are the rows' in any zone."""
    require_table(frame)
    width = resolution_of(frame)
    refuse_rest(width, period)
    if width != period and period in ("month", "quarter", "year"):
        warn_of_uniques([str(n) for n in frame.columns], over_bots=False, over_days=True)
    labels = labels_of(frame, levels_dropped(frame, []))
    labels[0] = starts_of(times, period)
    groups, index = group_rows(labels)
    sums = add_up(frame, groups, index, skipna=skipna)
    seen = times.unique()
    if len(frame) and not skipna:
        rows = np.bincount(groups, minlength=len(index))
        sums = sums.mask(_holes(sums, rows, seen, width, period))
    edge = None if partial else complete_until(frame, until)
    if len(frame) and edge is not None:
        sums = _complete_periods(sums, seen, width, period, edge)
    meta = {**meta_of(frame), "resolution": period}
    if until is not None and edge is not None:
        meta["complete_until"] = json_time(edge)
    return with_meta(sums, meta)


def refuse_rest(width: str, period: str) -> None:
    """Raise :class:`FrameError` where buckets do not fit into a period."""
    if width in FITS[period]:
        return
    why = (
        f"a {width} lies in two {period}s at the edges"
        if width == "week"
        else f"nothing says how a {width}'s counts fall on its {period}s"
    )
    finer = " or ".join(f"{name}s" for name in FITS[period] if name in ("hour", "day"))
    raise FrameError(f"{width}s cannot be resampled to {period}s: {why}; fetch {finer}")


def _holes(
    sums: pd.DataFrame, rows: Integers, seen: pd.DatetimeIndex, width: str, period: str
) -> Booleans:
    """Return the cells whose period has a bucket without a row, within what the frame spans."""
    lacking = have_holes(times_of(sums), rows, seen, width, period)
    if lacking.any():
        warn(
            f"{lacking.sum()} of {len(sums)} sums lack a bucket that has no row, which is unknown, "
            "not zero; they are NA, skipna=True adds up what is there"
        )
    return np.repeat(lacking[:, np.newaxis], sums.shape[1], axis=1)


def _complete_periods(
    sums: pd.DataFrame, seen: pd.DatetimeIndex, width: str, period: str, edge: pd.Timestamp
) -> pd.DataFrame:
    """Drop the periods that the frame does not span, or that are not over at the edge."""
    kept = are_whole(times_of(sums), seen, width, period, edge)
    if not kept.any():
        last = min(bucket_ends(seen, width).max(), edge)
        warn(
            f"no {period} is complete between {seen.min()} and {last}; partial=True keeps "
            f"incomplete {period}s"
        )
    return with_used_labels(sums[kept])


def starts_of(times: pd.DatetimeIndex, period: str) -> pd.DatetimeIndex:
    """Return the start of the period of each time; each is computed once."""
    seen = times.unique()
    return bucket_starts(seen, period).take(seen.get_indexer(times)).rename("time")


def have_holes(
    starts: pd.DatetimeIndex, rows: Integers, seen: pd.DatetimeIndex, width: str, period: str
) -> Booleans:
    """Return which periods have fewer rows than buckets, within the first and last time seen."""
    expected = _buckets_per_period(seen, width, period).reindex(starts).to_numpy()
    return np.asarray(rows < expected)


def are_whole(
    starts: pd.DatetimeIndex,
    seen: pd.DatetimeIndex,
    width: str,
    period: str,
    edge: pd.Timestamp,
) -> Booleans:
    """Return which periods the times seen span, and are over at the edge."""
    last = min(bucket_ends(seen, width).max(), edge)
    return np.asarray((starts >= seen.min()) & (bucket_ends(starts, period) <= last))


def _buckets_per_period(seen: pd.DatetimeIndex, width: str, period: str) -> pd.Series[int]:
    """Return how many buckets there are from the first to the last one, by period."""
    if width == "hour":
        grid = pd.date_range(seen.min(), seen.max(), freq="h")
    else:
        days = local_midnights(seen)
        grid = localise(pd.date_range(days.min(), days.max(), freq=_GRID[width]), seen.tz)
    return bucket_starts(grid.as_unit("us"), period).value_counts()
