"""Frames to other frames by their keys: sums, rows chosen, the largest keys, wide and long tables.

Longer buckets are made in ``periods``; what is final is told in ``settling``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from datetime import date
from numbers import Integral
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import FrameError, QueryError, suggestion, warn
from mgframe.feedback import with_rest_noted
from mgframe.framing import (
    key_levels,
    meta_of,
    require_columns,
    require_levels,
    require_named,
    require_table,
    time_level,
    with_meta,
)
from mgframe.ranking import ranked_keys
from mgframe.summing import (
    add_up,
    group_rows,
    labels_of,
    levels_dropped,
    levels_named,
    passes_unique_window,
    plain_labels,
    refuse_lifetime_sums,
    refuse_overlapping_sums,
    require_counts,
    warn_of_uniques,
    with_used_labels,
)
from mgframe.timespan import read_moment
from mgframe.vocabulary import OTHER_KEYS, TIME_LEVELS

#: Looking for the nearest of many values takes long, so it is done for the first few.
_MOST_SUGGESTIONS: Final = 3


def sum(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    *,
    overlap: bool = False,
    skipna: bool = False,
) -> pd.DataFrame:
    """Return the counts summed over every level that `by` does not name.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts.
    by : str or sequence of str
        The levels to keep. ``[]`` sums everything into one row, level ``total``, key ``"(all)"``.
    overlap : bool, default False
        Sum over `tag` although a message may carry several tags, so that it counts several times.
    skipna : bool, default False
        Add up what is known. Otherwise a sum with an unknown part is NA.

    Returns
    -------
    DataFrame
        The same columns (``Int64``, exact), indexed by the levels in `by`, in the frame's order.

    Raises
    ------
    FrameError
        The frame lacks a level, holds something else than counts, or the sum would mislead: over
        `as_of` always, over `tag` without `overlap`.

    Warns
    -----
    MgframeWarning
        Unique counts are summed over `bot` or over more than seven days.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-11-14", "2026-11-14", "2026-11-15", "2026-11-15"],
    ...                       "domain": ["a.com", "b.com"] * 2, "delivered": [10, 20, 30, 40]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> df.mg.sum("domain")  # doctest: +NORMALIZE_WHITESPACE
            delivered
    domain
    a.com          40
    b.com          60
    """
    require_table(frame)
    kept = levels_named(frame, by)
    dropped = levels_dropped(frame, kept)
    refuse_lifetime_sums(dropped)
    if not overlap:
        refuse_overlapping_sums(frame, dropped, way_out="name it in by=, or say overlap=True")
    warn_of_uniques(
        [str(name) for name in frame.columns],
        over_bots="bot" in dropped,
        over_days=passes_unique_window(frame, dropped),
    )
    meta = meta_of(frame)
    if "time" in dropped:
        meta["resolution"] = "total"
    return with_meta(add_up(frame, *group_rows(labels_of(frame, kept)), skipna=skipna), meta)


def where(frame: pd.DataFrame, /, **keys: Any) -> pd.DataFrame:
    """Return the rows whose levels have the given values.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts or rates.
    **keys : value or list of values
        One or several values per level, such as ``domain="example.com"`` or
        ``provider=["gmail.com", "yahoo.com"]``.

    Returns
    -------
    DataFrame
        The rows that match every level, with all levels and columns; possibly empty.

    Raises
    ------
    FrameError
        The frame lacks a level; the nearest one is suggested.

    Warns
    -----
    MgframeWarning
        No row has a value; the nearest one is suggested.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": "2026-11-14", "domain": ["a.com", "b.com"],
    ...                       "delivered": [10, 20]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> df.mg.where(domain="b.com")["delivered"].tolist()
    [20]
    """
    require_levels(frame, list(keys))
    chosen = np.ones(len(frame), dtype=bool)
    for level, values in keys.items():
        labels = frame.index.get_level_values(level)
        wanted = values_of(labels, level, values)
        chosen &= labels.isin(wanted)
        _warn_of_absent(labels, level, wanted)
    return with_meta(with_used_labels(frame[chosen]), meta_of(frame))


def values_of(labels: pd.Index, level: str, values: Any) -> list[Any]:
    """Return the values as a list, those of a time level as times in its zone."""
    single = isinstance(values, str | date) or not isinstance(values, Iterable)
    listed = [values] if single else list(values)
    if level not in TIME_LEVELS:
        if not all(isinstance(value, Hashable) for value in listed):
            raise QueryError(f"{level}={values!r} must be one value or a list of values")
        return listed
    zone = pd.DatetimeIndex(labels).tz
    return [read_moment(value, argument=level, zone=zone).tz_convert(zone) for value in listed]


def _warn_of_absent(labels: pd.Index, level: str, wanted: Sequence[Any]) -> None:
    """Warn once of the values that no row has, and suggest what the first ones may mean."""
    present = labels.unique()
    absent = [v for v in wanted if v not in present]
    if not absent:
        return
    names = [] if level in TIME_LEVELS else [str(name) for name in present]
    parts = [f"{level}={str(v)!r}{suggestion(v, names)}" for v in absent[:_MOST_SUGGESTIONS]]
    more = len(absent) - len(parts)
    warn(f"no row has {', '.join(parts)}{f' and {more} more' if more else ''}")


def top(
    frame: pd.DataFrame,
    n: int,
    *,
    by: str | None = None,
    other: bool = True,
    overlap: bool = False,
) -> pd.DataFrame:
    """Return the `n` largest values of a key, and the rest summed under ``"(other)"``.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts.
    n : int
        How many values to keep by name.
    by : str, optional
        The key; may be left out where the frame has only one.
    other : bool, default True
        Sum the rest under ``"(other)"``; False leaves it out.
    overlap : bool, default False
        Allow ``"(other)"`` among tags, where a message may count several times.

    Returns
    -------
    DataFrame
        A frame with the same levels and columns. Ranked by the known counts of the first column
        that says something of the key (processed, sent, delivered, accepted, then opens and
        clicks, as for countries and devices), then by name; an ``"(other)"`` of before stays in
        the rest. Where the rest holds providers that report no complaints, attrs say so, and its
        complaint rate is NaN.

    Raises
    ------
    QueryError
        `n` is no whole number of 1 or more.
    FrameError
        The frame lacks the key, has several and none is named, or tags would be summed.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": "2026-11-14", "domain": ["a.com", "b.com", "c.com"],
    ...                       "delivered": [10, 20, 5]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> df.mg.top(1).mg.sum("domain")  # doctest: +NORMALIZE_WHITESPACE
            delivered
    domain
    (other)        15
    b.com          20
    """
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise QueryError(
            f"n={n!r} must be a whole number of 1 or more: how many values of the key to keep"
        )
    require_table(frame)
    level = _key_named(frame, by)
    require_counts(frame, list(frame.columns))
    ranked = ranked_keys(frame, level)
    if len(ranked) <= n:
        return with_meta(frame.copy(), meta_of(frame))
    labels = plain_labels(frame, level)
    named = labels.isin([key for key in ranked[:n] if key != OTHER_KEYS])
    if not other:
        return with_meta(with_used_labels(frame[named]), meta_of(frame))
    if not overlap:
        refuse_overlapping_sums(
            frame, [level], way_out="leave the rest out with other=False, or say overlap=True"
        )
    columns = [str(name) for name in frame.columns]
    warn_of_uniques(columns, over_bots=level == "bot", over_days=False)
    parts = labels_of(frame, levels_dropped(frame, []))
    renamed = pd.Index(labels.where(named, OTHER_KEYS), dtype=labels.dtype, name=level)
    parts[frame.index.names.index(level)] = renamed
    meta = with_rest_noted(meta_of(frame), level, ranked[n:])
    return with_meta(add_up(frame, *group_rows(parts), skipna=False), meta)


def _key_named(frame: pd.DataFrame, by: str | None) -> str:
    keys = key_levels(frame)
    if by is None and len(keys) == 1:
        return keys[0]
    if by is None:
        raise FrameError(f"by= must name one of the frame's keys: {keys}")
    if by not in keys:
        raise FrameError(
            f"by={by!r} is no key of the frame{suggestion(by, keys)}; its keys are {keys}"
        )
    return by


def wide(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one column as a table of time by key.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts or rates with a level of time or age.
    column : str
        A count or a rate.

    Returns
    -------
    DataFrame
        A row per bucket (`time`, `as_of`) or age, a column per key; several keys are several column
        levels, and without keys the one column has the count's name. The column's dtype stays;
        missing combinations are NA.

    Raises
    ------
    QueryError
        `column` is no name.
    FrameError
        The frame lacks the column or a time level.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": "2026-11-14", "domain": ["a.com", "b.com"],
    ...                       "delivered": [10, 20]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> df.mg.wide("delivered").to_numpy().tolist()
    [[10, 20]]
    """
    if not isinstance(column, str):
        raise QueryError(f"column={column!r} must be the name of one count or rate")
    require_columns(frame, [column])
    if time_level(frame) is None:
        require_levels(frame, ["time"])
    keys = key_levels(frame)
    table = frame[column].unstack(keys).sort_index(axis=1) if keys else frame[[column]].sort_index()
    return with_meta(table, meta_of(frame))


def long(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a plain table with one row per count, as other tools like it.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts.

    Returns
    -------
    DataFrame
        The levels as columns, then ``count`` (the name) and ``value`` (``Int64``), one count after
        the other; a plain index of numbers.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": "2026-11-14", "domain": ["a.com", "b.com"],
    ...                       "delivered": [10, 20]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> df.mg.long()[["domain", "count", "value"]]
      domain      count  value
    0  a.com  delivered     10
    1  b.com  delivered     20
    """
    require_table(frame)
    require_named(frame)
    levels = [str(name) for name in frame.index.names]
    plain = frame.reset_index()
    table = plain.melt(id_vars=levels, var_name="count", value_name="value")
    return with_meta(table, meta_of(frame))
