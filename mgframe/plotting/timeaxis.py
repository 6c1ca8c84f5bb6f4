"""The axis of time: its zone, its gaps, its ticks, and which buckets are still open."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import (
    MO,
    ConciseDateFormatter,
    DayLocator,
    HourLocator,
    MonthLocator,
    WeekdayLocator,
    YearLocator,
)

from mgframe.errors import FrameError
from mgframe.framing import complete_until, meta_of, resolution_of, times_of, with_meta
from mgframe.timespan import Moment, bucket_ends

_MOST_TICKS: Final = 9
_FORMATS: Final = ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M"]
_ZERO_FORMATS: Final = ["", "%b\n%Y", "%d %b", "%d %b", "%H:%M", "%H:%M"]
_OFFSETS: Final = ["", "%Y", "%Y", "%d %b %Y", "%d %b %Y", "%d %b %Y"]


def width_of(frame: pd.DataFrame) -> str | None:
    """Return the width of the buckets, None where it is not known."""
    try:
        return resolution_of(frame)
    except FrameError:
        return None


def bucket_word(frame: pd.DataFrame) -> str:
    """Return what one bucket is called in a label."""
    return width_of(frame) or "bucket"


def instants(times: pd.DatetimeIndex) -> npt.NDArray[np.datetime64]:
    """Return times as numpy holds them: in UTC, without a zone."""
    return times.tz_convert("UTC").tz_localize(None).to_numpy()


def sorted_times(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the distinct times of the rows in order."""
    return pd.DatetimeIndex(times_of(frame).unique().sort_values())


def bucket_stops(frame: pd.DataFrame, times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return when each bucket ends (exclusive); when it starts, where no width is known."""
    width = width_of(frame)
    return times if width is None else bucket_ends(times, width)


def days_spanned(frame: pd.DataFrame) -> float:
    """Return how many days lie between the start of the first and the end of the last bucket."""
    times = sorted_times(frame)
    return (bucket_stops(frame, times)[-1] - times[0]) / pd.Timedelta(days=1) if len(times) else 0.0


def open_buckets(
    frame: pd.DataFrame, times: pd.DatetimeIndex, until: Moment | None
) -> npt.NDArray[np.bool_]:
    """Return which of `times` are open; none where it is not known until when they are complete."""
    if until is None and "complete_until" not in meta_of(frame):
        return np.zeros(len(times), dtype=bool)
    end = complete_until(frame, until)
    return np.asarray((bucket_stops(frame, times) > end) | (times >= end))


def complete_rows(frame: pd.DataFrame, until: Moment | None) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of complete buckets, and the note on those left out."""
    if "time" not in frame.index.names:
        return frame, []
    is_open = open_buckets(frame, times_of(frame), until)
    if not is_open.any():
        return frame, []
    return with_meta(frame[~is_open], meta_of(frame)), ["Without the open bucket."]


def with_gaps(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the frame's times and one more in every gap, where a line must break."""
    times = sorted_times(frame)
    if len(times) < 2 or width_of(frame) is None:
        return times
    stops = bucket_stops(frame, times)[:-1]
    return times.union(stops[stops < times[1:]])


def set_time_axis(ax: Axes, frame: pd.DataFrame) -> None:
    """Put readable ticks in the frame's own zone on the x axis.

    A year has months as ticks, a month days, a day hours; the axis is not stretched to years
    around a lone bucket, and days at the edges of which nothing is known take no place on it.
    """
    known = frame.dropna(how="all")
    times = sorted_times(known if len(known) else frame)
    if len(times) == 1:
        around = 3 * max(bucket_stops(frame, times)[0] - times[0], pd.Timedelta(hours=1))
        times = pd.DatetimeIndex([times[0] - around, times[0] + around])
        ax.set_xlim(*instants(times))
    locator = _locator(times)
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        tz=times.tz,
        formats=_FORMATS,
        zero_formats=_ZERO_FORMATS,
        offset_formats=_OFFSETS,
    )
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
    ax.xaxis.get_offset_text().set_fontsize("small")


def _locator(times: pd.DatetimeIndex) -> Any:
    """Return where ticks stand: round hours, days, Mondays, months or years, at most nine."""
    days = (times[-1] - times[0]) / pd.Timedelta(days=1)
    if days <= 2:
        hours = next((step for step in (1, 2, 3, 6) if days * 24 / step <= _MOST_TICKS), 6)
        return HourLocator(byhour=range(0, 24, hours), tz=times.tz)  # type: ignore[no-untyped-call]
    if days <= _MOST_TICKS:
        return DayLocator(tz=times.tz)  # type: ignore[no-untyped-call]
    if days <= 21:
        return DayLocator(interval=3, tz=times.tz)  # type: ignore[no-untyped-call]
    if days <= 7 * 2 * _MOST_TICKS:
        weeks = math.ceil(days / 7 / _MOST_TICKS)
        return WeekdayLocator(MO, interval=weeks, tz=times.tz)  # type: ignore[no-untyped-call]
    if days <= 31 * 6 * _MOST_TICKS:
        months = next(step for step in (1, 2, 3, 6) if days / 30 / step <= _MOST_TICKS)
        first = range(1, 13, months)
        return MonthLocator(bymonth=first, tz=times.tz)  # type: ignore[no-untyped-call]
    return YearLocator(math.ceil(days / 366 / _MOST_TICKS), tz=times.tz)  # type: ignore[no-untyped-call]


def time_label(frame: pd.DataFrame) -> str:
    """Return the label of the time axis with its zone: ``day (UTC)``."""
    word = bucket_word(frame)
    return f"{'time' if word == 'bucket' else word} ({sorted_times(frame).tz})"


def window_text(frame: pd.DataFrame) -> str:
    """Return the window of a frame whose time is not an axis, empty where it has none."""
    if "time" not in frame.index.names or frame.empty:
        return ""
    times = sorted_times(frame)
    form = "%d %b %Y %H:%M" if width_of(frame) == "hour" else "%d %b %Y"
    last = times[-1]
    return f"{times[0]:{form}} to {last:{form}} ({times.tz})"
