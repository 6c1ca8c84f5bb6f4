"""What a rate would have been: its level, its weekdays and hours, and how far it strays by itself.

The core of the alarms, of the dates of changes and of findings. Everything is an array of series
(rows) by buckets (columns); a bucket without messages has ``n`` 0 and says nothing.

The rate varies on the logit scale: a random amount of variance `stray` that no number of messages
makes smaller, and beside it the chance of counting. Levels and effects are weighted means, in which
wild buckets count less; `stray` is a median, so that an old incident does not widen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from mgframe.analysis.tails import expit
from mgframe.dividing import Floats
from mgframe.summing import Booleans, Integers

#: Residuals beyond so many standard deviations count less.
_CLIP: Final = 2.0
_WILD: Final = 3.0
_LET_IN: Final = 1.5
#: By how much a level or an effect moves at most in a pass.
_STEP: Final = 1.0
#: No rate strays further: a standard deviation of two is a factor of seven.
_MOST_STRAY: Final = 4.0
#: The median of the square of a standard normal number.
_MEDIAN_SQUARE: Final = 0.4549364231195728
#: From so many events on either side the logit of what was counted is a number to average.
ENOUGH: Final = 5.0
#: Degrees of freedom that a bucket gives to what rates stray by.
FREEDOM: Final = 20 / 56
_PASSES: Final = 6
_LATER_PASSES: Final = 3


@dataclass(frozen=True)
class Calendar:
    """Which buckets are alike: for each factor (weekday, hour) a row per bucket with a single 1."""

    factors: tuple[Floats, ...]
    width: str

    @classmethod
    def of(cls, times: pd.DatetimeIndex, width: str) -> Calendar:
        """Return the weekday of each bucket in the zone of its time, and for hours the hour."""
        numbers = [np.asarray(times.day_of_week)] + [np.asarray(times.hour)] * (width == "hour")
        return cls(tuple(np.eye(7 if i == 0 else 24)[n] for i, n in enumerate(numbers)), width)

    def cut(self, start: int, stop: int) -> Calendar:
        """Return the calendar of some consecutive buckets."""
        return Calendar(tuple(factor[start:stop] for factor in self.factors), self.width)


@dataclass(frozen=True)
class Fit:
    """What is usual in some buckets: by series the level, the effects, and how far rates stray.

    `effects` and `doubts` (their variances) are by series and member of each factor, `doubt` is the
    variance of the level, `bounds` what the level cannot leave, `buckets` how many buckets with
    messages there were.
    """

    level: Floats
    bounds: tuple[Floats, Floats]
    effects: tuple[Floats, ...]
    doubt: Floats
    doubts: tuple[Floats, ...]
    stray: Floats
    buckets: Integers

    def logits(self, calendar: Calendar) -> Floats:
        """Return the expected logit of each bucket, before any offset."""
        return self.level[:, None] + _spread(self.effects, calendar)

    def variances(self, calendar: Calendar) -> Floats:
        """Return the variance of the expected logit: that of a bucket, and doubt of the fit."""
        return (self.stray + self.doubt)[:, None] + _spread(self.doubts, calendar)


def _spread(values: Sequence[Floats], calendar: Calendar) -> Floats:
    found: Floats = sum(
        (own @ factor.T for own, factor in zip(values, calendar.factors, strict=True)),
        start=np.zeros(1),
    )
    return found


def fit(
    k: Floats,
    n: Floats,
    offset: Floats,
    calendar: Calendar,
    *,
    noise: Floats | float = 0.0,
    start: Fit | None = None,
) -> Fit:
    """Return level, effects and stray of each series in all of the buckets.

    Parameters
    ----------
    k, n : array, series by buckets
        Both counts; `n` is 0 where a bucket is unknown or not to be learnt from.
    offset : array
        What is known of the logit beforehand (see :func:`offsets`), 0 where nothing is.
    calendar : Calendar
        Of the same buckets.
    noise : array, optional
        A variance of the logit that some buckets have beyond the others.
    start : Fit, optional
        A fit of nearly the same buckets, which takes fewer passes.

    Notes
    -----
    Weights are 1 / (stray + v), v = 1 / (n p (1 - p)) + noise, with Huber's clip at 2. Effects are
    shrunk by A / (A + variance), where A is what they vary by beyond chance (DerSimonian and
    Laird), so that a weekday that is like the others costs nothing. The stray solves
    median(r² / (stray + v)) = 0.4549: half of all r² / 0.4549 - v lie below it, those that are
    mostly noise counted less.
    """
    found = _start(k, n, offset, calendar)
    if start is not None:
        found = replace(start, bounds=found.bounds)
    for _ in range(_PASSES if start is None else _LATER_PASSES):
        found = _improved(found, k, n, offset, calendar, noise)
    return found


def _start(k: Floats, n: Floats, offset: Floats, calendar: Calendar) -> Fit:
    known = n > 0
    events, messages = (k * known).sum(axis=1), n.sum(axis=1)
    before = (offset * n).sum(axis=1) / np.maximum(messages, 1)
    level = np.log((events + 0.5) / (np.maximum(messages - events, 0) + 0.5)) - before
    # Where nothing ever happened the rate is low, and nobody knows how low.
    most = np.log(2 * messages + 1)
    zeros = tuple(np.zeros((len(k), factor.shape[1])) for factor in calendar.factors)
    nothing = np.zeros(len(k))
    bounds = (-most - before, most - before)
    return Fit(level, bounds, zeros, nothing, zeros, nothing + 0.01, known.sum(axis=1))


def _improved(
    old: Fit, k: Floats, n: Floats, offset: Floats, calendar: Calendar, noise: Floats | float
) -> Fit:
    """Return the next fit: new weights from the old one, then level, effects and stray in turn."""
    effects = _spread(old.effects, calendar)
    usual = old.level[:, None] + effects
    x, chance, known = responses(k, n, offset, usual)
    spread = chance + noise
    exact = known / (old.stray[:, None] + spread)
    far = np.abs(x - usual) * np.sqrt(exact)
    # A single event where a tenth of one is usual is not wild, so a few events are always let in.
    clip = _CLIP + _LET_IN * chance * np.sqrt(exact)
    weights = exact * (clip / np.maximum(far, clip))
    total = np.maximum(weights.sum(axis=1), 1e-12)
    level = _towards(old.level, (weights * (x - effects)).sum(axis=1) / total)
    level = np.clip(level, *old.bounds)
    parts, doubts, used = list(old.effects), [], np.ones(len(k))
    for i, factor in enumerate(calendar.factors):
        others = [*parts[:i], np.zeros_like(parts[i]), *parts[i + 1 :]]
        rest = x - level[:, None] - _spread(others, calendar)
        raw, doubt, spent = _effects(weights, rest, factor)
        parts[i] = _towards(old.effects[i], raw)
        doubts.append(doubt)
        used = used + spent
    residuals = x - level[:, None] - _spread(parts, calendar)
    own = old.stray[:, None] + chance
    # Noise is a guess of the most there may be: a night quieter than that says nothing of stray,
    # and would make the days look wild.
    say = known * own / np.maximum(own, noise)
    stray = _stray(residuals, spread, known, old, used, say)
    doubt = np.minimum(1 / total, _MOST_STRAY)
    return Fit(level, old.bounds, tuple(parts), doubt, tuple(doubts), stray, known.sum(axis=1))


def _towards(old: Floats, new: Floats) -> Floats:
    """Return the new value, at most a step away: of few events the full one may swing for ever."""
    step: Floats = old + np.clip(new - old, -_STEP, _STEP)
    return step


def responses(
    k: Floats, n: Floats, offset: Floats, usual: Floats
) -> tuple[Floats, Floats, Booleans]:
    """Return the logit of what was counted less the offset, the variance of counting, and where.

    Where few events are expected the logit of what was counted would be far off its mean, so there
    the step of a generalised linear model takes its place.
    """
    known = n > 0
    p = expit(usual + offset)
    within = np.maximum(n * p * (1 - p), 1e-9)
    chance = 1 / within
    left = np.maximum(n - k, 0)
    counted = np.log((k + 0.5) / (left + 0.5)) - offset
    step = usual + (k - n * p) * chance
    x = np.where(n * np.minimum(p, 1 - p) >= ENOUGH, counted, step)
    return np.where(known, x, 0.0), chance, known


def _effects(weights: Floats, rest: Floats, factor: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the shrunk effects of a factor, their variances, and how many degrees they took."""
    sizes = weights @ factor
    held = sizes > 0
    safe = np.where(held, sizes, 1.0)
    raw = np.where(held, ((weights * rest) @ factor) / safe, 0.0)
    total = np.maximum(sizes.sum(axis=1, keepdims=True), 1e-12)
    raw = raw - (sizes * raw).sum(axis=1, keepdims=True) / total
    beyond = (sizes * raw**2).sum(axis=1, keepdims=True) - (held.sum(axis=1, keepdims=True) - 1)
    scale = total - (sizes**2).sum(axis=1, keepdims=True) / total
    between = np.maximum(beyond, 0) / np.maximum(scale, 1e-12)
    # A member that never occurred may be anything that the others vary by.
    shrink = np.where(held, between / (between + 1 / safe), 0.0)
    return shrink * raw, np.where(held, shrink / safe, between), shrink.sum(axis=1)


def _stray(
    residuals: Floats, chance: Floats, known: Booleans, old: Fit, used: Floats, say: Floats
) -> Floats:
    """Return by how much rates vary beyond chance, robust to a wild half of the buckets."""
    buckets = known.sum(axis=1)
    median = _median(np.where(known, residuals**2 / _MEDIAN_SQUARE - chance, 0.0), say)
    few = (known / chance).sum(axis=1) < ENOUGH * buckets
    if few.any():
        # The median of a handful of events jumps between whole numbers, mostly too far up.
        median[few] = np.minimum(median[few], _moments(residuals, chance, known, old.stray)[few])
    freedom = np.maximum(buckets - used, buckets / 2)
    stray: Floats = np.maximum(median, 0) * buckets / np.maximum(freedom, 1)
    return np.minimum(stray, _MOST_STRAY)


def _median(values: Floats, weights: Floats) -> Floats:
    """Return the weighted median of each row, 0 where nothing has weight."""
    order = np.argsort(values, axis=1)
    sums = np.cumsum(np.take_along_axis(weights, order, 1), axis=1)
    half = sums[:, -1:] / 2
    # Where the halves part between two values the median lies in their middle.
    lower, upper = (
        np.minimum((sums < half * edge).sum(axis=1, keepdims=True), sums.shape[1] - 1)
        for edge in (1 - 1e-9, 1 + 1e-9)
    )
    places = (np.take_along_axis(order, place, 1) for place in (lower, upper))
    first, second = (np.take_along_axis(values, place, 1)[:, 0] for place in places)
    return np.where(half[:, 0] > 0, (first + second) / 2, 0.0)


def _moments(residuals: Floats, chance: Floats, known: Booleans, stray: Floats) -> Floats:
    """Return the weighted mean of what squares exceed chance by, wild ones cut."""
    most = _WILD**2 * (stray[:, None] + chance)
    excess = np.minimum(residuals**2, most) - chance
    weights = known / chance**2
    found: Floats = (weights * excess).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-12)
    return found
