"""The days of a report: those it is about, the weeks before, and the same days last year."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

import numpy as np
import pandas as pd

from mgframe.analysis.telling import days_text
from mgframe.errors import QueryError
from mgframe.framing import complete_until, meta_of, times_of, with_meta
from mgframe.summing import Booleans, with_used_labels
from mgframe.timespan import local_midnights, localise, read_zone, resolve

_DEFAULT: Final = "7d"
_WEEK: Final = 7
#: A report of up to a week is held against so many weeks before it.
_WEEKS_BEFORE: Final = 4
#: The same weekdays of last year lie so many days back.
YEAR: Final = 52 * _WEEK


@dataclass(frozen=True)
class Days:
    """Days in a row, the first and the last one included, as midnights without a zone."""

    first: pd.Timestamp
    last: pd.Timestamp

    @property
    def number(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def span(self) -> str:
        """The days as an argument: ``2026-11-09/2026-11-15``."""
        return f"{self.first:%Y-%m-%d}/{self.last:%Y-%m-%d}"

    @property
    def text(self) -> str:
        """The days in words: ``9–15 Nov 2026``."""
        return days_text(self.first, self.last).replace("-", "\N{EN DASH}")

    def until(self, frame: pd.DataFrame) -> pd.Timestamp:
        """Return the midnight after the last day in the frame's own zone; sooner if it ends so."""
        after = pd.DatetimeIndex([self.last + pd.Timedelta(days=1)])
        stop: pd.Timestamp = localise(after, times_of(frame).tz)[0]
        known = meta_of(frame).get("complete_until")
        return stop if known is None else min(stop, complete_until(frame).tz_convert(stop.tz))

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of these days, in the frame's own zone."""
        days = local_midnights(times_of(frame))
        return _rows(frame, np.asarray((days >= self.first) & (days <= self.last)))

    def since(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the first day and later."""
        return _rows(frame, np.asarray(local_midnights(times_of(frame)) >= self.first))


def _rows(frame: pd.DataFrame, chosen: Booleans) -> pd.DataFrame:
    return with_meta(with_used_labels(frame[chosen]), meta_of(frame))


@dataclass(frozen=True)
class Spans:
    """What a report compares.

    `now` is what it is about, `before` the weeks it is held against, `year` the same weekdays 52
    weeks ago; `zone` is where its days begin and end, None for UTC.
    """

    now: Days
    before: Days
    year: Days
    zone: tzinfo | None = None

    @property
    def zone_name(self) -> str:
        """The zone as text."""
        return "UTC" if self.zone is None else str(self.zone)

    @property
    def before_text(self) -> str:
        """What the weeks before are called in a sentence."""
        weeks = self.before.number // _WEEK
        word = {1: "the week", 4: "the four weeks"}.get(weeks, f"the {weeks} weeks")
        return f"{word} before"

    def known_since(self, since: pd.Timestamp) -> Spans:
        """Return the spans cut to the hours that are still kept where days are local.

        Raises
        ------
        QueryError
            The hours of the report's own days are not.
        """
        if self.zone is None:
            return self
        first = since.tz_convert(self.zone).tz_localize(None).ceil("D")
        if self.now.first < first:
            raise QueryError(
                f"tz={self.zone_name!r} needs hours, which are kept since {first:%Y-%m-%d} (by "
                f"Mailgun for 60 days), and the report begins {self.now.first:%Y-%m-%d}; leave "
                "tz= out for UTC days, or take them from an archive that has kept hours for longer"
            )
        weeks = max((self.before.last - max(first, self.before.first)).days + 1, 0) // _WEEK
        return replace(self, before=_weeks_before(self.now, max(weeks, 1)))


def read_spans(
    last: str | None, period: str | None, tz: str | tzinfo | None, now: datetime
) -> Spans:
    """Return the days of a report; ``now`` is until when they can be complete.

    Raises
    ------
    QueryError
        The window is malformed, said twice, or holds no complete day.
    """
    zone = _zone(tz)
    if last is None and period is None:
        last = _DEFAULT
    if last is not None and str(last).endswith("h"):
        raise QueryError(f"last={last!r}: a report is about whole days; say it in d, w or m")
    window = resolve(
        start=None, end=None, last=last, period=period, duration=None,
        resolution="day" if zone is None else "hour", tz=zone, partial=False, now=now,
    )  # fmt: skip
    after = window.end + pd.Timedelta(days=1) if zone is None else window.end + pd.Timedelta("1h")
    edges = [moment.tz_convert(zone or "UTC").tz_localize(None) for moment in (window.start, after)]
    first, stop = edges[0].normalize(), edges[1].normalize()
    if stop <= first:
        said = f"last={last!r}" if period is None else f"period={period!r}"
        raise QueryError(f"{said} holds no complete day yet")
    days = Days(first, stop - pd.Timedelta(days=1))
    weeks = _WEEKS_BEFORE if days.number <= _WEEK else math.ceil(days.number / _WEEK)
    year = Days(*(day - pd.Timedelta(days=YEAR) for day in (days.first, days.last)))
    return Spans(days, _weeks_before(days, weeks), year, zone)


def _zone(tz: str | tzinfo | None) -> tzinfo | None:
    zone = None if tz is None else read_zone(tz)
    return None if zone is None or str(zone).upper() in {"UTC", "GMT", "ETC/UTC"} else zone


def _weeks_before(days: Days, weeks: int) -> Days:
    return Days(days.first - pd.Timedelta(days=weeks * _WEEK), days.first - pd.Timedelta(days=1))
