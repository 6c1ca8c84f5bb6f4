"""Both sides of a rate: read from a frame, pooled over rows, summed over a window, divided once.

A side is a ``float64`` array in which NaN is an unknown count; whole numbers are exact up to 2**53.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import FrameError, QueryError
from mgframe.framing import key_levels, resolution_of, times_of
from mgframe.summing import Booleans, Integers, added, group_rows, labels_of, require_counts
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
        return cls(*group_rows(labels_of(frame, kept)))

    def sums(self, top: Floats, bottom: Floats) -> Sides:
        """Return both sides summed over the rows where both are known."""
        known = ~(np.isnan(top) | np.isnan(bottom))
        groups, size = self.groups[known], len(self.index)
        empty = np.bincount(groups, minlength=size) == 0
        sums = [added(values[known].astype("int64"), groups, size) for values in (top, bottom)]
        above, below = (np.where(empty, np.nan, total) for total in sums)
        return above, below


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
        place = _bucket_numbers(times_of(rows), resolution)
        order = np.lexsort((place, keys))
        keys, place = keys[order], place[order]
        full = np.zeros(len(order), dtype=bool)
        # A window longer than the frame is never full; its true length would only cost memory.
        buckets = min(hours // _WIDTH[resolution], len(order) + 1)
        # Rows are unique, so `buckets` rows of one key that span `buckets` places have no hole.
        before = max(len(order) - buckets + 1, 0)
        same_key = keys[buckets - 1 :] == keys[:before]
        no_hole = place[buckets - 1 :] - place[:before] == buckets - 1
        full[buckets - 1 :] = same_key & no_hole
        return cls(order, full, buckets, hours / 24)

    def sums(self, top: Floats, bottom: Floats) -> Sides:
        """Return both sides summed over each row's window; NaN where it is not wholly known."""
        unknown = (np.isnan(top) | np.isnan(bottom))[self.order]
        bad = ~self.full | (self._trailing(unknown.astype("int64")) > 0)
        return self._side(top, bad), self._side(bottom, bad)

    def _side(self, values: Floats, bad: Booleans) -> Floats:
        whole = np.nan_to_num(values[self.order]).astype("int64")
        sums = np.empty(len(values))
        sums[self.order] = np.where(bad, np.nan, self._trailing(whole))
        return sums

    def _trailing(self, values: Integers) -> Integers:
        running = np.concatenate([np.zeros(self.buckets, dtype="int64"), np.cumsum(values)])
        sums: Integers = running[self.buckets :] - running[: len(values)]
        return sums


def _bucket_numbers(times: pd.DatetimeIndex, resolution: str) -> Integers:
    """Return consecutive numbers of the buckets; local days count as one, whatever their length."""
    if resolution == "hour":
        hours = times.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[h]")
        return np.asarray(hours, dtype="int64")
    days = local_midnights(times).to_numpy().astype("datetime64[D]")
    width = 7 if resolution == "week" else 1
    return np.asarray(days, dtype="int64") // width


def window_over(frame: pd.DataFrame, index: pd.Index, rolling: str) -> Window:
    """Return the windows of a span such as ``"7d"`` over the rows of `index`.

    Raises
    ------
    QueryError
        The span is malformed, or given in months.
    FrameError
        The frame or the pooled index has no time, or its buckets do not fit into the span.
    """
    number, unit = read_span(rolling, argument="rolling")
    if unit == "m":
        raise QueryError(
            f"rolling={rolling!r}: months differ in length; use days or weeks, such as '30d'"
        )
    if "time" not in index.names:
        raise FrameError(
            f"rolling={rolling!r} needs the level 'time' in the result, but its levels are "
            f"{list(index.names)}; name it in by=, such as by=['time', ...]"
        )
    resolution = resolution_of(frame)
    width = _WIDTH.get(resolution)
    if width is None or number * _HOURS[unit] % width:
        raise FrameError(
            f"rolling={rolling!r} is not a whole number of the frame's buckets ({resolution}s); "
            "take a window of whole buckets, or a frame of days or hours"
        )
    return Window.over(index, number * _HOURS[unit], resolution)
