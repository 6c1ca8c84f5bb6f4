"""Frames to series: both counts of a rate by key and bucket, on a calendar without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from mgframe.analysis.daily import keys_kept, rate_for, sides_heard
from mgframe.analysis.lags import late_denominators, usual_spread
from mgframe.analysis.spans import read_days
from mgframe.dividing import Floats
from mgframe.eligibility import counts_needed
from mgframe.errors import FrameError, QueryError, warn
from mgframe.framing import meta_of, resolution_of, time_level, times_of, with_meta
from mgframe.settling import complete, settled
from mgframe.summing import (
    TOTAL_LEVEL,
    Booleans,
    Integers,
    group_rows,
    labels_of,
    levels_dropped,
    refuse_lifetime_sums,
    refuse_repeated_rows,
    warn_of_uniques,
)
from mgframe.timespan import Moment, local_midnights, localise
from mgframe.vocabulary import DELIVERY_LAG_HOURS, Rate

#: What to ask for in place of a rate that is no proportion.
_IN_PLACE: Final = {
    "temporary_failures_per_message": "deferral_rate",
    "total_open_rate": "open_rate",
    "total_click_rate": "click_rate",
}

#: Which share of what fails may come in a later hour.
_LATE_SHARE: Final = 0.1


@dataclass(frozen=True)
class Panel:
    """A rate as series (rows, labelled by `keys`) by buckets (columns, that start at `times`).

    `k` and `n` are both counts, `n` is 0 where nothing was sent or a count is unknown. Of rates
    whose events come late `n` is how many messages the events of the bucket come from, which is no
    whole number, and `noise` how vague that is. `final` tells the buckets that are over and
    settled, `learn` those of them that are no holidays.
    """

    rate: Rate
    keys: pd.DataFrame
    times: pd.DatetimeIndex
    width: str
    k: Floats
    n: Floats
    noise: Floats
    final: Booleans
    learn: Booleans

    @property
    def judged(self) -> Floats:
        """The denominators, 0 where a bucket is not to be judged."""
        return np.where(self.learn, self.n, 0.0)

    @property
    def buckets(self) -> Integers:
        """How many buckets of each series can be judged."""
        found: Integers = (self.judged > 0).sum(axis=1)
        return found


def panel_of(
    frame: pd.DataFrame,
    name: str,
    *,
    by: str | Sequence[str] | None,
    of: str | None,
    holidays: Sequence[Moment] | None,
    until: Moment | None,
) -> Panel:
    """Return the series of a rate, one for each key in `by` (all keys where left out).

    Raises
    ------
    QueryError
        There is no such rate, `of` does not go with it, or the holidays are no dates.
    FrameError
        The frame cannot give the rate or has other buckets than days or hours; the rate is no
        proportion; it is not known until when the frame is complete.
    """
    width = _width(frame)
    rate = rate_for([frame], name, of)
    _refuse(rate, width)
    levels = keys_kept([frame], by)
    refuse_repeated_rows(frame)
    warn_of_uniques(
        counts_needed(rate), over_bots="bot" in levels_dropped(frame, levels), over_days=False
    )
    times, column = _calendar(times_of(frame), width)
    series, index = group_rows(labels_of(frame, levels))
    keys = index.to_frame(index=False).astype("str") if levels else pd.DataFrame(index=[0])
    k, n = _matrices(frame, rate, levels, series * len(times) + column, (len(index), len(times)))
    done = np.zeros(len(times), dtype=bool)
    done[column] = _final(frame, rate, until)
    off = np.asarray(local_midnights(times).isin(read_days(holidays)))
    noise = np.zeros(n.shape)
    if _comes_late(rate):
        spread = usual_spread(rate.numerator[0])
        n, noise = late_denominators(np.nan_to_num(k), n, (done & ~off) & np.isfinite(k), spread)
    k, n = (np.where(np.isfinite(k) & np.isfinite(n), side, 0.0) for side in (k, n))
    if width == "hour":
        noise = retry_noise(n)
    return Panel(rate, keys, times, width, k, n, noise, done, done & ~off)


def _width(frame: pd.DataFrame) -> str:
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"this takes a frame of counts, not {type(frame).__name__}")
    if time_level(frame) == "as_of":
        refuse_lifetime_sums(["as_of"])
    times_of(frame)
    width = resolution_of(frame) if len(frame) else "day"
    if width not in ("hour", "day"):
        raise FrameError(
            f"the frame holds {width}s, of which there are too few to tell how far a rate strays "
            "by itself; fetch resolution='day', or look at rates(interval=0.95)"
        )
    return width


def _refuse(rate: Rate, width: str) -> None:
    if not rate.proportion:
        raise FrameError(
            f"{rate.name} is no proportion, so that nothing says how far it strays by chance; take "
            f"{_IN_PLACE.get(rate.name, 'another rate')!r}"
        )
    if width == "hour" and rate.event_time:
        raise FrameError(
            f"{rate.name} counts on the hour of the event, hours to days after the send, so that "
            "a single hour says nothing of it; sum to days first with df.mg.resample('D')"
        )


def _comes_late(rate: Rate) -> bool:
    """Say whether the events of a day come from sends of days before; clicks follow their opens."""
    return rate.event_time and rate.denominator != "unique_opened"


def retry_noise(n: Floats) -> Floats:
    """Return the variance of the logit that retries bring to a quiet hour after busy ones.

    A message that is put off fails up to eight hours after its send, so what fails in an evening
    may be the campaign of noon.
    """
    sums = np.zeros((len(n), n.shape[1] + 1))
    np.cumsum(n, axis=1, out=sums[:, 1:])
    hours = np.arange(n.shape[1])
    before = (sums[:, hours] - sums[:, np.maximum(hours - DELIVERY_LAG_HOURS, 0)]) / (
        DELIVERY_LAG_HOURS
    )
    busier = np.divide(before, n, out=np.ones(n.shape), where=n > 0)
    noise: Floats = (_LATE_SHARE * np.maximum(busier - 1, 0)) ** 2
    return noise


def _calendar(times: pd.DatetimeIndex, width: str) -> tuple[pd.DatetimeIndex, Integers]:
    """Return every bucket from the first to the last one, and the place of each row in it."""
    if not len(times):
        return times, np.zeros(0, dtype="int64")
    if width == "hour":
        whole = pd.date_range(times.min(), times.max(), freq="h", unit="us")
        return whole, _places(times, times.min(), pd.Timedelta(hours=1))
    days = local_midnights(times)
    whole = pd.date_range(days.min(), days.max(), freq="D", unit="us")
    return localise(whole, times.tz), _places(days, days.min(), pd.Timedelta(days=1))


def _places(times: pd.DatetimeIndex, first: pd.Timestamp, step: pd.Timedelta) -> Integers:
    return np.asarray((times - first) // step, dtype="int64")


def _matrices(
    frame: pd.DataFrame,
    rate: Rate,
    levels: Sequence[str],
    place: Integers,
    shape: tuple[int, int],
) -> tuple[Floats, Floats]:
    """Return both counts by series and bucket; NaN where all that was reported is unknown."""
    k, n = sides_heard(frame, rate, levels)
    unknown = np.isnan(k) | np.isnan(n)
    if unknown.any():
        warn(
            f"{rate.name} leaves out {int(unknown.sum())} of {len(frame)} rows, of which a count "
            "is unknown"
        )
    cells = shape[0] * shape[1]
    lost = np.bincount(place[unknown], minlength=cells) > 0
    lost &= np.bincount(place[~unknown], minlength=cells) == 0
    sums = []
    for side in (k, n):
        total = np.bincount(place, weights=np.where(unknown, 0.0, side), minlength=cells)
        sums.append(np.where(lost, np.nan, total).reshape(shape))
    return sums[0], sums[1]


def _final(frame: pd.DataFrame, rate: Rate, until: Moment | None) -> Booleans:
    """Return of each row whether its bucket is over and its counts no longer move."""
    times = times_of(frame)
    seen = times.unique()
    names = counts_needed(rate)
    index = pd.MultiIndex.from_arrays([seen, ["x"] * len(seen)], names=["time", TOTAL_LEVEL])
    zeros = {name: pd.array([0] * len(seen), dtype="Int64") for name in names}
    bare = with_meta(pd.DataFrame(zeros, index=index), meta_of(frame))
    over = np.asarray(seen.isin(times_of(complete(bare, until))))
    still = settled(bare, until=until).notna().all(axis=1).to_numpy()
    final: Booleans = (over & still)[seen.get_indexer(times)]
    return final
