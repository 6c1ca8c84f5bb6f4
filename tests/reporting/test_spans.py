"""Which days a report is about, and which it holds them against."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from frames import grid_of

from mgframe.errors import QueryError
from mgframe.reporting.spans import read_spans

MONDAY = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)


def spans(last=None, period=None, tz=None, now=MONDAY):
    return read_spans(last, period, tz, now)


def test_a_report_is_about_the_last_seven_complete_days_and_the_four_weeks_before():
    found = spans()
    assert found.now.span == "2026-11-09/2026-11-15"
    assert found.before.span == "2026-10-12/2026-11-08"
    assert found.year.span == "2025-11-10/2025-11-16"
    assert found.now.first.day_of_week == found.before.first.day_of_week == 0
    assert found.year.first.day_of_week == 0
    assert found.before_text == "the four weeks before"


@pytest.mark.parametrize(
    ("window", "now", "before"),
    [
        ({"period": "last week"}, "2026-11-09/2026-11-15", "2026-10-12/2026-11-08"),
        ({"period": "2026-W46"}, "2026-11-09/2026-11-15", "2026-10-12/2026-11-08"),
        ({"last": "1d"}, "2026-11-15/2026-11-15", "2026-10-18/2026-11-14"),
        ({"period": "2026-10"}, "2026-10-01/2026-10-31", "2026-08-27/2026-09-30"),
        ({"last": "28d"}, "2026-10-19/2026-11-15", "2026-09-21/2026-10-18"),
    ],
)
def test_longer_windows_are_held_against_as_many_weeks(window, now, before):
    found = spans(**window)
    assert (found.now.span, found.before.span) == (now, before)


def test_a_week_in_a_zone_begins_at_its_own_midnight():
    found = spans(period="last week", tz="Europe/Berlin")
    assert found.now.span == "2026-11-09/2026-11-15"
    assert found.zone_name == "Europe/Berlin"
    late = datetime(2026, 11, 15, 23, 30, tzinfo=UTC)  # Monday in Berlin, Sunday in New York
    assert spans(period="last week", tz="Europe/Berlin", now=late).now.span.endswith("11-15")
    assert spans(period="last week", tz="America/New_York", now=late).now.span.endswith("11-08")


def test_local_weeks_take_no_hours_that_mailgun_has_forgotten():
    since = pd.Timestamp("2026-09-17 09:00", tz="UTC")
    month = spans(period="2026-10", tz="Europe/Berlin").known_since(since)
    assert month.before.first >= pd.Timestamp("2026-09-18")
    assert month.before.number % 7 == 0
    with pytest.raises(QueryError, match="kept since 2026-09-18"):
        spans(period="2026-08", tz="Europe/Berlin").known_since(since)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"last": "48h"}, "whole days"),
        ({"last": "7d", "period": "last week"}, "twice"),
        ({"period": "this week", "tz": "Europe/Berlin"}, "no complete day"),
        ({"tz": "Mars/Olympus"}, "no known time zone"),
    ],
)
def test_a_window_that_is_none_is_refused(window, message):
    with pytest.raises(QueryError, match=message):
        spans(**window)


def test_days_are_cut_in_the_zone_of_the_frame_and_end_no_later_than_it_is_complete():
    frame = grid_of(
        24, {"domain": ["a.com"]}, {"sent": 1}, start="2026-10-25",
        complete_until="2026-11-15T12:00:00Z",
    )  # fmt: skip
    found = spans().now
    assert len(found.of(frame)) == 7
    assert found.until(frame) == pd.Timestamp("2026-11-15 12:00", tz="UTC")
