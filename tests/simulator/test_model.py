from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe.simulator.audience import BOTS, RECIPIENTS
from mgframe.simulator.counters import COUNT_NAMES
from mgframe.simulator.dimensions import DIMENSIONS
from mgframe.simulator.incidents import Incident
from mgframe.simulator.model import NOW, Model
from mgframe.simulator.windows import Window, parse_window

SMALL = {"domains": ["a.example", "b.example", "c.example"], "days": 100}


@pytest.fixture(scope="module")
def small() -> Model:
    return Model(7, **SMALL, retention=False)


def window(first: str, last: str, resolution: str = "day") -> Window:
    return parse_window(
        NOW,
        start=f"{np.datetime64(first, 's').astype(int)}",
        end=f"{np.datetime64(last, 's').astype(int)}",
        resolution=resolution,
    )


windows = st.builds(
    lambda start, hours, resolution: parse_window(
        NOW, start=str(start), end=str(start + 3600 * hours), resolution=resolution
    ),
    st.integers(int(NOW.timestamp()) - 120 * 86400, int(NOW.timestamp()) + 5 * 86400),
    st.integers(0, 40 * 24),
    st.sampled_from(["hour", "day", "month"]),
)


@settings(max_examples=25, deadline=None)
@given(windows)
def test_domains_sum_to_the_account(small: Model, asked: Window) -> None:
    account = small.tally(asked).counts[0]
    assert (small.tally(asked, by=["domain"]).counts.sum(axis=0) == account).all()
    single = [
        small.tally(asked, where={"domain": [domain.name]}).counts[0] for domain in small.domains
    ]
    assert (np.sum(single, axis=0) == account).all()


@settings(max_examples=15, deadline=None)
@given(windows, st.sampled_from(["subaccount", "ip_pool", "provider", "country", "device", "bot"]))
def test_groups_that_do_not_overlap_sum_to_the_account(
    small: Model, asked: Window, dimension: str
) -> None:
    grouped = small.tally(asked, by=[dimension]).counts.sum(axis=0)
    account = small.tally(asked).counts[0]
    if dimension == "ip_pool":  # what came in has no pool
        columns = [COUNT_NAMES.index(n) for n in ("opened", "delivered_smtp", "hard_bounces")]
        assert (grouped[:, columns] == account[:, columns]).all()
    else:
        assert (grouped == account).all()


def test_tags_overlap_and_so_exceed_the_account() -> None:
    model = Model(domains=1)
    asked = parse_window(model.now, duration="14d")
    by_tag = model.tally(asked, by=["tag"])
    assert by_tag["opened"].sum() > model.tally(asked)["opened"].sum()
    own = dict(zip([key for (key,) in by_tag.keys], by_tag["accepted"].sum(axis=1), strict=True))
    assert own["newsletter"] == own["weekly"] + own["stories"]


def test_a_campaign_is_mail_of_its_own_tag_from_its_hour_on() -> None:
    model = Model(domains=["a.example"], days=40, campaigns={"sale": "2026-11-05 09:30"})
    asked = window("2026-10-20", "2026-11-16", "hour")
    tally = model.tally(asked, where={"tag": ["sale"]})
    sending = np.flatnonzero(tally["accepted"][0])
    assert asked.starts[sending[0]] == np.datetime64("2026-11-05T09")
    assert asked.starts[sending[-1]] < np.datetime64("2026-11-06")
    assert 0.1 < tally["opened"].sum() / tally["delivered"].sum() < 1
    assert not tally["opened"][0, : sending[0]].any()


def test_nothing_has_an_ip_when_it_is_accepted(small: Model) -> None:
    by_ip = small.tally(window("2026-11-01", "2026-11-10"), by=["ip"])
    assert by_ip["accepted"].sum() == 0
    assert by_ip["delivered_smtp"].sum() > 0
    filtered = small.tally(
        window("2026-11-01", "2026-11-10"), where={"ip": [key for (key,) in by_ip.keys]}
    )
    assert filtered["accepted"].sum() == 0
    assert filtered["processed"].sum() == by_ip["processed"].sum()


@settings(max_examples=15, deadline=None)
@given(windows, st.permutations([d for d in DIMENSIONS if d != "ip"]))
def test_two_keys_at_once_sum_to_each_of_them(
    small: Model, asked: Window, dimensions: list[str]
) -> None:
    first, second = dimensions[:2]
    if "tag" in (first, second) or "ip_pool" in (first, second):
        return
    both = small.tally(asked, by=[first, second])
    alone = small.tally(asked, by=[first])
    for (key,), counts in zip(alone.keys, alone.counts, strict=True):
        rows = [row for keys, row in zip(both.keys, both.counts, strict=True) if keys[0] == key]
        assert (np.sum(rows, axis=0) == counts).all()


def test_a_filter_keeps_what_its_group_holds(small: Model) -> None:
    asked = window("2026-10-20", "2026-11-10")
    for dimension in DIMENSIONS:
        grouped = small.tally(asked, by=[dimension])
        for (key,), counts in list(zip(grouped.keys, grouped.counts, strict=True))[:4]:
            assert (small.tally(asked, where={dimension: [key]}).counts[0] == counts).all()


def test_a_filter_that_fits_nothing_is_all_zeros(small: Model) -> None:
    tally = small.tally(window("2026-11-01", "2026-11-10"), where={"provider": ["no.where"]})
    assert tally.keys == [()]
    assert not tally.counts.any()


def test_hours_sum_to_days_and_days_to_months(small: Model) -> None:
    hours = small.tally(window("2026-10-01", "2026-10-31T23:00", "hour")).counts[0]
    days = small.tally(window("2026-10-01", "2026-10-31")).counts[0]
    months = small.tally(window("2026-10-01", "2026-10-31", "month")).counts[0]
    assert (hours.reshape(31, 24, -1).sum(axis=1) == days).all()
    assert (days.sum(axis=0) == months[0]).all()


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**31))
def test_parts_never_exceed_their_wholes_in_any_cell(seed: int) -> None:
    model = Model(seed, domains=["x.example"], days=30)
    asked = parse_window(NOW, duration="72h")
    tally = model.tally(asked, by=["tag", "provider"])
    assert (tally.counts >= 0).all()
    for part, whole in (
        ("unique_opened", "opened"),
        ("unique_clicked", "clicked"),
        ("delivered_optimized", "delivered_smtp"),
    ):
        assert (tally[part] <= tally[whole]).all()


def test_the_past_depends_neither_on_the_clock_nor_on_the_order() -> None:
    past = window("2026-10-05", "2026-10-12", "hour")
    straight = Model(5, **SMALL, retention=False)
    roundabout = Model(5, **SMALL, retention=False)
    roundabout.tally(window("2026-09-01", "2026-09-20"), by=["tag"])
    roundabout.tally(window("2026-11-01", "2026-11-20"))
    later = Model(
        5, domains=SMALL["domains"], days=121, now=NOW + timedelta(days=21), retention=False
    )
    expected = straight.tally(past, by=["domain", "provider"])
    for model in (roundabout, later):
        tally = model.tally(past, by=["domain", "provider"])
        assert tally.keys == expected.keys
        assert (tally.counts == expected.counts).all()


def test_another_seed_is_another_account() -> None:
    asked = parse_window(NOW, duration="7d")
    one, other = (Model(seed, **SMALL).tally(asked)["accepted"] for seed in (1, 2))
    assert (one != other).any()


def test_nothing_exists_after_the_clock_or_before_the_account(small: Model) -> None:
    tally = small.tally(window("2026-11-15", "2026-11-18", "hour"))
    after = tally.counts[0, 34:]
    assert tally.counts[0, :34].any()
    assert not after.any()
    born = small.created
    before = window(str((born - timedelta(days=9)).date()), str((born - timedelta(days=1)).date()))
    assert not small.tally(before).counts.any()
    assert small.tally(window(str(born.date()), str(born.date())))["accepted"].sum() > 0


def test_the_open_hour_fills_up_as_the_clock_goes_on() -> None:
    hour = window("2026-11-16T15:00", "2026-11-16T15:00", "hour")
    seen = []
    for minute in (0, 1, 15, 30, 45, 59):
        # Within one hour the account's creation stays the same moment.
        model = Model(domains=2, days=20, now=datetime(2026, 11, 16, 15, minute, tzinfo=UTC))
        seen.append(model.tally(hour).counts[0, 0])
    full = Model(domains=2, days=20, now=datetime(2026, 11, 16, 16, tzinfo=UTC))
    seen.append(full.tally(hour).counts[0, 0])
    assert not seen[0].any()
    assert (np.diff(seen, axis=0)[:-1] >= 0).all()
    for name, least in (("accepted", 300), ("opened", 200)):
        counted = np.array([row[COUNT_NAMES.index(name)] for row in seen])
        assert counted[-1] > least
        assert counted[3] / counted[-1] == pytest.approx(0.5, abs=0.06)
        assert (counted[:-1] <= counted[-1]).all()


def test_expired_buckets_are_zeros_unless_retention_is_off() -> None:
    kept, all_of_it = Model(domains=1), Model(domains=1, retention=False)
    for resolution, days in (("hour", 60), ("day", 365)):
        first = NOW - timedelta(days=days + 3)
        asked = parse_window(
            NOW, start=str(first.timestamp()), end=str(NOW.timestamp()), resolution=resolution
        )
        now = np.datetime64("2026-11-16T09").astype(asked.starts.dtype)
        expired = asked.starts < now - np.timedelta64(days, "D")
        assert expired.any()
        assert not kept.tally(asked).counts[0, expired].any()
        assert all_of_it.tally(asked).counts[0, expired].any()
        assert (
            kept.tally(asked).counts[0, ~expired] == all_of_it.tally(asked).counts[0, ~expired]
        ).all()


def test_gmail_reports_no_complaints_and_others_do() -> None:
    model = Model(domains=3, days=60)
    tally = model.tally(model.lifetime(), by=["provider"])
    complained = dict(zip([k for (k,) in tally.keys], tally["complained"].sum(axis=1), strict=True))
    assert complained["gmail.com"] == 0
    assert complained["yahoo.com"] > 0


@pytest.fixture(scope="module")
def default() -> Model:
    return Model(incidents=[])


def test_the_default_account_has_plausible_rates(default: Model) -> None:
    tally = default.tally(parse_window(NOW, duration="60d"), by=["domain"])
    total = {name: tally[name].sum(axis=1).astype(float) for name in COUNT_NAMES}
    for numerator, denominator, low, high in (
        ("delivered", "sent", 0.975, 0.998),
        ("hard_bounces", "processed", 0.002, 0.01),
        ("permanent_failed_old", "processed", 0.0001, 0.002),
        ("delayed_first_attempt", "processed", 0.008, 0.05),
        ("unique_opened", "delivered", 0.22, 0.50),
        ("unique_clicked", "delivered", 0.008, 0.05),
        ("complained", "delivered", 0.00002, 0.0006),
        ("suppressed_bounces", "accepted", 0.001, 0.01),
    ):
        rate = total[numerator] / total[denominator]
        assert ((low < rate) & (rate < high)).all(), (numerator, rate)
    assert total["accepted"][0] / 60 == pytest.approx(15_000, rel=0.2)
    assert total["accepted"][1] / 60 * 7 == pytest.approx(40_000, rel=0.25)


def test_gmail_is_the_largest_provider_and_every_provider_is_listed(default: Model) -> None:
    tally = default.tally(parse_window(NOW, duration="30d"), by=["provider"])
    delivered = dict(zip([k for (k,) in tally.keys], tally["delivered"].sum(axis=1), strict=True))
    assert set(RECIPIENTS) <= set(delivered) <= {*RECIPIENTS, "mail.example.com"}
    assert 0.3 < delivered["gmail.com"] / sum(delivered.values()) < 0.5


def test_about_half_of_all_engagement_has_no_country(default: Model) -> None:
    tally = default.tally(parse_window(NOW, duration="30d"), by=["country"])
    unknown = tally.keys.index(("unknown",))
    assert 0.4 < tally["opened"][unknown].sum() / tally["opened"].sum() < 0.65
    elsewhere = np.delete(tally["delivered"], unknown, axis=0)
    assert elsewhere.sum() == 0


def test_machines_open_and_only_scanners_click(default: Model) -> None:
    tally = default.tally(parse_window(NOW, duration="30d"), by=["bot"])
    opened = {key: row.sum() for (key,), row in zip(tally.keys, tally["opened"], strict=True)}
    assert set(opened) == set(BOTS)
    clicked = {key: row.sum() for (key,), row in zip(tally.keys, tally["clicked"], strict=True)}
    assert clicked["Apple"] == clicked["Gmail"] == 0
    assert clicked["None"] > 20 * clicked["Generic"] > 0
    assert 0.25 < 1 - opened["None"] / sum(opened.values()) < 0.6


def test_opens_and_clicks_come_late_as_those_of_real_campaigns_do(default: Model) -> None:
    tally = default.tally(parse_window(NOW, duration="60d"), where={"tag": ["stories"]})
    sent = np.flatnonzero(tally["accepted"][0] > 4_000)
    # The day before the next campaign ends what one campaign may claim.
    for name, expected in (
        ("unique_opened", (0.61, 0.86, 0.91, 0.93)),
        ("unique_clicked", (0.74, 0.92, 0.94, 0.96)),
    ):
        by_day = sum(tally[name][0, day : day + 7] for day in sent[:-1])
        seen = np.cumsum(by_day) / by_day.sum() * 0.96
        assert seen[:4] == pytest.approx(expected, abs=0.07)


def test_transactional_mail_knows_night_and_weekend(default: Model) -> None:
    asked = window("2026-10-05", "2026-11-01T23:00", "hour")
    hours = default.tally(asked, where={"domain": ["mail.example.com"]})["accepted"][0]
    week = hours.reshape(4, 7, 24).sum(axis=0)
    assert week[5:].sum(axis=1).mean() < 0.85 * week[:5].sum(axis=1).mean()
    assert week.sum(axis=0).min() < 0.25 * week.sum(axis=0).max()


def test_a_newsletter_comes_in_campaigns(default: Model) -> None:
    asked = window("2026-10-05", "2026-11-01T23:00", "hour")
    hours = default.tally(asked, where={"domain": ["news.example.com"]})["accepted"][0]
    assert np.sort(hours)[-24:].sum() > 0.6 * hours.sum()


def test_holidays_are_seen(default: Model) -> None:
    everything = Model(incidents=[], retention=False)
    asked = window("2025-11-01", "2025-12-31")
    daily = everything.tally(asked, by=["domain"])
    mail = daily["accepted"][0]
    black_friday, christmas = 27, 54
    assert mail[black_friday] > 1.2 * np.median(mail)
    assert mail[christmas] < 0.75 * np.median(mail)


def test_days_are_over_dispersed(default: Model) -> None:
    tally = default.tally(parse_window(NOW, duration="60d"), where={"domain": ["mail.example.com"]})
    failed, processed = tally["hard_bounces"][0][:-1], tally["processed"][0][:-1]
    rate = failed.sum() / processed.sum()
    spread = ((failed - rate * processed) ** 2 / (rate * (1 - rate) * processed)).mean()
    assert 1.3 < spread < 12


def rate(model: Model, first: str, last: str, top: str, bottom: str, **where: str) -> float:
    tally = model.tally(window(first, last), where={name: [value] for name, value in where.items()})
    return float(tally[top].sum() / tally[bottom].sum())


PLANTED = {
    "block": ("permanent_failed_esp_block", "processed", 0.15),
    "stale_list": ("hard_bounces", "processed", 0.15),
    "complaints": ("complained", "delivered", 0.15),
    "tracking": ("opened", "delivered", -0.15),
    "throttle": ("delayed_first_attempt", "processed", 0.15),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_an_incident_moves_what_it_says_where_it_says(kind: str) -> None:
    top, bottom, change = PLANTED[kind]
    place = {"domain": "mail.example.com", "provider": "yahoo.com"}
    # Not from midnight on: what Sunday's mail needs in retries is drawn with Sunday's.
    planted = Incident(
        kind, place, datetime(2026, 10, 12, 9, tzinfo=UTC), datetime(2026, 10, 19, tzinfo=UTC), 0.2
    )
    sick = Model(domains=2, days=60, incidents=[planted])
    well = Model(domains=2, days=60, incidents=[])
    during = ("2026-10-12", "2026-10-18", top, bottom)
    moved = rate(sick, *during, **place) - rate(well, *during, **place)
    # A fifth of the opens lost is a fifth of a rate, not 20 points.
    expected = change if kind != "tracking" else -0.2 * rate(well, *during, **place)
    assert moved == pytest.approx(expected * 4 / 3 if kind != "tracking" else expected, rel=0.3)
    elsewhere = {**place, "provider": "aol.com"}
    assert rate(sick, *during, **elsewhere) == pytest.approx(
        rate(well, *during, **elsewhere), abs=0.03 * max(1, abs(change) * 5)
    )
    before = window("2026-09-25", "2026-10-11")
    assert (sick.tally(before).counts == well.tally(before).counts).all()


def test_the_default_incident_is_seen_in_the_delivery_rate_and_no_caricature() -> None:
    model = Model(domains=1)
    assert [incident.kind for incident in model.incidents] == ["block"]
    before = rate(model, "2026-10-20", "2026-11-03", "delivered", "sent")
    during = rate(model, "2026-11-05", "2026-11-10", "delivered", "sent")
    assert before > 0.985
    assert 0.88 < during < 0.96


def test_incidents_of_domains_that_are_not_there_are_left_out() -> None:
    assert Model(domains=["a.example"]).incidents == ()


def test_every_invented_domain_has_a_name_of_its_own() -> None:
    domains = Model(domains=1200).domains
    assert len({domain.name for domain in domains}) == 1200
    assert all(domain.name.endswith(".example") for domain in domains)


def test_invented_volumes_differ_wildly_and_some_belong_to_subaccounts() -> None:
    model = Model(domains=300, days=366)
    weekly = np.array([domain.weekly for domain in model.domains])
    assert np.percentile(weekly, 90) > 20 * np.percentile(weekly, 10)
    owned = [domain for domain in model.domains if domain.subaccount]
    assert 60 < len(owned) < 180
    assert all(len(name) == 24 for name in model.subaccounts)


@pytest.mark.parametrize("domains", [0, -1])
def test_an_account_without_domains_is_refused(domains: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Model(domains=domains)


def test_an_unknown_dimension_is_refused(small: Model) -> None:
    with pytest.raises(ValueError, match="'colour': a dimension is one of domain"):
        small.tally(parse_window(NOW), by=["colour"])


@pytest.mark.slow
def test_three_hundred_domains_start_at_once_and_answer_in_seconds() -> None:
    started = time.perf_counter()
    model = Model(domains=300, days=366)
    assert time.perf_counter() - started < 2
    tally = model.tally(parse_window(model.now, duration="30d"))
    assert time.perf_counter() - started < 30
    assert (tally["accepted"] > 0).all()


# ---------------------------------------------------------------- a clock that goes on


def test_a_moved_clock_is_the_clock_of_an_account_that_had_it_from_the_start() -> None:
    then, asked = NOW + timedelta(days=9, minutes=20), parse_window(NOW, duration="30d")
    moved = Model(7, **SMALL).at(then)
    afresh = Model(7, domains=SMALL["domains"], days=109, now=then)
    assert moved.created == afresh.created
    for by in ([], ["domain", "recipient_provider"], ["tag"]):
        assert (moved.tally(asked, by=by).counts == afresh.tally(asked, by=by).counts).all()


def test_what_is_counted_late_grows_to_what_an_account_without_delay_has() -> None:
    last_hours = window("2026-11-15T00:00:00", "2026-11-16T08:00:00", "hour")
    late, whole = (Model(7, late=late) for late in (True, False))
    seen = [
        late.at(NOW + timedelta(hours=hours)).tally(last_hours, by=["domain"]).counts
        for hours in (0, 1, 5, 8, 20, 71, 75)
    ]
    for earlier, later in itertools.pairwise(seen):
        assert (later >= earlier).all()
        assert (later > earlier).any() or later is seen[-1]
    assert (seen[-1] == whole.tally(last_hours, by=["domain"]).counts).all()


def test_deliveries_are_counted_within_eight_hours_and_opens_within_three_days() -> None:
    past = window("2026-11-14T00:00:00", "2026-11-14T23:00:00", "hour")
    late, whole = (Model(7, late=late).tally(past) for late in (True, False))
    for name in ("accepted", "delivered", "temporary_failed", "hard_bounces"):
        assert (late[name] == whole[name]).all()
    assert late["unique_opened"].sum() < whole["unique_opened"].sum()
    settled = window("2026-11-01T00:00:00", "2026-11-13T08:00:00", "hour")
    late, whole = (Model(7, late=late).tally(settled) for late in (True, False))
    assert (late.counts == whole.counts).all()


def test_days_and_keys_are_late_together() -> None:
    late, asked = Model(7, late=True), parse_window(NOW, duration="5d")
    hours = parse_window(NOW, duration="5d", resolution="hour", explicit_resolution=True)
    by_hour = late.tally(hours).counts[0]
    by_day = late.tally(asked).counts[0]
    assert (by_day[:-1].sum(axis=0) + by_day[-1] == by_hour.sum(axis=0)).all()
    for by in (["domain"], ["recipient_provider"], ["country"]):
        assert (late.tally(asked, by=by).counts.sum(axis=0) == by_day).all()


def test_a_moved_clock_forgets_hours_after_sixty_days() -> None:
    model, asked = Model(7, late=True), window("2026-11-10", "2026-11-10", "hour")
    assert model.at(NOW + timedelta(days=60 - 7)).tally(asked)["delivered"].sum() > 0
    assert model.at(NOW + timedelta(days=70)).tally(asked)["delivered"].sum() == 0


def test_mail_of_a_domain_that_is_added_later_does_not_depend_on_the_clock() -> None:
    later = Model(3, domains=40, days=300)
    earlier = Model(3, domains=40, days=100, now=NOW - timedelta(days=200)).at(NOW)
    asked = parse_window(NOW, duration="12d")
    assert any(domain.born and domain.born > earlier.created.date() for domain in later.domains)
    assert (
        later.tally(asked, by=["domain"]).counts == earlier.tally(asked, by=["domain"]).counts
    ).all()
