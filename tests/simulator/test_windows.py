from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgframe.simulator.windows import (
    BadRequest,
    Window,
    parse_moment,
    parse_window,
    single_bucket,
)

NOW = datetime(2025, 2, 24, 22, 44, 13, tzinfo=UTC)


def ends(window: Window) -> tuple[str, str, int]:
    return str(window.starts[0]), str(window.starts[-1]), len(window.starts)


def test_the_default_window_is_eight_days() -> None:
    window = parse_window(NOW)
    assert ends(window) == ("2025-02-17", "2025-02-24", 8)
    assert window.resolution == "day"


def test_a_duration_overwrites_start_and_brings_its_resolution() -> None:
    now = datetime(2024, 1, 10, 14, 40, 48, tzinfo=UTC)
    window = parse_window(now, duration="24h", start="Sat, 23 Dec 2023 01:23:45 JST")
    assert ends(window) == ("2024-01-09T15", "2024-01-10T14", 24)
    assert window.resolution == "hour"


def test_both_ends_are_floored_and_kept() -> None:
    now = datetime(2024, 1, 25, 13, 43, 14, tzinfo=UTC)
    window = parse_window(now, start="Tue, 23 Jan 2024 11:23:45 EST", resolution="day")
    assert ends(window) == ("2024-01-23", "2024-01-25", 3)


def test_a_month_is_a_calendar_month() -> None:
    assert ends(parse_window(NOW, duration="1m")) == ("2025-02", "2025-02", 1)
    assert ends(parse_window(NOW, duration="3m")) == ("2024-12", "2025-02", 3)


@given(st.integers(1, 400), st.sampled_from("hdm"))
def test_n_units_are_n_buckets(number: int, unit: str) -> None:
    window = parse_window(NOW, duration=f"{number}{unit}")
    assert len(window.starts) == number
    assert window.starts[-1] == np.datetime64("2025-02-24T22").astype(window.starts.dtype)


@given(st.integers(0, 10**9), st.integers(0, 10**7), st.sampled_from(["hour", "day", "month"]))
def test_buckets_are_dense_and_hold_both_ends(start: int, length: int, resolution: str) -> None:
    window = parse_window(NOW, start=str(start), end=str(start + length), resolution=resolution)
    assert (np.diff(window.starts.astype(np.int64)) == 1).all()
    edges = window.edges * 3600
    assert edges[0] <= start < edges[1]
    assert edges[-2] <= start + length < edges[-1]


def test_an_explicit_resolution_wins_only_behind_the_switch() -> None:
    asked = {"duration": "2d", "resolution": "hour"}
    assert parse_window(NOW, **asked).resolution == "day"
    switched = parse_window(NOW, **asked, explicit_resolution=True)
    assert ends(switched) == ("2025-02-23T00", "2025-02-24T22", 47)


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 17 Feb 2025 00:00:00 UTC",
        "Mon, 17 Feb 2025 00:00:00 GMT",
        "Mon, 17 Feb 2025 01:00:00 +0100",
        "Fri, 17 Feb 2025 00:00:00 -0000",
        "17 Feb 2025 00:00:00 +0000",
        "Sun, 16 Feb 2025 19:00:00 EST",
        "1739750400",
        "1739750400.0",
    ],
)
def test_one_moment_has_many_spellings(text: str) -> None:
    assert parse_moment(text, "start") == datetime(2025, 2, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["yesterday", "2025-02-17", "", "1e400", "9" * 30, "Mon, 99 Feb 2025"]
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="'end' parameter is invalid"):
        parse_moment(text, "end")


@pytest.mark.parametrize("duration", ["0d", "-1d", "30D", "1w", "d", "1.5h", "", "24", "1 d", "٣d"])
def test_malformed_durations_are_refused(duration: str) -> None:
    with pytest.raises(BadRequest, match="'duration' parameter is invalid"):
        parse_window(NOW, duration=duration)


def test_start_after_end_is_refused() -> None:
    with pytest.raises(BadRequest, match="'start' parameter is invalid: it is after 'end'"):
        parse_window(NOW, start="1739750400", end="1700000000")


def test_windows_of_centuries_are_refused() -> None:
    with pytest.raises(BadRequest, match="too large"):
        parse_window(NOW, start="0", resolution="hour")
    with pytest.raises(BadRequest, match="too large"):
        parse_window(NOW, start="-62135596800")
    with pytest.raises(BadRequest, match="out of range"):
        parse_window(NOW, end="-62135596800")


def test_a_snapshot_is_the_bucket_that_holds_the_moment() -> None:
    assert ends(single_bucket(NOW, None)) == ("2025-02-24", "2025-02-24", 1)
    assert ends(single_bucket(NOW, "month")) == ("2025-02", "2025-02", 1)


def test_a_bad_resolution_names_the_good_ones() -> None:
    with pytest.raises(BadRequest) as caught:
        parse_window(NOW, resolution="week")
    assert str(caught.value) == (
        "'resolution' parameter is invalid, valid values: 'month', 'day', 'hour'"
    )
