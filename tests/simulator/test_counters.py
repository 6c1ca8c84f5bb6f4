from __future__ import annotations

import numpy as np
import pytest

from mgframe.simulator.counters import (
    COUNT_NAMES,
    PRIMITIVE,
    PRIMITIVES,
    Facts,
    gathered,
    packed,
    public_counts,
)
from mgframe.vocabulary import COUNTS


@pytest.fixture
def counted() -> dict[str, np.ndarray]:
    primitives = np.random.default_rng(3).integers(0, 1000, (50, len(PRIMITIVES)))
    return dict(zip(COUNT_NAMES, public_counts(primitives).T, strict=True))


@pytest.mark.parametrize("name", [c.name for c in COUNTS.values() if c.terms])
def test_derived_counts_follow_the_formulas_of_the_vocabulary(
    name: str, counted: dict[str, np.ndarray]
) -> None:
    expected = sum(sign * counted[part] for sign, part in COUNTS[name].terms)
    assert (counted[name] == expected).all()


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("accepted", ["accepted_incoming", "accepted_outgoing"]),
        ("delivered", ["delivered_smtp", "delivered_http"]),
        ("delivered", ["delivered_first_attempt", "delivered_two_plus_attempts"]),
        ("delayed_first_attempt", ["delivered_two_plus_attempts", "permanent_failed_old"]),
        (
            "permanent_failed",
            [
                "hard_bounces",
                "soft_bounces",
                "permanent_failed_old",
                "suppressed_bounces",
                "suppressed_unsubscribed",
                "suppressed_complaints",
                "delayed_bounce",
                "webhook",
            ],
        ),
    ],
)
def test_totals_are_the_sums_of_their_parts(
    whole: str, parts: list[str], counted: dict[str, np.ndarray]
) -> None:
    assert (counted[whole] == sum(counted[part] for part in parts)).all()


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ("unique_opened", "opened"),
        ("unique_clicked", "clicked"),
        ("delivered_optimized", "delivered_smtp"),
        ("permanent_failed_optimized", "hard_bounces"),
        ("permanent_failed_esp_block", "soft_bounces"),
        ("temporary_failed_esp_block", "temporary_failed"),
    ],
)
def test_a_part_never_exceeds_its_whole(
    part: str, whole: str, counted: dict[str, np.ndarray]
) -> None:
    assert (counted[part] <= counted[whole]).all()


def test_every_primitive_reaches_a_public_count() -> None:
    assert public_counts(np.eye(len(PRIMITIVES), dtype=np.int64)).any(axis=1).all()


def test_codes_give_back_the_columns_they_were_packed_from() -> None:
    columns = {
        "hour": 335,
        "lane": 200,
        "recipient": 26,
        "primitive": PRIMITIVE["complained"],
        "bot": 3,
        "device": 2,
        "country": 247,
    }
    facts = Facts(packed(**{k: np.array([v]) for k, v in columns.items()}), np.array([1]))
    assert {name: int(facts.column(name)[0]) for name in columns} == columns


def test_moving_hours_and_lanes_leaves_the_other_columns_alone() -> None:
    facts = Facts(packed(hour=np.array([170]), lane=np.array([7]), country=np.array([9])), _ONE)
    moved = facts.in_hour(-168).in_lane(-5)
    assert [int(moved.column(name)[0]) for name in ("hour", "lane", "country")] == [2, 2, 9]


_ONE = np.array([1])


def test_gathering_leaves_out_zeros_and_counts_bare_codes_once() -> None:
    facts = gathered([(np.array([5, 6]), np.array([0, 3])), (np.array([7, 7]), None)])
    assert facts.codes.tolist() == [6, 7, 7]
    assert facts.counts.tolist() == [3, 1, 1]
