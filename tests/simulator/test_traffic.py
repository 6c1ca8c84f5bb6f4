from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from mgframe.simulator.account import default_domains
from mgframe.simulator.counters import PRIMITIVE, Facts
from mgframe.simulator.engagement import engage
from mgframe.simulator.incidents import Incident
from mgframe.simulator.senders import Senders
from mgframe.simulator.traffic import SPAN, Week, prepare_week, send
from mgframe.simulator.traits import CHANCE, Traits, draw_traits

WEEK = 2960
FATES = (
    *("first_plain", "first_optimized", "retried", "old", "hard_plain", "hard_optimized", "soft"),
    *("blocked", "suppressed_bounces", "suppressed_unsubscribed", "suppressed_complaints"),
)


@pytest.fixture(scope="module")
def traits() -> Traits:
    return draw_traits(1, Senders(default_domains()))


def prepared(traits: Traits, *incidents: Incident) -> Week:
    return prepare_week(traits, WEEK, incidents, np.zeros(3, np.int64))


def total(facts: Facts, *primitives: str) -> int:
    wanted = [PRIMITIVE[name] for name in primitives]
    return int(facts.counts[np.isin(facts.column("primitive"), wanted)].sum())


def test_every_accepted_message_has_exactly_one_fate(traits: Traits) -> None:
    throttle = Incident(
        "throttle", {}, datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), 0.9
    )
    for week in (prepared(traits), prepared(traits, throttle)):
        mail = send(week)
        assert total(mail.facts, "accepted_outgoing") == total(mail.facts, *FATES)
        arrived = total(mail.facts, "first_plain", "first_optimized", "retried")
        assert mail.counts.sum() == arrived


def test_what_came_in_was_forwarded_stored_or_refused(traits: Traits) -> None:
    facts = send(prepared(traits)).facts
    assert total(facts, "accepted_incoming") == total(facts, "http", "stored", "webhook") > 0


def test_nobody_opens_twice_as_somebody_else(traits: Traits) -> None:
    week = prepared(traits)
    mail = send(week)
    facts = engage(week, mail)
    # Machines and people may both open one message, so each class is bounded by the mail.
    for bot in range(4):
        first = (facts.column("primitive") == PRIMITIVE["opened_first"]) & (
            facts.column("bot") == bot
        )
        assert facts.counts[first].sum() < mail.counts.sum()
    assert total(facts, "clicked_first") < total(facts, "opened_first")


def test_nothing_happens_before_its_mail_or_later_than_two_weeks(traits: Traits) -> None:
    week = prepared(traits)
    mail = send(week)
    acts = engage(week, mail)
    for lane in range(3):
        slot = week.traits.senders.slots[lane]
        sent = mail.facts.column("hour")[mail.facts.column("lane") == slot].min()
        assert acts.column("hour")[acts.column("lane") == slot].min() >= sent
    assert max(acts.column("hour").max(), mail.facts.column("hour").max()) < SPAN


def test_throttled_mail_is_tried_again_and_again(traits: Traits) -> None:
    throttle = Incident(
        "throttle",
        {"provider": "gmail.com"},
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2030, 1, 1, tzinfo=UTC),
        0.5,
    )
    well, sick = send(prepared(traits)).facts, send(prepared(traits, throttle)).facts
    assert total(sick, "deferred") > 8 * total(well, "deferred")
    assert total(sick, "old") > 3 * total(well, "old")


def test_the_luck_of_days_goes_on_over_the_turn_of_the_week(traits: Traits) -> None:
    weeks = [traits.noise(week).recipient for week in range(2000, 2120)]
    days = np.concatenate(weeks)[:, 0].reshape(7 * 120, -1)
    assert days.std() == pytest.approx(1, abs=0.03)
    within = (days[0::7] * days[1::7]).mean()
    across = (days[6:-1:7] * days[7::7]).mean()
    assert within == pytest.approx(0.3, abs=0.05)
    assert across == pytest.approx(0.3, abs=0.05)


def test_chances_are_chances_and_nobody_complains_at_gmail(traits: Traits) -> None:
    chances = prepared(traits).chances
    assert ((chances >= 0) & (chances < 1)).all()
    assert not chances[:, :, 0, CHANCE["complained"]].any()
