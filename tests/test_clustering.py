"""Intervals of rates: per bucket, pooled and rolling, against loops over the days."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from frames import count_frames, frame_of, grid_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe.errors import MgframeWarning, QueryError
from mgframe.framing import meta_of
from mgframe.intervals import at_size, dispersion, effective_size, wilson
from mgframe.periods import local_days, resample
from mgframe.ratios import rates
from mgframe.reshaping import sum as sum_of
from mgframe.vocabulary import RATES

COUNTS = ("sent", "delivered", "complained")


def bounds(frame: pd.DataFrame, name: str, **options: object) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        found = rates(frame, name, interval=0.95, **options)
    assert found.columns.tolist() == [name, f"{name}_low", f"{name}_high"]
    return found.to_numpy()[:, 1:]


def clusters_of(days: list[tuple[float, float]], *, late: bool) -> list[tuple[float, float]]:
    """Put quiet days to the sending day before, those before the first to the last."""
    if not late:
        return [day for day in days if day != (0, 0)]
    busiest = max(n for _, n in days)
    found: list[list[float]] = []
    early = [0.0, 0.0]
    for y, n in days:
        if n > busiest / 5:
            found.append([y, n])
        else:
            place = found[-1] if found else early
            place[0], place[1] = place[0] + y, place[1] + n
    if found:
        found[-1] = [found[-1][0] + early[0], found[-1][1] + early[1]]
    return [(y, n) for y, n in found]


def expected(days: list[tuple[float, float]], *, late: bool, earlier=()) -> list[float]:
    """The interval of days that were known, and of earlier periods where there are few."""
    k, n = (math.fsum(day[i] for day in days) for i in (0, 1))
    if n == 0 or k > n:
        return [math.nan, math.nan]

    def told(days):
        k, n = (math.fsum(day[i] for day in days) for i in (0, 1))
        groups = clusters_of(days, late=late)
        squares = math.fsum((y - k / n * m) ** 2 for y, m in groups) if n else 0.0
        return [float(part) for part in dispersion(k, n, squares, len(groups))]

    weighted, freedom = told(days)
    if freedom < 3:
        for period in earlier:
            more, degrees = told(period)
            if more > 0:
                weighted, freedom = weighted + more, freedom + degrees
    size = effective_size(n, weighted, freedom)
    return [float(bound) for bound in wilson(*at_size(np.array(k), np.array(n), size))]


def known_days(rows: pd.DataFrame, name: str) -> list[tuple[float, float]]:
    """Return both sides of each row, nothing where one is unknown."""
    sides = zip(rows[RATES[name].numerator[0]], rows[RATES[name].denominator], strict=True)
    return [(0.0, 0.0) if pd.isna(y) or pd.isna(n) else (float(y), float(n)) for y, n in sides]


# ---------------------------------------------------------------- one bucket


@settings(max_examples=25)
@given(count_frames(counts=COUNTS))
def test_one_bucket_has_wilsons_interval(frame):
    k, n = (frame[name].to_numpy("float64", na_value=np.nan) for name in ("delivered", "sent"))
    np.testing.assert_allclose(bounds(frame, "delivery_rate"), np.transpose(wilson(k, n)))


def test_bounds_follow_each_rate_and_say_their_level():
    frame = grid_of(2, {"domain": ["a.com"]}, {"sent": 10, "delivered": 9, "complained": 1})
    found = rates(frame, ["delivery_rate", "complaint_rate"], interval=0.9)
    assert found.columns.tolist() == [
        f"{name}{part}"
        for name in ("delivery_rate", "complaint_rate")
        for part in ("", "_low", "_high")
    ]
    assert (found.dtypes == "float64").all()
    assert meta_of(found)["interval"] == 0.9
    narrow = rates(frame, interval=0.5)
    assert (narrow["delivery_rate_low"] > found["delivery_rate_low"]).all()


@pytest.mark.parametrize(("top", "bottom"), [(None, 5), (5, None), (0, 0), (5, 0), (6, 5)])
def test_what_is_no_proportion_has_no_interval(top, bottom):
    frame = grid_of(1, {"domain": ["a.com"]}, {"unique_opened": top, "delivered": bottom})
    assert np.isnan(bounds(frame, "open_rate")).all()


@pytest.mark.parametrize("name", [rate.name for rate in RATES.values() if not rate.proportion])
def test_rates_that_may_pass_one_have_columns_but_no_interval(name):
    counts = {RATES[name].numerator[0]: 3, RATES[name].denominator: 10}
    frame = grid_of(5, {"domain": ["a.com"]}, counts)
    for options in ({}, {"by": "domain"}, {"rolling": "2d"}):
        assert np.isnan(bounds(frame, name, **options)).all()


def test_gmail_has_no_complaint_interval_either():
    keys = {"provider": ["gmail.com", "yahoo.com"]}
    frame = grid_of(9, keys, {"complained": [0, 3] * 9, "delivered": 1000})
    assert np.isnan(bounds(frame, "complaint_rate", by="provider")).tolist() == [
        [True] * 2,
        [False] * 2,
    ]
    named = rates(frame, "complaint_rate", by=[], of="delivered_fbl", interval=0.95)
    alone = frame[frame.index.get_level_values("provider") == "yahoo.com"]
    assert (
        named.to_numpy()[0].tolist()
        == rates(alone, "complaint_rate", by=[], interval=0.95).to_numpy()[0].tolist()
    )


def test_another_denominator_has_its_own_interval():
    frame = grid_of(1, {"domain": ["a.com"]}, {"bounced": 3, "processed": 100, "sent": 50})
    got = rates(frame, "bounce_rate", of="sent", interval=0.95).to_numpy()[0]
    assert got.tolist() == [0.06, *(float(bound) for bound in wilson(3, 50))]


@pytest.mark.parametrize("interval", [0, 1, 95, True, "0.95"])
def test_a_level_out_of_range_is_refused(interval):
    with pytest.raises(QueryError, match="interval="):
        rates(grid_of(1, {"domain": ["a.com"]}, {"sent": 1, "delivered": 1}), interval=interval)


def test_an_empty_frame_has_the_columns():
    frame = grid_of(9, {"domain": ["a.com"]}, {"sent": 1, "delivered": 1}).iloc[:0]
    for options in ({}, {"by": "domain"}, {"by": "time", "rolling": "7d"}):
        assert bounds(frame, "delivery_rate", **options).shape == (0, 2)


# ---------------------------------------------------------------- pooled


@settings(max_examples=25)
@given(
    count_frames(counts=COUNTS, most_buckets=15),
    st.sampled_from([[], ["domain"]]),
    st.sampled_from(["delivery_rate", "complaint_rate"]),
)
def test_a_pooled_interval_is_what_a_loop_over_the_days_gives(frame, by, name):
    got = bounds(frame, name, by=by)
    groups = frame.groupby(by) if by else [("all", frame)] * bool(len(frame))
    for (_, rows), pair in zip(groups, got, strict=True):
        cells = pd.DataFrame(known_days(rows, name), columns=["y", "n"])
        cells["day"] = rows.index.get_level_values("time")
        days = [tuple(day) for day in cells.groupby("day").sum().to_numpy()]
        want = expected(days, late=RATES[name].event_time)
        np.testing.assert_allclose(pair, want, rtol=1e-9, atol=1e-12)


def test_hours_are_clustered_by_day_and_local_days_by_theirs():
    random = np.random.default_rng(1)
    sent = random.integers(50, 100, 24 * 9)
    counts = {"sent": sent.tolist(), "delivered": random.binomial(sent, 0.9).tolist()}
    hours = grid_of(24 * 9, {"domain": ["a.com"]}, counts, resolution="hour")
    days = resample(hours, "D", until="2100-01-01")
    np.testing.assert_allclose(
        bounds(hours, "delivery_rate", by="domain"), bounds(days, "delivery_rate", by="domain")
    )
    here = hours.copy()
    here.index = here.index.set_levels(here.index.levels[0].tz_convert("Asia/Tokyo"), level="time")
    local = local_days(hours, "Asia/Tokyo", until="2100-01-01")
    inside = here[here.index.get_level_values("time").normalize().isin(local.index.levels[0])]
    np.testing.assert_allclose(
        bounds(inside, "delivery_rate", by=[]), bounds(local, "delivery_rate", by=[])
    )


def test_weeks_and_months_are_clusters_of_their_own():
    for resolution in ("day", "month"):
        counts = {"sent": 100, "delivered": [90, 80, 99, 70]}
        frame = grid_of(4, {"domain": ["a.com"]}, counts, resolution=resolution)
        want = expected([(90, 100), (80, 100), (99, 100), (70, 100)], late=False)
        np.testing.assert_allclose(bounds(frame, "delivery_rate", by=[])[0], want)


def test_pooling_over_keys_alone_or_one_day_gives_wilson():
    frame = grid_of(3, {"domain": ["a.com", "b.com"]}, {"sent": 100, "delivered": [90, 10] * 3})
    low, high = (float(bound) for bound in wilson(100, 200))
    assert bounds(frame, "delivery_rate", by="time").tolist() == [[low, high]] * 3
    assert bounds(frame.iloc[:2], "delivery_rate", by=[]).tolist() == [[low, high]]
    summed = sum_of(frame, "domain")
    assert bounds(summed, "delivery_rate", by=[])[0].tolist() == [
        float(b) for b in wilson(300, 600)
    ]


def test_days_that_differ_widen_the_interval():
    calm = grid_of(14, {"domain": ["a.com"]}, {"sent": 10_000, "delivered": 9500})
    wild = grid_of(14, {"domain": ["a.com"]}, {"sent": 10_000, "delivered": [9900, 9100] * 7})
    width = [float(np.diff(bounds(frame, "delivery_rate", by=[]))[0, 0]) for frame in (calm, wild)]
    assert width[1] > 10 * width[0]


def test_a_campaign_and_the_opens_of_the_days_after_are_one_cluster():
    opened = [20_000, 5000, 2000, 1000, 900, 600, 500]
    counts = {"delivered": [100_000, *[0] * 6], "unique_opened": opened}
    frame = grid_of(7, {"domain": ["a.com"]}, counts)
    assert bounds(frame, "open_rate", by=[])[0].tolist() == [
        float(bound) for bound in wilson(30_000, 100_000)
    ]


# ---------------------------------------------------------------- rolling


@settings(max_examples=15)
@given(
    count_frames(counts=COUNTS, most_buckets=40, levels=("domain",), holes=0.03),
    st.sampled_from([2, 3, 5, 7]),
    st.sampled_from(["delivery_rate", "complaint_rate"]),
)
def test_a_rolling_interval_is_what_a_loop_over_the_days_gives(frame, days, name):
    got = dict(zip(frame.index, bounds(frame, name, rolling=f"{days}d").tolist(), strict=True))
    for _, rows in frame.groupby("domain"):
        times = rows.index.get_level_values("time")
        numbers = ((times - times[0]) // pd.Timedelta(days=1)).tolist()
        sides = dict(zip(numbers, known_days(rows, name), strict=True))
        for row, last in zip(rows.index, numbers, strict=True):
            unbroken = next(i for i in itertools.count() if last - i not in sides)
            # Earlier windows are asked as long as no bucket is missing up to and with their last.
            periods = [
                [sides[last - days * back - i] for i in reversed(range(days))]
                for back in range(8)
                if days * (back + 1) <= unbroken
            ]
            late = RATES[name].event_time
            want = (
                expected(periods[0], late=late, earlier=periods[1:]) if periods else [math.nan] * 2
            )
            np.testing.assert_allclose(got[row], want, rtol=1e-9, atol=1e-12)


def test_rolling_hours_are_clustered_by_the_day_back_from_the_last():
    random = np.random.default_rng(2)
    sent = random.integers(50, 100, 24 * 8)
    counts = {"sent": sent.tolist(), "delivered": random.binomial(sent, 0.9).tolist()}
    frame = grid_of(24 * 8, {"domain": ["a.com"]}, counts, resolution="hour")
    for place in (-1, -5):
        stop = len(sent) + place + 1
        blocks = [slice(stop - 24 * (i + 1), stop - 24 * i) for i in range(4)]
        days = [(float(sum(counts["delivered"][b])), float(sum(sent[b]))) for b in blocks]
        got = bounds(frame, "delivery_rate", rolling="4d")[place]
        np.testing.assert_allclose(got, expected(days, late=False))


def test_a_window_below_a_day_has_wilsons_interval():
    frame = grid_of(24, {"domain": ["a.com"]}, {"sent": 10, "delivered": 9}, resolution="hour")
    got = bounds(frame, "delivery_rate", rolling="12h")[-1]
    assert got.tolist() == [float(bound) for bound in wilson(108, 120)]


def test_a_pool_rolls_as_the_summed_frame_does():
    random = np.random.default_rng(3)
    sent = random.integers(50, 100, 60)
    counts = {"sent": sent.tolist(), "delivered": random.binomial(sent, 0.9).tolist()}
    frame = grid_of(30, {"domain": ["a.com", "b.com"]}, counts)
    np.testing.assert_allclose(
        bounds(frame, "delivery_rate", by="time", rolling="7d"),
        bounds(sum_of(frame, "time"), "delivery_rate", rolling="7d"),
    )


def test_two_campaigns_a_week_ask_the_weeks_before():
    tail = np.array([0.6, 0.25, 0.1, 0.05])
    random = np.random.default_rng(4)
    opened, sent = np.zeros(80), np.zeros(80)
    for day in range(0, 70, 7):
        for send in (day, day + 3):
            sent[send] = 50_000
            opened[send : send + 4] += 50_000 * random.normal(0.3, 0.01) * tail
    times = pd.date_range("2026-03-02", periods=70, tz="UTC")
    counts = {"delivered": sent[:70].astype(int), "unique_opened": opened[:70].astype(int)}
    frame = frame_of(times, {"domain": ["a.com"] * 70}, counts, resolution="day")
    width = np.diff(bounds(frame, "open_rate", rolling="7d"), axis=1)[:, 0]
    assert width[6] > 0.25
    assert width[28:].max() < 0.12


def test_the_input_is_not_changed():
    frame = grid_of(30, {"domain": ["a.com"]}, {"sent": 10, "delivered": [9, None, 8] * 10})
    before = frame.copy(deep=True)
    bounds(frame, "delivery_rate", by=[])
    bounds(frame, "delivery_rate", rolling="7d")
    pd.testing.assert_frame_equal(frame, before)
