"""Both sides of a rate: read from a frame, pooled over rows, summed over a window, divided once.

A side is a ``float64`` array in which NaN is an unknown count; whole numbers are exact up to 2**53.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import FrameError, QueryError
from mgframe.framing import key_levels, resolution_of, times_of
from mgframe.summing import (
    Booleans,
    Integers,
    group_rows,
    labels_of,
    refuse_repeated_rows,
    require_counts,
)
from mgframe.timespan import local_midnights, read_span

Floats = np.ndarray[Any, np.dtype[np.float64]]
Sides = tuple[Floats, Floats]

_HOURS: Final = {"h": 1, "d": 24, "w": 168}
_WIDTH: Final = {"hour": 1, "day": 24, "week": 168}


def side(frame: pd.DataFrame, *names: str) -> Floats:
    """Return the sum of some counts row by row; NaN where one of them is unknown."""
    require_counts(frame, names)
    total = _floats(frame, names[0])
    for name in names[1:]:
        total = total + _floats(frame, name)
    return total


def _floats(frame: pd.DataFrame, name: str) -> Floats:
    values: Floats = frame[name].array.to_numpy(dtype="float64", na_value=np.nan)
    return values


def divide(top: Floats, bottom: Floats, *, out: Floats) -> None:
    """Write top / bottom to `out`: NaN where a side is unknown or the bottom is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(top, bottom, out=out)
    out[np.flatnonzero(bottom == 0)] = np.nan


@dataclass(frozen=True)
class Pool:
    """Which rows are summed together, and the index of the sums."""

    groups: Integers
    index: pd.Index

    @classmethod
    def over(cls, frame: pd.DataFrame, kept: list[str]) -> Pool:
        """Return the pool that keeps the given levels."""
        refuse_repeated_rows(frame)
        return cls(*group_rows(labels_of(frame, kept)))

    def sums(self, top: Floats, bottom: Floats) -> Sides:
        """Return both sides summed over the rows where both are known."""
        unknown = np.isnan(top) | np.isnan(bottom)
        if not unknown.any():
            return self._added(top), self._added(bottom)
        lost = np.bincount(self.groups[unknown], minlength=len(self.index))
        nothing_known = lost == self._rows
        above, below = (self._added(np.where(unknown, 0, side)) for side in (top, bottom))
        above[nothing_known] = below[nothing_known] = np.nan
        return above, below

    def everywhere(self, rows: Booleans) -> Booleans:
        """Return the groups all of whose rows are meant."""
        found: Booleans = np.bincount(self.groups[rows], minlength=len(self.index)) == self._rows
        return found

    @cached_property
    def _rows(self) -> Integers:
        """How many rows each group has."""
        rows: Integers = np.bincount(self.groups, minlength=len(self.index)).astype("int64")
        return rows

    def _added(self, values: Floats) -> Floats:
        sums = np.bincount(self.groups, weights=values, minlength=len(self.index))
        return sums.astype("float64", copy=False)


@dataclass(frozen=True)
class Window:
    """A trailing window of buckets over rows sorted by key and time.

    `order` sorts the rows; `full` says which of the sorted rows end a window without a hole.
    """

    order: Integers
    full: Booleans
    buckets: int
    days: float

    @classmethod
    def over(cls, index: pd.Index, hours: int, resolution: str) -> Window:
        """Return the windows of that many hours for the rows of an index."""
        rows = pd.DataFrame(index=index)
        keys = group_rows(labels_of(rows, key_levels(rows)))[0]
        place = bucket_numbers(times_of(rows), resolution)
        order = np.lexsort((place, keys))
        keys, place = keys[order], place[order]
        full = np.zeros(len(order), dtype=bool)
        # A window longer than the frame is never full; its true length would only cost memory.
        buckets = min(hours // _WIDTH[resolution], len(order) + 1)
        # Rows are unique, so `buckets` rows of one key that span `buckets` places have no hole.
        before = max(len(order) - buckets + 1, 0)
        if ((keys[1:] == keys[:-1]) & (place[1:] == place[:-1])).any():
            raise FrameError(
                "rows occur twice, so that no window over them is right; mg.check_frame(df) says "
                "which, df[~df.index.duplicated()] drops the repetition"
            )
        same_key = keys[buckets - 1 :] == keys[:before]
        no_hole = place[buckets - 1 :] - place[:before] == buckets - 1
        full[buckets - 1 :] = same_key & no_hole
        return cls(order, full, buckets, hours / 24)

    def sums(self, top: Floats, bottom: Floats) -> Sides:
        """Return both sides summed over the rows of each window where both are known.

        NaN where the window has a hole or is not full yet, or where nothing in it is known.
        """
        unknown, bad = np.isnan(top) | np.isnan(bottom), ~self.full
        if not unknown.any():
            return self._side(top, bad), self._side(bottom, bad)
        bad |= self._trailing(unknown[self.order].astype("int64")) == self.buckets
        above, below = (self._side(np.where(unknown, 0, side), bad) for side in (top, bottom))
        return above, below

    def _side(self, values: Floats, bad: Booleans) -> Floats:
        # Whole numbers: differences of running sums of floats would lose small keys beside large.
        trailing = self._trailing(values[self.order].astype("int64")).astype("float64")
        trailing[bad] = np.nan
        sums = np.empty(len(values))
        sums[self.order] = trailing
        return sums

    def _trailing(self, values: Integers) -> Integers:
        running = np.concatenate([np.zeros(self.buckets, dtype="int64"), np.cumsum(values)])
        sums: Integers = running[self.buckets :] - running[: len(values)]
        return sums


def bucket_numbers(times: pd.DatetimeIndex, resolution: str) -> Integers:
    """Return consecutive numbers of the buckets; local days count as one, whatever their length."""
    if resolution == "hour":
        hours = times.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[h]")
        return np.asarray(hours, dtype="int64")
    days = local_midnights(times).to_numpy().astype("datetime64[D]")
    width = 7 if resolution == "week" else 1
    return np.asarray(days, dtype="int64") // width


def span_hours(span: str, *, argument: str) -> int:
    """Return the hours of a span such as ``"7d"``, else raise :class:`QueryError`."""
    number, unit = read_span(span, argument=argument)
    if unit == "m":
        raise QueryError(
            f"{argument}={span!r}: months differ in length; use days, such as '{number * 30}d'"
        )
    return number * _HOURS[unit]


def window_over(frame: pd.DataFrame, index: pd.Index, rolling: str) -> Window:
    """Return the windows of a span such as ``"7d"`` over the rows of `index`.

    Raises
    ------
    QueryError
        The span is malformed, or given in months.
    FrameError
        The frame or the pooled index has no time, or its buckets do not fit into the span.
    """
    hours = span_hours(rolling, argument="rolling")
    if "time" not in index.names:
        raise FrameError(
            f"rolling={rolling!r} needs the level 'time' in the result, but its levels are "
            f"{list(index.names)}; name it in by=, such as by=['time', ...]"
        )
    resolution = resolution_of(frame)
    width = _WIDTH.get(resolution)
    if width is None or hours % width:
        raise FrameError(
            f"rolling={rolling!r} is not a whole number of the frame's buckets ({resolution}s); "
            "take a window of whole buckets, or a frame of days or hours"
        )
    return Window.over(index, hours, resolution)
