"""What was chosen, as plain data, and the steps that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from mgframe.analysis.comparing import compare
from mgframe.eligibility import counts_needed
from mgframe.errors import QueryError, suggestion
from mgframe.explorer.offer import WIDTHS, Days, Offer
from mgframe.explorer.steps import Step, columns, days, in_order, method
from mgframe.periods import resample
from mgframe.plotting.choosing import one_reading
from mgframe.ranking import SIZES
from mgframe.reporting.spans import YEAR
from mgframe.reshaping import where
from mgframe.timespan import read_moment, read_span
from mgframe.vocabulary import OVERLAPPING_LEVELS, RATES

#: The window of everything there is, and the levels' word for all keys together.
ALL: Final = "all"
TOGETHER: Final = "time"

#: The windows offered, in days that are over.
PRESETS: Final = ("1d", "7d", "14d", "28d", "60d", "90d", "180d", "365d", "425d", "730d")

#: What a window can be compared with: the days right before it, or its weekdays a year ago.
BEFORE: Final = "before"
LAST_YEAR: Final = "year"

ORDERS: Final = ("largest", "lowest", "highest", "name")

_DAY: Final = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """A first and a last day, both included."""

    first: pd.Timestamp
    last: pd.Timestamp

    def earlier(self, past: str) -> Span:
        """Return the days right before, as many, or the same weekdays 52 weeks before."""
        back = YEAR * _DAY if past == LAST_YEAR else self.last - self.first + _DAY
        return Span(self.first - back, self.last - back)

    @property
    def text(self) -> str:
        """Both days, as :func:`mgframe.compare` takes them."""
        return f"{self.first:%Y-%m-%d}/{self.last:%Y-%m-%d}"

    @property
    def words(self) -> str:
        """Both days in words."""
        if self.first == self.last:
            return f"{self.first:%d %b %Y}"
        return f"{self.first:%d %b %Y} to {self.last:%d %b %Y}"


@dataclass(frozen=True)
class Choice:
    """Everything that can be chosen.

    `measure` is a rate or a count; `by` the level whose keys are told apart, ``"time"`` for all
    together; `keys` the keys to keep of some levels; `window` ``"all"``, so many days that are over
    (``"28d"``) or two days (``"2026-11-01/2026-11-15"``); `partial` adds the open day to so many
    days; `resolution` the width to draw, empty for the frame's own; `compare` sets the window
    against `past`, the days before it or those of last year; `focus` is the one key that is open;
    `order` that of the table. `group` are the keys to fetch from an account, empty for a frame.
    """

    measure: str = "delivery_rate"
    by: str = TOGETHER
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    window: str = ALL
    partial: bool = False
    resolution: str = ""
    compare: bool = False
    past: str = BEFORE
    focus: str | None = None
    order: str = "largest"
    group: tuple[str, ...] = ()

    @property
    def is_rate(self) -> bool:
        """Whether a rate is looked at, not a count."""
        return self.measure in RATES

    def keys_of(self, level: str) -> tuple[str, ...]:
        """Return the keys chosen of a level; none chosen means all."""
        return dict(self.keys).get(level, ())

    def with_keys(self, level: str, keys: Sequence[str]) -> Choice:
        """Return the choice with other keys of a level."""
        kept = {name: found for name, found in self.keys if name != level}
        kept |= {level: tuple(keys)} if keys else {}
        return replace(self, keys=tuple(kept.items()))


def read_window(window: str, argument: str = "window") -> str:
    """Return a window if it is one, else raise :class:`QueryError`, which names the argument."""
    if window == ALL:
        return window
    if "/" in str(window):
        first, last = read_days(window, argument)
        if first > last:
            raise QueryError(f"{argument}={window!r} ends before it begins; swap the two days")
        return f"{first:%Y-%m-%d}/{last:%Y-%m-%d}"
    number, unit = read_span(window, argument=argument)
    if unit not in "dw":
        raise QueryError(f"{argument}={window!r} must be days or weeks, such as '28d' or '4w'")
    return f"{number * (7 if unit == 'w' else 1)}d"


def read_days(window: str, argument: str = "window") -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return both days of a window such as ``"2026-11-01/2026-11-15"``."""
    parts = [read_moment(part.strip(), argument=argument) for part in window.split("/")]
    if len(parts) != 2:
        raise QueryError(f"{argument}={window!r} must be two days: '2026-11-01/2026-11-15'")
    first, last = (part.tz_localize(None).normalize() for part in parts)
    return first, last


def span_of(window: str, last: pd.Timestamp) -> Span | None:
    """Return the days of a window that ends with the day `last`; None for everything."""
    if window == ALL:
        return None
    if "/" in window:
        return Span(*read_days(window))
    return Span(last - (int(window[:-1]) - 1) * _DAY, last)


def fitted(choice: Choice, offer: Offer) -> Choice:
    """Return the choice cut to what a frame offers: other measures, levels and keys fall away."""
    offered = (*offer.rates, *offer.counts)
    measure = choice.measure if choice.measure in offered else offered[0]
    by = choice.by if choice.by in (*offer.levels, TOGETHER) else _first_level(offer)
    if by == TOGETHER and offer.days is None:
        by = _first_level(offer)
    keys = []
    for level, chosen in choice.keys:
        known = [key for key in chosen if key in offer.keys.get(level, ())]
        keys += [(level, tuple(known))] if known else []
    focus = choice.focus if by in offer.keys and choice.focus in offer.keys[by] else None
    resolution = choice.resolution if choice.resolution in offer.resolutions else ""
    compares = choice.compare and offer.has_windows
    past = choice.past if offer.reaches_back(YEAR) else BEFORE
    window = _window_to_compare(choice.window, past, offer.days) if compares else choice.window
    window = window if offer.has_windows else ALL
    return replace(
        choice, measure=measure, by=by, keys=tuple(keys), focus=focus, window=window,
        resolution=resolution, compare=compares, past=past,
    )  # fmt: skip


def first_level(levels: Sequence[str]) -> str:
    """Return the level to begin with: the first, or one whose keys overlap and cannot be summed."""
    overlapping = [level for level in levels if level in OVERLAPPING_LEVELS]
    return [*overlapping, *levels, TOGETHER][0]


def _first_level(offer: Offer) -> str:
    """Return the level to begin with, if possible one with several keys."""
    return first_level([x for x in offer.levels if len(offer.keys[x]) > 1] or offer.levels)


def _window_to_compare(window: str, past: str, known: Days | None) -> str:
    """Return a window that leaves as many days to compare with, where everything was chosen."""
    if window != ALL or known is None:
        return window
    most = min(known.number - YEAR, YEAR) if past == LAST_YEAR else known.number // 2
    fitting = [preset for preset in PRESETS if int(preset[:-1]) <= most]
    return fitting[-1] if fitting else PRESETS[0]


# ---------------------------------------------------------------- from a choice to steps


@dataclass(frozen=True)
class Course:
    """The steps of a choice: how the rows in sight come about, and those of the days before.

    `rows` keep every column, `before` are the rows to compare with, `both` those of both windows;
    `span` are the days in sight.
    """

    rows: tuple[Step, ...]
    before: tuple[Step, ...]
    both: tuple[Step, ...]
    span: Span | None


def course_of(choice: Choice, offer: Offer) -> Course:
    """Return the steps that cut a frame to what was chosen."""
    first = (Step('.droplevel("as_of")', one_reading),) if offer.as_of else ()
    known, narrowed = offer.days, _narrowing(choice)
    span = span_of(choice.window, known.last) if known is not None else None
    if span is None or known is None:
        return Course((*first, *narrowed), (), (*first, *narrowed), None)
    first = first if offer.is_sorted else (in_order(),)
    adds_open = choice.partial and not choice.compare and "/" not in choice.window
    last = known.newest if adds_open else span.last

    def cut(start: pd.Timestamp, stop: pd.Timestamp) -> tuple[Step, ...]:
        return (*first, days(f"{start:%Y-%m-%d}", f"{stop:%Y-%m-%d}"), *narrowed)

    past = span.earlier(choice.past)
    return Course(
        cut(span.first, last),
        cut(past.first, past.last) if choice.compare else (),
        cut(past.first, last) if choice.compare else cut(span.first, last),
        Span(span.first, last),
    )


def _narrowing(choice: Choice) -> tuple[Step, ...]:
    """Return the step that keeps the chosen keys; none where all are."""
    chosen = {level: list(keys) for level, keys in choice.keys}
    return (method("where", where, **chosen),) if chosen else ()


def focusing(choice: Choice) -> tuple[Step, ...]:
    """Return the step that keeps the one key that is open."""
    if choice.focus is None:
        return ()
    return (method("where", where, **{choice.by: choice.focus}),)


def widening(choice: Choice, offer: Offer) -> tuple[Step, ...]:
    """Return the step to longer buckets; none where the frame's own are drawn."""
    if choice.resolution in ("", offer.resolution) or offer.days is None:
        return ()
    until = {"until": offer.days.until} if offer.days.until else {}
    return (method("resample", resample, WIDTHS[choice.resolution], **until),)


def needed(choice: Choice, offer: Offer) -> Step:
    """Return the step that keeps what a measure needs, and what ranks the keys."""
    named = counts_needed(RATES[choice.measure]) if choice.is_rate else [choice.measure]
    return columns([name for name in offer.counts if name in {*named, *SIZES[:3]}])


def comparing(choice: Choice, offer: Offer, span: Span) -> Step:
    """Return the comparison of a window with the days before it."""
    options: dict[str, Any] = {
        "before": span.earlier(choice.past).text,
        "after": span.text,
        "by": [] if choice.by == TOGETHER else [choice.by],
    }
    if offer.days is not None and offer.days.until:
        options["until"] = offer.days.until
    return method("compare", compare, choice.measure, **options)


def read_compare(compare: object) -> tuple[bool, str]:
    """Return whether to compare, and with what; else raise :class:`QueryError`."""
    if isinstance(compare, bool):
        return compare, BEFORE
    if compare in (BEFORE, LAST_YEAR):
        return True, str(compare)
    raise QueryError(
        f"compare={compare!r} must be True (the days before), 'year' (the same weekdays 52 weeks "
        "before) or False"
    )


def check_order(order: str) -> str:
    """Return an order if it is one, else raise :class:`QueryError`."""
    if order not in ORDERS:
        raise QueryError(
            f"order={order!r} must be one of {', '.join(ORDERS)}{suggestion(order, ORDERS)}"
        )
    return order
