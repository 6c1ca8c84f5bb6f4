"""Denominators of what comes late: opens of a day belong to the sends of that day and days before.

Around a weekly campaign opens over the day's deliveries swing from 18 % to 418 % where the truth is
30 %. Here each series learns how its events spread over the days after a send, and the deliveries
of the last days, weighted so, are what a day's events come from.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mgframe.dividing import Floats
from mgframe.summing import Booleans

#: How many days before its own a day's events may come from.
DAYS: Final = 7

#: Shares of all events by days after the send, that stand for what the data do not tell: ten
#: million sends of one brand.
# fmt: off
_OPENS: Final = np.array([61.4, 24.9, 4.5, 2.4, 0.75, 0.75, 0.75, 0.75])
_CLICKS: Final = np.array([74.2, 17.5, 2.6, 1.6, 0.55, 0.55, 0.55, 0.55])
_OTHERS: Final = np.array([78.6, 14.3, 2.3, 1.2, 0.475, 0.475, 0.475, 0.475])
# fmt: on

_STRAY: Final = 0.15
#: By how much what comes on a later day differs from send to send.
_RHYTHM: Final = 0.1
_PASSES: Final = 3
_SWEEPS: Final = 40
_WILD: Final = 3.0


def usual_spread(numerator: str) -> Floats:
    """Return the shares of events by days after the send that are usual for a count."""
    curve = _OPENS if "open" in numerator else _CLICKS if "click" in numerator else _OTHERS
    spread: Floats = curve / curve.sum()
    return spread


def shifted(values: Floats) -> Floats:
    """Return the values of a day and of each day before it as a first axis, NaN where none is."""
    found = np.full((DAYS + 1, *values.shape), np.nan)
    for days in range(DAYS + 1):
        found[days, :, days:] = values[:, : values.shape[1] - days]
    return found


def late_denominators(
    k: Floats, n: Floats, learn: Booleans, spread: Floats
) -> tuple[Floats, Floats]:
    """Return by series and day how many messages the day's events come from, and how vaguely.

    Parameters
    ----------
    k, n : array, series by days
        Events and deliveries of each day; `n` is NaN where unknown.
    learn : array of bool
        The days to learn from.
    spread : array
        How events usually spread over the days after a send (see :func:`usual_spread`).

    Returns
    -------
    tuple of arrays
        Deliveries of the day and the seven before it, weighted by the shares of events that come so
        many days after the send, NaN where one of them is unknown; and the variance of the logit of
        a rate over them, because no two sends are opened in quite the same rhythm.

    Notes
    -----
    Non-negative least squares, weighted by the counts' variances, with the usual spread as one more
    observation; days that lie beyond three standard deviations are left out of the next pass.
    """
    sends = shifted(n)
    told = np.isfinite(sends).all(axis=0)
    sends, use = np.where(told, sends, 0.0), learn & told
    share = (k * use).sum(axis=1) / np.maximum((sends[0] * use).sum(axis=1), 1.0)
    guess = np.maximum(share, 1e-9)[:, None] * spread
    found, weights = guess, use.astype("float64")
    for _ in range(_PASSES):
        expected = _expected(found, sends)
        variance = np.maximum(expected, 0.5) + (_STRAY * expected) ** 2
        found = _nonnegative(sends, k, weights / variance, guess)
        weights = use * _tame(k, _expected(found, sends), use)
    total = np.maximum(found.sum(axis=1), 1e-12)[:, None]
    return np.where(told, _expected(found / total, sends), np.nan), _vagueness(found, sends)


def _expected(shares: Floats, sends: Floats) -> Floats:
    found: Floats = np.einsum("sj,jst->st", shares, sends, optimize=True)
    return found


def _vagueness(shares: Floats, sends: Floats) -> Floats:
    """Return the variance of the logit that sends of earlier days bring."""
    late = shares.T[1:, :, None] * sends[1:]
    whole = np.maximum(_expected(shares, sends), 1e-12)
    vague: Floats = _RHYTHM**2 * ((late / whole) ** 2).sum(axis=0)
    return vague


def _nonnegative(sends: Floats, k: Floats, weights: Floats, guess: Floats) -> Floats:
    """Return the non-negative shares that fit best, by coordinate descent."""
    grams = np.einsum("ist,jst,st->sij", sends, sends, weights, optimize=True)
    sides = np.einsum("jst,st->sj", sends, k * weights, optimize=True)
    doubt = 1 / (guess + 0.02 * guess.sum(axis=1, keepdims=True)) ** 2
    grams[:, range(DAYS + 1), range(DAYS + 1)] += doubt
    sides = sides + doubt * guess
    shares = guess.copy()
    for _ in range(_SWEEPS):
        for j in range(DAYS + 1):
            rest = sides[:, j] - (grams[:, j] * shares).sum(axis=1) + grams[:, j, j] * shares[:, j]
            shares[:, j] = np.maximum(rest / grams[:, j, j], 0.0)
    return shares


def _tame(k: Floats, expected: Floats, use: Booleans) -> Booleans:
    """Return the days that are no wild ones of their series."""
    off = (k - expected) / np.sqrt(np.maximum(expected, 0.5) + (_STRAY * expected) ** 2)
    size = np.where(use, np.abs(off), np.nan)
    size[~use.any(axis=1)] = 0.0
    scale = 1.4826 * np.nanmedian(size, axis=1, keepdims=True)
    tame: Booleans = np.abs(off) <= _WILD * np.maximum(scale, 0.3)
    return tame
