"""Two windows to compare: read from texts, pairs or frames, with whole weeks and like weekdays.

A window is a frame cut to whole days that are over; its days are those of the frame's zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import FrameError, QueryError, type_said, warn
from mgframe.framing import complete_until, meta_of, resolution_of, time_level, times_of
from mgframe.summing import Booleans, refuse_lifetime_sums, refuse_repeated_rows, with_used_labels
from mgframe.timespan import (
    Moment,
    bucket_ends,
    floor,
    local_midnights,
    localise,
    read_moment,
    resolve,
)

#: What names a window: its buckets as text or pair, both included, or a frame of its own.
Span = pd.DataFrame | str | Sequence[Moment]

_WEEK: Final = 7
_FOREVER: Final = datetime(2199, 1, 1, tzinfo=UTC)
_FORMS: Final = "a text '2026-05-01/2026-05-14' (both days included), a pair of moments, or a frame"


@dataclass(frozen=True)
class Part:
    """Rows to compare and the day of each, as a naive midnight of the frame's own zone."""

    frame: pd.DataFrame
    days: pd.DatetimeIndex

    @classmethod
    def of(cls, frame: pd.DataFrame, until: Moment | None, said: str) -> Part:
        """Return the days of a frame that are over."""
        _require_days(frame, said)
        times = times_of(frame)
        days = local_midnights(times)
        seen = days.unique()
        over = bucket_ends(localise(seen, times.tz), "day") <= complete_until(frame, until)
        return cls(frame, days).where(np.asarray(over)[seen.get_indexer(days)])

    def where(self, rows: Booleans) -> Part:
        """Return some of the rows."""
        return self if rows.all() else Part(with_used_labels(self.frame[rows]), self.days[rows])

    def on(self, days: pd.DatetimeIndex) -> Part:
        """Return the part of some days."""
        if self.dates.isin(days).all():
            return self
        return self.where(np.asarray(self.days.isin(days)))

    def without(self, days: pd.DatetimeIndex) -> Part:
        """Return the part without some days."""
        return self.on(self.dates[~self.dates.isin(days)])

    @cached_property
    def dates(self) -> pd.DatetimeIndex:
        """The days that have a row, in order."""
        return self.days.unique().sort_values()

    @property
    def calendar(self) -> pd.DatetimeIndex:
        """Every day from the first to the last one, those without a row included."""
        return pd.date_range(self.dates[0], self.dates[-1], freq="D")

    @property
    def text(self) -> str:
        """The first and the last day."""
        return f"{self.dates[0]:%Y-%m-%d}/{self.dates[-1]:%Y-%m-%d}" if len(self.dates) else ""


def _require_frame(frame: object, said: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"{said} must be a frame of counts, got {type_said(frame)}")


def _require_days(frame: pd.DataFrame, said: str) -> None:
    _require_frame(frame, said)
    if time_level(frame) == "as_of":
        refuse_lifetime_sums(["as_of"])
    times_of(frame)
    refuse_repeated_rows(frame)
    width = resolution_of(frame) if len(frame) else "day"
    if width not in ("hour", "day"):
        raise FrameError(
            f"{said} holds {width}s, but a comparison takes days as its units: the spread between "
            "them says how far a rate moves by itself; fetch resolution='day'"
        )


def windows(
    frame: pd.DataFrame,
    before: Span | None,
    after: Span | None,
    *,
    holidays: Sequence[Moment] | None,
    until: Moment | None,
) -> tuple[Part, Part]:
    """Return both windows: complete days, whole weeks, like weekdays, no holidays.

    Raises
    ------
    QueryError
        A window is missing, malformed, or shares days with the other one.
    FrameError
        A window holds no day of its frame, or the frames do not go together.
    """
    _require_frame(frame, "the frame")
    spans = {"before": before, "after": after}
    if all(span is None for span in spans.values()) or (
        any(span is None for span in spans.values())
        and not any(isinstance(span, pd.DataFrame) for span in spans.values())
    ):
        missing = " and ".join(f"{name}=" for name, span in spans.items() if span is None)
        raise QueryError(f"{missing} must say a window: {_FORMS}")
    parts = {name: _part(frame, span, name, until) for name, span in spans.items()}
    _refuse_overlap(parts)
    _refuse_two_widths(parts)
    first, second = _like_weekdays(parts["before"], parts["after"], read_days(holidays))
    return first, second


def read_days(holidays: Sequence[Moment] | None) -> pd.DatetimeIndex:
    """Return the days of a list as naive midnights."""
    if isinstance(holidays, str):
        raise QueryError(f"holidays={holidays!r} must be a list of dates, such as ['2026-12-25']")
    moments = [
        read_moment(day, argument="holidays") for day in (() if holidays is None else holidays)
    ]
    return pd.DatetimeIndex([m.tz_localize(None).normalize() for m in moments])


def without_holidays(part: Part, holidays: pd.DatetimeIndex) -> Part:
    """Return the part without the holidays; something must be left."""
    kept = part.without(holidays)
    if len(part.days) and not len(kept.days):
        raise FrameError(f"holidays= leaves no day of {part.text}; name fewer days")
    return kept


def _part(frame: pd.DataFrame, span: Span | None, name: str, until: Moment | None) -> Part:
    """Return one window; where only the other one is a frame, this one is the frame itself."""
    if span is None or isinstance(span, pd.DataFrame):
        own = frame if span is None else span
        part = Part.of(own, until, "the frame" if span is None else f"{name}=")
        return _nonempty(part, own, f"{name}= holds no complete day")
    start, end = _edges(span, name)
    zone = times_of(frame).tz
    try:
        hours = resolve(
            start=start, end=end, last=None, period=None, duration=None, resolution="hour",
            tz=zone, partial=True, now=_FOREVER,
        )  # fmt: skip
    except QueryError as error:
        raise QueryError(f"{name}={span!r}: {error}") from None
    whole = Part.of(frame, until, "the frame")
    width = resolution_of(frame) if len(frame) else "day"
    times = times_of(whole.frame)
    first = floor(hours.start.tz_convert(zone), width)
    part = whole.where(np.asarray((times >= first) & (times <= hours.end)))
    part = _nonempty(part, frame, f"{name}={span!r} holds no complete day of the frame")
    _warn_of_lacking_days(part, first, hours.end.tz_convert(zone), f"{name}={span!r}")
    return part


def _edges(span: Any, name: str) -> tuple[Moment, Moment]:
    if not isinstance(span, (str, Sequence)):
        raise QueryError(f"{name}={span!r} must be {_FORMS}")
    pair = span.split("/") if isinstance(span, str) else list(span)
    if len(pair) != 2:
        raise QueryError(f"{name}={span!r} must be {_FORMS}")
    first, last = (part.strip() if isinstance(part, str) else part for part in pair)
    return first, last


def _nonempty(part: Part, frame: pd.DataFrame, said: str) -> Part:
    if len(part.days):
        return part
    spans = "has no rows"
    if len(frame):
        times = times_of(frame)
        spans = f"spans {times.min():%Y-%m-%d %H:%M} to {times.max():%Y-%m-%d %H:%M} {times.tz}"
        until = meta_of(frame).get("complete_until")
        spans += f" and is complete until {until}" if until else ""
    raise FrameError(f"{said}; the frame {spans}")


def _warn_of_lacking_days(part: Part, first: pd.Timestamp, last: pd.Timestamp, said: str) -> None:
    asked = (local_day(last) - local_day(first)).days + 1
    held = len(part.dates)
    if held < asked:
        warn(f"{said} names {asked} days, but the frame has {held} complete ones of them")


def local_day(moment: pd.Timestamp) -> pd.Timestamp:
    """Return the midnight of a moment's own zone, without the zone."""
    return moment.tz_localize(None).normalize()


def _refuse_overlap(parts: dict[str, Part]) -> None:
    dates = parts["before"].dates
    both = dates[dates.isin(parts["after"].dates)]
    if len(both):
        raise QueryError(
            f"before and after overlap on {len(both)} days from {both.min():%Y-%m-%d}: a day "
            "cannot lie on both sides. To compare two groups in the same days say a= and b="
        )


def _refuse_two_widths(parts: dict[str, Part]) -> None:
    widths = {name: resolution_of(part.frame) for name, part in parts.items()}
    zones = {name: str(times_of(part.frame).tz) for name, part in parts.items()}
    for what, found in (("buckets", widths), ("days of the zone", zones)):
        if len(set(found.values())) > 1:
            told = " and ".join(f"{name} {text}" for name, text in found.items())
            raise FrameError(
                f"the windows have different {what}: {told}; sum hours to days first with "
                "df.mg.resample('D') or df.mg.local_days(tz)"
            )


# ---------------------------------------------------------------- whole weeks, like weekdays


def _like_weekdays(before: Part, after: Part, holidays: pd.DatetimeIndex) -> tuple[Part, Part]:
    """Return both windows with the same weekdays in the same proportion, as far as they go."""
    parts = [before, after]
    earlier = 0 if before.dates[0] < after.dates[0] else 1
    if not _even(before, after):
        # Whole weeks, those nearest to the other window.
        parts = [_whole_weeks(part, last=i == earlier) for i, part in enumerate(parts)]
    parts = [without_holidays(part, holidays) for part in parts]
    common = set(parts[0].dates.day_of_week) & set(parts[1].dates.day_of_week)
    if not common:
        warn(
            f"before ({parts[0].text}) and after ({parts[1].text}) have no weekday in common, so "
            "that the difference holds that of the weekdays; compare whole weeks"
        )
        return parts[0], parts[1]
    parts = [part.on(part.dates[part.dates.day_of_week.isin(list(common))]) for part in parts]
    _warn_of_cut((before, after), parts, holidays)
    return parts[0], parts[1]


def _even(before: Part, after: Part) -> bool:
    """Return whether each weekday has the same share of both windows."""
    counts = [np.bincount(p.dates.day_of_week, minlength=_WEEK) for p in (before, after)]
    return bool((counts[0] * counts[1].sum() == counts[1] * counts[0].sum()).all())


def _whole_weeks(part: Part, *, last: bool) -> Part:
    """Return a window of a week or more cut to whole weeks, its last ones or its first ones."""
    days = part.calendar
    whole = len(days) // _WEEK * _WEEK
    if not whole:
        return part
    return part.on(days[-whole:] if last else days[:whole])


def _warn_of_cut(whole: Sequence[Part], parts: Sequence[Part], holidays: pd.DatetimeIndex) -> None:
    told = []
    for name, given, kept in zip(("before", "after"), whole, parts, strict=True):
        if len(given.without(holidays).dates) > len(kept.dates):
            told.append(f"{name} keeps {len(kept.dates)} days of {kept.text}")
    if told:
        warn(f"compared are whole weeks and like weekdays only: {', '.join(told)}")
