from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mgframe.simulator.incidents import Incident

START, END = datetime(2026, 11, 4), datetime(2026, 11, 9)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "flood"}, "an incident is one of block, stale_list"),
        ({"where": {"colour": "red"}}, "'colour': a place is one of domain"),
        ({"size": 0}, "size=0"),
        ({"size": 1.5}, "size=1.5"),
        ({"end": START}, "is not before"),
    ],
)
def test_a_wrong_incident_is_refused(wrong: dict[str, Any], message: str) -> None:
    right = {"kind": "block", "where": {}, "start": START, "end": END, "size": 0.2}
    with pytest.raises(ValueError, match=message):
        Incident(**{**right, **wrong})


def test_naive_times_are_utc_and_others_become_so() -> None:
    east = timezone(timedelta(hours=2))
    incident = Incident("block", {}, START, datetime(2026, 11, 9, 2, tzinfo=east), 0.2)
    assert incident.start == START.replace(tzinfo=UTC)
    assert incident.end == END.replace(tzinfo=UTC)


def test_a_place_that_is_not_named_is_everywhere() -> None:
    incident = Incident("block", {"tag": ["a", "b"]}, START, END, 0.2)
    assert incident.allows("provider", ["gmail.com"])
    assert incident.allows("tag", ["x", "b"])
    assert not incident.allows("tag", ["x"])
