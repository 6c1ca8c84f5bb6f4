from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgframe.simulator.account import Domain, Lane, default_domains
from mgframe.simulator.seasons import (
    expected_volume,
    first_hour,
    holiday_factors,
    monday,
    thanksgiving,
    week_of,
)
from mgframe.simulator.senders import Senders, arranged


@pytest.mark.parametrize(
    ("year", "day"), [(2023, 23), (2024, 28), (2025, 27), (2026, 26), (2029, 22)]
)
def test_thanksgiving_is_the_fourth_thursday(year: int, day: int) -> None:
    assert thanksgiving(year) == date(year, 11, day)


@given(st.integers(0, 700_000))
def test_every_hour_lies_in_its_week(hour: int) -> None:
    week = week_of(hour)
    assert first_hour(week) <= hour < first_hour(week + 1) or hour < 96
    assert monday(week).weekday() == 0
    assert monday(week) - date(1970, 1, 1) == timedelta(hours=first_hour(week))


def test_holidays_bring_promotions_and_silence_newsletters() -> None:
    assert holiday_factors(date(2026, 11, 27))[1] > 2
    assert holiday_factors(date(2026, 12, 25))[2] < 0.2
    assert holiday_factors(date(2026, 3, 11)) == (1, 1, 1, 1)


def test_an_average_week_has_the_volume_of_its_lanes() -> None:
    (news, *_) = arranged(default_domains()[:1])
    rng = np.random.default_rng(1)
    weeks = [
        expected_volume(news, 2930, rng, rng.standard_normal((7, len(news.lanes)))).sum(axis=0)
        for _ in range(400)
    ]
    usual = np.array([lane.weekly for lane in news.lanes])
    growth = np.exp(news.domains[0].growth * (2930 - week_of(497_000)) / 52.18)
    assert np.mean(weeks, axis=0) / usual / growth == pytest.approx(1, abs=0.12)


def test_a_sunday_night_campaign_far_in_the_west_is_not_lost() -> None:
    sundays = Lane("promotion", ("x",), "198.18.0.1", "p", 1_000, 18, days=(0, 0, 0, 0, 0, 0, 1))
    west = Senders((Domain("w.example", 0, (sundays,), zone=-8),))
    volume = expected_volume(west, 2930, np.random.default_rng(2), np.zeros((7, 1)))
    assert volume.sum() > 300


def test_small_domains_are_drawn_together_and_large_ones_alone() -> None:
    lane = Lane("digest", ("d",), "198.18.0.1", "p", 100)
    large = Lane("digest", ("d",), "198.18.0.1", "p", 50_000)
    domains = [Domain(f"{i}.example", i, (large if i % 10 == 0 else lane,)) for i in range(60)]
    rows = arranged(domains)
    assert sorted(d.index for row in rows for d in row.domains) == list(range(60))
    assert max(len(row.domains) for row in rows) == 16
    assert all(len(row.domains) == 1 for row in rows if row.domains[0].weekly > 10_000)
    assert len({row.index for row in rows}) == len(rows)
