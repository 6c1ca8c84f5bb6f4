"""A user's own table (a control-panel CSV, a warehouse query) to a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from mgframe.checking import check_frame
from mgframe.errors import FrameError, QueryError, suggestion
from mgframe.framing import build, make_index
from mgframe.timespan import (
    Moment,
    bucket_starts,
    check_resolution,
    json_time,
    localise,
    read_moment,
    read_zone,
)
from mgframe.vocabulary import AGE_LEVELS, COUNTS, KEYS, NO_KEY, count_name

#: How columns may be called, and the count that each is.
_COUNT_NAMES = {word: word for name in COUNTS for word in (name, f"{name}_count")}
_ISO = r"\d{4}-\d{2}(?!\d)"
_TIME_NAMES = ("time", "date", "day", "hour", "timestamp")
#: What rows of a table can be of; an age stands in place of the time that a table must have.
_KEYS = [name for name in KEYS if name not in AGE_LEVELS]
#: A column called total is a sum in most tables, no key.
_KEY_NAMES = {name: name for name in _KEYS if name != "total"}
_OFFSET = r":\d\d(?:\.\d+)?\s*(?:Z|UTC|[+-]\d\d:?\d\d)$"
_MOST = 2**53


def as_frame(
    table: pd.DataFrame,
    *,
    time: str | None = None,
    keys: Mapping[str, str] | Iterable[str] | None = None,
    counts: Mapping[str, str] | Iterable[str] | None = None,
    resolution: str | None = None,
    tz: str | tzinfo = "UTC",
    complete_until: Moment | None = None,
) -> pd.DataFrame:
    """Turn a table of your own into a frame: a control-panel CSV, a warehouse query, an export.

    Parameters
    ----------
    table : DataFrame
        One row a bucket and key. It is not changed.
    time : str, optional
        The column (or index level) of bucket starts; by default one called time, date, day, hour
        or timestamp.
    keys : mapping or iterable of str, optional
        Level to column, ``{"domain": "Sending domain"}``, or names of columns that are called as
        the level; by default every column called like a key. Without any: ``account``.
    counts : mapping or iterable of str, optional
        Count to column, ``{"delivered": "Delivered"}``, or names of columns; by default every
        column called like a count, with or without ``_count``. A count of a name that mgframe does
        not know (a postmaster's own) is kept under it, at the end.
    resolution : {"hour", "day", "month"}, optional
        The width of a bucket; by default told from the times.
    tz : str or tzinfo, default "UTC"
        The zone of naive times. Days and months of another zone keep it, as
        :func:`mgframe.local_days` makes them; hours become UTC.
    complete_until : str, date or datetime, optional
        When the complete buckets end (exclusive); a naive one is in `tz`. What needs it asks for
        it otherwise.

    Returns
    -------
    DataFrame
        Index: `time`, the keys. Columns: counts ``Int64``, derived ones added where their parts
        are there. Empty cells are NA. Rows are taken as they are: a bucket that the table lacks is
        a hole, which ``rolling=`` and ``resample`` treat as unknown.

    Raises
    ------
    FrameError
        A column is missing, a count is negative or no whole number, a time does not begin a
        bucket, or a row occurs twice.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"Date": ["2026-11-01", "2026-11-02"], "Sent to": ["a.com", "a.com"],
    ...                       "Delivered": [90, 95], "Bounced": [10, 5]})
    >>> df = mg.as_frame(table, time="Date", keys={"domain": "Sent to"},
    ...                  counts={"delivered": "Delivered", "bounced": "Bounced"})
    >>> df  # doctest: +NORMALIZE_WHITESPACE
                                      delivered  bounced
    time                      domain
    2026-11-01 00:00:00+00:00 a.com          90       10
    2026-11-02 00:00:00+00:00 a.com          95        5
    """
    flat = _flat(table)
    columns = list(flat.columns)
    time_column = _time_column(columns, time)
    key_columns = _named(keys, columns, "keys", _KEY_NAMES)
    count_columns = _count_columns(counts, columns, {time_column, *key_columns.values()})
    zone = read_zone(tz)
    times, width = _times(flat[time_column], zone, resolution)
    levels = {name: _keys(flat[column]) for name, column in key_columns.items()}
    index = make_index(times, levels or {"account": np.full(len(flat), "account", dtype=object)})
    values = {name: _counts(flat[column], column) for name, column in count_columns.items()}
    meta = {"endpoint": "mg.as_frame", "resolution": width}
    if complete_until is not None:
        until = read_moment(complete_until, argument="complete_until", zone=zone)
        meta["complete_until"] = json_time(until)
    return check_frame(build(index, values, meta=meta))


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its named index levels as columns, every column called by a text."""
    if not isinstance(table, pd.DataFrame):
        raise FrameError(f"as_frame takes a DataFrame, got {type(table).__name__}")
    named = any(name is not None for name in table.index.names)
    try:
        flat = table.reset_index() if named else table
    except ValueError as error:
        raise FrameError(f"a level and a column of the table share a name: {error}") from None
    flat = flat.set_axis([str(name) for name in flat.columns], axis=1)
    if not flat.columns.is_unique:
        twice = flat.columns[flat.columns.duplicated()][0]
        raise FrameError(f"two columns are called {twice!r}; rename or drop one first")
    return flat


def _time_column(columns: list[str], time: str | None) -> str:
    if time is not None and time not in columns:
        raise FrameError(
            f"time={time!r} is no column of the table{suggestion(time, columns)}; "
            f"its columns are {columns}"
        )
    found = time or next((c for c in columns if c.lower() in _TIME_NAMES), None)
    if found is None:
        raise FrameError(f"say which column holds the time: time=...; the columns are {columns}")
    return found


def _named(
    given: Mapping[str, str] | Iterable[str] | None,
    columns: list[str],
    argument: str,
    by_default: Mapping[str, str],
) -> dict[str, str]:
    """Return level to column; a column is found by its name in lower case with underscores."""
    plain = _plain(columns)
    if given is None:
        return {name: plain[word] for word, name in by_default.items() if word in plain}
    names = {given: given} if isinstance(given, str) else given
    pairs = dict(names) if isinstance(names, Mapping) else {name: name for name in names}
    for level, column in pairs.items():
        if column not in columns:
            raise FrameError(
                f"{argument} names the column {column!r}, which the table lacks"
                f"{suggestion(column, columns)}; its columns are {columns}"
            )
        if argument == "keys" and level not in _KEYS:
            raise FrameError(
                f"keys: {level!r} is no key{suggestion(level, _KEYS)}; the keys are {_KEYS}"
            )
    return pairs


def _plain(columns: Iterable[str]) -> dict[str, str]:
    return {c.strip().lower().replace(" ", "_").replace("-", "_"): c for c in columns}


def _count_columns(
    counts: Mapping[str, str] | Iterable[str] | None, columns: list[str], taken: set[str]
) -> dict[str, str]:
    free = [column for column in columns if column not in taken]
    found: dict[str, str] = {}
    for given, column in _named(counts, free, "counts", _COUNT_NAMES).items():
        name = _own_or_known(given)
        if name in found:
            raise FrameError(
                f"columns {found[name]!r} and {column!r} are both {name!r}; "
                "choose one with counts={...}"
            )
        found[name] = column
    if not found:
        raise FrameError(
            "no column is called like a count; say which is which: "
            f"counts={{'delivered': '...'}}; the columns are {columns}"
        )
    return found


def _own_or_known(name: str) -> str:
    try:
        return count_name(name)
    except QueryError:
        return name


def _times(
    column: pd.Series[Any], zone: tzinfo, resolution: str | None
) -> tuple[pd.DatetimeIndex, str]:
    if is_numeric_dtype(column) and len(column):
        raise FrameError(
            f"column {column.name!r} holds numbers, not times; for epoch seconds use "
            "pd.to_datetime(column, unit='s', utc=True) first"
        )
    texts = column[column.map(lambda value: isinstance(value, str))]
    odd = texts[~texts.astype(str).str.match(_ISO)]
    if len(odd):
        raise FrameError(
            f"column {column.name!r} holds the time {odd.iloc[0][:40]!r}; a text must begin like "
            "'2026-11-30', for whether '01/02/2026' is a day of January or of February cannot be "
            "told; use pd.to_datetime(column, dayfirst=True) first, and drop rows of totals"
        )
    try:
        # Local times with their offsets (+01:00, +02:00) are read together only as UTC.
        aware = column.astype(str).str.contains(_OFFSET, regex=True).all()
        times = pd.DatetimeIndex(pd.to_datetime(column, utc=bool(aware)))
    except (ValueError, TypeError) as error:
        raise FrameError(f"the times of column {column.name!r} cannot be read: {error}") from None
    if times.hasnans:
        raise FrameError(
            f"column {column.name!r} has {np.count_nonzero(times.isna())} empty times; drop them"
        )
    local = localise(times, zone) if times.tz is None else times.tz_convert(zone)
    width = check_resolution(resolution) if resolution else _width(local)
    crooked = local[local.tz_localize(None) != _starts(local, width).tz_localize(None)]
    if len(crooked):
        raise FrameError(f"the time {crooked[0]} is not the start of its {width}; round it down")
    return (local.tz_convert("UTC") if width == "hour" else local).as_unit("us"), width


def _starts(local: pd.DatetimeIndex, width: str) -> pd.DatetimeIndex:
    return local.tz_localize(None).floor("h") if width == "hour" else bucket_starts(local, width)


def _width(local: pd.DatetimeIndex) -> str:
    if (local != bucket_starts(local, "day")).any():
        return "hour"
    days = local.unique().sort_values()
    if len(days) > 1 and (days.day == 1).all():
        return "month"
    if len(days) > 2 and (days.day_of_week == days[0].day_of_week).all():
        raise FrameError(
            "the times are whole weeks apart, and a frame is made of hours, days or months; "
            "give days and use df.mg.resample('W'), or say resolution='day' if each is one day"
        )
    return "day"


def _keys(column: pd.Series[Any]) -> Any:
    text = column.astype(object).where(column.notna(), NO_KEY).map(str).str.strip()
    return text.where(text != "", NO_KEY).to_numpy(dtype=object)


def _counts(column: pd.Series[Any], name: str) -> Any:
    numbers = pd.to_numeric(column, errors="coerce")
    # A text such as "1.000" is a thousand in half of Europe and a one elsewhere.
    texts = column.map(lambda value: isinstance(value, str) and not value.strip().isdecimal())
    unread = column[(numbers.isna() | texts.astype(bool)) & column.notna()]
    if len(unread):
        raise FrameError(
            f"column {name!r} holds {str(unread.iloc[0])[:40]!r}, which is no count; "
            "read numbers as numbers (pd.read_csv(..., thousands=',')) and leave rates out"
        )
    known = numbers.dropna()
    if (known % 1 != 0).any() or not known.between(0, _MOST).all():
        raise FrameError(
            f"column {name!r} is no count: it holds fractions, negative or impossible "
            "numbers; a frame holds counts, join rates of your own afterwards"
        )
    return numbers.astype("Int64").array
