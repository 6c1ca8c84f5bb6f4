"""The days in which a slice departs most from what was expected of it: every interval is tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mgframe.analysis.cubes import Stack
from mgframe.analysis.scanning import inflation
from mgframe.analysis.seasonality import Calendar, Fit, fit, responses
from mgframe.analysis.tails import expit, to_normal, z_scores
from mgframe.dividing import Floats
from mgframe.summing import Booleans, Integers

#: So many days with mail must lie outside of it, and so many days of any kind before it.
_LEAST_OUTSIDE: Final = 21
_BEFORE: Final = 7
#: Deviations of a single day are cut to this, in standard deviations.
_MOST: Final = 8.0
_ROUNDS: Final = 2
#: How much a day resembles the next one: a guess that counts like so many pairs of days, the most
#: that is believed, and what deviations are cut to before they are compared.
_LIKENESS: Final = 0.3
_GUESS: Final = 40
_LONGEST_MEMORY: Final = 0.8
_TAME: Final = 2.5
#: Degrees of freedom that a day outside gives to what rates stray by; chosen with the limit, and
#: more than alarms and dates take (``seasonality.FREEDOM``).
_FREEDOM: Final = 45 / 56
#: On so many days after an interval events may come that belong to it.
_LATER: Final = 2


@dataclass(frozen=True)
class Hunt:
    """The strongest interval of each series: days `start` up to `stop` (exclusive).

    `z` is how far it lies from chance as a normal deviate (0 where nothing can be said), positive
    where there are more events than expected; `n`, `k` and `expected` are the sums over it,
    `effect` the shift of the logit and `doubt` its variance, `lowest` and `highest` the first and
    last start of the 90 % set. `usual` is the rate that was expected of each day, `stray` by how
    much its logit varies and `vague` the variance of its level.
    """

    start: Integers
    stop: Integers
    z: Floats
    n: Floats
    k: Floats
    expected: Floats
    effect: Floats
    doubt: Floats
    lowest: Integers
    highest: Integers
    usual: Floats
    stray: Floats
    vague: Floats

    @property
    def inside(self) -> Booleans:
        """Which days lie in the interval of each series."""
        return _inside(self.start, self.stop, self.usual.shape[1])

    def excess(self, k: Floats, n: Floats) -> Floats:
        """Return by how much the events of each day exceed the usual ones."""
        found: Floats = k - n * self.usual
        return found

    def made_up(self, k: Floats, n: Floats) -> Floats:
        """Return which share of an interval's departure a day before and two after make up for.

        Opens that come a day later than usual are not lost: the day of the send has too few, the
        next one too many.
        """
        off = self.excess(k, n)
        around = _inside(self.start - 1, self.stop + _LATER, k.shape[1]) & ~self.inside
        inside = (off * self.inside).sum(axis=1)
        beside = (off * around).sum(axis=1)
        share: Floats = -beside / np.where(inside == 0, np.inf, inside)
        return share


@dataclass(frozen=True)
class _Sums:
    """Running sums of a x and of a over the days, and how much a day resembles the next one."""

    pull: Floats
    held: Floats
    rho: Floats

    def over(self, start: Integers, stop: Integers) -> tuple[Floats, Floats]:
        return self.pull[:, stop] - self.pull[:, start], self.held[:, stop] - self.held[:, start]


def hunt(stack: Stack, calendar: Calendar, since: int = 0, sign: int = 0) -> Hunt:
    """Return the interval of each slice that departs most, begun on day `since` or later.

    With a `sign` only departures to that side are looked for: a surge elsewhere hides no fall.

    Notes
    -----
    Level and weekdays are fitted without the interval, hence two rounds. An interval with the
    deviations x (logits, cut at 8 standard deviations of a day) of weight a = 1 / (stray + v)
    shifts the rate by sum(a x) / sum(a), with the variance g / sum(a) and that of the level, where
    g is by how much days that resemble the next one widen a mean of so many. The strongest one has
    the largest (sum(a x))² / (sum(a) g). Its z is the shift over its standard deviation, read as
    Student's t, or that of the tail of the interval's sum of events, whichever is smaller; 0 where
    the two have other signs.
    """
    k, n, offset, noise = stack.k, stack.n, stack.offset, stack.noise
    days = k.shape[1]
    start = stop = np.zeros(len(k), dtype="int64")
    masked = np.zeros(k.shape, dtype=bool)
    usual = fit(k, n, offset, calendar, noise=noise)
    for round_ in range(_ROUNDS):
        sums = _sums(stack, calendar, usual, masked)
        start, stop = _best(sums, days, since, sign)
        masked = _inside(start, stop, days)
        quiet = np.where(masked, 0.0, n)
        usual = fit(k, quiet, offset, calendar, noise=noise, start=usual if round_ else None)
    sums = _sums(stack, calendar, usual, masked)
    return _described(stack, calendar, usual, sums, start, stop)


def measure(stack: Stack, calendar: Calendar, start: Integers | int, stop: Integers | int) -> Hunt:
    """Return what is to be known of a given interval: one for all slices, or one for each."""
    start, stop = (np.full(len(stack.k), side) for side in (start, stop))
    masked = _inside(start, stop, stack.k.shape[1])
    quiet = np.where(masked, 0.0, stack.n)
    usual = fit(stack.k, quiet, stack.offset, calendar, noise=stack.noise)
    sums = _sums(stack, calendar, usual, masked)
    return _described(stack, calendar, usual, sums, start, stop)


def _sums(stack: Stack, calendar: Calendar, usual: Fit, masked: Booleans) -> _Sums:
    logits = usual.logits(calendar)
    x, chance, known = responses(stack.k, stack.n, stack.offset, logits)
    spread = usual.stray[:, None] + chance + stack.noise
    weights = known / spread
    scaled = np.clip((x - logits) * np.sqrt(weights), -_MOST, _MOST)
    rho = _likeness(np.where(masked | ~known, np.nan, scaled))
    return _Sums(_running(scaled * np.sqrt(weights)), _running(weights), rho)


def _running(values: Floats) -> Floats:
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _likeness(off: Floats) -> Floats:
    """Return how much a day resembles the next one, drawn to a guess; NaN is no day."""
    off = np.clip(off, -_TAME, _TAME)
    pairs = np.isfinite(off[:, 1:]) & np.isfinite(off[:, :-1])
    known = np.nan_to_num(off)
    like = (known[:, 1:] * known[:, :-1] * pairs).sum(axis=1)
    like = like / np.maximum((known**2).sum(axis=1), 1e-9)
    number = pairs.sum(axis=1)
    rho: Floats = (number * like + _GUESS * _LIKENESS) / (number + _GUESS)
    return np.clip(rho, 0.0, _LONGEST_MEMORY)


def _best(sums: _Sums, days: int, since: int, sign: int) -> tuple[Integers, Integers]:
    """Return start and stop of the strongest interval, the shortest of equals."""
    series = np.arange(len(sums.pull))
    best = np.full(len(series), -1.0)
    start, stop = np.zeros(len(series), dtype="int64"), np.ones(len(series), dtype="int64")
    for length in range(1, days - _LEAST_OUTSIDE + 1):
        starts = np.arange(max(_BEFORE, since), days - length + 1)
        if not len(starts):
            break
        pull, held = sums.over(starts, starts + length)
        pull = np.where(sign * pull < 0, 0.0, pull)
        wider = inflation(sums.rho, length)[:, None]
        gains = np.divide(pull**2, held * wider, out=np.zeros(pull.shape), where=held > 0)
        own = gains.argmax(axis=1)
        better = gains[series, own] > best + 1e-9
        best = np.where(better, gains[series, own], best)
        start, stop = (
            np.where(better, starts[own], start),
            np.where(better, starts[own] + length, stop),
        )
    return start, stop


def _inside(start: Integers, stop: Integers, days: int) -> Booleans:
    day = np.arange(days)
    found: Booleans = (day >= start[:, None]) & (day < stop[:, None])
    return found


def _described(
    stack: Stack, calendar: Calendar, usual: Fit, sums: _Sums, start: Integers, stop: Integers
) -> Hunt:
    """Return what is to be known of the interval of each series."""
    k, n = stack.k, stack.n
    rows = np.arange(len(k))
    rate = expit(usual.logits(calendar) + stack.offset)
    inside = _inside(start, stop, k.shape[1])
    pull = sums.pull[rows, stop] - sums.pull[rows, start]
    held = np.maximum(sums.held[rows, stop] - sums.held[rows, start], 1e-9)
    effect = pull / held
    doubt = inflation(sums.rho, np.maximum(stop - start, 1)) / held + usual.doubt
    messages, events = (n * inside).sum(axis=1), (k * inside).sum(axis=1)
    expected = (n * rate * inside).sum(axis=1)
    freedom = np.maximum(_FREEDOM * usual.buckets, 4)
    z = _certainty(events, messages, expected, effect, doubt, freedom)
    z = np.where((usual.buckets >= _LEAST_OUTSIDE) & (messages > 0), z, 0.0)
    lowest, highest = _credible(sums, start, stop, np.sign(effect))
    return Hunt(
        start, stop, z, messages, events, expected, effect, doubt, lowest, highest, rate,
        usual.stray, usual.doubt,
    )  # fmt: skip


def _certainty(
    k: Floats, n: Floats, expected: Floats, effect: Floats, doubt: Floats, freedom: Floats
) -> Floats:
    """Return how far an interval is from chance: by its days, and by the sum of its counts."""
    by_days = to_normal(effect / np.sqrt(doubt), freedom)
    safe = np.maximum(n, 1.0)
    rate = np.clip(expected / safe, 1e-12, 1 - 1e-12)
    counting = 1 / np.maximum(safe * rate * (1 - rate), 1e-9)
    logit = np.log(rate / (1 - rate))
    beyond = np.maximum(doubt - counting, 1e-4)
    by_count = to_normal(z_scores(k, safe, logit, beyond, rate), freedom)
    agree = (np.sign(by_days) == np.sign(by_count)) & np.isfinite(by_count)
    found: Floats = np.sign(by_days) * np.fmin(np.abs(by_days), np.abs(by_count))
    return np.where(agree, found, 0.0)


def _credible(
    sums: _Sums, start: Integers, stop: Integers, sign: Floats, level: float = 0.9
) -> tuple[Integers, Integers]:
    """Return the first and last start of the smallest set that holds the true one so often."""
    days = sums.pull.shape[1] - 1
    starts = np.arange(days)
    pull = np.take_along_axis(sums.pull, stop[:, None], 1) - sums.pull[:, starts]
    held = np.take_along_axis(sums.held, stop[:, None], 1) - sums.held[:, starts]
    possible = (starts < stop[:, None]) & (held > 1e-9) & (np.sign(pull) == sign[:, None])
    # A start on a day without mail is the start on the next day with it.
    possible &= np.diff(sums.held, axis=1) > 0
    lasting = ((1 + sums.rho) / (1 - sums.rho))[:, None]
    gains = np.where(possible, pull**2 / np.where(possible, held, 1.0) / lasting, -np.inf)
    mass = np.exp((gains - np.max(gains, axis=1, keepdims=True, initial=-1.0)) / 2)
    mass = mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300)
    order = np.argsort(-mass, axis=1)
    ranked = np.take_along_axis(mass, order, 1)
    taken = np.zeros(mass.shape, dtype=bool)
    np.put_along_axis(taken, order, np.cumsum(ranked, axis=1) - ranked < level, axis=1)
    taken[np.arange(len(start)), start] = True
    return taken.argmax(axis=1), days - 1 - taken[:, ::-1].argmax(axis=1)
