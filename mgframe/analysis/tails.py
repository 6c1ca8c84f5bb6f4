"""How far a count lies from what was expected, in standard deviations of a normal law.

A rare event is no normal number: six complaints where one was expected are not five standard
deviations. Small counts take the tail of a negative binomial law, whose rate itself varies.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mgframe.dividing import Floats

#: Below so many expected events of a rate below this one the tail is counted exactly.
_FEW: Final = 400.0
_RARE: Final = 0.2
#: Beyond this a normal tail is no number any more.
_FARTHEST: Final = 35.0
_STEPS: Final = 60
#: So many standard deviations on each side hold 95 % of a normal law.
NORMAL_95: Final = 1.959963984540054


def expit(logit: Floats) -> Floats:
    """Return the rate of a logit."""
    rate: Floats = 1 / (1 + np.exp(-np.clip(logit, -40, 40)))
    return rate


def z_scores(k: Floats, n: Floats, logit: Floats, variance: Floats, rate: Floats) -> Floats:
    """Return how far `k` of `n` lie from the expected rate, in standard deviations.

    Parameters
    ----------
    k, n : array
        Both counts; NaN results where `n` is 0.
    logit, variance : array
        The expected rate on the logit scale, and its variance there (without that of counting).
    rate : array
        The expected rate itself, the mean of what the logit varies by.

    Returns
    -------
    array
        Positive where there are more events than expected.

    Notes
    -----
    Where fewer than 400 events are expected of a rate below 20 %, the mid-p tail of a negative
    binomial law of the same mean and variance as the beta-binomial one (of a binomial law where the
    rate does not vary), else the logit over its standard deviation. A rate near 1 is judged by what
    is lacking.
    """
    common = rate > 0.5
    # Of late events there may be more than the messages that they are put down to.
    k, p = np.where(common, np.maximum(n - k, 0), k), np.where(common, 1 - rate, rate)
    logit = np.where(common, -logit, logit)
    few = (n > 0) & (n * p < _FEW) & (p < _RARE)
    z = np.full(np.shape(k), np.nan)
    many = (n > 0) & ~few
    z[many] = _z_of_logit(k[many], n[many], logit[many], variance[many])
    z[few] = _z_of_tail(k[few], n[few], p[few], variance[few])
    return np.where(common, -z, z)


def _z_of_logit(k: Floats, n: Floats, logit: Floats, variance: Floats) -> Floats:
    p = expit(logit)
    found = np.log((k + 0.5) / (np.maximum(n - k, 0) + 0.5))
    z: Floats = (found - logit) / np.sqrt(variance + 1 / np.maximum(n * p * (1 - p), 1e-9))
    return z


def _z_of_tail(k: Floats, n: Floats, p: Floats, variance: Floats) -> Floats:
    from scipy.special import ndtri

    more, less = _mid_tails(np.maximum(k, 0), n, p, variance)
    above, below = (ndtri(np.maximum(tail, 1e-300)) for tail in (more, less))
    z: Floats = np.where(more < less, -above, below)
    return z


def _mid_tails(k: Floats, n: Floats, p: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return the chance of more than `k` events and of fewer, half of `k` itself in each."""
    from scipy.special import betainc

    mean = n * p
    # A beta-binomial count varies by n p (1 - p) and by its rate; the size r gives as much.
    shape = 1 / np.maximum(variance * (1 - p) ** 2 - 1 / n, 1e-12)
    varied = shape < 1e6
    r, share = np.where(varied, shape, 1.0), np.where(varied, mean / (shape + mean), 0.5)
    left, binomial = np.maximum(n - k, 1e-9), np.clip(p, 1e-15, 1 - 1e-9)

    def above(count: Floats, left: Floats) -> Floats:
        """Return the chance of at least `count` events."""
        known = np.maximum(count, 1e-9)
        tail = np.where(varied, betainc(known, r, share), betainc(known, left, binomial))
        return np.where(count > 0, tail, 1.0)

    def below(count: Floats, left: Floats) -> Floats:
        """Return the chance of fewer than `count` events."""
        known = np.maximum(count, 1e-9)
        tail = np.where(varied, betainc(r, known, 1 - share), betainc(left, known, 1 - binomial))
        return np.where(count > 0, tail, 0.0)

    more = (above(k, left + 1) + above(k + 1, left)) / 2
    less = (below(k, left + 1) + below(k + 1, left)) / 2
    return more, less


def to_normal(z: Floats, freedom: Floats | float) -> Floats:
    """Return the normal deviate as rare as a `z` whose scale is known by so many degrees."""
    from scipy.special import ndtri, stdtr

    size = np.minimum(np.abs(z), _FARTHEST**2)
    tail = np.maximum(stdtr(np.asarray(freedom, dtype="float64"), -size), 1e-300)
    same: Floats = np.sign(z) * np.minimum(-ndtri(tail), _FARTHEST)
    return same


def normal_p(z: Floats) -> Floats:
    """Return the chance of a deviate at least as large, on either side."""
    from scipy.special import ndtr

    p: Floats = 2 * ndtr(-np.abs(z))
    return p


def count_at(z: Floats | float, n: Floats, logit: Floats, variance: Floats, rate: Floats) -> Floats:
    """Return the count that lies `z` standard deviations from the expected rate, in [0, n].

    It is no whole number; found by halving, because the tail has no inverse.
    """
    low, high = np.zeros(len(n)), n.astype("float64")
    for _ in range(_STEPS):
        middle = (low + high) / 2
        short = z_scores(middle, n, logit, variance, rate) < z
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.where(n > 0, (low + high) / 2, np.nan)
