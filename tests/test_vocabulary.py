"""The tables of counts, rates and keys are those of Mailgun's pages, typed out here once more."""

from __future__ import annotations

import pytest
from answers import unhurried
from hypothesis import given
from hypothesis import strategies as st

from mgframe.errors import QueryError
from mgframe.vocabulary import (
    ALL_COUNTS,
    BOUNCE_COUNTS,
    COUNTS,
    DELIVERY_LAG_HOURS,
    ENGAGEMENT_LAG_HOURS,
    EVENTS,
    KEYS,
    NO_FEEDBACK_LOOP,
    RATES,
    RETENTION_DAYS,
    USAGE_COUNTS,
    count_name,
    counts_of,
    events_for,
    in_order,
    rate_name,
)

#: Column: Stats path, Metrics name.
FIELDS = """
accepted_incoming           accepted.incoming                     accepted_incoming_count
accepted_outgoing           accepted.outgoing                     accepted_outgoing_count
accepted                    accepted.total                        accepted_count
delivered_smtp              delivered.smtp                        delivered_smtp_count
delivered_http              delivered.http                        delivered_http_count
delivered_optimized         delivered.optimized                   delivered_optimized_count
delivered                   delivered.total                       delivered_count
temporary_failed_esp_block  failed.temporary.espblock             temporary_failed_esp_block_count
rate_limit                  -                                     rate_limit_count
temporary_failed            failed.temporary.total                temporary_failed_count
suppressed_bounces          failed.permanent.suppress-bounce      suppressed_bounces_count
suppressed_unsubscribed     failed.permanent.suppress-unsubscribe suppressed_unsubscribed_count
suppressed_complaints       failed.permanent.suppress-complaint   suppressed_complaints_count
hard_bounces                failed.permanent.bounce               hard_bounces_count
delayed_bounce              failed.permanent.delayed-bounce       delayed_bounce_count
webhook                     failed.permanent.webhook              webhook_count
permanent_failed_optimized  failed.permanent.optimized            permanent_failed_optimized_count
permanent_failed            failed.permanent.total                permanent_failed_count
failed                      -                                     failed_count
bounced                     -                                     bounced_count
sent                        -                                     sent_count
processed                   -                                     processed_count
stored                      stored.total                          stored_count
opened                      opened.total                          opened_count
unique_opened               opened.unique                         unique_opened_count
clicked                     clicked.total                         clicked_count
unique_clicked              clicked.unique                        unique_clicked_count
unsubscribed                unsubscribed.total                    unsubscribed_count
complained                  complained.total                      complained_count
soft_bounces                -                                     soft_bounces_count
permanent_failed_old        -                                     permanent_failed_old_count
permanent_failed_esp_block  -                                     permanent_failed_esp_block_count
delivered_first_attempt     -                                     delivered_first_attempt_count
delayed_first_attempt       -                                     delayed_first_attempt_count
delivered_two_plus_attempts -                                     delivered_two_plus_attempts_count
"""

#: Rate: numerator, denominator, Mailgun's own name.
RATE_TABLE = """
delivery_rate                  delivered                     sent           delivered_rate
bounce_rate                    bounced                       processed      bounce_rate
hard_bounce_rate               hard_bounces                  processed      -
soft_bounce_rate               soft_bounces                  processed      -
block_rate                     permanent_failed_esp_block    processed      -
expired_rate                   permanent_failed_old          processed      -
permanent_failure_rate         permanent_failed              processed      permanent_fail_rate
deferral_rate                  delayed_first_attempt         processed    delayed_first_attempt_rate
delay_rate                     delivered_two_plus_attempts   delivered      delayed_rate
temporary_failures_per_message temporary_failed              processed      temporary_fail_rate
suppression_rate               *                             processed      -
open_rate                      unique_opened                 delivered      unique_opened_rate
click_rate                     unique_clicked                delivered      unique_clicked_rate
total_open_rate                opened                        delivered      opened_rate
total_click_rate               clicked                       delivered      clicked_rate
click_to_open_rate             unique_clicked                unique_opened  -
unsubscribe_rate               unsubscribed                  delivered      unsubscribed_rate
complaint_rate                 complained                    delivered      complained_rate
"""
SUPPRESSED = ("suppressed_bounces", "suppressed_unsubscribed", "suppressed_complaints")
ENGAGEMENT = {"opened", "clicked", "unique_opened", "unique_clicked", "unsubscribed", "complained"}


def rows(text: str) -> list[list[str]]:
    return [
        ["" if cell == "-" else cell for cell in line.split()] for line in text.split("\n") if line
    ]


@pytest.mark.parametrize(("name", "path", "metric"), rows(FIELDS))
def test_a_count_has_its_stats_path_and_its_metrics_name(name: str, path: str, metric: str) -> None:
    assert ".".join(COUNTS[name].path) == path
    assert COUNTS[name].metric == metric


def test_there_is_no_count_beside_the_map() -> None:
    assert set(COUNTS) == {row[0] for row in rows(FIELDS)}


@pytest.mark.parametrize(("name", "numerator", "denominator", "mailgun"), rows(RATE_TABLE))
def test_a_rate_has_mailguns_denominator(
    name: str, numerator: str, denominator: str, mailgun: str
) -> None:
    rate = RATES[name]
    assert rate.numerator == (SUPPRESSED if numerator == "*" else (numerator,))
    assert rate.denominator == denominator
    assert rate.mailgun == mailgun
    assert {*rate.numerator, rate.denominator} <= set(COUNTS)
    assert rate.label
    assert "%" not in rate.label


def test_there_is_no_rate_beside_the_table_and_they_are_in_its_order() -> None:
    assert list(RATES) == [row[0] for row in rows(RATE_TABLE)]


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("bounce_rate", "bounced / processed"),
        (
            "suppression_rate",
            "(suppressed_bounces + suppressed_unsubscribed + suppressed_complaints) / processed",
        ),
    ],
)
def test_a_formula_is_written_in_columns(name: str, formula: str) -> None:
    assert RATES[name].formula == formula


def test_rates_of_attempts_and_repeated_events_are_no_proportions() -> None:
    assert {name for name, rate in RATES.items() if not rate.proportion} == {
        "temporary_failures_per_message",
        "total_open_rate",
        "total_click_rate",
    }


def test_rates_of_engagement_are_counted_when_it_happens() -> None:
    by_numerator = {name for name, rate in RATES.items() if set(rate.numerator) <= ENGAGEMENT}
    assert {name for name, rate in RATES.items() if rate.event_time} == by_numerator


FORMULAS = {
    "failed": "temporary_failed + permanent_failed",
    "bounced": "permanent_failed - suppressed_bounces - suppressed_unsubscribed "
    "- suppressed_complaints",
    "sent": "delivered + permanent_failed - suppressed_bounces - suppressed_unsubscribed "
    "- suppressed_complaints",
    "processed": "delivered + permanent_failed - webhook - delayed_bounce",
    "delayed_first_attempt": "delivered_two_plus_attempts + permanent_failed_old",
}


def test_derived_counts_have_mailguns_formulas() -> None:
    assert {n: c.formula for n, c in COUNTS.items() if c.formula} == FORMULAS
    assert COUNTS["failed"].terms == [(1, "temporary_failed"), (1, "permanent_failed")]
    assert COUNTS["bounced"].terms == [(1, "permanent_failed"), *((-1, s) for s in SUPPRESSED)]
    assert COUNTS["delivered"].terms == []


def test_columns_begin_with_what_matters() -> None:
    first = "processed sent delivered bounced complained unique_opened unique_clicked unsubscribed"
    assert list(COUNTS)[:8] == first.split()


@unhurried
@given(st.permutations([*ALL_COUNTS, "own", "another"]))
def test_order_is_that_of_the_table_and_own_columns_come_last(names: list[str]) -> None:
    ordered = in_order(names)
    assert ordered[:-2] == list(ALL_COUNTS)
    assert ordered[-2:] == [name for name in names if name in ("own", "another")]


USAGE = """processed email_validation email_validation_public email_validation_valid
    email_validation_single email_validation_bulk email_validation_list email_validation_mailgun
    email_validation_mailjet email_preview email_preview_failed link_validation
    link_validation_failed seed_test ip_blocklist_monitoring domain_blocklist_monitoring
    accessibility accessibility_failed image_validation image_validation_failed archived"""
BOUNCES = """classified_failures critical_bounce non_critical_bounce critical_delay
    non_critical_delay delivered_smtp"""


def test_usage_and_classified_bounces_have_counts_of_their_own() -> None:
    assert list(USAGE_COUNTS) == USAGE.split()
    assert list(BOUNCE_COUNTS) == BOUNCES.split()
    assert list(ALL_COUNTS) == list(dict.fromkeys([*COUNTS, *USAGE_COUNTS, *BOUNCE_COUNTS]))
    assert set(USAGE_COUNTS) & set(COUNTS) == {"processed"}
    assert set(BOUNCE_COUNTS) & set(COUNTS) == {"delivered_smtp"}
    for table in (COUNTS, USAGE_COUNTS, BOUNCE_COUNTS):
        assert all(ALL_COUNTS[name] is count for name, count in table.items())
    assert USAGE_COUNTS["seed_test"].metric == "seed_test_count"


def test_every_entry_says_what_it_is_and_where_that_is_written() -> None:
    for entry in (*ALL_COUNTS.values(), *KEYS.values()):
        assert entry.label
        assert entry.meaning.endswith(".")
    pages = {"metric-definitions", "rate-definitions", "dimensions", "openapi", "mgframe"}
    assert {e.source for e in (*ALL_COUNTS.values(), *RATES.values(), *KEYS.values())} <= pages
    for table in (ALL_COUNTS, COUNTS, USAGE_COUNTS, BOUNCE_COUNTS, RATES, KEYS):
        assert [entry.name for entry in table.values()] == list(table)


def test_engagement_settles_in_three_days_and_delivery_in_eight_hours() -> None:
    assert (DELIVERY_LAG_HOURS, ENGAGEMENT_LAG_HOURS) == (8, 72)
    assert {n for n, c in COUNTS.items() if c.lag == 72} == ENGAGEMENT
    assert {c.lag for c in COUNTS.values()} == {8, 72}
    assert {n for n, c in COUNTS.items() if c.unique} == {"unique_opened", "unique_clicked"}
    assert all("7-day" in COUNTS[n].label for n in ("unique_opened", "unique_clicked"))
    assert all("7-day" in RATES[n].label for n in ("open_rate", "click_rate", "click_to_open_rate"))


def test_hours_live_sixty_days_and_days_a_year() -> None:
    assert RETENTION_DAYS == {"hour": 60, "day": 365}


def test_keys_are_those_of_both_apis_and_their_meaningless_counts_are_named() -> None:
    names = """account region domain subaccount ip ip_pool provider recipient_domain
        recipient_provider country device tag bot
        entity criticality severity category group age as_of_age total"""
    assert list(KEYS) == names.split()
    delivery = set(COUNTS) - ENGAGEMENT
    assert KEYS["ip"].lacks == {"accepted", "accepted_incoming", "accepted_outgoing"}
    for name in ("country", "device", "bot"):
        assert KEYS[name].lacks == delivery
    assert all(bool(key.lacks) == bool(key.reason) for key in KEYS.values())
    assert {"gmail.com", "Gmail", "Google Workspace"} <= NO_FEEDBACK_LOOP


# ---------------------------------------------------------------- names and events


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_is_taken_with_and_without_its_ending(name: str) -> None:
    assert count_name(name) == count_name(f"{name}_count") == name


@pytest.mark.parametrize("name", RATES)
def test_a_rate_is_taken_by_either_name(name: str) -> None:
    assert rate_name(name) == name
    assert rate_name(RATES[name].mailgun or name) == name


def test_a_wrong_name_is_answered_with_the_nearest_right_one() -> None:
    with pytest.raises(
        QueryError,
        match=r"^'hard_bounce_count' is no count; did you mean 'hard_bounces'\?; see mg\.explain",
    ):
        count_name("hard_bounce_count")
    with pytest.raises(
        QueryError,
        match=r"^'Delivery_rate' is no rate; did you mean 'delivery_rate'\?; see mg\.explain\(\)$",
    ):
        rate_name("Delivery_rate")
    with pytest.raises(QueryError, match=r"^'zzz' is no count; see mg\.explain\(\)$"):
        count_name("zzz")


def test_events_bring_their_counts_and_counts_need_their_events() -> None:
    assert counts_of(["opened"]) == ["unique_opened", "opened"]
    assert len(counts_of(EVENTS)) == 24
    assert events_for(["unique_opened"]) == ["opened"]
    assert events_for(["processed"]) == ["delivered", "failed"]
    assert events_for(["sent", "complained"]) == ["delivered", "failed", "complained"]
    assert events_for(["soft_bounces", "own"]) == []
    assert events_for(COUNTS) == list(EVENTS)
