"""What of a difference between two views is to be expected, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.auditing import views as view
from mgframe.auditing.matching import (
    UNEXPLAINED,
    Audit,
    Incomparable,
    Pair,
    Rows,
    by_day,
    cells_of,
    over_keys,
    times_of_buckets,
)
from mgframe.framing import make_index
from mgframe.summing import Booleans
from mgframe.timespan import bucket_ends
from mgframe.vocabulary import COUNTS, NO_KEY

#: No zone is further from UTC.
_FURTHEST_HOURS: Final = 14
#: How much the counts of an unsettled bucket may differ between two requests.
_MOVED_SHARE, _MOVED_COUNT = 0.01, 10

Texts = np.ndarray[Any, np.dtype[Any]]
Excuse = Callable[[Audit, Pair, Rows], tuple[Booleans, str]]


def explained(found: Audit, pair: Pair, rows: Rows) -> Rows:
    """Return the rows, each with the first reason that fits."""
    if not len(rows):
        return rows
    known = _with_reasons(found, pair, rows, np.full(len(rows), UNEXPLAINED), (_unlisted, _zone))
    reason = _with_reasons(found, pair, rows, known, (_uniques, _moving))
    # Lateness and uniques excuse no cell beside one that is wrong without an excuse.
    cells = pd.MultiIndex.from_frame(rows[["time", "key"]])
    beside = cells.isin(cells[reason == UNEXPLAINED])
    reason = np.where(beside, known, reason)
    return rows.assign(expected=reason != UNEXPLAINED, reason=reason)


def _with_reasons(
    found: Audit, pair: Pair, rows: Rows, known: Texts, excuses: Iterable[Excuse]
) -> Texts:
    """Give each row that has no reason yet the first that fits."""
    reason = known.astype(object)
    for excuse in excuses:
        fits, text = excuse(found, pair, rows)
        reason[fits & (reason == UNEXPLAINED)] = text
    return reason


def _unlisted(found: Audit, pair: Pair, rows: Rows) -> tuple[Booleans, str]:
    """Explain mail of domains that the listing does not have."""
    text = "mg.domains() does not list the domain; the statistics of a deleted one stay"
    none = np.zeros(len(rows), dtype=np.bool_)
    if pair.view_a != view.DOMAINS:
        return none, text
    try:
        # A listed domain can be silent, so the rows of its counts do not tell whether it is listed.
        listed = found.frame(view.LISTING)["name"].str.lower()
        if pair.check == "each domain":
            return ~rows["key"].isin([*listed, NO_KEY]).to_numpy(), text
        grouped = found.frame(view.GROUPED_DOMAINS)
        others = ~grouped.index.get_level_values("domain").isin([*listed, NO_KEY])
        missing = over_keys(grouped[others]).droplevel("key")
    except Incomparable:
        return none, text
    if missing.empty:
        return none, text
    place = missing.index.get_indexer(pd.DatetimeIndex(rows["time"]))
    column = missing.columns.get_indexer(pd.Index(rows["count"]))
    amount = missing.to_numpy()[place, column]
    return (place >= 0) & (amount == (rows["b"] - rows["a"]).to_numpy()), text


def _zone(found: Audit, pair: Pair, rows: Rows) -> tuple[Booleans, str]:
    """Explain hours of the account's own zone that say they are UTC's."""
    if pair.check != "hours":
        return np.zeros(len(rows), dtype=np.bool_), ""
    hours = found.frame(pair.view_a).astype("float64")
    days = over_keys(found.frame(pair.view_b))
    # Another zone moves mail across midnight every day: where one agrees as it is, there is none.
    if len(_days_fitting(hours, days, 0)):
        return np.zeros(len(rows), dtype=np.bool_), ""
    fits = {
        offset: _days_fitting(hours, days, offset)
        for offset in range(-_FURTHEST_HOURS, _FURTHEST_HOURS + 1)
    }
    offset = max(fits, key=lambda offset: len(fits[offset]))
    if not len(fits[offset]):
        return np.zeros(len(rows), dtype=np.bool_), ""
    whole = by_day(_moved(hours, offset)).index.get_level_values("time")
    times = pd.DatetimeIndex(rows["time"])
    # The days at the window's edges lack hours once these are moved, so nothing speaks for them.
    fitting = times.isin(fits[offset]) | ~times.isin(whole)
    text = (
        f"the hours fit the days when they are taken as UTC{offset:+d}: they are in the account's "
        "time zone; set it to UTC in Mailgun's settings"
    )
    return np.asarray(fitting), text


def _moved(hours: pd.DataFrame, offset: int) -> pd.DataFrame:
    times = times_of_buckets(hours) - pd.Timedelta(hours=offset)
    keys = hours.index.get_level_values(-1)
    return hours.set_axis(make_index(times, {"account": keys}), axis=0)


def _days_fitting(hours: pd.DataFrame, days: pd.DataFrame, offset: int) -> pd.DatetimeIndex:
    """Return the days whose counts are all those of their hours, taken at an offset from UTC."""
    sums = by_day(_moved(hours, offset))
    shared = sums.index.intersection(days.index)
    names = [name for name in sums.columns if name in days.columns and not COUNTS[name].unique]
    a, b = (cells_of(form, shared, names) for form in (sums, days))
    equal = ((a == b) | np.isnan(a) | np.isnan(b)).all(axis=1) & (b > 0).any(axis=1)
    return pd.DatetimeIndex(shared[equal].get_level_values("time"))


def _uniques(found: Audit, pair: Pair, rows: Rows) -> tuple[Booleans, str]:
    """Explain unique counts: they do not add up over time, and Metrics tells bots apart."""
    unique = rows["count"].isin([name for name, count in COUNTS.items() if count.unique]).to_numpy()
    if pair.check in ("hours", "months"):
        text = "unique counts are de-duplicated over 7 days, so shorter buckets may add up to more"
        return unique & (rows["difference"] > 0).to_numpy(), text
    text = "the Metrics API counts uniques per bot class, so it may count more"
    across = pair.view_a == view.ACCOUNT or pair.view_b == view.METRICS_DOMAINS
    return unique & (rows["difference"] < 0).to_numpy() & across, text


def _moving(found: Audit, pair: Pair, rows: Rows) -> tuple[Booleans, str]:
    """Explain small differences of buckets that late events still reach."""
    width = "month" if pair.check == "months" else "day"
    ends = bucket_ends(pd.DatetimeIndex(rows["time"]), width)
    lag = pd.to_timedelta(rows["count"].map(lambda name: COUNTS[name].lag), unit="h")
    late = np.asarray(ends + pd.TimedeltaIndex(lag) > found.now)
    most = np.maximum(rows["a"], rows["b"]) * _MOVED_SHARE
    small = (rows["difference"].abs() <= np.maximum(most, _MOVED_COUNT)).to_numpy()
    text = "late events: the counts of so new a bucket still move from request to request"
    return late & small, text
