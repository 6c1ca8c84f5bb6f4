"""Frames of counts to rates: counts are summed, then divided once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from mgframe.clustering import PooledDays, WindowDays
from mgframe.dividing import Floats, Pool, Sides, Window, divide, side, window_over
from mgframe.eligibility import choose_rates, counts_needed
from mgframe.errors import warn
from mgframe.feedback import mixed_rows, silent_rows, warn_of_mixed_rows
from mgframe.framing import meta_of, resolution_of, with_meta
from mgframe.intervals import Bounds, Dispersion, at_size, effective_size, read_level, wilson
from mgframe.summing import (
    UNIQUE_DAYS,
    levels_dropped,
    levels_named,
    passes_unique_window,
    refuse_lifetime_sums,
    refuse_overlapping_sums,
    warn_of_uniques,
)
from mgframe.timespan import read_span
from mgframe.vocabulary import (
    COUNTS,
    DELIVERED_FBL,
    PROVIDER_LEVELS,
    RATES,
    Rate,
    count_name,
    in_order,
    rate_name,
)

_UNITS: Final = {"h": "hour", "d": "day", "w": "week", "m": "month"}


def rates(
    frame: pd.DataFrame,
    names: str | Sequence[str] | None = None,
    *,
    by: str | Sequence[str] | None = None,
    of: str | None = None,
    rolling: str | None = None,
    interval: float | None = None,
) -> pd.DataFrame:
    """Return rates: per row, or pooled over the levels that `by` does not name.

    Counts are summed, then divided once; a mean of rates is never taken. Nothing is clipped: opens
    may land on a day without deliveries, so the ratio of one day can pass 1.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts.
    names : str or sequence of str, optional
        Rates, by their names here or Mailgun's own (``"delivered_rate"``). Without names, all that
        the frame's counts and levels can give.
    by : str or sequence of str, optional
        The levels to keep. Counts are summed over the others, for each rate in the rows where both
        its counts are known; one warning says how many were left out. ``[]`` pools everything.
    of : str, optional
        Another denominator than Mailgun's: a count, or for the complaint rate ``"delivered_fbl"``,
        which is delivered without the providers that report no complaints. Without names it takes
        the place of processed, sent and delivered; other denominators, as of clicks per open, stay.
    rolling : str, optional
        A trailing window such as ``"7d"`` (h, d or w): both counts are summed over it, key by key.
        A window that is not full or has a hole gives NaN; rows with an unknown count are left out,
        and one warning says how many.
    interval : float, optional
        A level such as 0.95: each rate is followed by ``<rate>_low`` and ``<rate>_high``, within
        which the true rate lies that often. See the notes for how.

    Returns
    -------
    DataFrame
        One ``float64`` column of fractions per rate, in the vocabulary's order, or in that of
        `names`; never infinite; NaN where a count is unknown or the denominator is 0. The index is
        the frame's, or the levels in `by`. Bounds of an `interval` lie in [0, 1]; they are NaN
        where the rate is, where it passes 1, and for rates that are no proportion by nature (total
        opens and clicks per delivered, temporary failures per message).

    Raises
    ------
    QueryError
        There is no such rate or count, the window is malformed, or `interval` is not between 0
        and 1.
    FrameError
        A named rate's counts are missing, a level makes it meaningless, or the sum is refused (over
        `as_of` or `tag`).

    See Also
    --------
    mgframe.explain : A rate's formula, denominator, caveats and source.

    Notes
    -----
    The formulas are those of Mailgun's page "rate-definitions", or mgframe's own where it has none.
    Rows of Gmail and Google Workspace have a NaN complaint rate, because they report no complaints.
    So has an ``"(other)"`` among providers (from :func:`mgframe.top`) that holds one of them, or of
    which attrs do not say what it holds; one warning says so.

    The interval of one bucket is Wilson's (:func:`mgframe.intervals.wilson`): it takes messages for
    independent and says nothing of how days differ, which in mail is most of it. Where several
    buckets are pooled (over `time`, or `rolling`) the interval is day-clustered: Wilson's at the
    effective number of messages (:func:`mgframe.intervals.effective_size`), from how much the days
    differ from the pooled rate; hours are clustered by day (those of a rolling window back from its
    end), longer buckets are clusters of their own. For opens, clicks, unsubscribes and complaints,
    which come days after the send, a day of at most a fifth of the busiest day's mail belongs to
    the sending day before it. A single cluster has Wilson's interval; two or three give a wide one,
    except that a rolling window of so few also asks up to seven windows before how days differ.
    Days are taken for independent of each other: where each resembles the one before (by 0.3), 86
    to 90 of 100 intervals at 0.95 hold the true rate; :func:`mgframe.compare` allows for that.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-11-14", "2026-11-15"], "domain": "example.com",
    ...                       "sent": [20, 9000], "delivered": [10, 9000]})
    >>> df = mg.as_frame(table, resolution="day")
    >>> mg.rates(df)["delivery_rate"].tolist()
    [0.5, 1.0]
    >>> mg.rates(df, by="domain").round(4)  # doctest: +NORMALIZE_WHITESPACE
                 delivery_rate
    domain
    example.com         0.9989
    >>> mg.rates(df, interval=0.95).round(3).to_numpy().tolist()
    [[0.5, 0.299, 0.701], [1.0, 1.0, 1.0]]
    """
    found = quotients(
        frame, choose_rates(frame, names, of), by=by, rolling=rolling, interval=interval
    )
    return with_meta(found, meta_of(found) | ({} if of is None else {"of": of}))


def quotients(
    frame: pd.DataFrame,
    chosen: Sequence[Rate],
    *,
    by: str | Sequence[str] | None = None,
    rolling: str | None = None,
    interval: float | None = None,
) -> pd.DataFrame:
    """Return rates as :func:`rates` does, of any counts: the frame has those that `chosen` name."""
    level = None if interval is None else read_level(interval)
    kept = None if by is None else levels_named(frame, by)
    dropped = [] if kept is None else levels_dropped(frame, kept)
    refuse_lifetime_sums(dropped)
    refuse_overlapping_sums(
        frame, dropped, way_out="name it in by=, or pool df.mg.sum(by, overlap=True).mg.rates()"
    )
    pool = Pool.over(frame, kept) if kept is not None and dropped else None
    index = frame.index if pool is None else pool.index
    window = None if rolling is None else window_over(frame, index, rolling)
    _warn_of_unique_sums(frame, chosen, dropped, window)
    values = _values_of(frame, chosen, pool, window, level)
    bounds = () if level is None else ("_low", "_high")
    columns = [f"{rate.name}{part}" for rate in chosen for part in ("", *bounds)]
    found = pd.DataFrame(values.T, index=index, columns=columns, copy=False)
    return with_meta(found, _meta_of_rates(frame, dropped, rolling, level))


def _values_of(
    frame: pd.DataFrame,
    chosen: Sequence[Rate],
    pool: Pool | None,
    window: Window | None,
    level: float | None,
) -> Floats:
    """Return a row of values per rate and two more per interval; warn once of rows left out."""
    index = frame.index if pool is None else pool.index
    days = None if level is None else _days(frame, pool, window)
    each = 1 if level is None else 3
    values = np.empty((each * len(chosen), len(index)))
    denominators: dict[str, Floats] = {}
    left_out: dict[str, int] = {}
    for rate, rows in zip(chosen, values.reshape(len(chosen), each, -1), strict=True):
        sides = unpooled = sides_of(frame, rate, denominators)
        if pool is not None or window is not None:
            left_out[rate.name] = int(np.count_nonzero(np.isnan(sides[0]) | np.isnan(sides[1])))
        if pool is not None:
            sides = pool.sums(*sides)
        if window is not None:
            unpooled, sides = sides, window.sums(*sides)
        divide(*sides, out=rows[0])
        if level is not None:
            spread = None if days is None else days.spread(*unpooled, late=rate.event_time)
            rows[1:] = _interval_of(rate, sides, spread, level)
        if rate.name == "complaint_rate":
            rows[:, silent_rows(index) | mixed_rows(index, meta_of(frame))] = np.nan
            if pool is not None:
                rows[:, pool.everywhere(silent_rows(frame.index))] = np.nan
            _warn_of_mixed(frame, rate, index)
    _warn_of_rows_left_out(left_out, len(frame))
    return values


def _days(
    frame: pd.DataFrame, pool: Pool | None, window: Window | None
) -> PooledDays | WindowDays | None:
    """Return the clusters of what is pooled over time, None where each value has one bucket."""
    if window is not None:
        return WindowDays(window, 24 if resolution_of(frame) == "hour" else 1)
    if pool is None or "time" in pool.index.names or "time" not in frame.index.names:
        return None
    return PooledDays.over(frame, pool)


def _interval_of(rate: Rate, sides: Sides, spread: Dispersion | None, level: float) -> Bounds:
    """Return the bounds of a rate: Wilson's, at the effective size where clusters are known."""
    if not rate.proportion:
        nothing = np.full(len(sides[0]), np.nan)
        return nothing, nothing
    if spread is not None:
        sides = at_size(*sides, effective_size(sides[1], *spread, level))
    return wilson(*sides, level)


def sides_of(frame: pd.DataFrame, rate: Rate, denominators: dict[str, Floats]) -> Sides:
    """Return both sides of a rate row by row; `denominators` keeps those already read."""
    name = counts_needed(rate)[-1]
    if name not in denominators:
        denominators[name] = side(frame, name)
    top, bottom = side(frame, *rate.numerator), denominators[name]
    if rate.denominator == DELIVERED_FBL:
        silent, mixed = silent_rows(frame.index), mixed_rows(frame.index, meta_of(frame))
        # What is mixed cannot be taken apart, so its counts are unknown and not 0.
        top, bottom = (
            np.select([silent, mixed], [0.0, np.nan], default=values) for values in (top, bottom)
        )
    return top, bottom


def _warn_of_mixed(frame: pd.DataFrame, rate: Rate, index: pd.Index) -> None:
    asked = frame.index if rate.denominator == DELIVERED_FBL else index
    if mixed_rows(asked, meta_of(frame)).any():
        warn_of_mixed_rows(meta_of(frame))


def _warn_of_unique_sums(
    frame: pd.DataFrame,
    chosen: Sequence[Rate],
    dropped: Collection[str],
    window: Window | None,
) -> None:
    counts = in_order({name for rate in chosen for name in counts_needed(rate)})
    long = passes_unique_window(frame, dropped) or (
        window is not None and window.days > UNIQUE_DAYS
    )
    warn_of_uniques(counts, over_bots="bot" in dropped, over_days=long)


def _warn_of_rows_left_out(left_out: Mapping[str, int], rows: int) -> None:
    by_number: dict[int, list[str]] = {}
    for name, number in left_out.items():
        by_number.setdefault(number, []).append(name)
    by_number.pop(0, None)
    if by_number:
        parts = [f"{n} of {rows} rows for {', '.join(r)}" for n, r in sorted(by_number.items())]
        warn(f"pooled rates leave out rows with an unknown count: {'; '.join(parts)}")


def _meta_of_rates(
    frame: pd.DataFrame,
    dropped: Collection[str],
    rolling: str | None,
    level: float | None,
) -> dict[str, Any]:
    meta = meta_of(frame)
    if "time" in dropped:
        meta["resolution"] = "total"
    said = {"rolling": rolling, "interval": level}
    return meta | {k: v for k, v in said.items() if v is not None}


# ---------------------------------------------------------------- labels


def rate_label(
    name: str, *, of: str | None = None, rolling: str | None = None, keys: Collection[str] = ()
) -> str:
    """Return a rate's label with its denominator and its window.

    Parameters
    ----------
    name : str
        A rate.
    of, rolling
        As given to :func:`rates`.
    keys : collection of str
        The levels of the frame; a complaint rate without providers is understated.

    Examples
    --------
    >>> rate_label("bounce_rate", of="sent")
    'Bounce rate (bounced / sent)'
    >>> rate_label("open_rate", rolling="7d")
    'Unique open rate (7-day) (unique opens / delivered, rolling 7 days)'
    >>> rate_label("complaint_rate", keys=["time", "domain"])
    "Complaint rate (complained / delivered, understated by Gmail's share)"
    """
    rate = RATES[rate_name(name)]
    # Several numerators share their first words: suppressed (bounced), suppressed (complained).
    top = " + ".join(dict.fromkeys(count_word(part).split(" (")[0] for part in rate.numerator))
    notes = [f"{top} / {denominator_word(of or rate.denominator)}"]
    if rolling is not None:
        notes.append(span_text(rolling))
    without_providers = not set(PROVIDER_LEVELS) & set(keys)
    if rate.name == "complaint_rate" and of != DELIVERED_FBL and without_providers:
        notes.append("understated by Gmail's share")
    return f"{rate.label} ({', '.join(notes)})"


def span_text(rolling: str) -> str:
    """Return a trailing window in words: ``"rolling 7 days"``."""
    number, unit = read_span(rolling, argument="rolling")
    return f"rolling {number} {_UNITS[unit]}{'s' * (number > 1)}"


def denominator_word(name: str) -> str:
    """Return what a denominator is called inside a sentence."""
    if name == DELIVERED_FBL:
        return "delivered to providers with a feedback loop"
    return count_word(count_name(name) if name.removesuffix("_count") in COUNTS else name)


def count_word(name: str) -> str:
    """Return a count as a word within a sentence."""
    label = COUNTS[name].label if name in COUNTS else name
    return label[:1].lower() + label[1:].removesuffix(" (7-day)")


# ---------------------------------------------------------------- one function per rate


class RateFunction(Protocol):
    """A function that gives one rate of a frame."""

    def __call__(
        self,
        frame: pd.DataFrame,
        *,
        by: str | Sequence[str] | None = None,
        of: str | None = None,
        rolling: str | None = None,
    ) -> pd.Series[float]:
        """Return the rate as a series."""
        ...


def _rate_function(name: str) -> RateFunction:
    def rate(
        frame: pd.DataFrame,
        *,
        by: str | Sequence[str] | None = None,
        of: str | None = None,
        rolling: str | None = None,
    ) -> pd.Series[float]:
        return rates(frame, name, by=by, of=of, rolling=rolling)[name]

    rate.__name__ = rate.__qualname__ = name
    rate.__doc__ = _rate_docstring(RATES[name])
    return rate


def _rate_docstring(rate: Rate) -> str:
    caveat = f"\n\n    {rate.caveat}" if rate.caveat else ""
    counts = {name: [4] for name in rate.numerator} | {rate.denominator: [100]}
    return f"""Return the {rate.label[0].lower() + rate.label[1:]}: {rate.formula}.{caveat}

    Parameters
    ----------
    frame : DataFrame
        A frame with the counts {", ".join(counts_needed(rate))}.
    by, of, rolling
        As for :func:`mgframe.rates`.

    Returns
    -------
    Series of float64
        Fractions, NaN where a count is unknown or the denominator is 0. Source: {rate.source}.

    Raises
    ------
    FrameError
        The frame lacks a count, or a level makes the rate meaningless.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> df = mg.as_frame(pd.DataFrame({{"date": ["2026-11-15"]}} | {counts}))
    >>> mg.{rate.name}(df).item()
    {4 * len(rate.numerator) / 100}
    """


delivery_rate = _rate_function("delivery_rate")
bounce_rate = _rate_function("bounce_rate")
hard_bounce_rate = _rate_function("hard_bounce_rate")
soft_bounce_rate = _rate_function("soft_bounce_rate")
block_rate = _rate_function("block_rate")
expired_rate = _rate_function("expired_rate")
permanent_failure_rate = _rate_function("permanent_failure_rate")
deferral_rate = _rate_function("deferral_rate")
delay_rate = _rate_function("delay_rate")
temporary_failures_per_message = _rate_function("temporary_failures_per_message")
suppression_rate = _rate_function("suppression_rate")
open_rate = _rate_function("open_rate")
click_rate = _rate_function("click_rate")
total_open_rate = _rate_function("total_open_rate")
total_click_rate = _rate_function("total_click_rate")
click_to_open_rate = _rate_function("click_to_open_rate")
unsubscribe_rate = _rate_function("unsubscribe_rate")
complaint_rate = _rate_function("complaint_rate")
