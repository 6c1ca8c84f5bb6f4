"""What is final: without the open bucket, without cells that may still change."""

from __future__ import annotations

import pandas as pd
import pytest
from frames import frame_of, grid_of

from mgframe.errors import FrameError, QueryError
from mgframe.framing import times_of
from mgframe.periods import local_days, resample
from mgframe.settling import complete, settled
from mgframe.timespan import bucket_ends
from mgframe.vocabulary import COUNTS


def hours(number: int = 100, **meta: str) -> pd.DataFrame:
    counts = {"delivered": 1, "opened": 1, "temporary_failed": 1, "permanent_failed": 1}
    return grid_of(number, {"domain": ["a"]}, counts, resolution="hour", **meta)


# ---------------------------------------------------------------- complete


def test_complete_leaves_out_the_open_bucket():
    frame = hours(10, complete_until="2026-11-02T07:00:00Z")
    assert len(complete(frame)) == 7
    assert len(complete(frame, "2026-11-02 05:59")) == 5
    assert complete(frame).attrs == frame.attrs


@pytest.mark.parametrize(
    ("rule", "starts"),
    [
        ("W", ["2026-09-14", "2026-09-21", "2026-09-28", "2026-10-05"]),
        ("M", ["2026-09-01"]),
        ("Q", ["2026-07-01"]),
        ("Y", []),
    ],
)
def test_complete_knows_where_longer_periods_end(rule, starts):
    frame = grid_of(60, {"domain": ["a"]}, {"delivered": 1}, start="2026-09-14")
    got = complete(resample(frame, rule, partial=True), "2026-10-12")
    assert times_of(got).strftime("%Y-%m-%d").tolist() == starts


def test_complete_follows_local_days():
    frame = local_days(hours(100), "America/New_York", partial=True)
    times = times_of(complete(frame, "2026-11-04 05:00"))
    assert times.strftime("%d %H").tolist() == ["01 00", "02 00", "03 00"]
    assert len(complete(frame, "2026-11-04 04:59")) == 2


def test_complete_needs_to_know_until_when():
    frame = hours()
    frame.attrs = {}
    with pytest.raises(FrameError, match="until='2026-11-16 09:00'"):
        complete(frame)


def test_lifetime_counters_have_no_open_bucket():
    frame = frame_of(["2026-11-01"], {"provider": ["x"]}, {"delivered": [1]}, time="as_of")
    with pytest.raises(FrameError, match="lifetime counters"):
        complete(frame, "2026-11-02")


# ---------------------------------------------------------------- settled


@pytest.mark.parametrize("lag", [None, "5h", "2d", {"opened": "1d"}, {"temporary_failed": "3d"}])
def test_a_cell_is_kept_when_its_bucket_ended_the_lag_before(lag):
    frame = hours()
    until = pd.Timestamp("2026-11-06 04:00", tz="UTC")
    usual = {"delivered": 8, "opened": 72, "temporary_failed": 8, "permanent_failed": 8}
    spans = {"5h": 5, "1d": 24, "2d": 48, "3d": 72}
    given = dict.fromkeys(usual, lag) if isinstance(lag, str) else lag or {}
    hours_of = usual | {name: spans[span] for name, span in given.items()}
    hours_of["failed"] = max(hours_of["temporary_failed"], hours_of["permanent_failed"])
    got = settled(frame, until=until, lag=lag)
    for name, wait in hours_of.items():
        kept = times_of(frame) + pd.Timedelta(hours=1 + wait) <= until
        assert got[name].notna().tolist() == kept.tolist(), name
        assert got.loc[kept, name].equals(frame.loc[kept, name])
        assert str(got[name].dtype) == "Int64"


def test_derived_counts_follow_their_slowest_part():
    formulas = {name: count for name, count in COUNTS.items() if count.formula}
    for name, count in formulas.items():
        part = count.terms[-1][1]
        frame = grid_of(3, {"domain": ["a"]}, {name: 1, part: 1})
        got = settled(frame, until="2026-11-05", lag={part: "2d"})
        assert got[name].isna().tolist() == [False, True, True], name


def test_a_lag_of_its_own_beats_the_parts():
    frame = grid_of(2, {"domain": ["a"]}, {"bounced": 1})
    got = settled(frame, until="2026-11-04 02:00", lag={"bounced_count": "1h", "delivered": "3d"})
    assert got["bounced"].notna().all()


def test_lags_that_the_frame_has_no_count_for_do_not_matter():
    frame = grid_of(2, {"domain": ["a"]}, {"delivered": 1})
    assert settled(frame, until="2026-12-01", lag={"clicked": "9d"}).equals(frame)


def test_a_users_own_column_waits_as_long_as_the_slowest():
    frame = grid_of(4, {"domain": ["a"]}, {"inboxed": 1})
    assert settled(frame, until="2026-11-06")["inboxed"].isna().tolist() == [False] + [True] * 3
    assert settled(frame, until="2026-11-06", lag={"inboxed": "1h"})["inboxed"].isna().sum() == 1


@pytest.mark.parametrize(
    ("lag", "text"),
    [
        ("3", "lag='3' must be a number above 0"),
        ("1m", "months differ in length; use days, such as '30d'"),
        ({"open": "3d"}, "'open' is no count; did you mean 'opened'"),
        ({"opened": "3 days"}, "lag='3 days' must be a number above 0"),
    ],
)
def test_a_bad_lag_is_refused(lag, text):
    with pytest.raises(QueryError) as caught:
        settled(hours(), lag=lag)
    assert text in str(caught.value)


def test_settled_needs_to_know_until_when():
    frame = hours()
    frame.attrs = {}
    with pytest.raises(FrameError, match="until="):
        settled(frame)


def test_yesterdays_deliveries_are_settled_by_the_afternoon():
    days = grid_of(
        3,
        {"domain": ["a"]},
        {"delivered": 5, "opened": 2},
        complete_until="2026-11-04T00:00:00Z",
        fetched_at="2026-11-04T14:00:00Z",
    )
    assert settled(days)["delivered"].isna().tolist() == [False, False, True]
    assert settled(days)["opened"].isna().tolist() == [True, True, True]
    assert settled(days, until="2026-11-04")["delivered"].isna().tolist() == [False, True, True]


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize(
    ("width", "start", "end"),
    [
        ("hour", "2026-10-25 02:00", "2026-10-25 03:00"),
        ("day", "2026-02-28", "2026-03-01"),
        ("week", "2026-12-28", "2027-01-04"),
        ("month", "2024-02-01", "2024-03-01"),
        ("quarter", "2026-10-01", "2027-01-01"),
        ("year", "2024-01-01", "2025-01-01"),
    ],
)
def test_every_bucket_has_its_end(width, start, end):
    got = bucket_ends(pd.DatetimeIndex([start], tz="UTC").as_unit("us"), width)
    assert got.tolist() == [pd.Timestamp(end, tz="UTC")]
    assert got.unit == "us"
