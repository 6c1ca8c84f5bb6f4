"""Series as mail makes them: over-dispersed days that resemble each other, weekdays, any volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mgframe.framing import build, make_index

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Kind:
    """A kind of series: messages a day, the rate, how it strays (logit), how days resemble."""

    volume: int
    rate: float
    stray: float = 0.2
    likeness: float = 0.3
    weekdays: bool = True


KINDS = {
    "20k a day": Kind(20_000, 0.015),
    "300 a day": Kind(300, 0.015),
    "1M a day": Kind(1_000_000, 0.015),
    "likeness .6": Kind(20_000, 0.015, likeness=0.6),
    "complaints": Kind(20_000, 0.0005, stray=0.3),
    "few complaints": Kind(1_000, 0.0005, stray=0.3),
    "opens 35 %": Kind(20_000, 0.35, stray=0.1),
    "delivery": Kind(20_000, 0.985),
    "binomial, flat": Kind(20_000, 0.015, stray=0.0, likeness=0.0, weekdays=False),
}


def series(
    kind: Kind, number: int, days: int, seed: int, *, start: str = "2026-01-05"
) -> tuple[Array, Array, pd.DatetimeIndex]:
    """Return events and messages of so many independent series, and the days."""
    random = np.random.default_rng(seed)
    times = pd.date_range(start, periods=days, freq="D", tz="UTC", unit="us")
    weekend = np.asarray(times.day_of_week) >= 5
    noise = np.empty((number, days))
    noise[:, 0] = random.standard_normal(number)
    for day in range(1, days):
        fresh = np.sqrt(1 - kind.likeness**2) * random.standard_normal(number)
        noise[:, day] = kind.likeness * noise[:, day - 1] + fresh
    usual = np.log(kind.rate / (1 - kind.rate)) + 0.3 * weekend * kind.weekdays
    volume = kind.volume * np.exp(0.15 * random.standard_normal((number, days)))
    n = random.poisson(volume * np.where(weekend & kind.weekdays, 0.4, 1.0))
    k = random.binomial(n, 1 / (1 + np.exp(-usual - kind.stray * noise)))
    return k.astype("float64"), n.astype("float64"), times


def hours(kind: Kind, number: int, days: int, seed: int) -> tuple[Array, Array, pd.DatetimeIndex]:
    """Return series of hours: busy by day (`volume` messages an hour), quiet by night."""
    random = np.random.default_rng(seed)
    times = pd.date_range("2026-01-05", periods=24 * days, freq="h", tz="UTC", unit="us")
    hour, weekend = np.asarray(times.hour), np.asarray(times.day_of_week) >= 5
    noise = np.empty((number, len(times)))
    noise[:, 0] = random.standard_normal(number)
    for place in range(1, len(times)):
        fresh = np.sqrt(1 - kind.likeness**2) * random.standard_normal(number)
        noise[:, place] = kind.likeness * noise[:, place - 1] + fresh
    usual = np.log(kind.rate / (1 - kind.rate)) + 0.4 * (hour < 6) + 0.3 * weekend
    busy = np.where((hour > 6) & (hour < 20), 1.0, 0.04) * np.where(weekend, 0.4, 1.0)
    n = random.poisson(kind.volume * busy * np.exp(0.15 * random.standard_normal(noise.shape)))
    k = random.binomial(n, 1 / (1 + np.exp(-usual - kind.stray * noise)))
    return k.astype("float64"), n.astype("float64"), times


def raised(k: Array, n: Array, days: slice, points: float, seed: int = 7) -> Array:
    """Return the events with a rate that is so many points higher in some days."""
    random = np.random.default_rng(seed)
    more = k.copy()
    left = (n - k)[:, days].astype("int64")
    share = points * n[:, days] / np.maximum(left, 1)
    more[:, days] += random.binomial(left, np.clip(share, 0, 1))
    return more


def frame_of_series(
    k: Array, n: Array, times: pd.DatetimeIndex, *, top: str = "bounced", of: str = "processed"
) -> pd.DataFrame:
    """Return the series as a frame with a domain for each, complete to its end."""
    names = np.array([f"d{i:05}.example.com" for i in range(len(k))], dtype=object)
    index = make_index(times.repeat(len(k)), {"domain": np.tile(names, len(times))})
    counts = {of: n, top: k}
    columns = {
        name: pd.array(c.T.ravel().astype("int64"), dtype="Int64") for name, c in counts.items()
    }
    meta = {"resolution": "day", "complete_until": str(times[-1] + pd.Timedelta(days=5))}
    return build(index, columns, meta=meta)


def onsets(out: np.ndarray[Any, np.dtype[np.bool_]], *, apart: int = 3) -> int:
    """Return how many alarms there are; those within three days of each other are one."""
    number = 0
    for row in out:
        buckets = np.flatnonzero(row)
        number += int(len(buckets) > 0) + int((np.diff(buckets) > apart).sum())
    return number
