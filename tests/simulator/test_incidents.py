from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mgframe.simulator.account import Domain, Lane
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


def counts_of(incidents: list[Incident], count: str, **where: list[str]) -> int:
    model = Model(domains=2, days=30, incidents=incidents)
    return int(model.tally(parse_window(NOW, duration="7d"), where=where)[count].sum())


def week_long(kind: str, size: float, **where: str) -> Incident:
    start = datetime(2026, 11, 2, tzinfo=UTC)
    return Incident(kind, where, start, datetime(2026, 11, 30, tzinfo=UTC), size)


def test_machines_of_no_known_class_open_their_share() -> None:
    surge = [week_long("bots", 0.3, domain="mail.example.com")]
    there, before = ({"domain": ["mail.example.com"], "bot": ["Generic"]} for _ in "ab")
    more = counts_of(surge, "unique_opened", **there) - counts_of([], "unique_opened", **before)
    delivered = counts_of([], "delivered", domain=["mail.example.com"])
    assert more == pytest.approx(0.3 * delivered, rel=0.1)
    others = {"domain": ["news.example.com"], "bot": ["Generic"]}
    assert counts_of(surge, "unique_opened", **others) == counts_of([], "unique_opened", **others)


def test_a_surge_of_a_half_doubles_the_mail_where_it_is() -> None:
    surge = [week_long("surge", 0.5, tag="receipt")]
    for tag, factor in (("receipt", 2), ("invite", 1)):
        usual = counts_of([], "accepted", tag=[tag])
        assert counts_of(surge, "accepted", tag=[tag]) == pytest.approx(factor * usual, rel=0.04)


def test_a_surge_needs_some_usual_mail() -> None:
    with pytest.raises(ValueError, match="some mail is the usual"):
        week_long("surge", 1)


def test_people_tire_evenly_and_machines_do_not() -> None:
    day = datetime(2026, 10, 17, tzinfo=UTC)
    tired = [Incident("fade", {}, day, datetime(2026, 11, 16, tzinfo=UTC), 0.6)]
    for bot, share in (("None", 1 - 0.6 * 0.87), ("Apple", 1)):
        usual = counts_of([], "unique_opened", bot=[bot])
        seen = counts_of(tired, "unique_opened", bot=[bot])
        assert seen == pytest.approx(share * usual, rel=0.05)


def test_an_account_can_be_made_of_domains_of_ones_own() -> None:
    lanes = (Lane("digest", ("a", "b"), "192.0.2.1", "pool", 9_000),)
    own = [Domain(f"{name}.example", place, lanes) for place, name in enumerate("xy")]
    model = Model(domains=own, days=30)
    assert [domain.name for domain in model.domains] == ["x.example", "y.example"]
    assert model.names("tag") == ["a", "b"]
    with pytest.raises(ValueError, match="its place"):
        Model(domains=own[1:])
    with pytest.raises(ValueError, match="not both"):
        Model(domains=[own[0], "z.example"])  # type: ignore[list-item]
