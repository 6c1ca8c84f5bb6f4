from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mgframe.simulator.incidents import Incident
from mgframe.simulator.model import NOW, Model
from mgframe.simulator.windows import parse_window

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


def test_an_incident_can_be_narrowed_to_who_runs_the_mailboxes() -> None:
    planted = Incident(
        "block",
        {"recipient_provider": "Google Workspace"},
        datetime(2026, 11, 2, 9, tzinfo=UTC),
        datetime(2026, 11, 9, tzinfo=UTC),
        0.5,
    )
    asked = parse_window(NOW, duration="14d")
    blocked = []
    for incidents in ([planted], []):
        model = Model(domains=2, days=30, incidents=incidents)
        tally = model.tally(asked, by=["recipient_provider"])
        total = tally["permanent_failed_esp_block"].sum(axis=1)
        blocked.append(dict(zip([key for (key,) in tally.keys], total.tolist(), strict=True)))
    sick, well = blocked
    assert sick["Google Workspace"] > 50 * well["Google Workspace"]
    others = [name for name in well if name != "Google Workspace"]
    assert sum(sick[n] for n in others) == pytest.approx(sum(well[n] for n in others), rel=0.2)
