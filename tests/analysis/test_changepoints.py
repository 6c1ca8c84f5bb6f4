"""Since when: dated well, with an honest set of days, and seldom where nothing changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from analysis.noisy import KINDS, frame_of_series, raised, series
from frames import grid_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mgframe as mg
from mgframe.analysis import scanning
from mgframe.analysis.dating import LIMIT, changepoints
from mgframe.analysis.scanning import inflation, strongest
from mgframe.analysis.seasonality import Calendar
from mgframe.analysis.telling import change_sentence, days_text, place_text, since_text
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import empty_frame, meta_of
from mgframe.periods import local_days
from mgframe.vocabulary import RATES

CLEAN = ["20k a day", "300 a day", "complaints", "opens 35 %", "binomial, flat"]


def scanned(k: Any, n: Any, times: pd.DatetimeIndex) -> Any:
    zeros = np.zeros(k.shape)
    return strongest(k, n, zeros, Calendar.of(times, "day"), zeros)[0]


def utc(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")


# ---------------------------------------------------------------- the scan


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_the_gain_of_a_stretch_is_that_of_a_weighted_regression(seed: int) -> None:
    random = np.random.default_rng(seed)
    days = 40
    times = pd.date_range("2026-01-05", periods=days, tz="UTC")
    x, w = random.standard_normal((1, days)), random.random((1, days)) + 0.1
    calendar = Calendar.of(times, "day")
    sums = scanning._Sums.of(x, w, calendar, np.zeros(1))
    start, stop = sorted(random.choice(np.arange(7, days), 2, replace=False))
    stop = max(stop, start + 2)
    pull, information = sums.gains(slice(start, start + 1), slice(stop, stop + 1))
    inside = ((np.arange(days) >= start) & (np.arange(days) < stop)).astype("float64")
    root = np.sqrt(w[0])[:, None]
    without = calendar.factors[0]
    with_step = np.column_stack([without, inside])
    left = [
        float(
            (
                ((x[0][:, None] - d @ np.linalg.lstsq(d * root, x.T * root, rcond=None)[0]) * root)
                ** 2
            ).sum()
        )
        for d in (without, with_step)
    ]
    assert float(pull[0, 0] ** 2 / information[0, 0]) == pytest.approx(left[0] - left[1], abs=1e-8)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("days", [1, 2, 7, 40])
def test_the_inflation_is_the_sum_of_the_likenesses(rho: float, days: int) -> None:
    exact = 1 + 2 * sum((1 - lag / days) * rho**lag for lag in range(1, days))
    assert float(inflation(np.array([rho]), days)[0]) == pytest.approx(exact)


def test_the_best_stretch_is_that_of_a_plain_loop() -> None:
    random = np.random.default_rng(3)
    days = 60
    x, w = random.standard_normal((6, days)), random.random((6, days)) + 0.1
    x[0, 20:25] += 2
    x[1, 40:] -= 2
    calendar = Calendar.of(pd.date_range("2026-01-05", periods=days, tz="UTC"), "day")
    sums = scanning._Sums.of(x, w, calendar, np.full(6, 0.3))
    start, stop = scanning._best(sums, days)
    for row in range(6):
        best = (-1.0, 0, 0)
        for s in range(7, days - 1):
            for e in range(s + 2, days + 1):
                if e - s > 42 and e < days:
                    continue
                pull, information = sums.gains(slice(s, s + 1), slice(e, e + 1))
                telling = e - s if e < days else min(e - s, s)
                gain = pull[row, 0] ** 2 / information[row, 0]
                gain /= max(
                    inflation(np.array([0.3]), telling)[0],
                    inflation(np.array([0.3]), e - s)[0] * (e < days),
                )
                if gain > best[0] * (1 + 1e-12):
                    best = (float(gain), s, e)
        # A stretch to the end may also count as one of its length, whichever says more.
        assert (int(start[row]), int(stop[row])) == best[1:] or stop[row] == days


@pytest.mark.parametrize(
    ("kind", "points", "days", "exact", "near"),
    [
        ("20k a day", 0.03, 14, 0.95, 1.0),
        ("20k a day", 0.01, 14, 0.55, 0.75),
        ("300 a day", 0.03, 14, 0.6, 0.8),
        ("20k a day", 0.03, 2, 0.9, 0.95),
    ],
)
def test_a_change_is_dated_and_its_set_of_days_is_honest(
    kind: str, points: float, days: int, exact: float, near: float
) -> None:
    k, n, times = series(KINDS[kind], 60, 60, 21)
    found = scanned(raised(k, n, slice(60 - days, 60), points), n, times)
    off = np.abs(found.start - (60 - days))
    assert np.mean(off == 0) >= exact
    assert np.mean(off <= 1) >= near
    held = (found.lowest <= 60 - days) & (found.highest >= 60 - days)
    assert held.mean() >= 0.88
    assert np.median(found.highest - found.lowest) <= 7


def test_a_fall_of_a_third_of_opens_is_dated() -> None:
    k, n, times = series(KINDS["opens 35 %"], 40, 60, 22)
    k[:, 46:] = np.random.default_rng(1).binomial(k[:, 46:].astype(int), 25 / 35)
    found = scanned(k, n, times)
    assert np.mean(np.abs(found.start - 46) <= 1) >= 0.97
    assert (found.z < -LIMIT).all()
    assert np.median(np.exp(found.effect)) == pytest.approx((25 / 75) / (35 / 65), rel=0.1)


def test_a_change_that_ended_has_its_end() -> None:
    k, n, times = series(KINDS["20k a day"], 40, 60, 23)
    found = scanned(raised(k, n, slice(40, 45), 0.03), n, times)
    assert np.mean(np.abs(found.start - 40) <= 1) >= 0.95
    assert np.mean(np.abs(found.stop - 45) <= 1) >= 0.95


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_series_seldom_gets_a_break(name: str) -> None:
    k, n, times = series(KINDS[name], 100, 75, 24)
    breaks = int((np.abs(scanned(k, n, times).z) > LIMIT).sum())
    assert breaks <= stats.binom.ppf(0.995, 100, 0.015)


# ---------------------------------------------------------------- the table


def changed(points: float = 0.05, days: slice = slice(60, 80)) -> pd.DataFrame:
    k, n, times = series(KINDS["20k a day"], 2, 80, 25)
    k[:1] = raised(k[:1], n[:1], days, points)
    return frame_of_series(k, n, times)


def test_a_change_that_goes_on_is_one_row_of_its_key() -> None:
    found = changepoints(changed(), "bounce_rate")
    assert list(found.columns) == [
        "domain", "start", "start_low", "start_high", "end", "ongoing", "n", "k", "before",
        "during", "change", "change_low", "change_high", "excess", "direction", "z", "q_value",
        "sentence",
    ]  # fmt: skip
    assert isinstance(found.index, pd.RangeIndex)
    row = found.iloc[0]
    assert len(found) == 1
    assert row["domain"] == "d00000.example.com"
    assert row["start"] == utc("2026-03-06")
    assert row["start_low"] <= row["start"] <= row["start_high"]
    assert row["end"] == utc("2026-03-25")
    assert row["ongoing"]
    assert row["during"] == row["k"] / row["n"]
    assert row["change"] == pytest.approx(row["during"] - row["before"])
    assert row["change_low"] < 0.05 < row["change_high"]
    assert row["excess"] == pytest.approx(row["k"] - row["n"] * row["before"])
    assert row["direction"] == "worse"
    assert found["n"].dtype == found["k"].dtype == "int64"
    assert "since 6 Mar 2026" in row["sentence"]


def test_two_changes_of_one_key_are_two_rows() -> None:
    k, n, times = series(KINDS["20k a day"], 1, 110, 26)
    k = raised(raised(k, n, slice(50, 57), 0.06), n, slice(90, 110), 0.03)
    found = changepoints(frame_of_series(k, n, times), "bounce_rate").sort_values("start")
    assert found["start"].tolist() == [times[50], times[90]]
    assert found["ongoing"].tolist() == [False, True]
    assert found["end"].iloc[0] == times[56]


@pytest.mark.parametrize("days", [slice(60, 80), slice(50, 60)])
def test_the_change_is_within_its_bounds_for_most(days: slice) -> None:
    k, n, times = series(KINDS["20k a day"], 40, 80, 27)
    found = changepoints(frame_of_series(raised(k, n, days, 0.03), n, times), "bounce_rate")
    assert len(found) >= 38
    held = (found["change_low"] < 0.03) & (found["change_high"] > 0.03)
    assert held.mean() >= 0.8


def test_a_stretch_that_is_better_has_a_negative_excess_and_comes_last() -> None:
    k, n, times = series(KINDS["delivery"], 2, 80, 28)
    k[0, 60:] = np.round(k[0, 60:] * 0.95)
    k[1, 60:] = n[1, 60:] - np.round((n - k)[1, 60:] * 0.2)
    found = changepoints(frame_of_series(k, n, times, top="delivered", of="sent"), "delivery_rate")
    assert found["direction"].tolist() == ["worse", "better"]
    assert found["excess"].iloc[0] > 0 > found["excess"].iloc[1]


def test_the_open_day_has_no_say() -> None:
    frame = changed(0.0)
    times = frame.index.get_level_values("time").unique()
    frame.loc[times[-2:], "bounced"] = 0
    found = changepoints(frame, "bounce_rate", until=times[-2])
    assert found.empty or found["end"].max() < times[-2]


def test_the_frame_is_not_changed() -> None:
    frame = changed()
    before = frame.copy(deep=True)
    changepoints(frame, "bounce_rate")
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.slow
def test_ten_thousand_series_take_seconds() -> None:
    k, n, times = series(KINDS["300 a day"], 10_000, 60, 29)
    found = changepoints(frame_of_series(k, n, times), "bounce_rate")
    assert meta_of(found)["judged"] == 10_000
    assert len(found) <= 20


# ---------------------------------------------------------------- words


def test_days_read_as_a_person_writes_them() -> None:
    assert days_text(utc("2026-11-04"), utc("2026-11-11")) == "4-11 Nov 2026"
    assert days_text(utc("2026-10-30"), utc("2026-11-02")) == "30 Oct-2 Nov 2026"
    assert days_text(utc("2026-12-30"), utc("2027-01-02")) == "30 Dec 2026-2 Jan 2027"
    assert days_text(utc("2026-11-04"), utc("2026-11-04"), year=False) == "4 Nov"


def test_since_when_is_vague_where_the_days_are_many() -> None:
    day = utc("2026-05-12")
    assert since_text(day, day, day) == "since 12 May 2026"
    near = since_text(day, utc("2026-05-11"), utc("2026-05-13"))
    assert near == "since 12 May 2026 (90%: 11-13 May)"
    vague = since_text(day, utc("2026-05-02"), utc("2026-05-20"))
    assert vague == "since some time between 2 May and 20 May 2026"


def test_places_read_as_words() -> None:
    row = {"domain": "a.com", "recipient_provider": "Gmail", "account": "account", "x": "y"}
    assert place_text(["domain", "recipient_provider"], row) == "of a.com to Gmail"
    assert place_text(["account"], row) == ""
    assert place_text(["x"], row) == "for x y"


def test_a_change_of_a_small_rate_shows_its_digits() -> None:
    row = {
        "start": utc("2026-05-12"), "start_low": utc("2026-05-12"), "start_high": utc("2026-05-12"),
        "end": utc("2026-05-13"), "ongoing": False, "before": 0.0005, "during": 0.0011,
        "change": 0.0006, "change_low": 0.0003, "change_high": 0.001, "excess": 1234.5,
    }  # fmt: skip
    text = change_sentence(RATES["complaint_rate"], [], row)
    assert text == (
        "Complaint rate rose from 0.050% to 0.110% on 12-13 May 2026 (+0.060 points, 95% +0.030 to "
        "+0.100): 1,234 messages worse than expected."
    )


# ---------------------------------------------------------------- bad input


def test_too_few_days_cannot_tell() -> None:
    frame = grid_of(20, {"domain": ["a.com"]}, {"processed": 100, "bounced": 1})
    with pytest.warns(MgframeWarning, match="cannot tell, because 28 settled days"):
        found = changepoints(frame, "bounce_rate")
    assert found.empty
    assert "longest series has 20" in meta_of(found)["cannot_tell"]


def test_an_empty_frame_cannot_tell() -> None:
    frame = empty_frame(["time", "domain"], ["processed", "bounced"], meta={"resolution": "day"})
    with pytest.warns(MgframeWarning, match="cannot tell"):
        assert changepoints(frame, "bounce_rate", until="2026-11-16").empty


@pytest.mark.parametrize("count", [0, 100])
def test_no_events_or_nothing_but_events_never_changed(count: int) -> None:
    frame = grid_of(60, {"domain": ["a.com", "b.com"]}, {"processed": 100, "bounced": count})
    assert changepoints(frame, "bounce_rate").empty


def test_unknown_counts_cannot_tell() -> None:
    frame = grid_of(60, {"domain": ["a.com"]}, {"processed": 100, "bounced": None})
    with pytest.warns(MgframeWarning) as caught:
        found = changepoints(frame, "bounce_rate")
    assert any("leaves out 60 of 60 rows" in str(w.message) for w in caught)
    assert meta_of(found)["cannot_tell"].endswith("fetch more days")


def test_repeated_rows_lost_attrs_and_negative_counts_are_refused() -> None:
    frame = changed()
    with pytest.raises(FrameError, match="twice"):
        changepoints(pd.concat([frame, frame]), "bounce_rate", until="2026-12-01")
    negative = grid_of(60, {"domain": ["a.com"]}, {"processed": 100, "bounced": [-1, 1] * 30})
    with pytest.raises(FrameError, match="negative somewhere"):
        changepoints(negative, "bounce_rate")
    frame.attrs = {}
    with pytest.raises(FrameError, match="until="):
        changepoints(frame, "bounce_rate")


@pytest.mark.parametrize("jump", [slice(0, 60), slice(40, 60)])
def test_more_events_than_messages_are_no_crash(jump: slice) -> None:
    bounced = np.full(60, 10)
    bounced[jump] = 300
    frame = grid_of(60, {"domain": ["a.com"]}, {"processed": 100, "bounced": bounced.tolist()})
    assert set(changepoints(frame, "bounce_rate")["during"]) <= {3.0}


def test_days_of_another_zone_are_that_zones_days() -> None:
    hours = grid_of(24 * 60, {"domain": ["a.com"]}, {"processed": 100, "bounced": [2] * 960
                    + [20] * 480}, resolution="hour", start="2026-10-01")  # fmt: skip
    days = local_days(hours, "America/New_York")
    row = changepoints(days, "bounce_rate").iloc[0]
    assert str(row["start"].tz) == "America/New_York"
    assert row["start"] in (pd.Timestamp(f"2026-11-{d}", tz="America/New_York") for d in (9, 10))


def test_keys_with_too_few_days_are_counted() -> None:
    frame = changed()
    frame.loc[frame.index.get_level_values("domain") == "d00001.example.com", :] = 0
    with pytest.warns(MgframeWarning, match="1 of 2 keys are not judged"):
        assert len(changepoints(frame, "bounce_rate")) == 1


def test_hours_are_to_be_summed_to_days() -> None:
    frame = grid_of(
        24 * 40, {"domain": ["a.com"]}, {"processed": 9, "bounced": 1}, resolution="hour"
    )
    with pytest.raises(FrameError, match="resample"):
        changepoints(frame, "bounce_rate")


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(QueryError, match="bounce_rate"):
        changepoints(changed(), "bounce_rat")
    with pytest.raises(QueryError, match="limit="):
        changepoints(changed(), "bounce_rate", limit=0)
    with pytest.raises(QueryError, match="false_alarms="):
        changepoints(changed(), "bounce_rate", false_alarms=5)
    with pytest.raises(FrameError, match="lacks"):
        changepoints(changed(), "open_rate")


# ---------------------------------------------------------------- the planted incident


def test_the_planted_block_is_dated_to_the_day(demo: mg.Client) -> None:
    frame = mg.metrics(by=["domain", "recipient_provider"], last="90d", client=demo)
    found = changepoints(frame, "delivery_rate")
    row = found.iloc[0]
    assert (row["domain"], row["recipient_provider"]) == ("news.example.com", "Gmail")
    assert (row["start"], row["end"]) == (utc("2026-11-04"), utc("2026-11-11"))
    assert row["start_low"] == row["start_high"] == row["start"]
    assert not row["ongoing"]
    assert row["change_low"] < -0.16 < row["change_high"]
    assert len(found) == 1
    assert row["sentence"].startswith(
        "Delivery rate of news.example.com to Gmail fell from 99.5% to 82.9% on 4-11 Nov 2026"
    )
    assert meta_of(found)["simulated"] is True
