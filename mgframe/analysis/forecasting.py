"""What each bucket should have been, from those before it, and how far it came out.

Like ``seasonality``, everything is an array of series (rows) by buckets (columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from mgframe.analysis.seasonality import ENOUGH, FREEDOM, Calendar, Fit, fit
from mgframe.analysis.tails import expit, to_normal, z_scores
from mgframe.dividing import Floats

#: The window before a bucket that says what is usual, and how many buckets in it must have
#: messages, by the width of the buckets.
WINDOW_DAYS: Final = {"day": 56, "hour": 28}
LEAST_BUCKETS: Final = {"day": 28, "hour": 168}
BUCKETS_A_DAY: Final = {"day": 1, "hour": 24}

#: For how many days a fit is good: what is usual changes slowly, and fits take time.
_FIT_DAYS: Final = 7
#: Cells that are held in memory at once.
_CELLS: Final = 1 << 16


@dataclass(frozen=True)
class Forecast:
    """What was expected of each bucket, from the buckets before it, and how far it came out.

    Arrays of series by buckets, NaN where nothing can be said: `rate` is the expected rate, `sd`
    its standard deviation with the chance of counting, `z` how far the count lies from it;
    `logit` and `variance` are the law on the logit scale, `freedom` how well its scale is known.
    """

    rate: Floats
    sd: Floats
    z: Floats
    logit: Floats
    variance: Floats
    freedom: Floats


def offsets(n: Floats, expected: Floats | None) -> Floats:
    """Return the logit of the expected counts, 0 without them."""
    if expected is None:
        return np.zeros(n.shape)
    share = np.clip(expected / np.maximum(n, 1e-12), 1e-9, 1 - 1e-9)
    return np.where(n > 0, np.log(share / (1 - share)), 0.0)


def forecast(
    k: Floats,
    n: Floats,
    times: pd.DatetimeIndex,
    width: str,
    *,
    expected: Floats | None = None,
    noise: Floats | None = None,
) -> Forecast:
    """Return what each bucket should have been, one step ahead, for all series at once.

    Parameters
    ----------
    k, n : array, series by buckets
        Both counts of the rate; `n` is 0 where a bucket is unknown, open or not to be judged.
    times : DatetimeIndex
        The start of each bucket, without gaps, in the zone whose weekdays and hours count.
    width : {"day", "hour"}
        The buckets' width.
    expected : array, optional
        A standardised expectation: how many events each bucket should have had at constant rates
        (of today's mix). Level and effects are then what comes on top of it.
    noise : array, optional
        A variance of the logit that some buckets have beyond the others.

    Returns
    -------
    Forecast
        NaN where the window before the bucket (56 days, or 28 days of hours) has too few buckets
        with messages (28, or 168 hours), and where the bucket itself has none.

    Notes
    -----
    A fit serves for the seven days after it.
    """
    offset = offsets(n, expected)
    noise = np.zeros(n.shape) if noise is None else noise
    rows = max(_CELLS // (WINDOW_DAYS[width] * BUCKETS_A_DAY[width]), 1)
    calendar = Calendar.of(times, width)
    parts = [
        _forecast(k[i:j], n[i:j], offset[i:j], noise[i:j], calendar)
        for i, j in ((i, i + rows) for i in range(0, max(len(k), 1), rows))
    ]
    names = ("rate", "sd", "z", "logit", "variance", "freedom")
    return Forecast(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _forecast(k: Floats, n: Floats, offset: Floats, noise: Floats, calendar: Calendar) -> Forecast:
    day, least = BUCKETS_A_DAY[calendar.width], LEAST_BUCKETS[calendar.width]
    window, step = WINDOW_DAYS[calendar.width] * day, _FIT_DAYS * day
    logit, variance, freedom = (np.full(k.shape, np.nan) for _ in range(3))
    last: Fit | None = None
    for now in range(least, k.shape[1], step):
        past, ahead = slice(max(now - window, 0), now), slice(now, now + step)
        told = (n[:, past] > 0).sum(axis=1) >= least
        if not told.any():
            continue
        cut = calendar.cut(past.start, past.stop)
        last = fit(k[:, past], n[:, past], offset[:, past], cut, noise=noise[:, past], start=last)
        next_days = calendar.cut(ahead.start, min(ahead.stop, k.shape[1]))
        for values, found in (
            (logit, last.logits(next_days)),
            (variance, last.variances(next_days)),
            (freedom, np.maximum(FREEDOM * last.buckets, 4)[:, None]),
        ):
            values[:, ahead] = np.where(told[:, None], found, np.nan)
    return judged(k, n, logit + offset, variance + noise, freedom)


def judged(k: Floats, n: Floats, logit: Floats, variance: Floats, freedom: Floats) -> Forecast:
    """Return how far counts lie from the rates that are expected of them."""
    known = (n > 0) & np.isfinite(logit)
    p = expit(np.where(known, logit, 0.0))
    # The mean of what varies evenly on the logit scale lies above the middle of a small rate.
    lifted = np.where(n * np.minimum(p, 1 - p) >= ENOUGH, variance / 2 * p * (1 - p), 0.0)
    rate = np.clip(p + lifted * (1 - 2 * p), 1e-12, 1 - 1e-12)
    z = np.full(k.shape, np.nan)
    z[known] = to_normal(
        z_scores(k[known], n[known], logit[known], variance[known], rate[known]), freedom[known]
    )
    safe = np.where(known, n, 1.0)
    sd = np.sqrt(np.where(known, variance, 0) * (p * (1 - p)) ** 2 + p * (1 - p) / safe)
    blank = np.where(known, 1.0, np.nan)
    return Forecast(rate * blank, sd * blank, z, logit * blank, variance * blank, freedom * blank)
