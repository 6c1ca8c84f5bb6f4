"""Rates whose days are the units: how far a rate moves by itself, and what that makes of a change.

The messages of a day share a fate (a list, a filter's mood), so their number says little about how
sure a rate is; the spread between days does. Rows are keys, columns are days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mgframe.analysis.daily import Daily
from mgframe.clustering import QUIET
from mgframe.dividing import Floats, divide
from mgframe.intervals import Bounds, normal_quantile, wilson
from mgframe.summing import Booleans, Integers

#: A side is wild where chance makes its days differ as much from those of a calm one only so often;
#: fewer degrees of freedom than these say nothing of what is calm.
_WILD: Final = 0.001
_LEAST_FREEDOM: Final = 2


@dataclass(frozen=True)
class Strata:
    """Rows of a table that make up keys: the key of each row, its weight there, how many keys."""

    key: Integers
    weight: Floats
    size: int

    def sums(self, values: Floats) -> Floats:
        """Return the sum of the rows of each key."""
        total = np.zeros((self.size, *values.shape[1:]))
        np.add.at(total, self.key, values)
        return total

    def means(self, values: Floats) -> Floats:
        """Return the weighted sum of the rows of each key."""
        return self.sums(
            self.weight * values if values.ndim == 1 else self.weight[:, None] * values
        )


@dataclass(frozen=True)
class Estimate:
    """The rate of each key, and how sure it is.

    `pulls` is how far each day moves the rate from where the other days have it, `between` the
    variance that days as clusters give, `within` that of independent messages, `days` how many
    days have messages, `unevenness` the sum over days of their squared share of the messages
    (1 / days where all are alike). `inflation` is by how much days that resemble their neighbours
    widen what lies between the days.
    """

    rate: Floats
    n: Floats
    days: Floats
    pulls: Floats
    between: Floats
    within: Floats
    unevenness: Floats
    inflation: float = 1.0

    @property
    def variance(self) -> Floats:
        """Never less than that of messages: days can agree by chance, messages cannot do better."""
        return self.within + self.inflation * np.fmax(self.between - self.within, 0)

    @property
    def freedom(self) -> Floats:
        """Degrees of freedom of the variance: days that resemble each other are fewer days."""
        least = np.maximum(self.between, self.within)
        return (self.days - 1) * np.where(least == 0, 1.0, quotient(least, self.variance))


def quotient(top: Floats, bottom: Floats) -> Floats:
    """Return top / bottom, NaN where the bottom is 0."""
    out = np.empty(top.shape)
    divide(top, bottom, out=out)
    return out


def by_sending_day(side: Daily) -> Daily:
    """Return the counts with each quiet day added to the sending day before it.

    Opens and complaints land on the days after a send. Taken alone, a quiet day full of them would
    look like a wild one.
    """
    sends = side.n > QUIET * side.n.max(axis=1, initial=0, keepdims=True)
    columns = np.where(sends, np.arange(side.n.shape[1]), -1)
    own = np.maximum.accumulate(columns, axis=1)
    # Those before the first one join the last: they hold the late events of earlier mail, as many
    # as the last day's mail has yet to come.
    last = columns.max(axis=1, keepdims=True)
    own = np.where(own < 0, np.maximum(last, 0), own)
    rows = np.broadcast_to(np.arange(len(own))[:, None], own.shape)
    found = [np.zeros(own.shape) for _ in range(2)]
    for sums, values in zip(found, (side.k, side.n), strict=True):
        np.add.at(sums, (rows, own), values)
    return Daily(*found)


def estimate(side: Daily, strata: Strata) -> Estimate:
    """Return the ratio estimator of each key, r = sum(k) / sum(n), pooled over its strata."""
    k, n = side.k.sum(axis=1), side.n.sum(axis=1)
    rate = quotient(k, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = strata.means((side.k - rate[:, None] * side.n) / n[:, None])
        within = strata.sums(strata.weight**2 * np.nan_to_num(rate * (1 - rate) / n))
    days = np.count_nonzero(strata.sums(side.n) > 0, axis=1).astype("float64")
    between = (pulls**2).sum(axis=1) * quotient(days, days - 1)
    daily = strata.sums(side.n)
    uneven = quotient((daily**2).sum(axis=1), daily.sum(axis=1) ** 2)
    return Estimate(
        strata.means(rate), strata.sums(n), days, pulls, between, np.abs(within), uneven
    )


#: How much a day resembles the day before, where the data say nothing, and how many days of data
#: weigh as much as this guess. Mail has a memory: queues, lists and filters last for days.
_MEMORY: Final = 0.3
_MEMORY_DAYS: Final = 56
_LONGEST_MEMORY: Final = 0.8
_LEAST_DAYS: Final = 7


def inflation(sides: Sequence[Estimate]) -> float:
    """Return the factor on what lies between days, (1 + rho) / (1 - rho).

    rho, the likeness of a day and the next one, is pooled over all keys and drawn to a guess.
    """
    known = [_likeness(side) for side in sides]
    like, weight = (sum(parts) for parts in zip(*known, strict=True))
    rho = (like + _MEMORY * _MEMORY_DAYS) / (weight + _MEMORY_DAYS)
    rho = min(max(float(rho), 0.0), _LONGEST_MEMORY)
    return (1 + rho) / (1 - rho)


def _likeness(side: Estimate) -> tuple[float, float]:
    """Return the sum over keys of rho times its weight, and of the weight, in days."""
    days = side.days
    use = (days >= _LEAST_DAYS) & (days == side.pulls.shape[1]) & (side.between > side.within)
    if not use.any():
        return 0.0, 0.0
    pulls, days = side.pulls[use], days[use]
    # The noise of single messages has no memory, so it is taken out of the spread.
    excess = 1 - side.within[use] / side.between[use]
    next_day = (pulls[:, 1:] * pulls[:, :-1]).sum(axis=1) / (pulls**2).sum(axis=1)
    # Taking away the mean makes short series look less alike: about -(1 + 4 rho) / days.
    weight = days * excess
    bias = 1 / days
    like = (next_day + bias * excess) / (1 - 4 * bias)
    return float((like * days).sum()), float(weight.sum())


@dataclass(frozen=True)
class Change:
    """Second less first, with how sure it is; `shared` says that both stand on the same days."""

    first: Estimate
    second: Estimate
    #: The variance of the change that independent messages of one common rate would have.
    least: Floats
    shared: bool

    @property
    def size(self) -> Floats:
        """The difference of the rates."""
        return self.second.rate - self.first.rate

    @property
    def covariance(self) -> Floats:
        """How far both rates move together from day to day; 0 for days of their own."""
        if not self.shared:
            return np.zeros(len(self.size))
        days = np.fmin(self.first.days, self.second.days)
        together: Floats = (self.first.pulls * self.second.pulls).sum(axis=1)
        return self.first.inflation * together * quotient(days, days - 1)

    @property
    def variance(self) -> Floats:
        """The variance of the change."""
        apart = self.first.variance + self.second.variance - 2 * self.covariance
        larger: Floats = np.fmax(np.fmax(apart, self.first.within + self.second.within), self.least)
        return larger

    @property
    def freedom(self) -> Floats:
        """Welch's degrees of freedom; of shared days, those less one."""
        if self.shared:
            fewer: Floats = np.fmin(self.first.freedom, self.second.freedom)
            return fewer
        one, two = self.first.variance, self.second.variance
        parts = quotient(one**2, self.first.freedom) + quotient(two**2, self.second.freedom)
        # Nothing happened on either side: there is no variance to be unsure of.
        least = np.fmin(self.first.freedom, self.second.freedom)
        return np.where(parts == 0, least, quotient((one + two) ** 2, parts))

    def _judged(self) -> tuple[Floats, Floats, Booleans]:
        """Return by which variance and degrees of freedom the change is judged, and where by calm.

        Where one side is far wilder than the other, something happened within it, which is what is
        asked for and no noise: the calm side then says how far days differ.
        """
        variance, freedom = self.variance, self.freedom
        by_calm = np.zeros(np.shape(variance), dtype=bool)
        if not self.shared:
            for calm, other in ((self.first, self.second), (self.second, self.first)):
                spread, wild = _spread_as(calm, other)
                steady = np.fmax(calm.variance + spread, self.least)
                variance = np.where(wild, steady, variance)
                freedom = np.where(wild, calm.freedom, freedom)
                by_calm = by_calm | wild
        return variance, freedom, by_calm

    def p_values(self) -> Floats:
        """Return how often chance alone makes a change this large, by Student's t."""
        from scipy.special import stdtr

        variance, freedom, _ = self._judged()
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.size) / np.sqrt(variance)
        values: Floats = np.where(self.size == 0, 1.0, 2 * stdtr(freedom, -t))
        return values

    def interval(self, *, proportion: bool, level: float = 0.95) -> Bounds:
        """Return where the change lies; NaN where a side has a single day.

        Newcombe's hybrid of Wilson's bounds at the size of as many independent messages; of what is
        no proportion, and where the calm side says how far days differ, a t interval.
        """
        variance, freedom, by_calm = self._judged()
        half = _quantile(freedom, level) * np.sqrt(variance)
        if not proportion:
            return self.size - half, self.size + half
        (low, high), (other_low, other_high) = (
            _bounds(side, self.freedom, level) for side in (self.first, self.second)
        )
        first, second = self.first.rate, self.second.rate
        down = np.where(by_calm, half, self._hybrid(high - first, second - other_low))
        up = np.where(by_calm, half, self._hybrid(first - low, other_high - second))
        return self.size - down, self.size + up

    def _hybrid(self, first: Floats, second: Floats) -> Floats:
        scale = np.sqrt(self.first.variance * self.second.variance)
        rho = np.clip(np.nan_to_num(quotient(self.covariance, scale)), -1, 1)
        half: Floats = np.sqrt(np.maximum(first**2 + second**2 - 2 * rho * first * second, 0))
        return half


def _spread_as(calm: Estimate, other: Estimate) -> tuple[Floats, Booleans]:
    """Return the variance of one side if its days differed as those of the calm side do.

    And whether they differ by far more than that: F beyond all but one in a thousand.
    """
    from scipy.special import fdtrc

    excess = quotient(np.fmax(calm.between - calm.within, 0), calm.unevenness)
    expected = other.within + excess * other.unevenness
    ratio = quotient(other.between, expected)
    enough = (calm.freedom >= _LEAST_FREEDOM) & (other.freedom >= 1)
    with np.errstate(invalid="ignore"):
        wild = fdtrc(np.where(enough, other.freedom, 1), np.where(enough, calm.freedom, 1), ratio)
    inflated = other.within + calm.inflation * excess * other.unevenness
    return inflated, enough & (wild < _WILD)


def _bounds(side: Estimate, freedom: Floats, level: float) -> Bounds:
    """Return Wilson's bounds of a rate at the size that its days are worth."""
    binomial = side.rate * (1 - side.rate)
    wider = _quantile(freedom, level) / normal_quantile(level)
    size = np.where(binomial > 0, quotient(binomial, side.variance), side.n) / wider**2
    return wilson(side.rate * size, size, level)


def _quantile(freedom: Floats, level: float) -> Floats:
    from scipy.special import stdtrit

    values: Floats = np.where(freedom > 0, stdtrit(np.fmax(freedom, 1e-3), (1 + level) / 2), np.nan)
    return values
