"""Columns to tidy frames: index, missing buckets, derived counts, and what a frame knows of itself.

A frame is a plain ``DataFrame``. Its index is ``[time, key...]``: `time` is the start of the bucket
in UTC (microseconds), or `as_of` for lifetime counters; the keys are plain strings. Its columns are
counts of dtype ``Int64``, where NA is "not reported" and 0 is zero. ``frame.attrs["mgframe"]`` says
where it came from, as plain JSON; pandas loses attrs in places, so no number depends on them alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import FrameError, suggestion, type_said, warn
from mgframe.timespan import Moment, floor, read_moment
from mgframe.vocabulary import AGE_LEVELS, COUNTS, RETENTION_DAYS, TIME_LEVELS, in_order

ATTRS: Final = "mgframe"
_MOST_BYTES: Final = 2000
_DEEPEST: Final = 4
_TOO_LONG: Final = "(too long to keep)"

#: Below how many days between two buckets they are of which width; local days have 23 to 25 hours.
_LONGEST_GAPS: Final = {
    "hour": 0.8,
    "day": 6.5,
    "week": 27,
    "month": 80,
    "quarter": 300,
    "year": float("inf"),
}


# ---------------------------------------------------------------- what a frame knows of itself


def meta_of(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a copy of what the frame knows of its origin; empty where attrs were lost."""
    return dict(frame.attrs.get(ATTRS, {}))


def with_meta(frame: pd.DataFrame, meta: Mapping[str, Any]) -> pd.DataFrame:
    """Return `frame` with `meta` as its attrs, cut to plain JSON below 2 kB."""
    frame.attrs = {ATTRS: bounded(meta)} if meta else {}
    return frame


def bounded(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Shorten long lists and texts first; a hostile rest goes altogether."""
    # Names of ids are of use together or not at all.
    small: dict[str, Any] = {
        str(name)[:60]: value if name == "names" else _shortened(value)
        for name, value in meta.items()
    }
    while len(json.dumps(small)) > _MOST_BYTES:
        longest = max(small, key=lambda name: len(json.dumps(small[name])))
        if small[longest] == _TOO_LONG:
            del small[longest]
        else:
            small[longest] = _TOO_LONG
    return small


def _shortened(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        return _TOO_LONG
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value if len(value) <= 120 else f"{value[:117]}..."
    if isinstance(value, Mapping):
        pairs = list(value.items())[: 10 if len(value) <= 10 else 9]
        short = {str(k)[:60]: _shortened(v, depth + 1) for k, v in pairs}
        return short if len(value) <= 10 else {**short, "...": f"{len(value)} in all"}
    if isinstance(value, Sequence):
        items = [_shortened(item, depth + 1) for item in value[: 10 if len(value) <= 10 else 9]]
        return items if len(value) <= 10 else [*items, f"... {len(value)} in all"]
    return value


def require_frame(frame: object) -> None:
    """Raise :class:`FrameError` for what is no frame and no column of one."""
    if not isinstance(frame, (pd.DataFrame, pd.Series)):
        raise FrameError(
            f"a frame of counts was expected, got {type_said(frame)}; fetch one, such as "
            "mg.metrics(by='domain', last='30d'), or make one of a table with mg.as_frame(df, ...)"
        )


def require_table(frame: object) -> None:
    """Raise :class:`FrameError` for what is no frame, one column of it neither."""
    require_frame(frame)
    if isinstance(frame, pd.Series):
        raise FrameError(
            f"a frame of counts was expected, got its column {frame.name!r} alone; "
            f"df[[{frame.name!r}]] keeps it a frame"
        )


def time_level(frame: pd.DataFrame) -> str | None:
    """Return the level that is time or age, None for a frame that was summed over it."""
    require_frame(frame)
    levels = (*TIME_LEVELS, *AGE_LEVELS)
    return next((str(name) for name in frame.index.names if name in levels), None)


def key_levels(frame: pd.DataFrame) -> list[str]:
    """Return the names of the levels that are keys, in the frame's order."""
    require_named(frame)
    others = (*TIME_LEVELS, *AGE_LEVELS)
    return [str(name) for name in frame.index.names if name not in others]


def require_named(frame: pd.DataFrame) -> None:
    """Raise :class:`FrameError` where a level has no name, as after ``reset_index()``."""
    require_frame(frame)
    if any(name is None for name in frame.index.names):
        raise FrameError(
            "the frame's index has a level without a name, as after reset_index() or a concat of "
            "frames with other levels; set_index(['time', 'domain']) gives it back"
        )


def times_of(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the bucket start of every row.

    Raises
    ------
    FrameError
        The frame has no `time` level, holds lifetime counters, or its times have no zone.
    """
    require_frame(frame)
    if "time" not in frame.index.names:
        why = (
            "it holds lifetime counters, which have as_of in its place"
            if "as_of" in frame.index.names
            else f"its levels are {list(frame.index.names)}"
        )
        raise FrameError(f"this needs the level 'time', but the frame has none: {why}")
    times = pd.DatetimeIndex(frame.index.get_level_values("time"))
    if times.tz is None:
        raise FrameError(
            "the level 'time' has no zone, and a bucket without one cannot be told from its "
            "neighbour; if it is UTC, make the frame anew with mg.as_frame(df.reset_index(), ...), "
            "or say it: df.tz_localize('UTC', level='time')"
        )
    return times


def resolution_of(frame: pd.DataFrame) -> str:
    """Return the width of the buckets: from attrs, else from the smallest gap between two.

    It is ``"hour"``, ``"day"`` or ``"month"``, or after a ``resample`` ``"week"``, ``"quarter"`` or
    ``"year"``.

    Raises
    ------
    FrameError
        A total over a window, or one bucket alone without attrs: the width cannot be told.
    """
    require_frame(frame)
    known = meta_of(frame).get("resolution")
    if known in _LONGEST_GAPS:
        return str(known)
    times = times_of(frame).unique().sort_values()
    if known is not None or len(times) < 2:
        raise FrameError(
            "the width of the frame's buckets is not known; make it with "
            "mg.as_frame(df, resolution='day') or fetch more than one bucket"
        )
    days = pd.Series(times).diff().min() / pd.Timedelta(days=1)
    return next(width for width, longest in _LONGEST_GAPS.items() if days < longest)


def complete_until(frame: pd.DataFrame, until: Moment | None = None) -> pd.Timestamp:
    """Return when the frame's complete buckets end (exclusive): `until`, else from attrs.

    Raises
    ------
    FrameError
        Neither is there.
    """
    moment = until if until is not None else meta_of(frame).get("complete_until")
    if moment is None:
        raise FrameError(
            "it is not known until when this frame's buckets are complete (attrs were lost); "
            "say it: until='2026-11-16 09:00'"
        )
    return read_moment(moment, argument="until")


def is_simulated(frame: pd.DataFrame) -> bool:
    """Return whether the numbers come from the simulator."""
    return bool(meta_of(frame).get("simulated", False))


def require_columns(frame: pd.DataFrame, names: Collection[str]) -> None:
    """Raise :class:`FrameError` unless every name is a column."""
    require_table(frame)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        near = suggestion(missing[0], [str(c) for c in frame.columns])
        raise FrameError(
            f"the frame has no column {missing[0]!r}{near}; its columns are {list(frame.columns)}"
        )


def require_levels(frame: pd.DataFrame, names: Collection[str]) -> None:
    """Raise :class:`FrameError` unless every name is a level."""
    require_frame(frame)
    missing = [name for name in names if name not in frame.index.names]
    if missing:
        levels = [str(name) for name in frame.index.names]
        near = suggestion(missing[0], levels)
        raise FrameError(f"the frame has no level {missing[0]!r}{near}; its levels are {levels}")


# ---------------------------------------------------------------- building


def make_index(
    times: pd.DatetimeIndex | None, keys: Mapping[str, Any], *, time: str = "time"
) -> pd.MultiIndex:
    """Return the index of rows given by their times and keys."""
    columns: dict[str, Any] = {} if times is None else {time: times.as_unit("us")}
    columns |= {name: np.asarray(values, dtype=object) for name, values in keys.items()}
    # from_arrays does the same by way of categoricals, in twice the time.
    codes, levels = zip(*(pd.factorize(c, sort=True) for c in columns.values()), strict=True)
    plain = [pd.Index(v, dtype="str" if v.dtype == object else v.dtype) for v in levels]
    return pd.MultiIndex(plain, codes, names=list(columns), verify_integrity=False)


def build(
    index: pd.MultiIndex,
    counts: Mapping[str, Any],
    *,
    absent: Collection[str] = (),
    grid: pd.DatetimeIndex | None = None,
    answered_at: pd.Timestamp | None = None,
    meta: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return a frame of reported and derived counts, sorted, columns in their fixed order.

    Parameters
    ----------
    index : MultiIndex
        ``[time or as_of, key...]``, in any order of rows.
    counts : mapping of str to array of dtype Int64
        The reported counts.
    absent : collection of str
        Counts that the answer's edition does not know at all; in formulas they are 0.
    grid : DatetimeIndex, optional
        The buckets that every key combination must have; a missing one becomes NA, with a warning.
    answered_at : Timestamp, optional
        When the answer was given; zeros beyond the retention at that time become NA.
    meta : mapping, optional
        What goes to ``attrs["mgframe"]``.

    Raises
    ------
    FrameError
        A row occurs twice.
    """
    known = dict(meta or {})
    columns = dict(counts)
    if not index.is_monotonic_increasing:
        order = index.argsort()
        index, columns = index[order], _taken(columns, order)
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise FrameError(f"the row {row_text(twice)} occurs twice; sum or drop one first")
    if grid is not None:
        index, columns = _filled(index, columns, grid)
    if answered_at is not None and known.get("resolution") in RETENTION_DAYS:
        columns = _without_expired(index, columns, known["resolution"], answered_at)
    columns |= derived(columns, absent=absent)
    ordered = {name: columns[name] for name in in_order(columns)}
    return with_meta(pd.DataFrame(ordered, index=index, copy=False), known)


def _taken(columns: Mapping[str, Any], positions: Any) -> dict[str, Any]:
    """Return the columns at those positions; -1 is NA."""
    return {name: values.take(positions, allow_fill=True) for name, values in columns.items()}


def row_text(row: object) -> str:
    """Return one row of the index for a message."""
    return ", ".join(str(part) for part in row) if isinstance(row, tuple) else str(row)


def _filled(
    index: pd.MultiIndex, columns: dict[str, Any], grid: pd.DatetimeIndex
) -> tuple[pd.MultiIndex, dict[str, Any]]:
    """Give every key combination every bucket of the grid; what was missing is NA."""
    dense = len(grid) * math.prod(len(level) for level in index.levels[1:])
    if not dense or (len(index) == dense and index.levels[0].equals(grid)):
        return index, columns
    keys = index.droplevel("time").unique()
    rows = {str(n): np.tile(keys.get_level_values(str(n)), len(grid)) for n in keys.names}
    full: Any = make_index(grid.repeat(len(keys)), rows).union(index)  # some may lie outside
    gaps = len(full) - len(index)
    if not gaps:
        return index, columns
    warn(f"{gaps} buckets are missing in the answer; they are NA, which is unknown, not zero")
    return full, _taken(columns, index.get_indexer(full))


def kept_since(resolution: str, answered_at: pd.Timestamp) -> pd.Timestamp:
    """Return the oldest bucket of that width that Mailgun still keeps; months are kept for good."""
    if resolution not in RETENTION_DAYS:
        return pd.Timestamp(0, tz="UTC")
    return floor(answered_at, resolution) - pd.Timedelta(days=RETENTION_DAYS[resolution])


def _without_expired(
    index: pd.MultiIndex, columns: dict[str, Any], resolution: str, answered_at: pd.Timestamp
) -> dict[str, Any]:
    """Make zeros beyond the retention NA: Mailgun has forgotten them; what came back is kept."""
    since = kept_since(resolution, answered_at)
    if not (index[:1].get_level_values("time") < since).any():  # they are sorted
        return columns
    old = np.asarray(index.get_level_values("time") < since)
    warn(
        f"{int(old.sum())} of {len(index)} rows lie before {since:%Y-%m-%d %H:%M} UTC, and "
        f"Mailgun keeps {resolution}s for {RETENTION_DAYS[resolution]} days: their zeros are NA"
    )
    return {name: _forget_zeros(values, old) for name, values in columns.items()}


def _forget_zeros(values: Any, old: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    data = _filled_up(values)
    return pd.arrays.IntegerArray(data, np.asarray(values.isna()) | (old & (data == 0)))


def derived(counts: Mapping[str, Any], *, absent: Collection[str] = ()) -> dict[str, Any]:
    """Return the counts that follow from the reported ones, where every part is there.

    A sum with an unknown part is unknown; parts that the edition lacks altogether count as 0.
    """
    found: dict[str, Any] = {}
    for name, count in COUNTS.items():
        terms = [(sign, part) for sign, part in count.terms if part not in absent]
        if not terms or name in counts or any(part not in counts for _, part in terms):
            continue
        data = sum(sign * _filled_up(counts[part]) for sign, part in terms)
        unknown = np.logical_or.reduce([counts[part].isna() for _, part in terms])
        found[name] = _possible(name, data, unknown)
    return found


def _filled_up(values: Any) -> Any:
    return values.to_numpy(dtype="int64", na_value=0)


def _possible(name: str, data: Any, unknown: Any) -> Any:
    """Return the count with NA where its parts contradict each other."""
    impossible = ~unknown & (data < 0)
    if impossible.any():
        warn(
            f"{int(impossible.sum())} rows report parts that make {name!r} negative "
            f"({COUNTS[name].formula}); it is NA there"
        )
    return pd.arrays.IntegerArray(data, unknown | impossible)


def empty_frame(
    levels: Sequence[str], counts: Sequence[str], *, meta: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return a frame without rows, with the right index and dtypes."""
    stamps = pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
    time = levels[0] if levels[0] in TIME_LEVELS else "time"
    keys = {name: pd.Index([], dtype="str") for name in levels if name not in TIME_LEVELS}
    index = make_index(stamps if levels[0] in TIME_LEVELS else None, keys, time=time)
    return build(index, {name: pd.array([], dtype="Int64") for name in counts}, meta=meta)
