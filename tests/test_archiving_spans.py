"""What was read, and when: arithmetic on spans, beside sets of hours."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgframe.archiving.spans import Read, holding, joined, read_again, united, within, without
from mgframe.archiving.states import State

ORIGIN = pd.Timestamp("2026-11-01", tz="UTC")


def hour(number: int) -> pd.Timestamp:
    return ORIGIN + pd.Timedelta(hours=number)


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5)


def spans(pairs: list[tuple[int, int]]) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    return [(hour(a), hour(b)) for a, b in pairs]


def hours(pairs: list[tuple[int, int]]) -> set[int]:
    return {number for a, b in pairs for number in range(a, b)}


def held(found: list[tuple[pd.Timestamp, pd.Timestamp]]) -> set[int]:
    return {
        number for a, b in found for number in range(30) if a <= hour(number) and hour(number) < b
    }


@given(SPANS, SPANS)
def test_spans_are_sets_of_hours(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    assert held(united(spans(one))) == hours(one)
    assert held(without(spans(one), spans(other))) == hours(one) - hours(other)
    cut = within(spans(one), hour(5), hour(20))
    assert held(cut) == hours(one) & set(range(5, 20))


@given(SPANS)
def test_united_spans_do_not_touch(pairs: list[tuple[int, int]]) -> None:
    found = united(spans(pairs))
    assert all(a[1] < b[0] for a, b in pairwise(found))


def test_a_fresh_read_takes_the_place_of_what_it_covers() -> None:
    old = Read(hour(0), hour(10), hour(10))
    fresh = Read(hour(5), hour(12), hour(12))
    found = read_again([old], fresh, pd.Timedelta(hours=3), "hour")
    assert found == (
        Read(hour(0), hour(5), hour(10)),
        Read(hour(5), hour(9)),  # ended three hours and more before it was read: final
        Read(hour(9), hour(12), hour(12)),
    )


@pytest.mark.parametrize("lag", [24, 30])
def test_a_bucket_is_final_only_where_all_of_it_is_older_than_the_lag(lag: int) -> None:
    read = Read(ORIGIN, hour(72), hour(72 + 9))
    final, moving = read_again([], read, pd.Timedelta(hours=lag), "day")
    assert (final.until, final.at) == (hour(48), None)
    assert (moving.start, moving.until) == (hour(48), hour(72))


def test_neighbours_that_know_the_same_are_one() -> None:
    reads = [Read(hour(2), hour(4)), Read(hour(0), hour(2)), Read(hour(4), hour(5), hour(9))]
    assert joined(reads) == (Read(hour(0), hour(4)), Read(hour(4), hour(5), hour(9)))


def test_what_is_doubted_stays_apart_from_what_was_read_at_the_same_moment() -> None:
    reads = (Read(hour(0), hour(2), hour(9), doubted=True), Read(hour(2), hour(4), hour(9)))
    assert joined(reads) == reads


@given(st.lists(st.integers(0, 30), unique=True, max_size=8))
def test_a_time_is_held_by_the_span_that_begins_with_it_and_not_by_one_that_ends(
    edges: list[int],
) -> None:
    edges.sort()
    pairs = list(zip(edges[::2], edges[1::2], strict=False))[::-1]
    times = pd.DatetimeIndex([hour(n) for n in range(31)]).as_unit("us")
    expected = [next((i for i, (a, b) in enumerate(pairs) if a <= n < b), -1) for n in range(31)]
    assert holding(times, spans(pairs)).tolist() == expected


def test_a_state_comes_back_from_json_as_it_was() -> None:
    state = State(
        kind="sync", at=hour(9), simulated=True,
        reads=(Read(hour(0), hour(4)), Read(hour(4), hour(5), hour(9), doubted=True)),
        lags={"opened": 50.0}, lags_at=hour(1), said={"error": None}, facts={"rows_a_bucket": 2.0},
    )  # fmt: skip
    assert State.from_json(state.to_json()) == state


def test_a_doubted_answer_is_not_final_before_a_better_one() -> None:
    day = pd.Timedelta(hours=24)
    once = read_again([], Read(hour(0), hour(240), hour(240), doubted=True), 3 * day, "hour")
    assert once == (Read(hour(0), hour(240), hour(240), doubted=True),)
    assert State(reads=once).known == []
    better = read_again(once, Read(hour(0), hour(264), hour(264)), 3 * day, "hour")
    assert better == (Read(hour(0), hour(192)), Read(hour(192), hour(264), hour(264)))
    assert not any(read.doubted for read in better)
