"""Stretches of days in which a rate lay at another level: all starts and ends are tried.

Like ``seasonality``, everything is an array of series by days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mgframe.analysis.seasonality import FREEDOM, Calendar, Fit, fit, responses
from mgframe.analysis.tails import expit, to_normal, z_scores
from mgframe.dividing import Floats
from mgframe.summing import Booleans, Integers

#: A stretch that ended lasted so many days; one that goes on may be as long as there are days.
SHORTEST: Final = 2
LONGEST: Final = 42
#: So many days must lie before a change.
_BEFORE: Final = 7
#: How many stretches a series is searched for.
MOST: Final = 4
#: One wild day is no change of level: deviations are cut to this.
_MOST: Final = 4.0
_LIKENESS: Final = 0.3
_GUESS: Final = 56
_LONGEST_MEMORY: Final = 0.8
_ROUNDS: Final = 2
#: Cells that are held in memory at once.
_CELLS: Final = 1 << 17


@dataclass(frozen=True)
class Stretch:
    """The strongest stretch of each series: days `start` up to `stop` (exclusive).

    `effect` is the shift of the logit, `doubt` its variance, `z` how far it is from chance alone
    (of one given stretch: it was chosen among many), `lowest` and `highest` the first and last
    start of the credible set, `rho` how much a day resembles the next one.
    """

    start: Integers
    stop: Integers
    effect: Floats
    doubt: Floats
    z: Floats
    lowest: Integers
    highest: Integers
    rho: Floats

    def inside(self, days: int) -> Booleans:
        """Return which days lie in the stretch."""
        return _inside(self.start, self.stop, days)


@dataclass(frozen=True)
class _Sums:
    """Running sums over the days, after level and weekdays are taken out of the deviations."""

    pulls: Floats
    weights: Floats
    by_weekday: Floats
    known: Floats
    rho: Floats

    @classmethod
    def of(cls, deviations: Floats, weights: Floats, calendar: Calendar, rho: Floats) -> _Sums:
        weekdays = calendar.factors[0]
        whole = weights @ weekdays
        safe = np.where(whole > 0, whole, 1.0)
        usual = ((weights * deviations) @ weekdays) / safe
        rest = deviations - usual @ weekdays.T
        return cls(
            _running(weights * rest),
            _running(weights),
            _running(weights[:, None, :] * weekdays.T / np.sqrt(safe)[:, :, None]),
            _running((weights > 0).astype("float64")),
            rho,
        )

    def gains(self, start: slice, stop: slice) -> tuple[Floats, Floats]:
        """Return the pull of stretches and their information; 0 where too few days are known."""
        pull = self.pulls[:, stop] - self.pulls[:, start]
        own = self.by_weekday[:, :, stop] - self.by_weekday[:, :, start]
        held = self.weights[:, stop] - self.weights[:, start]
        information = held - np.einsum("sjt,sjt->st", own, own)
        known = self.known[:, stop] - self.known[:, start]
        usable = (known >= SHORTEST) & (information > 1e-9 * held)
        return np.where(usable, pull, 0.0), np.where(usable, information, 1.0)


def _running(values: Floats) -> Floats:
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums


def inflation(rho: Floats, days: Integers | int) -> Floats:
    """Return by how much days that resemble the next one widen the mean of so many of them."""
    length = np.asarray(days, dtype="float64")
    lasting = (1 + rho) / (1 - rho)
    found: Floats = lasting - 2 * rho * (1 - rho**length) / (length * (1 - rho) ** 2)
    return np.maximum(found, 1.0)


def strongest(
    k: Floats, n: Floats, offset: Floats, calendar: Calendar, noise: Floats
) -> tuple[Stretch, Fit]:
    """Return the stretch of each series that departs most, and the fit without it.

    Parameters
    ----------
    k, n, offset, calendar, noise
        As for :func:`mgframe.analysis.seasonality.fit`; the offset holds what was found before.

    Notes
    -----
    Level and weekdays are partialled out of the deviations and of each stretch, both weighted; the
    gain is pull² / information, less by the inflation of days that resemble each other. How far
    rates stray is told without the stretch, hence two rounds. The credible set of the start is the
    smallest with 90 % of exp(gain / 2) over all starts with the same stop.
    """
    rows = max(_CELLS // max(8 * k.shape[1], 1), 1)
    parts = [
        _strongest(k[i:j], n[i:j], offset[i:j], noise[i:j], calendar)
        for i, j in ((i, i + rows) for i in range(0, len(k), rows))
    ]
    stretches, fits = zip(*parts, strict=True)
    return _joined(stretches), fits[0] if len(fits) == 1 else _joined_fits(fits)


def _joined(parts: tuple[Stretch, ...]) -> Stretch:
    names = tuple(Stretch.__dataclass_fields__)
    return Stretch(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _joined_fits(parts: tuple[Fit, ...]) -> Fit:
    first = parts[0]
    return replace(
        first,
        level=np.concatenate([part.level for part in parts]),
        effects=(np.concatenate([part.effects[0] for part in parts]),),
        doubt=np.concatenate([part.doubt for part in parts]),
        stray=np.concatenate([part.stray for part in parts]),
        buckets=np.concatenate([part.buckets for part in parts]),
    )


def _strongest(
    k: Floats, n: Floats, offset: Floats, noise: Floats, calendar: Calendar
) -> tuple[Stretch, Fit]:
    shift, rho = np.zeros(k.shape), np.full(len(k), _LIKENESS)
    usual = fit(k, n, offset, calendar, noise=noise)
    for _ in range(_ROUNDS):
        sums = _sums(k, n, offset, shift, noise, calendar, usual, rho)
        start, stop = _best(sums, k.shape[1])
        effect, doubt = _effect(sums, start, stop)
        inside = _inside(start, stop, k.shape[1])
        shift = np.where(inside, effect[:, None], 0.0)
        usual = fit(k, n, offset + shift, calendar, noise=noise)
        rho = _likeness(k, n, offset + shift, noise, calendar, usual)
    sums = _sums(k, n, offset, shift, noise, calendar, usual, rho)
    start, stop = _best(sums, k.shape[1])
    effect, doubt = _effect(sums, start, stop)
    inside = _inside(start, stop, k.shape[1])
    z = _certainty(k, n, offset, calendar, usual, inside, effect, doubt)
    lowest, highest = _credible(sums, start, stop, np.sign(effect))
    return Stretch(start, stop, effect, doubt, z, lowest, highest, rho), usual


def _inside(start: Integers, stop: Integers, days: int) -> Booleans:
    day = np.arange(days)
    found: Booleans = (day >= start[:, None]) & (day < stop[:, None])
    return found


def _sums(
    k: Floats,
    n: Floats,
    offset: Floats,
    shift: Floats,
    noise: Floats,
    calendar: Calendar,
    usual: Fit,
    rho: Floats,
) -> _Sums:
    """Return the running sums of deviations from what was usual without the stretch."""
    logits = usual.logits(calendar)
    # The chance of counting is that of the rate as it was, inside of the stretch too.
    x, chance, known = responses(k, n, offset, logits + shift)
    weights = known / (usual.stray[:, None] + chance + noise)
    scaled = (x - logits - shift) * np.sqrt(weights)
    # Cut around the level that the stretch has, so that its own days are not wild ones.
    tame = np.clip(scaled, -_MOST, _MOST)
    spread = np.sqrt(np.where(weights > 0, weights, 1.0))
    return _Sums.of(np.where(known, tame / spread + shift, 0.0), weights, calendar, rho)


def _best(sums: _Sums, days: int) -> tuple[Integers, Integers]:
    """Return start and stop of the stretch with the greatest gain."""
    series = np.arange(len(sums.pulls))
    best = np.full(len(series), -1.0)
    start, stop = np.full(len(series), days - SHORTEST), np.full(len(series), days)

    def offer(starts: Integers, stops: Integers, telling: Integers | int) -> None:
        nonlocal best, start, stop
        pull, information = sums.gains(_slice(starts), _slice(stops))
        gains = pull**2 / (information * inflation(sums.rho[:, None], telling))
        own = gains.argmax(axis=1)
        better = gains[series, own] > best
        best = np.where(better, gains[series, own], best)
        start = np.where(better, starts[own], start)
        stop = np.where(better, stops[np.minimum(own, len(stops) - 1)], stop)

    for length in range(SHORTEST, min(LONGEST, days - _BEFORE) + 1):
        starts = np.arange(_BEFORE, days - length + 1)
        offer(starts, starts + length, length)
    starts = np.arange(_BEFORE, days - SHORTEST + 1)
    if len(starts):
        # Of a change that goes on, the shorter side says how sure it is.
        offer(starts, np.array([days]), np.minimum(days - starts, starts))
    return start, stop


def _slice(days: Integers) -> slice:
    return slice(int(days[0]), int(days[-1]) + 1)


def _effect(sums: _Sums, start: Integers, stop: Integers) -> tuple[Floats, Floats]:
    """Return the shift of the logit in a stretch of each series, and its variance."""
    series = np.arange(len(start))
    pull = sums.pulls[series, stop] - sums.pulls[series, start]
    own = sums.by_weekday[series, :, stop] - sums.by_weekday[series, :, start]
    held = sums.weights[series, stop] - sums.weights[series, start]
    information = np.maximum(held - (own**2).sum(axis=1), 1e-9)
    days = np.minimum(stop - start, np.maximum(sums.pulls.shape[1] - 1 - (stop - start), 1))
    return pull / information, inflation(sums.rho, days) / information


def _likeness(
    k: Floats, n: Floats, offset: Floats, noise: Floats, calendar: Calendar, usual: Fit
) -> Floats:
    """Return how much a day resembles the next one, drawn to a guess."""
    logits = usual.logits(calendar)
    x, chance, known = responses(k, n, offset, logits)
    off = (x - logits) * np.sqrt(known / (usual.stray[:, None] + chance + noise))
    off = np.clip(off, -2.5, 2.5)
    pairs = (known[:, 1:] & known[:, :-1]).sum(axis=1)
    like = (off[:, 1:] * off[:, :-1]).sum(axis=1) / np.maximum((off**2).sum(axis=1), 1e-9)
    # Taking away the mean makes short series look less alike: about -(1 + 4 rho) / days.
    bias = 1 / np.maximum(pairs, 8)
    like = (like + bias) / (1 - 4 * bias)
    rho: Floats = (pairs * like + _GUESS * _LIKENESS) / (pairs + _GUESS)
    return np.clip(rho, 0.0, _LONGEST_MEMORY)


def _certainty(
    k: Floats,
    n: Floats,
    offset: Floats,
    calendar: Calendar,
    usual: Fit,
    inside: Booleans,
    effect: Floats,
    doubt: Floats,
) -> Floats:
    """Return how far the stretch is from chance: by its effect, and where few, by its counts."""
    freedom = np.maximum(FREEDOM * usual.buckets, 4)
    by_effect = to_normal(effect / np.sqrt(doubt), freedom)
    messages, events = (n * inside).sum(axis=1), (k * inside).sum(axis=1)
    p = expit(usual.logits(calendar) + offset)
    safe = np.maximum(messages, 1)
    rate = np.clip((n * p * inside).sum(axis=1) / safe, 1e-12, 1 - 1e-12)
    counting = 1 / np.maximum(safe * rate * (1 - rate), 1e-9)
    logit = np.log(rate / (1 - rate))
    beyond = np.maximum(doubt - counting, 0.0)
    by_count = to_normal(z_scores(events, messages, logit, beyond, rate), freedom)
    smaller = np.fmin(np.abs(by_effect), np.abs(by_count))
    agree = (np.sign(by_effect) == np.sign(by_count)) & np.isfinite(by_count)
    found: Floats = np.where(agree, np.sign(by_effect) * smaller, 0.0)
    return found


def _credible(
    sums: _Sums, start: Integers, stop: Integers, sign: Floats, level: float = 0.9
) -> tuple[Integers, Integers]:
    """Return the first and last start of the smallest set that holds the true one so often."""
    days = sums.pulls.shape[1] - 1
    starts = np.arange(_BEFORE, days)
    pull = np.take_along_axis(sums.pulls, stop[:, None], 1) - sums.pulls[:, starts]
    series = np.arange(len(stop))
    own = sums.by_weekday[series, :, stop][:, :, None] - sums.by_weekday[:, :, starts]
    held = np.take_along_axis(sums.weights, stop[:, None], 1) - sums.weights[:, starts]
    information = held - (own**2).sum(axis=1)
    possible = (starts < stop[:, None]) & (information > 1e-9) & (np.sign(pull) == sign[:, None])
    lasting = ((1 + sums.rho) / (1 - sums.rho))[:, None]
    gains = np.where(possible, pull**2 / np.where(possible, information, 1.0) / lasting, -np.inf)
    best = np.max(gains, axis=1, keepdims=True, initial=-1.0)
    mass = np.exp((gains - best) / 2)
    mass = mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300)
    order = np.argsort(-mass, axis=1)
    before = np.cumsum(np.take_along_axis(mass, order, 1), axis=1)
    before = before - np.take_along_axis(mass, order, 1)
    taken = np.zeros(mass.shape, dtype=bool)
    np.put_along_axis(taken, order, before < level, axis=1)
    taken[series, np.clip(start - _BEFORE, 0, len(starts) - 1)] = True
    lowest, highest = taken.argmax(axis=1), taken.shape[1] - 1 - taken[:, ::-1].argmax(axis=1)
    return starts[lowest], starts[highest]
