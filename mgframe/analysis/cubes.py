"""Frames of time by two keys as tables: both counts of a rate by key, other key and day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from mgframe.analysis.lags import late_denominators, usual_spread
from mgframe.analysis.metrics import COMPLAINT, Metric
from mgframe.dividing import Floats
from mgframe.feedback import without_feedback_loop
from mgframe.summing import Booleans
from mgframe.vocabulary import OVERLAPPING_LEVELS, PROVIDER_LEVELS

#: A place: keys by level, in order; empty for the whole account.
Place = tuple[tuple[str, str], ...]

#: The same where several keys of one level are alternatives.
Where = dict[str, tuple[str, ...]]

#: The level that stands for "no second key".
ALONE: Final = ""
_PRIOR_EVENTS: Final = 5.0
_STRAY: Final = 0.25
_WILD: Final = 3.0
#: By how much the share that comes on the day of the send differs from send to send.
_HASTE: Final = 0.18
#: Which share of what fails may come on the next day.
_SPILL: Final = 0.1


@dataclass(frozen=True)
class Table:
    """Counts by two keys and day, with the names of both levels and of their members."""

    levels: tuple[str, str]
    members: tuple[tuple[str, ...], tuple[str, ...]]
    counts: Mapping[str, Floats]

    @property
    def overlaps(self) -> Booleans:
        """Which of both levels cannot be summed over."""
        return np.array([level in OVERLAPPING_LEVELS for level in self.levels])


@dataclass(frozen=True)
class Cube:
    """Both counts of one metric: first key by second key by day; `n` is 0 where not judged.

    `mix` is by how much the mix within the second key raises what is expected of a day.
    """

    levels: tuple[str, str]
    members: tuple[tuple[str, ...], tuple[str, ...]]
    k: Floats
    n: Floats
    noise: Floats
    mix: Floats | float = 1.0

    def turned(self) -> Cube:
        """Return the same with the keys the other way round."""
        sides = (side.swapaxes(0, 1) for side in (self.k, self.n, self.noise))
        return Cube(self.levels[::-1], self.members[::-1], *sides)

    def without(self, days: Booleans) -> Cube:
        """Return the same with no mail on some days."""
        kept = np.where(days, 0.0, 1.0)
        return Cube(self.levels, self.members, self.k * kept, self.n * kept, self.noise)

    @cached_property
    def rates(self) -> Floats:
        """The usual rate of each cell, from tame days; drawn to that of its first key."""
        keep = self.n > 0
        rate = _pooled(self.k, self.n, keep)
        for _ in range(2):
            expected = self.n * rate[:, :, None]
            off = (self.k - expected) / np.sqrt(expected + (_STRAY * expected) ** 2 + 0.5)
            keep = (self.n > 0) & (np.abs(off) < _WILD)
            rate = _pooled(self.k, self.n, keep)
        return rate


def _pooled(k: Floats, n: Floats, keep: Booleans) -> Floats:
    events, messages = ((side * keep).sum(axis=2) for side in (k, n))
    whole = events.sum(axis=1) / np.maximum(messages.sum(axis=1), 1.0)
    prior = np.clip(whole, 1e-9, 1.0)[:, None]
    rate: Floats = (events + _PRIOR_EVENTS) / (messages + _PRIOR_EVENTS / prior)
    return np.minimum(rate, 0.999)


@dataclass(frozen=True)
class Stack:
    """The slices of one metric: series (rows, at `places`) by days."""

    metric: Metric
    places: tuple[Place, ...]
    k: Floats
    n: Floats
    offset: Floats
    noise: Floats


def is_place(level: str) -> bool:
    """Say whether a level tells mail apart, so that a place can be narrowed by it."""
    return level not in (ALONE, "bot", "account")


def cut(cube: Cube, where: Mapping[str, Sequence[str]]) -> Cube:
    """Return the cells of some members; the rates are those that all cells tell."""
    keep = [
        [i for i, name in enumerate(names) if level not in where or name in where[level]]
        for level, names in zip(cube.levels, cube.members, strict=True)
    ]
    members = (
        tuple(cube.members[0][i] for i in keep[0]),
        tuple(cube.members[1][i] for i in keep[1]),
    )
    sides = (side[np.ix_(*keep, range(side.shape[2]))] for side in (cube.k, cube.n, cube.noise))
    return Cube(cube.levels, members, *sides)


def both_ways(cubes: Sequence[Cube]) -> list[Cube]:
    """Return every table with either of its keys as the first one."""
    return [turn for cube in cubes for turn in (cube, cube.turned())]


# ---------------------------------------------------------------- from counts


def cube_of(
    levels: tuple[str, str],
    members: tuple[tuple[str, ...], tuple[str, ...]],
    counts: Mapping[str, Floats],
    metric: Metric,
    settled: Mapping[bool, Booleans],
) -> Cube:
    """Return both counts of a metric; of what comes late over the deliveries that it comes from."""
    k, n = counts[metric.numerator], counts[metric.denominator]
    if metric.failing:
        k = n - k
    known = np.isfinite(k) & np.isfinite(n) & _has_feedback(levels, members, metric)
    k, n = np.where(known, k, 0.0), np.where(known, n, 0.0)
    noise, done = spilled(n), settled[metric.late]
    if metric.late:
        k, n, noise = _came_late(k, n, done, metric)
    judged = known & done
    return Cube(levels, members, np.where(judged, k, 0.0), np.where(judged, n, 0.0), noise)


def _has_feedback(
    levels: tuple[str, str], members: tuple[tuple[str, ...], tuple[str, ...]], metric: Metric
) -> Booleans:
    """Return which cells can have complaints at all."""
    found = np.ones((len(members[0]), len(members[1]), 1), dtype=bool)
    if metric.family != COMPLAINT:
        return found
    for axis, (level, names) in enumerate(zip(levels, members, strict=True)):
        if level in PROVIDER_LEVELS:
            silent = np.isin(names, without_feedback_loop(names))
            found &= ~(silent[:, None, None] if axis == 0 else silent[None, :, None])
    return found


def _came_late(
    k: Floats, n: Floats, done: Booleans, metric: Metric
) -> tuple[Floats, Floats, Floats]:
    """Return events over the deliveries that they come from."""
    shape = n.shape
    flat_k, flat_n = k.reshape(-1, shape[2]), n.reshape(-1, shape[2])
    learn = np.broadcast_to(done, flat_n.shape)
    spread = usual_spread(metric.numerator)
    late, noise = late_denominators(flat_k, flat_n, learn, spread)
    late = np.nan_to_num(late)
    own = np.clip(spread[0] * flat_n / np.maximum(late, 1e-9), 0.0, 1.0)
    # How much a day's denominator errs where more or less than usual comes on the day of the send.
    lean = own - (1 - own) * spread[0] / (1 - spread[0])
    noise = noise + (_HASTE * lean) ** 2
    return k, late.reshape(shape), noise.reshape(shape)


def spilled(n: Floats) -> Floats:
    """Return the variance of the logit that a quiet day has after a busy one, by late failures."""
    before = np.zeros(n.shape)
    before[..., 1:] = n[..., :-1]
    busier = np.divide(before, n, out=np.ones(n.shape), where=n > 0)
    noise: Floats = (_SPILL * np.maximum(busier - 1, 0)) ** 2
    return noise
