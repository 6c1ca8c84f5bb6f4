"""Windows of the Stats API: dates as they are written, durations, and dense buckets in UTC."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mgframe.vocabulary import RESOLUTIONS

#: More buckets than this are refused: a window of centuries is a mistake.
MOST_BUCKETS: Final = 50_000

_UNITS: Final = {"h": "hour", "d": "day", "m": "month"}
_CODES: Final[dict[str, Literal["h", "D", "M"]]] = {"hour": "h", "day": "D", "month": "M"}
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


class BadRequest(ValueError):
    """A question that Mailgun answers with 400."""


@dataclass(frozen=True)
class Window:
    """Buckets of one resolution; `starts` are their first moments, in order and without gaps."""

    starts: NDArray[np.datetime64]
    resolution: str

    def at(self, resolution: str) -> Window:
        """Return the buckets of another resolution that hold these."""
        return _dense(self.starts[0], self.starts[-1], resolution)

    @property
    def edges(self) -> NDArray[np.int64]:
        """The hours since 1970 that the buckets begin with, and the one that ends the last."""
        stepped = np.append(self.starts, self.starts[-1:] + steps(1, self.resolution))
        return np.asarray(stepped.astype("datetime64[h]").astype(np.int64))


def hours_of(moment: datetime) -> int:
    """Return the whole hours from 1970 to a moment."""
    return math.floor(moment.timestamp() / 3600)


def parse_moment(text: str, name: str) -> datetime:
    """Return a date written as RFC 2822 or in epoch seconds.

    A wrong weekday is no error, and a zone that nobody knows counts as UTC, as on the real API.
    """
    try:
        if _NUMBER.fullmatch(text.strip()):
            return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    moment = parse_written(text)
    if moment is None:
        raise BadRequest(f"'{name}' parameter is invalid, valid formats: RFC 2822, unix epoch")
    return moment


def parse_written(text: str) -> datetime | None:
    """Return a date written as RFC 2822, None where it is none."""
    parsed = parsedate_tz(text)
    try:
        if parsed is not None:
            return datetime(*parsed[:6], tzinfo=UTC) - timedelta(seconds=parsed[9] or 0)
    except (ValueError, OverflowError):
        pass
    return None


def floored(moment: datetime, resolution: str) -> np.datetime64:
    """Return the start of the bucket that holds a moment."""
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    return start_of(np.datetime64(naive, "s"), resolution)


def start_of(moment: np.datetime64, resolution: str) -> np.datetime64:
    """Return the start of the bucket that holds a moment in UTC."""
    start: np.datetime64 = moment.astype(f"datetime64[{_CODES[resolution]}]")
    return start


def steps(count: int, resolution: str) -> np.timedelta64:
    """Return the length of so many buckets."""
    return np.timedelta64(count, _CODES[resolution])


def parse_resolution(text: str | None) -> str | None:
    """Return a resolution, None where there is none."""
    if text is not None and text not in RESOLUTIONS:
        raise BadRequest("'resolution' parameter is invalid, valid values: 'month', 'day', 'hour'")
    return text


def parse_window(
    now: datetime,
    *,
    start: str | None = None,
    end: str | None = None,
    resolution: str | None = None,
    duration: str | None = None,
    explicit_resolution: bool = False,
) -> Window:
    """Return the buckets that a question is about.

    A duration overwrites `start`, and the resolution too unless `explicit_resolution` says that
    one that was asked for stays; N of its units end with the unit that holds `end`.
    """
    asked = parse_resolution(resolution)
    first = parse_moment(start, "start") if start is not None else None
    last = parse_moment(end, "end") if end is not None else now
    if duration is not None:
        count, unit = _parse_duration(duration)
        opening = floored(last, unit) - steps(count - 1, unit)
        chosen = asked if explicit_resolution and asked else unit
        return _dense(opening, floored(last, chosen), chosen)
    chosen = asked or "day"
    try:
        opening = floored(first if first is not None else last - timedelta(days=7), chosen)
    except OverflowError:
        raise BadRequest("'start' parameter is out of range") from None
    return _dense(opening, floored(last, chosen), chosen)


def single_bucket(moment: datetime, resolution: str | None) -> Window:
    """Return the one bucket that holds a moment, of a day unless asked otherwise."""
    chosen = parse_resolution(resolution) or "day"
    return Window(np.array([floored(moment, chosen)]), chosen)


def _parse_duration(text: str) -> tuple[int, str]:
    match = re.fullmatch(r"([0-9]{1,7})([hdm])", text)
    if not match or int(match[1]) == 0:
        raise BadRequest(
            "'duration' parameter is invalid, expected a number above zero and a unit: "
            "'h', 'd' or 'm'"
        )
    return int(match[1]), _UNITS[match[2]]


def _dense(first: np.datetime64, last: np.datetime64, resolution: str) -> Window:
    code = _CODES[resolution]
    start, end = first.astype(f"datetime64[{code}]"), last.astype(f"datetime64[{code}]")
    count = int((end - start).astype(np.int64)) + 1
    if count < 1:
        raise BadRequest("'start' parameter is invalid: it is after 'end'")
    if count > MOST_BUCKETS:
        raise BadRequest(f"the window is too large: {count} buckets, at most {MOST_BUCKETS}")
    return Window(start + np.arange(count).astype(f"timedelta64[{code}]"), resolution)
