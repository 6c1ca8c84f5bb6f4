from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgframe.simulator.account import Domain, Lane, default_domains, with_campaigns
from mgframe.simulator.seasons import (
    expected_volume,
    first_hour,
    holiday_factors,
    monday,
    thanksgiving,
    week_of,
)
from mgframe.simulator.senders import Senders, arranged

NOVEMBER_2 = datetime(2026, 11, 2, tzinfo=UTC)


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


def test_a_campaign_that_goes_out_once_does_so_on_its_day_at_its_hour() -> None:
    (news,) = default_domains()[:1]
    late = datetime(2026, 11, 9, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    domain = with_campaigns(1, news, {"x": "2026-11-03 14:00", "y": late})
    senders, rng = Senders((domain,)), np.random.default_rng(1)
    noise, week = np.zeros((7, len(domain.lanes))), week_of(int(NOVEMBER_2.timestamp() // 3600))
    volume = expected_volume(senders, week, rng, noise)[:, -2:]
    assert np.flatnonzero(volume.max(axis=1))[0] == 24 + 14
    assert np.flatnonzero(volume[:, 1])[0] == 6 * 24 + 23
    # All goes out with the noise of its stream, and growth since the reference week.
    assert volume[:, 0].sum() == pytest.approx(domain.lanes[-2].weekly, rel=0.05)
    for other in (week - 1, week + 1):
        assert not expected_volume(senders, other, rng, noise)[:, -2:].any()


def test_campaigns_leave_the_usual_mail_as_it_is() -> None:
    (news,) = default_domains()[:1]
    assert with_campaigns(1, news, {"x": "2026-11-03"}).lanes[:-1] == news.lanes
    with pytest.raises(ValueError, match="at most 200, not 201"):
        with_campaigns(1, news, {str(n): "2026-11-03" for n in range(201)})


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
