"""Windows: every way of saying one, every refusal, and clocks that change at midnight."""

from __future__ import annotations

import calendar
import re
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from answers import unhurried
from hypothesis import given
from hypothesis import strategies as st

from mgframe.errors import MgframeWarning, QueryError
from mgframe.timespan import (
    Window,
    api_time,
    bucket_ends,
    bucket_starts,
    buckets,
    floor,
    json_time,
    local_midnights,
    localise,
    read_moment,
    read_zone,
    resolve,
    shift,
)

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)  # a Monday
WORDS = ("start", "end", "last", "period", "duration", "resolution", "tz")
#: Whole hours from UTC; Havana, Beirut, Santiago and Cairo change their clocks at midnight. Tests
#: stay in years that every time zone database agrees on.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Asia/Beirut",
    "America/Santiago",
    "Africa/Cairo",
    "Pacific/Auckland",
    "Asia/Tokyo",
)
zones = st.sampled_from(ZONES)
moments = st.integers(1_640_995_200, 1_735_689_600).map(lambda s: datetime.fromtimestamp(s, UTC))
resolutions = st.sampled_from(["hour", "day", "month"])


def window(now: datetime = NOW, *, partial: bool = False, **words: object) -> Window:
    return resolve(**{**dict.fromkeys(WORDS), **words}, partial=partial, now=now)


def edges(**words: object) -> list[str]:
    said = window(**words)
    shown = "%Y-%m-%d %H" if said.resolution == "hour" else "%Y-%m-%d"
    return [said.start.strftime(shown), said.end.strftime(shown), said.resolution]


# ---------------------------------------------------------------- an oracle of the standard library


def floored(moment: datetime, resolution: str) -> datetime:
    moment = moment.replace(minute=0, second=0, microsecond=0)
    if resolution == "hour":
        return moment
    moment = moment.replace(hour=0)
    return moment if resolution == "day" else moment.replace(day=1)


def months_before(moment: datetime, count: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 - count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def units_before(moment: datetime, count: int, unit: str) -> datetime:
    if unit == "m":
        return months_before(moment, count)
    return moment - count * {"h": timedelta(hours=1), "d": timedelta(1), "w": timedelta(7)}[unit]


def utc_hour_of(zone: str, year: int, month: int, day: int) -> datetime:
    """Return the first UTC hour of a local day, found by walking over UTC hours."""
    hour = datetime(year, month, day, tzinfo=UTC) - timedelta(hours=30)
    while hour.astimezone(ZoneInfo(zone)).date() < date(year, month, day):
        hour += timedelta(hours=1)
    return hour


def first_hour(zone: str, local: datetime) -> datetime:
    return utc_hour_of(zone, local.year, local.month, local.day)


# ---------------------------------------------------------------- saying a window


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, ["2026-11-09", "2026-11-15", "day"]),
        ({"last": "7d"}, ["2026-11-09", "2026-11-15", "day"]),
        ({"last": "7d", "partial": True}, ["2026-11-09", "2026-11-16", "day"]),
        ({"last": "2w"}, ["2026-11-02", "2026-11-15", "day"]),
        ({"last": "24h"}, ["2026-11-15 09", "2026-11-16 08", "hour"]),
        ({"last": "24h", "partial": True}, ["2026-11-15 09", "2026-11-16 09", "hour"]),
        ({"last": "3m"}, ["2026-08-01", "2026-10-01", "month"]),
        ({"last": "3m", "partial": True}, ["2026-08-01", "2026-11-01", "month"]),
        ({"last": "1m", "resolution": "day"}, ["2026-10-16", "2026-11-15", "day"]),
        ({"last": "2d", "resolution": "hour"}, ["2026-11-14 09", "2026-11-16 08", "hour"]),
        ({"resolution": "hour"}, ["2026-11-09 09", "2026-11-16 08", "hour"]),
        ({"period": "2026-10"}, ["2026-10-01", "2026-10-31", "day"]),
        ({"period": "2026-10", "resolution": "month"}, ["2026-10-01", "2026-10-01", "month"]),
        ({"period": "2026-10", "resolution": "hour"}, ["2026-10-01 00", "2026-10-31 23", "hour"]),
        ({"period": "2026-W46"}, ["2026-11-09", "2026-11-15", "day"]),
        ({"period": "2026-W01"}, ["2025-12-29", "2026-01-04", "day"]),
        ({"period": "2026-Q3"}, ["2026-07-01", "2026-09-30", "day"]),
        ({"period": "2026-Q3", "resolution": "month"}, ["2026-07-01", "2026-09-01", "month"]),
        ({"period": "2025"}, ["2025-01-01", "2025-12-31", "day"]),
        ({"period": "2026-11-14"}, ["2026-11-14", "2026-11-14", "day"]),
        ({"period": "yesterday"}, ["2026-11-15", "2026-11-15", "day"]),
        ({"period": "last week"}, ["2026-11-09", "2026-11-15", "day"]),
        ({"period": "last month"}, ["2026-10-01", "2026-10-31", "day"]),
        ({"period": "this month"}, ["2026-11-01", "2026-11-15", "day"]),
        ({"period": "this month", "partial": True}, ["2026-11-01", "2026-11-16", "day"]),
        ({"period": "this week", "partial": True}, ["2026-11-16", "2026-11-16", "day"]),
        ({"period": "2026"}, ["2026-01-01", "2026-11-15", "day"]),
        ({"start": "2026-11-02"}, ["2026-11-02", "2026-11-16", "day"]),
        ({"start": "2026-11-02", "end": "2026-11-08"}, ["2026-11-02", "2026-11-08", "day"]),
        (
            {"start": "2026-11-02 10:20", "end": "2026-11-02 12:40", "resolution": "hour"},
            ["2026-11-02 10", "2026-11-02 12", "hour"],
        ),
        (
            {"start": "2026-11-02", "end": "2026-11-03", "resolution": "hour"},
            ["2026-11-02 00", "2026-11-03 23", "hour"],
        ),
        (
            {"start": date(2026, 11, 2), "end": date(2026, 11, 2), "resolution": "hour"},
            ["2026-11-02 00", "2026-11-02 23", "hour"],
        ),
        ({"start": "2026-09", "end": "2026-10"}, ["2026-09-01", "2026-10-31", "day"]),
        (
            {"start": "2026-09", "end": "2026-10", "resolution": "month"},
            ["2026-09-01", "2026-10-01", "month"],
        ),
        ({"duration": "7d"}, ["2026-11-10", "2026-11-16", "day"]),
        ({"duration": "1m"}, ["2026-11-01", "2026-11-01", "month"]),
        (
            {"duration": "24h", "end": "2026-11-10 14:40"},
            ["2026-11-09 15", "2026-11-10 14", "hour"],
        ),
    ],
)
def test_a_window_can_be_said_in_many_ways(words: dict[str, object], expected: list[str]) -> None:
    assert edges(**words) == expected


def test_an_end_that_lies_ahead_is_cut_to_the_open_bucket_with_a_warning() -> None:
    with pytest.warns(MgframeWarning, match="end='2026-12-24' lies after now"):
        assert edges(start="2026-11-02", end="2026-12-24") == ["2026-11-02", "2026-11-16", "day"]


def test_mailguns_own_duration_is_kept_as_it_was_given() -> None:
    assert window(duration="7d").duration == "7d"
    assert window(last="7d").duration is None


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-02 10:00",
        " 2026-11-02T10:00 ",
        "2026-11-02T10:00:00Z",
        "2026-11-02 10:00 UTC",
        "2026-11-02T11:00+01:00",
        "2026-11-02T05:00:00.000-0500",
        datetime(2026, 11, 2, 10),  # noqa: DTZ001 - a naive one is meant
        datetime(2026, 11, 2, 10, tzinfo=UTC),
        datetime(2026, 11, 2, 11, tzinfo=ZoneInfo("Europe/Berlin")),
        pd.Timestamp("2026-11-02 10:00"),
        np.datetime64("2026-11-02T10:00"),
    ],
)
def test_a_naive_time_is_utc_and_an_aware_one_is_kept(moment: object) -> None:
    read = read_moment(moment, argument="start")  # type: ignore[arg-type]
    assert read == pd.Timestamp("2026-11-02 10:00", tz="UTC")
    assert read.unit == "us"


# ---------------------------------------------------------------- refusals


FORMS = "write '2026-11-16', '2026-11-16 09:00' or pass a datetime (a naive one is UTC)"
SPAN = "must be a number above 0 and h (hours), d (days), w (weeks) or m (months), such as '7d'"
WAYS = (
    "together say the window twice; give start and end, or last, or period, or duration "
    "(with or without end; it overrides start)"
)
PERIODS = (
    "must be a month '2026-10', an ISO week '2026-W47', a day '2026-11-16', a quarter '2026-Q3', "
    "a year '2026', or one of 'yesterday', 'this week', 'last week', 'this month', 'last month'"
)
WIDTHS = "resolution must be 'hour', 'day' or 'month'"
LONGER = "or a longer window"
NO_ZONE = "is no known time zone; use a name such as 'Europe/Berlin' or 'UTC'"
ELSEWHERE = ". For weeks, quarters or years fetch days and use df.mg.resample('W')."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"last": "30D"}, f"last='30D' {SPAN}; did you mean '30d'?"),
        ({"last": "0d"}, f"last='0d' {SPAN}"),
        ({"last": ""}, f"last='' {SPAN}"),
        ({"last": "-1d"}, f"last='-1d' {SPAN}"),
        ({"last": "1.5d"}, f"last='1.5d' {SPAN}"),
        ({"last": "90min"}, f"last='90min' {SPAN}"),
        ({"last": 7}, f"last=7 {SPAN}"),
        ({"last": "999999m"}, "last='999999m' is longer than 100 years"),
        ({"duration": "0d"}, f"duration='0d' {SPAN}"),
        ({"duration": "30D"}, f"duration='30D' {SPAN}; did you mean '30d'?"),
        ({"duration": "999999d"}, "duration='999999d' is longer than 100 years"),
        ({"duration": "2w"}, "duration='2w': Mailgun knows h, d and m; say '14d'"),
        (
            {"duration": "7d", "resolution": "hour"},
            "duration='7d' carries resolution='day', which resolution='hour' contradicts; leave "
            "resolution out, or use last= in place of duration=",
        ),
        (
            {"duration": "7d", "tz": "Europe/Berlin"},
            "duration takes no tz: Mailgun measures it in UTC; use last= with tz=",
        ),
        (
            {"last": "24h", "resolution": "day"},
            f"last='24h' is finer than resolution='day'; ask for resolution='hour' {LONGER}",
        ),
        (
            {"last": "1w", "resolution": "month"},
            f"last='1w' is finer than resolution='month'; ask for resolution='day' {LONGER}",
        ),
        (
            {"resolution": "Day"},
            f"{WIDTHS}; got 'Day'; did you mean 'day'?{ELSEWHERE}",
        ),
        (
            {"resolution": "week"},
            f"{WIDTHS}; got 'week'{ELSEWHERE}",
        ),
        (
            {"start": "2026-11-08", "end": "2026-11-02"},
            "start='2026-11-08' lies after end='2026-11-02'; swap them",
        ),
        ({"start": "2026-12-01"}, "start='2026-12-01' lies after now (2026-11-16 09:30 UTC)"),
        (
            {"end": "2026-11-02"},
            "end='2026-11-02' needs a start; or use last= for a window that ends now",
        ),
        ({"start": 1762041600}, f"start=1762041600 is no date or time; {FORMS}"),
        ({"start": True}, f"start=True is no date or time; {FORMS}"),
        ({"start": np.int64(5)}, f"start=np.int64(5) is no date or time; {FORMS}"),
        ({"start": "2026-11-01", "end": 1.5}, f"end=1.5 is no date or time; {FORMS}"),
        ({"start": "soon"}, f"start='soon' is no date or time; {FORMS}"),
        ({"start": ""}, f"start='' is no date or time; {FORMS}"),
        ({"start": "today"}, f"start='today' is no date or time; {FORMS}"),
        ({"start": "now"}, f"start='now' is no date or time; {FORMS}"),
        ({"start": "09:00"}, f"start='09:00' is no date or time; {FORMS}"),
        ({"start": "01/02/2026"}, f"start='01/02/2026' is no date or time; {FORMS}"),
        (
            {"start": "2026-11-02 10:00 EST"},
            f"start='2026-11-02 10:00 EST' is no date or time; {FORMS}",
        ),
        ({"start": "2026-02-30"}, f"start='2026-02-30' is no date or time; {FORMS}"),
        ({"start": "0001-01-01"}, f"start='0001-01-01' is no date or time; {FORMS}"),
        ({"start": "9999-12-31"}, f"start='9999-12-31' is no date or time; {FORMS}"),
        ({"start": pd.NaT}, f"start=NaT is no date or time; {FORMS}"),
        ({"start": ["2026-11-02"]}, f"start=['2026-11-02'] is no date or time; {FORMS}"),
        ({"start": "2026-11-02", "last": "7d"}, f"start and last {WAYS}"),
        ({"last": "7d", "period": "2026-10"}, f"last and period {WAYS}"),
        ({"start": "2026-11-02", "duration": "7d"}, f"start and duration {WAYS}"),
        ({"end": "2026-11-02", "last": "7d"}, f"end and last {WAYS}"),
        ({"period": "last weak"}, f"period='last weak' {PERIODS}; did you mean 'last week'?"),
        ({"period": "2026-13"}, f"period='2026-13' {PERIODS}"),
        ({"period": "2026-W54"}, f"period='2026-W54' {PERIODS}"),
        ({"period": "2026-02-30"}, f"period='2026-02-30' {PERIODS}"),
        ({"period": "2026-Q5"}, f"period='2026-Q5' {PERIODS}"),
        ({"period": "9999"}, f"period='9999' {PERIODS}"),
        ({"period": "0001"}, f"period='0001' {PERIODS}"),
        ({"period": ""}, f"period='' {PERIODS}"),
        ({"period": ["2026"]}, f"period=['2026'] {PERIODS}"),
        (
            {"period": "2026-12"},
            "period='2026-12' has no complete day yet (now is 2026-11-16 09:30 UTC); partial=True "
            "adds the open one",
        ),
        (
            {"period": "this week"},
            "period='this week' has no complete day yet (now is 2026-11-16 09:30 UTC); "
            "partial=True adds the open one",
        ),
        (
            {"period": "2026-W40", "resolution": "month"},
            "period='2026-W40' is no whole month; ask for resolution='day'",
        ),
        (
            {"period": "2026-10-16", "resolution": "month"},
            "period='2026-10-16' is no whole month; ask for resolution='day'",
        ),
        (
            {"last": "7d", "resolution": "day", "tz": "Europe/Berlin"},
            "tz='Europe/Berlin' needs resolution='hour', because Mailgun's days are UTC; fetch "
            "hours and use df.mg.local_days(tz)",
        ),
        (
            {"tz": "Mars/Base"},
            f"tz='Mars/Base' {NO_ZONE}",
        ),
        (
            {"tz": "../../etc/passwd"},
            f"tz='../../etc/passwd' {NO_ZONE}",
        ),
        ({"tz": 5}, f"tz=5 {NO_ZONE}"),
        *(
            (
                {"tz": zone},
                f"tz={zone!r} is not a whole number of hours from UTC, so Mailgun's hours cannot "
                "be cut at its midnight; leave tz out and choose UTC edges",
            )
            for zone in ("Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe")
        ),
    ],
)
def test_a_wrong_window_is_refused_with_the_whole_reason(
    words: dict[str, object], message: str
) -> None:
    with pytest.raises(QueryError, match=f"^{re.escape(message)}$"):
        window(**words)


# ---------------------------------------------------------------- against the standard library


@unhurried
@given(moments, st.integers(1, 60), st.sampled_from("hdwm"), st.booleans())
def test_last_ends_with_the_newest_complete_bucket(
    now: datetime, number: int, unit: str, partial: bool
) -> None:
    said = window(now, last=f"{number}{unit}", partial=partial)
    resolution = {"h": "hour", "d": "day", "w": "day", "m": "month"}[unit]
    opening = floored(now, resolution)
    assert said.resolution == resolution
    assert said.start == units_before(opening, number, unit)
    newest = opening if partial else units_before(opening, 1, "d" if unit == "w" else unit)
    assert said.end == newest
    assert len(said.buckets()) == number * (7 if unit == "w" else 1) + partial


@unhurried
@given(moments, st.integers(1, 40), st.sampled_from("dwm"), zones, st.booleans())
def test_last_in_a_zone_begins_and_ends_at_local_midnight(
    now: datetime, number: int, unit: str, zone: str, partial: bool
) -> None:
    said = window(now, last=f"{number}{unit}", tz=zone, partial=partial)
    today = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    opening = floored(today, "month" if unit == "m" else "day")
    assert said.resolution == "hour"
    assert said.start == first_hour(zone, units_before(opening, number, unit))
    assert said.end == (
        floored(now, "hour") if partial else first_hour(zone, opening) - timedelta(hours=1)
    )


@unhurried
@given(moments, st.integers(1, 100), zones)
def test_hours_are_counted_through_a_change_of_the_clock(
    now: datetime, number: int, zone: str
) -> None:
    assert window(now, last=f"{number}h", tz=zone) == window(now, last=f"{number}h")


@unhurried
@given(moments, zones, st.sampled_from(["yesterday", "last week", "last month"]))
def test_a_period_in_a_zone_covers_its_local_days(now: datetime, zone: str, period: str) -> None:
    said = window(now, period=period, tz=zone)
    today = floored(now.astimezone(ZoneInfo(zone)).replace(tzinfo=None), "day")
    monday = today - timedelta(today.weekday())
    first, after = {
        "yesterday": (today - timedelta(1), today),
        "last week": (monday - timedelta(7), monday),
        "last month": (months_before(today.replace(day=1), 1), today.replace(day=1)),
    }[period]
    assert said.start == first_hour(zone, first)
    assert said.end == first_hour(zone, after) - timedelta(hours=1)


# As the Metrics API reads a duration: two of its recordings, and the arithmetic in between.


def reaching_back(now: datetime = NOW, **words: object) -> list[str]:
    said = resolve(
        **{**dict.fromkeys(WORDS), **words},
        partial=False,
        now=now,
        duration_sets_resolution=False,
    )
    assert said.duration == words["duration"]
    return [f"{said.start:%Y-%m-%d %H}", f"{said.end:%Y-%m-%d %H}", said.resolution]


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (
            {"duration": "1m", "end": "2024-12-01 01:56", "resolution": "hour"},
            ["2024-11-01 01", "2024-12-01 01", "hour"],
        ),
        (
            {"duration": "1m", "end": "2024-11-29 01:56", "resolution": "hour"},
            ["2024-10-29 01", "2024-11-29 01", "hour"],
        ),
        ({"duration": "24h"}, ["2026-11-15 00", "2026-11-16 00", "day"]),
        ({"duration": "5h"}, ["2026-11-15 00", "2026-11-16 00", "day"]),
        ({"duration": "7d", "resolution": "hour"}, ["2026-11-09 09", "2026-11-16 09", "hour"]),
        ({"duration": "2m", "resolution": "month"}, ["2026-09-01 00", "2026-11-01 00", "month"]),
        ({"duration": "10d", "resolution": "month"}, ["2026-10-01 00", "2026-11-01 00", "month"]),
    ],
)
def test_a_duration_that_sets_no_resolution_goes_so_far_back_from_the_end(
    words: dict[str, object], right: list[str]
) -> None:
    assert reaching_back(**words) == right


@unhurried
@given(moments, st.integers(1, 40), st.sampled_from("hd"), resolutions)
def test_such_a_window_begins_with_the_bucket_that_the_duration_reaches(
    now: datetime, number: int, unit: str, resolution: str
) -> None:
    last = floored(now, resolution)
    reached = last - timedelta(**{{"h": "hours", "d": "days"}[unit]: number})
    assert reaching_back(now, duration=f"{number}{unit}", resolution=resolution) == [
        f"{floored(reached, resolution):%Y-%m-%d %H}",
        f"{last:%Y-%m-%d %H}",
        resolution,
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"duration": "2w"}, "say '14d'"),
        ({"duration": "0h"}, "must be a number above 0"),
        ({"duration": "24h", "tz": "Europe/Berlin"}, "duration takes no tz"),
        ({"duration": "24h", "start": "2026-11-01"}, "say the window twice"),
        ({"duration": "24h", "resolution": "week"}, "resolution"),
    ],
)
def test_such_a_duration_is_refused_for_the_same_reasons(
    words: dict[str, object], said: str
) -> None:
    with pytest.raises(QueryError, match=said):
        reaching_back(**words)


def test_the_other_ways_to_say_a_window_are_the_same_for_both() -> None:
    for words in ({}, {"last": "3d"}, {"period": "2026-10"}, {"start": "2026-11-02"}):
        said = {**dict.fromkeys(WORDS), **words}
        windows = [
            resolve(**said, partial=False, now=NOW, duration_sets_resolution=sets)
            for sets in (True, False)
        ]
        assert windows[0] == windows[1]


@unhurried
@given(moments, st.integers(1, 200), st.sampled_from("hdm"), st.booleans())
def test_a_duration_of_n_units_is_n_buckets_up_to_the_end(
    now: datetime, number: int, unit: str, given_end: bool
) -> None:
    number = min(number, 40) if unit == "m" else number
    end = now - timedelta(days=40, hours=5)
    said = window(now, duration=f"{number}{unit}", **({"end": end} if given_end else {}))
    assert len(said.buckets()) == number
    resolution = {"h": "hour", "d": "day", "m": "month"}[unit]
    assert said.end == floored(end if given_end else now, resolution)


@unhurried
@given(moments, st.timedeltas(timedelta(0), timedelta(120)), resolutions)
def test_buckets_are_those_that_hold_any_moment_of_the_window(
    start: datetime, length: timedelta, resolution: str
) -> None:
    end = start + length
    said = window(end, start=start, end=end, resolution=resolution)
    walked, step = set(), timedelta(hours=1)
    moment = floored(start, resolution)
    while moment <= end:
        walked.add(floored(moment, resolution))
        moment += step
    assert list(said.buckets()) == sorted(walked)
    assert said.buckets().unit == "us"


@unhurried
@given(st.dates(date(2022, 1, 2), date(2024, 12, 30)), st.integers(0, 9), zones)
def test_bare_dates_in_a_zone_are_whole_local_days(first: date, more: int, zone: str) -> None:
    last = first + timedelta(more)
    said = window(
        datetime(2025, 6, 1, tzinfo=UTC), start=first, end=str(last), resolution="hour", tz=zone
    )
    local = {hour.astimezone(ZoneInfo(zone)).date() for hour in said.buckets().to_pydatetime()}
    assert local == {first + timedelta(i) for i in range(more + 1)}
    assert said.start == utc_hour_of(zone, first.year, first.month, first.day)
    after = last + timedelta(1)
    assert said.end + timedelta(hours=1) == utc_hour_of(zone, after.year, after.month, after.day)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2024-03-31", 23),
        ("Europe/Berlin", "2024-10-27", 25),
        ("America/Havana", "2024-03-10", 23),  # 00:00 does not exist
        ("America/Havana", "2024-11-03", 25),  # 00:00 comes twice
        ("Asia/Beirut", "2024-03-31", 23),  # 00:00 does not exist
        ("Asia/Beirut", "2024-10-26", 25),  # 23:00 comes twice
        ("Asia/Tokyo", "2024-03-31", 24),
    ],
)
def test_a_local_day_has_as_many_hours_as_the_clock_says(zone: str, day: str, hours: int) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    assert len(window(now, period=day, tz=zone).buckets()) == hours
    assert len(window(now, start=day, end=day, tz=zone, resolution="hour").buckets()) == hours
    local = window(now, period=day, tz=zone).buckets().tz_convert(ZoneInfo(zone))
    start, end = bucket_starts(local, "day"), bucket_ends(local, "day")
    assert start.nunique() == 1
    assert end[0] - start[0] == pd.Timedelta(hours=hours)


def test_utc_by_any_name_is_no_zone_of_its_own() -> None:
    for tz in ("UTC", "GMT", "Etc/UTC", UTC):
        assert window(last="7d", tz=tz) == window(last="7d")


# ---------------------------------------------------------------- buckets of whole frames


@unhurried
@given(
    st.lists(st.integers(0, 3 * 365 * 24), min_size=1, max_size=20),
    zones,
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
)
def test_every_time_lies_in_its_bucket(hours: list[int], zone: str, width: str) -> None:
    utc = pd.Timestamp("2022-01-01", tz="UTC") + pd.to_timedelta(hours, unit="h")
    times = pd.DatetimeIndex(utc).as_unit("us").tz_convert(ZoneInfo(zone))
    starts, ends = bucket_starts(times, width), bucket_ends(times, width)
    assert ((starts <= times) & (times < ends)).all()
    assert starts.unit == ends.unit == "us"
    for moment, start in zip(times, starts, strict=True):
        first = {
            "day": moment.date(),
            "week": moment.date() - timedelta(moment.weekday()),
            "month": moment.date().replace(day=1),
            "quarter": date(moment.year, (moment.month - 1) // 3 * 3 + 1, 1),
            "year": date(moment.year, 1, 1),
        }[width]
        assert start == utc_hour_of(zone, first.year, first.month, first.day)


def test_an_hour_ends_after_an_hour() -> None:
    times = pd.DatetimeIndex(["2026-03-29 00:00"], tz="UTC").tz_convert("Europe/Berlin")
    assert bucket_ends(times, "hour")[0] == pd.Timestamp("2026-03-29 01:00", tz="UTC")


def test_a_midnight_that_does_not_exist_moves_forward_and_a_double_one_is_the_first() -> None:
    naive = pd.DatetimeIndex(["2024-03-10", "2024-11-03"])
    local = localise(naive, ZoneInfo("America/Havana"))
    assert [t.isoformat() for t in local] == [
        "2024-03-10T01:00:00-04:00",
        "2024-11-03T00:00:00-04:00",
    ]
    assert list(local_midnights(local)) == list(naive)


@unhurried
@given(moments, st.integers(-50, 50), resolutions)
def test_shifting_there_and_back_keeps_the_bucket(now: datetime, count: int, width: str) -> None:
    start = floor(pd.Timestamp(now), width)
    moved = shift(start, count, width)
    assert shift(moved, -count, width) == start
    assert len(buckets(min(start, moved), max(start, moved), width)) == abs(count) + 1


# ---------------------------------------------------------------- texts, and the machine's clock


def test_times_are_sent_with_a_numeric_offset_and_kept_as_iso() -> None:
    moment = pd.Timestamp("2026-11-02 10:00:00", tz="Europe/Berlin")
    assert api_time(moment) == "Mon, 02 Nov 2026 09:00:00 +0000"
    assert json_time(moment) == "2026-11-02T09:00:00Z"
    assert json_time(NOW) == "2026-11-16T09:30:00Z"


def test_a_zone_may_be_given_as_an_object() -> None:
    assert read_zone(ZoneInfo("Europe/Berlin")) is ZoneInfo("Europe/Berlin")
    assert str(read_zone("Europe/Berlin")) == "Europe/Berlin"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has no tzset")
def test_windows_do_not_depend_on_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [
        {"last": "3d"},
        {"last": "3d", "tz": "Europe/Berlin"},
        {"period": "last week"},
        {"start": "2026-11-01", "end": date(2026, 11, 3)},
        {"duration": "5h"},
    ]
    seen = []
    for zone in ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        seen.append([window(**words) for words in ways])
    monkeypatch.undo()
    time.tzset()
    assert all(one == seen[0] for one in seen)
