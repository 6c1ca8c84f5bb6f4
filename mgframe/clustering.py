"""Days as clusters: mail of one day meets the same filters, so its messages are not independent.

What stands here finds the clusters of a pooled or rolling rate and how far each lies from the rate;
``intervals`` makes an interval of that.

Opens, clicks, unsubscribes and complaints land on days after the send. For these rates (`late`) a
day with little mail is no cluster of its own but part of the sending day before it: taken alone, a
quiet day full of Monday's opens would look like a wild one.

Two or three clusters hardly tell how they differ. Where the weeks before are there, they are asked
too (`borrowed`), each judged by its own rate, so that a change of level widens no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from mgframe.dividing import Floats, Pool, Sides, Window
from mgframe.framing import times_of
from mgframe.intervals import Dispersion, dispersion
from mgframe.summing import Integers
from mgframe.timespan import local_midnights

Values = TypeVar("Values", bound=np.ndarray[Any, Any])

#: A day with at most this part of the busiest day's mail is quiet.
QUIET: Final = 0.2

#: With fewer degrees of freedom (clusters less one) earlier periods are asked, up to so many.
_FEW: Final = 3
EARLIER: Final = 7


def _added(groups: Integers, values: Floats, size: int) -> Floats:
    """Return the sum of the values of each group."""
    return np.bincount(groups, weights=values, minlength=size).astype("float64", copy=False)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """Return top / bottom, 0 where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)


def _known(top: Floats, bottom: Floats) -> Sides:
    """Return both sides, 0 where one is unknown: such rows are in no pool."""
    unknown = np.isnan(top) | np.isnan(bottom)
    return np.where(unknown, 0.0, top), np.where(unknown, 0.0, bottom)


def _shifted(values: Values, by: int) -> Values:
    """Return the values that many places later, nothing before the first."""
    moved: Values = np.zeros_like(values)
    moved[by:] = values[: max(len(values) - by, 0)]
    return moved


def borrowed(periods: Sequence[Dispersion]) -> Dispersion:
    """Return what the first period and the earlier ones say; the first alone where it says enough.

    An earlier period without events says nothing of how they cluster.
    """
    weighted, freedom = periods[0]
    few = freedom < _FEW
    for more, degrees in periods[1:]:
        says = few & (more > 0)
        weighted = weighted + np.where(says, more, 0.0)
        freedom = freedom + np.where(says, degrees, 0.0)
    return weighted, freedom


@dataclass(frozen=True)
class PooledDays:
    """The days of a pool without time: each row's cell (group and day), each cell's group."""

    cells: Integers
    groups: Integers
    size: int

    @classmethod
    def over(cls, frame: pd.DataFrame, pool: Pool) -> PooledDays:
        """Return the days of the rows in their own zone; longer buckets count as one."""
        days = local_midnights(times_of(frame)).to_numpy().astype("datetime64[D]").astype("int64")
        if not len(days):
            return cls(pool.groups, pool.groups, 0)
        days = days - days.min()
        width = int(days.max()) + 1
        seen, cells = np.unique(pool.groups * width + days, return_inverse=True)
        return cls(cells, seen // width, len(pool.index))

    def spread(self, top: Floats, bottom: Floats, *, late: bool) -> Dispersion:
        """Return how much the days of each group differ."""
        y, n = (_added(self.cells, side, len(self.groups)) for side in _known(top, bottom))
        groups = self.groups
        if late:
            cluster, groups = self._sending_days(n)
            y, n = (_added(cluster, side, len(groups)) for side in (y, n))
        pooled = _added(groups, y, self.size), _added(groups, n, self.size)
        squares = _added(groups, (y - _ratio(*pooled)[groups] * n) ** 2, self.size)
        clusters = _added(groups, ((y > 0) | (n > 0)).astype("float64"), self.size)
        return dispersion(*pooled, squares, clusters)

    def mailing(self, bottom: Floats) -> Floats:
        """Return on how many days each group has mail."""
        n = _added(self.cells, np.nan_to_num(bottom), len(self.groups))
        return _added(self.groups, (n > 0).astype("float64"), self.size)

    def _sending_days(self, n: Floats) -> tuple[Integers, Integers]:
        """Return the cluster of each cell, a sending day with the quiet ones after it, and its key.

        Quiet days before the first sending day join the last one: they hold the late events of
        earlier mail, as many as the last day's mail has yet to come.
        """
        busiest = np.zeros(self.size)
        np.maximum.at(busiest, self.groups, n)
        sending = n > QUIET * busiest[self.groups]
        sent = _added(self.groups, sending.astype("float64"), self.size).astype("int64")
        number = np.cumsum(sending) - (np.cumsum(sent) - sent)[self.groups]
        clusters = np.maximum(sent, 1)
        place = np.where(number > 0, number, clusters[self.groups]) - 1
        found: Integers = (np.cumsum(clusters) - clusters)[self.groups] + place
        return found, np.repeat(np.arange(self.size), clusters)


@dataclass(frozen=True)
class WindowDays:
    """The days of a trailing window: blocks of `length` buckets back from its last one."""

    window: Window
    length: int

    def spread(self, top: Floats, bottom: Floats, *, late: bool) -> Dispersion:
        """Return how much the days of each window differ."""
        sides = [self._running(values) for values in _known(top, bottom)]
        top, bottom = (self._between(side, 0, self.window.buckets) for side in sides)
        rate = _ratio(top, bottom)
        quiet = self._busiest(sides[1]) * QUIET if late else np.zeros(len(rate))
        squares, clusters, before, residual = (np.zeros(len(rate)) for _ in range(4))
        for y, n in self._days(sides):
            sends = (n > quiet) if late else (y > 0) | (n > 0)
            first = sends & (clusters == 0)
            before = np.where(first, residual, before)
            squares += np.where(sends & ~first, residual**2, 0.0)
            residual = np.where(sends, 0.0, residual) + y - rate * n
            clusters += sends
        # As in a pool, quiet days before the first sending day join the last one.
        squares += (residual + before) ** 2
        weighted, freedom = self._with_earlier(*dispersion(top, bottom, squares, clusters))
        return self._unsorted(weighted), self._unsorted(freedom)

    def _with_earlier(self, weighted: Floats, freedom: Floats) -> Dispersion:
        """Return both with those of the windows before added where there are few clusters."""
        width, full = self.window.buckets, self.window.full
        few = full & (freedom < _FEW)
        if width < 2 or not few.any():
            return weighted, freedom
        # Two full windows in a row of one key reach back one bucket further than one.
        reaches = full & _shifted(full, 1)
        periods = [(weighted, freedom)]
        for back in range(1, EARLIER + 1):
            few = few & _shifted(reaches, (back - 1) * width)
            there = few & _shifted(full, back * width)
            more, degrees = (_shifted(part, back * width) for part in (weighted, freedom))
            periods.append((np.where(there, more, 0.0), degrees))
        return borrowed(periods)

    def _days(self, sides: list[Integers]) -> Iterator[Sides]:
        """Yield both sides of each day of the windows, the oldest first."""
        for newest in reversed(range(0, self.window.buckets, self.length)):
            oldest = min(newest + self.length, self.window.buckets)
            y, n = (self._between(side, newest, oldest) for side in sides)
            yield y, n

    def _busiest(self, running: Integers) -> Floats:
        busiest = np.zeros(len(self.window.order))
        for newest in range(0, self.window.buckets, self.length):
            oldest = min(newest + self.length, self.window.buckets)
            np.maximum(busiest, self._between(running, newest, oldest), out=busiest)
        return busiest

    def _running(self, values: Floats) -> Integers:
        before = np.zeros(self.window.buckets + 1, dtype="int64")
        return np.concatenate([before, np.cumsum(values[self.window.order].astype("int64"))])

    def _between(self, running: Integers, newest: int, oldest: int) -> Floats:
        """Return for each row the sum of the buckets from `newest` up to `oldest` before it."""
        rows, start = len(self.window.order), self.window.buckets + 1
        sums = running[start - newest :][:rows] - running[start - oldest :][:rows]
        return sums.astype("float64")

    def _unsorted(self, values: Floats) -> Floats:
        found = np.empty(len(values))
        found[self.window.order] = values
        return found
