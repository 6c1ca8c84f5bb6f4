"""Longer buckets and local days: totals, edges, holes, clocks that change."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from frames import frame_of, grid_of, random_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe.checking import check_frame
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import resolution_of, times_of
from mgframe.periods import local_days, resample
from mgframe.reshaping import sum as sum_of

PERIODS = {"D": "D", "W": "W-SUN", "M": "M", "Q": "Q", "Y": "Y"}
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Beirut", "America/Havana"]
ZONES += ["America/Sao_Paulo", "Pacific/Auckland", "Africa/Casablanca", "Asia/Tokyo"]
#: Days around which clocks change in one of the zones, midnight included.
EDGES = ["2018-11-03", "2018-02-16", "2026-03-07", "2026-03-27", "2026-10-23", "2026-10-30"]


def hours(number: int, start: str, **counts: Any) -> pd.DataFrame:
    counts = counts or {"delivered": 1}
    return grid_of(number, {"domain": ["a.com"]}, counts, start=start, resolution="hour")


def days(number: int, start: str, **meta: Any) -> pd.DataFrame:
    return grid_of(number, {"domain": ["a.com"]}, {"delivered": 1}, start=start, **meta)


def dates(frame: pd.DataFrame) -> list[str]:
    return times_of(frame).strftime("%Y-%m-%d").tolist()


# ---------------------------------------------------------------- resample


@given(
    seed=st.integers(0, 2**32 - 1),
    buckets=st.integers(1, 90),
    rule=st.sampled_from(list(PERIODS)),
    start=st.dates(date(2023, 1, 1), date(2026, 12, 31)),
    resolution=st.sampled_from(["hour", "day"]),
)
@settings(max_examples=40, deadline=None)
def test_resampling_is_what_a_group_by_period_gives(seed, buckets, rule, start, resolution):
    keys = {"domain": 2}
    options: Any = {"start": str(start), "resolution": resolution, "largest": 2**50}
    frame = random_frame(seed, buckets=buckets, keys=keys, counts=["delivered"], **options)
    got = resample(frame, rule, partial=True)
    check_frame(got)
    period = times_of(frame).tz_localize(None).to_period(PERIODS[rule]).start_time
    domain = frame.index.get_level_values("domain")
    expected = frame["delivered"].groupby([period.tz_localize("UTC"), domain]).sum()
    assert got["delivered"].tolist() == expected.tolist()
    assert got.index.tolist() == expected.index.tolist()
    assert sum_of(got, [])["delivered"].equals(sum_of(frame, [])["delivered"])
    if whole := _whole(frame, rule):
        inner = resample(frame, rule, until="2100-01-01")
        assert set(inner.index) == whole
        assert inner["delivered"].equals(got.loc[inner.index, "delivered"])


def _whole(frame: pd.DataFrame, rule: str) -> set[Any]:
    """Return the rows whose period has as many buckets as the calendar says."""
    times = times_of(frame).unique().tz_localize(None)
    width = timedelta(hours=1) if frame.attrs["mgframe"]["resolution"] == "hour" else timedelta(1)
    found = Counter(times.to_period(PERIODS[rule]))
    starts = {
        p.start_time.tz_localize("UTC")
        for p, n in found.items()
        if n == ((p + 1).start_time - p.start_time) // width
    }
    return {(start, d) for start in starts for d in frame.index.unique("domain")}


def test_weeks_run_from_monday_to_sunday():
    frame = days(21, "2026-11-01")  # a Sunday
    got = resample(frame, "W")
    assert dates(got) == ["2026-11-02", "2026-11-09"]
    assert times_of(got).day_of_week.tolist() == [0, 0]
    assert got["delivered"].tolist() == [7, 7]
    assert str(got.index.levels[0].dtype) == "datetime64[us, UTC]"


def test_incomplete_edges_stay_only_where_asked():
    frame = days(21, "2026-11-01")
    got = resample(frame, "W", partial=True)
    assert got["delivered"].tolist() == [1, 7, 7, 6]


def test_a_period_that_is_not_over_is_incomplete():
    frame = days(14, "2026-11-02", complete_until="2026-11-15T00:00:00Z")
    assert dates(resample(frame, "W")) == ["2026-11-02"]
    assert dates(resample(frame, "W", until="2026-11-16")) == ["2026-11-02", "2026-11-09"]
    assert resample(frame, "W", until="2026-11-16").attrs["mgframe"]["complete_until"] == (
        "2026-11-16T00:00:00Z"
    )


def test_it_must_be_known_until_when_the_frame_is_complete():
    frame = days(14, "2026-11-02")
    frame.attrs = {}
    with pytest.raises(FrameError, match="until="):
        resample(frame, "W")
    assert len(resample(frame, "W", until="2026-12-01")) == 2
    assert len(resample(frame, "W", partial=True)) == 2


@pytest.mark.parametrize(
    ("rule", "resolution"), [("D", "day"), ("W", "week"), ("M", "month"), ("Q", "quarter")]
)
def test_the_result_knows_its_resolution(rule, resolution):
    got = resample(days(200, "2026-01-01"), rule, partial=True)
    assert got.attrs["mgframe"]["resolution"] == resolution_of(got) == resolution
    got.attrs = {}
    assert resolution_of(got) == resolution


def test_years_without_attrs_are_years():
    got = resample(days(800, "2024-01-01"), "Y", partial=True)
    got.attrs = {}
    assert resolution_of(got) == "year"


def test_longer_periods_can_be_resampled_again_where_they_fit():
    frame = days(366 + 365, "2024-01-01")
    months = resample(frame, "M")
    assert resample(months, "Y")["delivered"].tolist() == [366, 365]
    assert resample(resample(months, "Q"), "Y")["delivered"].tolist() == [366, 365]
    assert resample(months, "M").equals(months)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("M", "D", "months cannot be resampled to days: nothing says how a month's counts fall"),
        ("M", "W", "months cannot be resampled to weeks"),
        ("W", "D", "weeks cannot be resampled to days"),
        ("W", "M", "weeks cannot be resampled to months: a week lies in two months at the edges"),
        ("Q", "M", "quarters cannot be resampled to months"),
        ("Y", "Q", "years cannot be resampled to quarters"),
    ],
)
def test_buckets_that_do_not_fit_are_refused_with_the_reason(first, second, text):
    frame = resample(days(800, "2024-01-01"), first)
    with pytest.raises(FrameError) as caught:
        resample(frame, second)
    assert text in str(caught.value)
    assert "fetch " in str(caught.value)


@pytest.mark.parametrize(("rule", "near"), [("w", "'W'"), ("week", "'W'"), ("ME", "'M'")])
def test_an_unknown_rule_is_refused_with_the_choices(rule, near):
    with pytest.raises(QueryError, match=f"rule='{rule}' must be 'D' .* did you mean {near}"):
        resample(days(14, "2026-11-02"), rule)


def test_lifetime_counters_are_not_resampled():
    frame = frame_of(["2026-11-01"], {"provider": ["x"]}, {"delivered": [1]}, time="as_of")
    with pytest.raises(FrameError, match="lifetime counters, which have as_of"):
        resample(frame, "W")


def test_no_complete_period_is_an_empty_frame_and_a_warning():
    frame = days(5, "2026-11-02")
    with pytest.warns(MgframeWarning, match="no week is complete between .* partial=True keeps"):
        got = resample(frame, "W")
    assert got.shape == (0, 1)
    assert str(got.index.get_level_values("time").dtype) == "datetime64[us, UTC]"
    assert got.index.names == frame.index.names


def test_an_empty_frame_stays_empty():
    got = resample(days(5, "2026-11-02").iloc[:0], "W")
    assert got.shape == (0, 1)
    assert got.attrs["mgframe"]["resolution"] == "week"
    zoned = local_days(hours(5, "2026-11-02").iloc[:0], "Europe/Berlin")
    assert str(zoned.index.get_level_values("time").dtype) == "datetime64[us, Europe/Berlin]"


def test_a_frame_of_time_alone_is_resampled():
    got = resample(sum_of(days(14, "2026-11-02"), "time"), "W")
    assert got.index.names == ["time"]
    assert got["delivered"].tolist() == [7, 7]


def test_the_refusal_says_what_to_fetch():
    with pytest.raises(FrameError, match=r"on its days; fetch hours or days$"):
        resample(resample(days(70, "2026-11-01"), "M"), "D")


def test_an_unknown_part_makes_the_period_unknown():
    values = [1] * 13 + [None]
    frame = grid_of(14, {"domain": ["a.com"]}, {"delivered": values}, start="2026-11-02")
    assert resample(frame, "W")["delivered"].isna().tolist() == [False, True]
    assert resample(frame, "W", skipna=True)["delivered"].tolist() == [7, 6]


def test_a_bucket_without_a_row_makes_the_period_unknown():
    frame = grid_of(14, {"domain": ["a", "b"]}, {"delivered": 1}, start="2026-11-02")
    frame = frame.drop([(pd.Timestamp("2026-11-04", tz="UTC"), "b")])
    with pytest.warns(MgframeWarning, match="1 of 4 sums lack a bucket that has no row"):
        got = resample(frame, "W")
    assert got["delivered"].isna().tolist() == [False, True, False, False]
    assert resample(frame, "W", skipna=True)["delivered"].tolist() == [7, 6, 7, 7]


def test_a_key_that_begins_later_has_no_short_week():
    frame = grid_of(14, {"domain": ["a", "new"]}, {"delivered": 1}, start="2026-11-02")
    late = frame.index.get_level_values("domain") == "new"
    frame = frame[~late | (times_of(frame) >= "2026-11-05")]
    with pytest.warns(MgframeWarning, match="1 of 4 sums lack"):
        got = resample(frame, "W", partial=True)
    assert got["delivered"].isna().tolist() == [False, True, False, False]


def test_uniques_warn_from_months_on():
    frame = grid_of(35, {"domain": ["a"]}, {"unique_opened": 1}, start="2026-06-01")
    resample(frame, "W")
    with pytest.warns(MgframeWarning, match="unique_opened is unique .* more than 7 days"):
        months = resample(frame, "M")
    assert resample(months, "M").equals(months)


# ---------------------------------------------------------------- local days


@given(
    zone=st.sampled_from(ZONES),
    start=st.sampled_from(EDGES),
    offset=st.integers(0, 23),
    number=st.integers(1, 120),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_local_days_are_those_of_the_standard_library(zone, start, offset, number, seed):
    frame = random_frame(
        seed,
        buckets=number,
        keys={"domain": 1},
        counts=["delivered"],
        resolution="hour",
        start=f"{start} {offset:02d}:00",
    )
    local = [time.to_pydatetime().astimezone(ZoneInfo(zone)) for time in times_of(frame)]
    expected: Counter[str] = Counter()
    for time, count in zip(local, frame["delivered"], strict=True):
        expected[str(time.date())] += count
    got = local_days(frame, zone, partial=True)
    check_frame(got)
    assert dates(got) == sorted(expected)
    assert dict(zip(dates(got), got["delivered"], strict=True)) == dict(expected)
    assert got["delivered"].sum() == frame["delivered"].sum()
    assert set(times_of(got).hour) <= {0, 1}
    assert str(times_of(got).dtype) == f"datetime64[us, {zone}]"
    whole = [day for day in sorted(expected) if _is_whole(day, local)]
    if whole:
        assert dates(local_days(frame, zone, until="2100-01-01")) == whole


def _is_whole(day: str, local: list[datetime]) -> bool:
    """Return whether the hours around those that the frame has are of other days."""
    mine = [time for time in local if str(time.date()) == day]
    one = timedelta(hours=1)
    zone = mine[0].tzinfo
    before = (mine[0].astimezone(ZoneInfo("UTC")) - one).astimezone(zone)
    after = (mine[-1].astimezone(ZoneInfo("UTC")) + one).astimezone(zone)
    return str(before.date()) < day < str(after.date())


@pytest.mark.parametrize(
    ("zone", "start", "lengths"),
    [
        ("Europe/Berlin", "2026-10-23 22:00", [24, 25, 24]),
        ("Europe/Berlin", "2026-03-27 23:00", [24, 23, 24]),
        ("Asia/Beirut", "2026-03-27 22:00", [24, 23, 24]),
        ("America/Havana", "2026-03-07 05:00", [24, 23, 24]),
        ("America/Havana", "2026-10-31 04:00", [24, 25, 24]),
        ("America/Sao_Paulo", "2018-11-03 03:00", [24, 23, 24]),
        ("America/Sao_Paulo", "2018-02-17 02:00", [25, 24, 24]),
        ("UTC", "2026-10-24", [24, 24, 24]),
    ],
)
def test_days_of_23_and_25_hours_are_right_and_complete(zone, start, lengths):
    total = int(np.sum(lengths))
    assert local_days(hours(total, start), zone)["delivered"].tolist() == lengths
    less = local_days(hours(total - 1, start), zone)
    assert less["delivered"].tolist() == lengths[:-1]


def test_a_midnight_that_does_not_exist_moves_forward():
    got = local_days(hours(72, "2026-03-27 22:00"), "Asia/Beirut")
    labels = times_of(got).strftime("%d %H:%M").tolist()
    assert labels == ["28 00:00", "29 01:00", "30 00:00"]


def test_local_days_become_local_weeks_and_months():
    local = local_days(hours(24 * 40, "2026-10-01"), "Europe/Berlin")
    weeks = resample(local, "W")
    assert times_of(weeks).strftime("%m-%d %H").tolist() == [
        "10-05 00",
        "10-12 00",
        "10-19 00",
        "10-26 00",
        "11-02 00",
    ]
    assert weeks["delivered"].tolist() == [168, 168, 169, 168, 168]
    assert str(times_of(weeks).dtype) == "datetime64[us, Europe/Berlin]"
    months = resample(local, "M", partial=True)
    assert times_of(months).strftime("%m-%d").tolist() == ["10-01", "11-01"]


def test_a_day_that_is_not_over_is_incomplete():
    frame = hours(48, "2026-11-02")
    assert dates(local_days(frame, "UTC", until="2026-11-03 23:59")) == ["2026-11-02"]
    assert dates(local_days(frame, "UTC", until="2026-11-04")) == ["2026-11-02", "2026-11-03"]


def test_an_hour_without_a_row_makes_the_day_unknown():
    frame = hours(48, "2026-11-02").drop(pd.Timestamp("2026-11-02 05:00", tz="UTC"), level=0)
    with pytest.warns(MgframeWarning, match="1 of 2 sums lack"):
        got = local_days(frame, "UTC")
    assert got["delivered"].isna().tolist() == [True, False]


def test_local_days_are_days_in_attrs():
    meta = local_days(hours(48, "2026-11-02"), "UTC").attrs["mgframe"]
    assert (meta["resolution"], meta["tz"]) == ("day", "UTC")


def test_local_days_need_hours():
    with pytest.raises(FrameError, match=r"needs hours, but the frame has days.*resolution='hour'"):
        local_days(days(3, "2026-11-02"), "Europe/Berlin")


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Australia/Adelaide", "Asia/Kathmandu"])
def test_zones_off_the_full_hour_are_refused(zone):
    with pytest.raises(QueryError, match=f"tz='{zone}' is not a whole number of hours"):
        local_days(hours(3, "2026-11-02"), zone)


def test_a_zone_is_refused_only_at_the_times_when_it_is_off_the_full_hour():
    summer, winter = hours(48, "2026-01-10 13:00"), hours(48, "2026-07-10 13:30")
    assert len(local_days(summer, "Australia/Lord_Howe", partial=True)) == 2
    with pytest.raises(QueryError, match="Lord_Howe"):
        local_days(winter, "Australia/Lord_Howe", partial=True)


def test_an_unknown_zone_is_refused():
    with pytest.raises(QueryError, match="'Europe/Berln' is no known time zone"):
        local_days(hours(3, "2026-11-02"), "Europe/Berln")
