"""Human windows to API windows: pure arithmetic on buckets of hours, days and months.

A bucket is named by its start. A :class:`Window` names its first and its last bucket, both
included, as the Stats API does. "Now" is always an argument, so that a simulated or a recorded
account can bring its own clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from email.utils import format_datetime
from numbers import Number
from typing import Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from mgframe.errors import QueryError, suggestion, warn
from mgframe.vocabulary import RESOLUTIONS, Resolution

Moment = str | date | datetime | pd.Timestamp

_OFFSETS: Final = {"hour": "h", "day": "D", "month": "MS"}
_PERIODS: Final = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
_UNITS: Final = {"h": "hour", "d": "day", "w": "day", "m": "month"}
_DEFAULT_LAST: Final = "7d"
_HOURS: Final = {"h": 1, "d": 24, "w": 168, "m": 744}
_LONGEST_YEARS: Final = 100
_YEARS: Final = range(1901, 2200)
#: Only ISO 8601: other spellings are read by the machine's clock, its zone or the month-first way.
_ISO: Final = re.compile(
    r"\d{4}-\d{2}(-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?)?)? ?(Z|UTC|[+-]\d{2}:?\d{2})?"
)


@dataclass(frozen=True)
class Window:
    """The buckets asked for: first and last one, both included, in UTC.

    `duration` is Mailgun's own expression where the user gave one; it is then sent as it is.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    resolution: Resolution
    duration: str | None = None

    def buckets(self) -> pd.DatetimeIndex:
        """Return the start of every bucket."""
        return buckets(self.start, self.end, self.resolution)


def check_resolution(resolution: str) -> Resolution:
    """Return `resolution` if it is one, else raise :class:`QueryError`."""
    if resolution not in RESOLUTIONS:
        raise QueryError(
            f"resolution must be 'hour', 'day' or 'month'; got {resolution!r}"
            f"{suggestion(resolution, RESOLUTIONS)}. For weeks, quarters or years fetch days and "
            "use df.mg.resample('W')."
        )
    return get_args(Resolution)[RESOLUTIONS.index(resolution)]  # type: ignore[no-any-return]


def floor(moment: pd.Timestamp, resolution: str) -> pd.Timestamp:
    """Return the start of the bucket that holds `moment`, in the moment's own zone."""
    if resolution == "hour":
        return moment.floor("h")
    day = moment.normalize()
    return day.replace(day=1) if resolution == "month" else day


def shift(moment: pd.Timestamp, count: int, resolution: str) -> pd.Timestamp:
    """Return `moment` moved by `count` buckets; months are calendar months."""
    if resolution == "hour":
        return moment + pd.Timedelta(hours=count)
    if resolution == "day":
        return moment + pd.Timedelta(days=count)
    return moment + pd.DateOffset(months=count)


def buckets(start: pd.Timestamp, end: pd.Timestamp, resolution: str) -> pd.DatetimeIndex:
    """Return the starts of the buckets from `start` to `end`, both included, in microseconds."""
    return pd.date_range(start, end, freq=_OFFSETS[resolution]).as_unit("us")


def bucket_starts(times: pd.DatetimeIndex, width: str) -> pd.DatetimeIndex:
    """Return the start of the day, week (from Monday), month, quarter or year of each time.

    Days are those of the zone of `times`; a midnight that does not exist moves forward.
    """
    return _localised(_periods(times, width), times.tz)


def bucket_ends(times: pd.DatetimeIndex, width: str) -> pd.DatetimeIndex:
    """Return the end (exclusive) of each bucket, in the zone of `times`.

    `width` is hour or as for :func:`bucket_starts`. Local days are 23, 24 or 25 hours long.
    """
    if width == "hour":
        return (times + pd.Timedelta(hours=1)).as_unit("us")
    return _localised(_periods(times, width) + 1, times.tz)


def _periods(times: pd.DatetimeIndex, width: str) -> pd.PeriodIndex:
    return times.tz_localize(None).to_period(_PERIODS[width])


def _localised(periods: pd.PeriodIndex, zone: tzinfo | None) -> pd.DatetimeIndex:
    return localise(periods.start_time.as_unit("us"), zone)


def local_midnights(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the local midnight of each time, without a zone."""
    return times.tz_localize(None).normalize()


def localise(times: pd.DatetimeIndex, zone: tzinfo | None) -> pd.DatetimeIndex:
    """Return naive local times in `zone`: the first of two, forward where none exists."""
    first = [True] * len(times)
    return times.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")  # type: ignore[arg-type]


def read_zone(tz: str | tzinfo) -> tzinfo:
    """Return the zone of that name, else raise :class:`QueryError`."""
    if isinstance(tz, tzinfo):
        return tz
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise QueryError(
            f"tz={tz!r} is no known time zone; use a name such as 'Europe/Berlin' or 'UTC'"
        ) from None


def read_moment(moment: Moment, *, argument: str, zone: tzinfo | None = None) -> pd.Timestamp:
    """Return `moment` in UTC; a naive one is taken in `zone`, which is UTC unless given.

    Raises
    ------
    QueryError
        The text is no date, or a time that the zone skips.
    """
    try:
        if isinstance(moment, Number):  # pandas would read it as nanoseconds
            raise TypeError
        if isinstance(moment, str) and not _ISO.fullmatch(moment.strip()):
            raise ValueError
        stamp = pd.Timestamp(moment)
        if pd.isna(stamp) or stamp.year not in _YEARS:
            raise ValueError
        if stamp.tzinfo is None:
            return _in_utc(stamp, zone)
        return stamp.tz_convert("UTC").as_unit("us")
    except (ValueError, TypeError, OverflowError):
        raise QueryError(
            f"{argument}={moment!r} is no date or time; write '2026-11-16', "
            "'2026-11-16 09:00' or pass a datetime (a naive one is UTC)"
        ) from None


def _in_utc(naive: pd.Timestamp, zone: tzinfo | None) -> pd.Timestamp:
    """Return a naive local time in UTC: the first of two, moved forward where none exists."""
    local = naive.tz_localize(zone or "UTC", ambiguous=True, nonexistent="shift_forward")
    return local.tz_convert("UTC").as_unit("us")


def resolve(
    *,
    start: Moment | None,
    end: Moment | None,
    last: str | None,
    period: str | None,
    duration: str | None,
    resolution: str | None,
    tz: str | tzinfo | None,
    partial: bool,
    now: datetime,
    duration_sets_resolution: bool = True,
) -> Window:
    """Turn a user's window into buckets.

    Exactly one way of saying it: ``start`` (with or without ``end``), ``last``, ``period`` or
    Mailgun's own ``duration`` (with or without ``end``); nothing at all is ``last="7d"``. In the
    Stats API a duration counts buckets of its own unit; in the Metrics API it goes so far back from
    `end`, and the resolution is another matter (`duration_sets_resolution`).

    Raises
    ------
    QueryError
        Two ways at once, a malformed or empty one, a start after the end, or a zone with a
        resolution other than hours.
    """
    if resolution is not None:
        check_resolution(resolution)
    moment = pd.Timestamp(now).tz_convert("UTC").as_unit("us")
    zone = _zone_for(tz, resolution, moment)
    if zone is not None:
        resolution = "hour"
    _refuse_two_ways(start=start, end=end, last=last, period=period, duration=duration)
    if duration is not None and not duration_sets_resolution:
        return _back_from_end(duration, end, resolution, zone, moment)
    if duration is not None:
        return _from_duration(duration, end, resolution, zone, moment)
    if period is not None:
        return _from_period(period, resolution, zone, partial, moment)
    if start is not None or end is not None:
        return _from_edges(start, end, resolution, zone, moment)
    return _from_last(_DEFAULT_LAST if last is None else last, resolution, zone, partial, moment)


def _zone_for(tz: str | tzinfo | None, resolution: str | None, now: pd.Timestamp) -> tzinfo | None:
    if tz is None:
        return None
    zone = read_zone(tz)
    if str(zone).upper() in {"UTC", "GMT", "ETC/UTC"}:
        return None
    if resolution not in (None, "hour"):
        raise QueryError(
            f"tz={str(zone)!r} needs resolution='hour', because Mailgun's {resolution}s are UTC; "
            "fetch hours and use df.mg.local_days(tz)"
        )
    half_a_year_ago = now - pd.Timedelta(days=182)  # where daylight saving moves half an hour
    if any(t.tz_convert(zone).minute != t.minute for t in (now, half_a_year_ago)):
        raise QueryError(
            f"tz={str(zone)!r} is not a whole number of hours from UTC, so Mailgun's hours cannot "
            "be cut at its midnight; leave tz out and choose UTC edges"
        )
    return zone


def _refuse_two_ways(**ways: object) -> None:
    given = [name for name, value in ways.items() if value is not None]
    allowed = ({"start", "end"}, {"last"}, {"period"}, {"duration", "end"})
    if not any(set(given) <= way for way in allowed):
        raise QueryError(
            f"{' and '.join(given)} together say the window twice; give start and end, or last, "
            "or period, or duration (with or without end; it overrides start)"
        )


def read_span(text: str, *, argument: str) -> tuple[int, str]:
    """Return the number and the unit of a span such as ``"7d"``: h, d, w or m (months).

    Raises
    ------
    QueryError
        Anything else, zero included.
    """
    match = re.fullmatch(r"([1-9]\d{0,5})([hdwm])", str(text))
    if match is None:
        lower = str(text).strip().lower()
        near = f"; did you mean {lower!r}?" if re.fullmatch(r"[1-9]\d*[hdwm]", lower) else ""
        raise QueryError(
            f"{argument}={text!r} must be a number above 0 and h (hours), d (days), w (weeks) or "
            f"m (months), such as '7d'{near}"
        )
    number, unit = int(match[1]), match[2]
    if number * _HOURS[unit] > _LONGEST_YEARS * 366 * 24:
        raise QueryError(f"{argument}={text!r} is longer than {_LONGEST_YEARS} years")
    return number, unit


def _from_last(
    last: str, resolution: str | None, zone: tzinfo | None, partial: bool, now: pd.Timestamp
) -> Window:
    number, unit = read_span(last, argument="last")
    unit_resolution = _UNITS[unit]
    chosen = resolution or unit_resolution
    if RESOLUTIONS.index(chosen) > RESOLUTIONS.index(unit_resolution):
        raise QueryError(
            f"last={last!r} is finer than resolution={chosen!r}; "
            f"ask for resolution={unit_resolution!r} or a longer window"
        )
    # In a zone, days and months begin at local midnight; otherwise the newest complete bucket
    # of the resolution asked is the last one. Hours begin alike in every zone, and as local ones
    # they would repeat or vanish where the clock changes.
    zone = None if unit == "h" else zone
    step = unit_resolution if zone is not None else chosen
    after = floor(now.tz_convert(zone or "UTC").tz_localize(None), step)
    first = shift(after, -number * (7 if unit == "w" else 1), unit_resolution)
    final = floor(now, chosen) if partial else shift(_in_utc(after, zone), -1, chosen)
    return _window(_in_utc(first, zone), final, chosen, f"last={last!r}")


def _from_period(
    period: str, resolution: str | None, zone: tzinfo | None, partial: bool, now: pd.Timestamp
) -> Window:
    chosen = resolution or "day"
    today = now.tz_convert(zone or "UTC").tz_localize(None).normalize()
    edges = _period_edges(period, today)
    if chosen == "month" and any(edge.day != 1 for edge in edges):
        raise QueryError(f"period={period!r} is no whole month; ask for resolution='day'")
    first, after = (_in_utc(edge, zone) for edge in edges)
    open_bucket = floor(now, chosen)
    newest = open_bucket if partial else shift(open_bucket, -1, chosen)
    final = min(shift(after, -1, chosen), newest)
    if floor(first, chosen) > final:
        raise QueryError(
            f"period={period!r} has no complete {chosen} yet (now is {now:%Y-%m-%d %H:%M} UTC); "
            "partial=True adds the open one"
        )
    return _window(first, final, chosen, f"period={period!r}")


def _period_edges(period: str, today: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return start and end (exclusive) of a named period as naive local midnights."""
    week = today - pd.Timedelta(days=today.weekday())
    month = today.replace(day=1)
    named = {
        "yesterday": (today - pd.Timedelta(days=1), today),
        "this week": (week, shift(week, 7, "day")),
        "last week": (shift(week, -7, "day"), week),
        "this month": (month, shift(month, 1, "month")),
        "last month": (shift(month, -1, "month"), month),
    }
    if str(period) in named:
        return named[str(period)]
    try:
        return _calendar_edges(str(period))
    except ValueError:
        raise QueryError(
            f"period={period!r} must be a month '2026-10', an ISO week '2026-W47', a day "
            "'2026-11-16', a quarter '2026-Q3', a year '2026', or one of "
            + ", ".join(repr(name) for name in named)
            + suggestion(period, named)
        ) from None


def _calendar_edges(period: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    if not re.match(r"\d{4}", period) or int(period[:4]) not in _YEARS:
        raise ValueError(period)
    if match := re.fullmatch(r"(\d{4})-W(\d{2})", period):
        monday = pd.Timestamp(date.fromisocalendar(int(match[1]), int(match[2]), 1))
        return monday, shift(monday, 7, "day")
    if re.fullmatch(r"\d{4}(-Q[1-4]|-\d{2}|-\d{2}-\d{2})?", period):
        span = pd.Period(period)
        return span.start_time, (span + 1).start_time
    raise ValueError(period)


def _from_edges(
    start: Moment | None,
    end: Moment | None,
    resolution: str | None,
    zone: tzinfo | None,
    now: pd.Timestamp,
) -> Window:
    if start is None:
        raise QueryError(f"end={end!r} needs a start; or use last= for a window that ends now")
    chosen = resolution or "day"
    first = read_moment(start, argument="start", zone=zone)
    final = now if end is None else _last_moment(end, chosen, zone)
    if first > now:
        raise QueryError(f"start={start!r} lies after now ({now:%Y-%m-%d %H:%M} UTC)")
    if first > final:
        raise QueryError(f"start={start!r} lies after end={end!r}; swap them")
    if floor(final.tz_convert("UTC"), chosen) > floor(now, chosen):
        warn(f"end={end!r} lies after now; the window ends with the open {chosen}, {now:%Y-%m-%d}")
    return _window(first, min(final.tz_convert("UTC"), now), chosen, f"start={start!r}")


def _last_moment(end: Moment, resolution: str, zone: tzinfo | None) -> pd.Timestamp:
    """Return a moment in the last bucket: a bare date or month means the whole of it."""
    moment = read_moment(end, argument="end", zone=zone)
    named = _bare(end)
    if RESOLUTIONS.index(named) <= RESOLUTIONS.index(resolution):
        return moment
    local = floor(moment.tz_convert(zone or "UTC").tz_localize(None), named)
    return _in_utc(shift(local, 1, named), zone) - pd.Timedelta(hours=1)


def names_hour(moment: Moment) -> bool:
    """Return whether an edge names a time of day and not a whole day or month."""
    stamp = read_moment(moment, argument="window")
    return _bare(moment) == "hour" and bool(stamp != floor(stamp, "day"))


def _bare(moment: Moment) -> str:
    """Return what a text or date without a time names: a day, a month, else an hour."""
    if isinstance(moment, str):
        return {10: "day", 7: "month"}.get(len(moment.strip()), "hour")
    return "hour" if isinstance(moment, datetime) else "day"


def _from_duration(
    duration: str,
    end: Moment | None,
    resolution: str | None,
    zone: tzinfo | None,
    now: pd.Timestamp,
) -> Window:
    number, unit = _read_duration(duration, zone)
    carried = _UNITS[unit]
    if resolution not in (None, carried):
        raise QueryError(
            f"duration={duration!r} carries resolution={carried!r}, which resolution="
            f"{resolution!r} contradicts; leave resolution out, or use last= in place of duration="
        )
    final = floor(now if end is None else read_moment(end, argument="end"), carried)
    return _window(
        shift(final, 1 - number, carried), final, carried, f"duration={duration!r}", duration
    )


def _back_from_end(
    duration: str,
    end: Moment | None,
    resolution: str | None,
    zone: tzinfo | None,
    now: pd.Timestamp,
) -> Window:
    number, unit = _read_duration(duration, zone)
    chosen = resolution or "day"
    final = floor(now if end is None else read_moment(end, argument="end"), chosen)
    first = shift(final, -number, _UNITS[unit])
    return _window(first, final, chosen, f"duration={duration!r}", duration)


def _read_duration(duration: str, zone: tzinfo | None) -> tuple[int, str]:
    if zone is not None:
        raise QueryError("duration takes no tz: Mailgun measures it in UTC; use last= with tz=")
    number, unit = read_span(duration, argument="duration")
    if unit == "w":
        raise QueryError(f"duration={duration!r}: Mailgun knows h, d and m; say '{number * 7}d'")
    return number, unit


def _window(
    first: pd.Timestamp,
    final: pd.Timestamp,
    resolution: str,
    said: str,
    duration: str | None = None,
) -> Window:
    start, end = (floor(t.tz_convert("UTC").as_unit("us"), resolution) for t in (first, final))
    if start > end:
        raise QueryError(f"{said} holds no complete {resolution}; partial=True adds the open one")
    return Window(start, end, check_resolution(resolution), duration)


def api_time(moment: pd.Timestamp) -> str:
    """Return a time as the API reads it most safely: RFC 2822 with a numeric offset."""
    return format_datetime(moment.tz_convert("UTC").to_pydatetime())


def json_time(moment: pd.Timestamp | datetime) -> str:
    """Return a time as attrs hold it: ISO 8601 in UTC, to the second."""
    return pd.Timestamp(moment).tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
