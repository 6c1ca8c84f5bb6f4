"""Intervals of proportions: how far a rate may lie from the one that was counted.

Arrays in, arrays out. An interval is NaN where the proportion is none: a side unknown, nothing in
the denominator, or more events than messages.

:func:`wilson` and :func:`clopper_pearson` take messages for independent. They are not: the mail of
one day meets the same filters. :func:`effective_size` says how many independent messages tell as
much as the clusters (days) of a pooled rate do, and the same two formulas at that size are the
day-clustered intervals.
"""

from __future__ import annotations

from numbers import Real
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from mgframe.errors import QueryError

Floats = npt.NDArray[np.float64]
Bounds = tuple[Floats, Floats]
Dispersion = tuple[Floats, Floats]


def read_level(level: object, *, argument: str = "interval") -> float:
    """Return the level of an interval, such as 0.95, else raise :class:`QueryError`."""
    if isinstance(level, bool) or not isinstance(level, Real) or not 0 < float(level) < 1:
        percent = isinstance(level, Real) and not isinstance(level, bool) and 1 < float(level) < 100
        example = f"{float(level) / 100:g}" if percent and isinstance(level, Real) else "0.95"
        raise QueryError(f"{argument}={level!r} must lie between 0 and 1, such as {example}")
    return float(level)


def normal_quantile(level: float) -> float:
    """Return how many standard deviations on each side hold a share of `level`."""
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(events: npt.ArrayLike, messages: npt.ArrayLike, level: float = 0.95) -> Bounds:
    """Return Wilson's score interval of each proportion.

    Parameters
    ----------
    events, messages : array of numbers
        Both sides of the rate; NaN is unknown. They need not be whole (see :func:`effective_size`).
    level : float, default 0.95
        The share of intervals that hold the true rate, on average over rates.

    Returns
    -------
    tuple of arrays
        The lower and the upper bound, in [0, 1]; exactly 0 for no events, exactly 1 for all.

    Notes
    -----
    With p = k / n: (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n). Wilson, JASA 22 (1927)
    209; recommended in Brown, Cai, DasGupta, Statistical Science 16 (2001) 101.

    Examples
    --------
    >>> [bound.round(4).tolist() for bound in wilson([81, 0], [263, 20])]
    [[0.2553, 0.0], [0.3662, 0.1611]]
    """
    k, n = _sides(events, messages)
    z2 = normal_quantile(level) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        share = k / n
        spread = z2 / n
        half = np.sqrt(spread * (share * (1 - share) + spread / 4))
        centre, shrink = share + spread / 2, 1 / (1 + spread)
        low, high = (centre - half) * shrink, (centre + half) * shrink
    return _within(k, n, low, high)


def clopper_pearson(events: npt.ArrayLike, messages: npt.ArrayLike, level: float = 0.95) -> Bounds:
    """Return the "exact" interval of Clopper and Pearson: never below its level, often above.

    Parameters
    ----------
    events, messages, level
        As for :func:`wilson`. Each bound alone is wrong at most (1 - level) / 2 of the time.

    Returns
    -------
    tuple of arrays
        The lower and the upper bound, in [0, 1].

    Notes
    -----
    Quantiles of the beta distribution: Clopper and Pearson, Biometrika 26 (1934) 404, by
    scipy.special.betaincinv and, for the upper tail, betainccinv.

    Examples
    --------
    >>> [bound.round(4).tolist() for bound in clopper_pearson([81, 0], [263, 20])]
    [[0.2527, 0.0], [0.3676, 0.1684]]
    """
    from scipy.special import betainccinv, betaincinv

    k, n = _sides(events, messages)
    tail = (1 - level) / 2
    rest = n - k
    return _within(k, n, betaincinv(k, rest + 1, tail), betainccinv(k + 1, rest, tail))


def newcombe(
    events: npt.ArrayLike,
    messages: npt.ArrayLike,
    other_events: npt.ArrayLike,
    other_messages: npt.ArrayLike,
    level: float = 0.95,
) -> Bounds:
    """Return Newcombe's hybrid interval of the difference of two proportions, first less other.

    Parameters
    ----------
    events, messages : array of numbers
        Both sides of the first rate.
    other_events, other_messages : array of numbers
        Both sides of the other. At their effective sizes the interval is day-clustered.
    level : float, default 0.95
        As for :func:`wilson`.

    Returns
    -------
    tuple of arrays
        The lower and the upper bound of the difference, in [-1, 1].

    Notes
    -----
    Method 10 (without continuity correction) of Newcombe, Statistics in Medicine 17 (1998) 873:
    d - sqrt((p1 - l1)² + (u2 - p2)²) and d + sqrt((u1 - p1)² + (p2 - l2)²), the bounds Wilson's.

    Examples
    --------
    >>> [round(float(bound), 4) for bound in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    k, n = _sides(events, messages)
    other_k, other_n = _sides(other_events, other_messages)
    low, high = wilson(k, n, level)
    other_low, other_high = wilson(other_k, other_n, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, other = k / n, other_k / other_n
        down = np.hypot(share - low, other_high - other)
        up = np.hypot(high - share, other - other_low)
        return share - other - down, share - other + up


def dispersion(
    events: npt.ArrayLike, messages: npt.ArrayLike, squares: npt.ArrayLike, clusters: npt.ArrayLike
) -> Dispersion:
    """Return how much more a rate varies between clusters, such as days, than by chance alone.

    Parameters
    ----------
    events, messages : array of numbers
        The sums over all clusters, whose ratio is the rate r.
    squares : array of numbers
        The sum of (y - r·n)² over the clusters.
    clusters : array of numbers
        How many clusters there are; a single one says nothing of how clusters differ.

    Returns
    -------
    tuple of arrays
        The design effect times its degrees of freedom, and these degrees, clusters - 1. Several
        periods are put together by adding both.

    Notes
    -----
    The ratio estimator of Cochran, Sampling Techniques (3rd ed. 1977), chapter 6, has the variance
    c/(c-1)·squares/n² with c clusters; the design effect is that over the r(1-r)/n of independent
    messages.

    Examples
    --------
    >>> [float(part[0].round(2)) for part in dispersion([30], [1000], [200.0], [2])]
    [13.75, 1.0]
    """
    k, n = _sides(events, messages)
    c, total = np.asarray(clusters, dtype="float64"), np.asarray(squares, dtype="float64")
    varies = (k > 0) & (k < n) & (c > 1)
    chance = np.where(varies, k, 1.0) * (1 - np.where(varies, k, 0.0) / np.where(varies, n, 1.0))
    weighted: Floats = np.where(varies, c * total / chance, 0.0)
    return weighted, np.maximum(c - 1, 0.0)


def effective_size(
    messages: npt.ArrayLike, weighted: npt.ArrayLike, freedom: npt.ArrayLike, level: float = 0.95
) -> Floats:
    """Return how many independent messages would say as much of a rate as its clusters do.

    Parameters
    ----------
    messages : array of numbers
        How many messages there are.
    weighted, freedom : array of numbers
        As :func:`dispersion` gives them.
    level : float, default 0.95
        The level of the interval that the size is for.

    Returns
    -------
    array
        Never more than `messages`; all of them where nothing is known of how clusters differ.

    Notes
    -----
    n·(z/t)²/d, where d is the design effect (at least 1) and t has `freedom` degrees of freedom.
    Korn and Graubard, Survey Methodology 24 (1998) 193, put it into Clopper-Pearson; Dean and
    Pagano, Journal of Survey Statistics and Methodology 3 (2015) 484, into Wilson. Both stay within
    [0, 1] and hold for rare events.

    Examples
    --------
    >>> effective_size([1000, 1000], [48.0, 0.0], [6, 0]).round(1).tolist()
    [80.2, 1000.0]
    """
    from scipy.special import stdtrit

    n = np.asarray(messages, dtype="float64")
    known = np.asarray(freedom, dtype="float64") > 0
    degrees = np.where(known, freedom, 1.0)
    wider = stdtrit(degrees, (1 + level) / 2) / normal_quantile(level)
    size: Floats = np.where(known, n / (np.maximum(weighted / degrees, 1.0) * wider**2), n)
    return size


def at_size(events: Floats, messages: Floats, size: Floats) -> Bounds:
    """Return both sides of the same rate as if it had been counted in `size` messages."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return events / messages * size, size


# ---------------------------------------------------------------- edges


def _sides(events: npt.ArrayLike, messages: npt.ArrayLike) -> Bounds:
    k, n = np.asarray(events, dtype="float64"), np.asarray(messages, dtype="float64")
    shape: Any = np.broadcast_shapes(k.shape, n.shape)
    return np.broadcast_to(k, shape), np.broadcast_to(n, shape)


def _within(k: Floats, n: Floats, low: Floats, high: Floats) -> Bounds:
    """Return the bounds, exact at no events and at all, NaN where there is no proportion."""
    no_proportion = ~((k >= 0) & (k <= n) & (n > 0))  # so that NaN is none either
    low, high = np.asarray(low), np.asarray(high)
    for bound, exact, where in ((low, 0.0, k == 0), (high, 1.0, k == n)):
        np.copyto(bound, exact, where=where)
        np.copyto(bound, np.nan, where=no_proportion)
    return low, high
