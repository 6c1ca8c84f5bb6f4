"""When a deviation is an alarm: one bucket far out, or several a little; and of how many series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mgframe.analysis.discoveries import q_values
from mgframe.analysis.tails import normal_p, to_normal
from mgframe.dividing import Floats
from mgframe.summing import Booleans

#: How much the newest bucket counts in the running mean.
WEIGHT: Final = 0.2
#: Deviations enter the running mean cut to this, so that a lone spike is no run.
_MOST: Final = 4.0
#: A bucket of a run must itself lie this far out, so that a run ends when the rate is back.
_OWN: Final = 1.0

#: Degrees of freedom that make chances of the running mean: its own spread is estimated.
_RUN_FREEDOM: Final = 20.0
_LEAST_EVENTS: Final = 3.0

#: How much a bucket resembles the one before where the data do not say, and how many of them weigh
#: as much as this guess.
_LIKENESS: Final = 0.3
_GUESS: Final = 56
_MEMORY: Final = 56
_LONGEST: Final = 0.8
_TAME: Final = 2.5


@dataclass(frozen=True)
class Alarms:
    """Which buckets of which series are out of line, by which rule, and how rare that is.

    `p` is the chance of either rule's deviation in a bucket that is in line, `q` Benjamini and
    Hochberg's over all series of the same bucket; both NaN where nothing is judged.
    """

    single: Booleans
    run: Booleans
    p: Floats
    q: Floats

    @property
    def out(self) -> Booleans:
        """The buckets out of line by any rule."""
        return self.single | self.run


def alarms(
    z: Floats, excess: Floats, *, limit: float, run_limit: float | None, false_share: float
) -> Alarms:
    """Return the buckets out of line.

    Parameters
    ----------
    z : array, series by buckets
        How far each bucket lies from what was expected; NaN where that is not known.
    excess : array
        By how many events.
    limit : float
        How far a single bucket must lie; fewer than three events are nothing to look at.
    run_limit : float or None
        How far the running mean must lie, in its own standard deviations; None for no such rule.
    false_share : float
        The most that ``q`` may be.
    """
    known = np.isfinite(z)
    far = np.where(known, np.abs(z), 0.0)
    enough = np.abs(np.nan_to_num(excess)) >= _LEAST_EVENTS
    single, p = (far > limit) & enough, normal_p(far)
    run = np.zeros(z.shape, dtype=bool)
    if run_limit is not None:
        mean = running_mean(z, likeness(z))
        same = (np.sign(mean) == np.sign(np.where(known, z, 0.0))) & (far > _OWN)
        run = known & same & (np.abs(mean) > run_limit)
        p = np.minimum(1.0, 2 * np.minimum(p, normal_p(to_normal(mean, _RUN_FREEDOM))))
    p = np.where(known, p, np.nan)
    q = q_values(p)
    rare = np.nan_to_num(q, nan=1.0) <= false_share
    return Alarms(single & rare, run & rare, p, q)


def likeness(z: Floats) -> Floats:
    """Return how much each bucket resembles the one before, from the 56 buckets before it."""
    tame = np.clip(np.nan_to_num(z), -_TAME, _TAME)
    products = np.zeros(z.shape)
    products[:, 1:] = tame[:, 1:] * tame[:, :-1]
    pairs = np.zeros(z.shape)
    pairs[:, 1:] = np.isfinite(z[:, 1:]) & np.isfinite(z[:, :-1])
    like, number = _trailing(products), _trailing(pairs)
    rho: Floats = (like + _LIKENESS * _GUESS) / (number + _GUESS)
    return np.clip(rho, 0.0, _LONGEST)


def _trailing(values: Floats) -> Floats:
    """Return the sums of the buckets before each one, as far back as the memory goes."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    last = np.arange(values.shape[1])
    found: Floats = sums[:, last] - sums[:, np.maximum(last - _MEMORY, 0)]
    return found


def running_mean(z: Floats, rho: Floats | float) -> Floats:
    """Return the exponentially weighted mean of deviations, in its own standard deviations.

    Notes
    -----
    With weight w: its variance is w / (2 - w) for independent buckets (Roberts, Technometrics 1,
    1959, 239), times (1 + (1 - w) rho) / (1 - (1 - w) rho) where each resembles the one before. An
    unknown bucket leaves the mean as it is.
    """
    means = np.zeros(z.shape)
    last = np.zeros(len(z))
    for bucket in range(z.shape[1]):
        own = z[:, bucket]
        step = WEIGHT * (np.clip(own, -_MOST, _MOST) - last)
        last = last + np.where(np.isfinite(own), step, 0.0)
        means[:, bucket] = last
    carried = (1 - WEIGHT) * np.asarray(rho, dtype="float64")
    scale = np.sqrt(WEIGHT / (2 - WEIGHT) * (1 + carried) / (1 - carried))
    scaled: Floats = means / scale
    return scaled
