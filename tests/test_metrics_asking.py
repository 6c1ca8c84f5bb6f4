"""Questions to the Metrics API: what is sent, what is not, and what is refused before sending."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from answers import unhurried
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_answers import ENGAGEMENT, NOW, SUMS, Account, Session, client_of

import mgframe as mg
from mgframe.errors import QueryError
from mgframe.metrics_asking import (
    METRICS_KEYS,
    Query,
    read_by,
    read_counts,
    read_metrics_window,
    read_predicates,
    read_subaccounts,
)
from mgframe.timespan import Window
from mgframe.vocabulary import COUNTS, KEYS, RATES, USAGE_COUNTS

DAY = Window(pd.Timestamp("2026-11-02", tz="UTC"), pd.Timestamp("2026-11-15", tz="UTC"), "day")
counts = st.lists(st.sampled_from(list(COUNTS)), min_size=1, unique=True)


def query(counts: list[str], **more: Any) -> Query:
    client = client_of(Session(Account([])))
    return Query(client, tuple(counts), more.pop("keys", ()), more.pop("window", DAY), **more)


def refused(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(QueryError) as raised:
        call(*args, **kwargs)
    return str(raised.value)


def asked(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
    """Return the questions that a call of mg.metrics sends."""
    session = Session(Account([]))
    mg.metrics(*args, client=client_of(session), **kwargs)
    return session.asked


# ---------------------------------------------------------------- the counts of a request


@unhurried
@given(counts)
def test_counts_come_in_as_few_requests_as_the_limit_allows(chosen: list[str]) -> None:
    chunks = query(chosen).chunks()
    sent = [name for chunk in chunks for name in chunk]
    follow = {name for name in chosen if set(SUMS.get(name, [""])) <= set(chosen)}
    assert sent == [name for name in COUNTS if name in chosen and name not in follow]
    assert len(chunks) == -(-len(sent) // 10)
    assert all(len(chunk) <= 10 for chunk in chunks)


def test_a_sum_is_asked_where_a_part_of_it_is_not() -> None:
    assert query(["failed", "permanent_failed"]).chunks() == [("failed", "permanent_failed")]
    assert query(["failed", "permanent_failed", "temporary_failed"]).chunks() == [
        ("permanent_failed", "temporary_failed")
    ]


def test_the_default_is_every_count_that_a_rate_needs_and_the_keys_have() -> None:
    needed = {part for rate in RATES.values() for part in (*rate.numerator, rate.denominator)}
    assert read_counts(None) == tuple(name for name in COUNTS if name in needed)
    engaged = [name for name in COUNTS if name in ENGAGEMENT]
    for key in ("country", "device", "bot"):
        assert read_counts(None, (key, "domain")) == tuple(engaged)
    assert set(read_counts(None, ("ip",))) == needed - KEYS["ip"].lacks


@pytest.mark.parametrize("name", RATES)
def test_a_rate_stands_for_the_counts_it_needs(name: str) -> None:
    rate = RATES[name]
    needed = {*rate.numerator, rate.denominator}
    assert set(read_counts(name)) == needed
    assert read_counts(rate.mailgun or name) == read_counts([name])


def test_counts_are_taken_in_any_order_and_spelling() -> None:
    given = ["clicked_count", "delivered", "open_rate", "delivered_count"]
    assert read_counts(given) == ("delivered", "unique_opened", "clicked")
    assert read_counts("delivered") == ("delivered",)
    assert read_counts(iter(["sent"])) == ("sent",)


@pytest.mark.parametrize(
    ("chosen", "keys", "words"),
    [
        ("hard_bounce", (), "'hard_bounce' is no count; did you mean 'hard_bounces'?"),
        ("bounce_rat", (), "'bounce_rat' is no count; did you mean 'bounce_rate'?"),
        (["delivered", "zzz"], (), "'zzz' is no count; see mg.explain()"),
        ("email_validation", (), "'email_validation' is no count"),
        ([], (), "counts is empty"),
        (
            "delivery_rate",
            ("country",),
            "'delivery_rate', which needs 'delivered', by country has no meaning: only opens",
        ),
        ("open_rate", ("bot",), "'open_rate', which needs 'delivered', by bot has no meaning"),
        ("unique_opened_rate", ("device",), "which needs 'delivered', by device has no meaning"),
        ("accepted", ("domain", "ip"), "'accepted' by ip has no meaning: a message has no sending"),
        ("delivered_count", ("country",), "'delivered_count', which needs 'delivered', by country"),
    ],
)
def test_counts_that_do_not_exist_or_have_no_such_key_are_refused(
    chosen: Any, keys: tuple[str, ...], words: str
) -> None:
    assert words in refused(read_counts, chosen, keys)


def test_a_rate_without_the_key_that_it_is_filtered_by_is_refused_too() -> None:
    client = client_of(Session(Account([])))
    said = refused(mg.metrics, "delivery_rate", where={"country": "de"}, client=client)
    assert "by country has no meaning" in said


def test_usage_has_counts_of_its_own() -> None:
    assert read_counts("seed_test_count", among=USAGE_COUNTS) == ("seed_test",)
    said = refused(read_counts, "email_validations", among=USAGE_COUNTS)
    assert "did you mean 'email_validation'?" in said
    assert "'delivered' is no count" in refused(read_counts, "delivered", among=USAGE_COUNTS)
    assert "is no count" in refused(read_counts, "bounce_rate", among=USAGE_COUNTS)


# ---------------------------------------------------------------- keys


def test_two_keys_fit_beside_time_and_three_without() -> None:
    assert read_by(None, timed=True) == ()
    assert read_by("tag", timed=True) == ("tag",)
    assert read_by(["tag", "domain"], timed=True) == ("tag", "domain")
    assert read_by(("tag", "domain", "ip"), timed=False) == ("tag", "domain", "ip")


@pytest.mark.parametrize(
    ("by", "timed", "words"),
    [
        (["domain", "ip", "tag"], True, "takes 2 here; resolution='total'"),
        (["domain", "ip", "tag", "bot"], False, "takes 3 here; or ask twice"),
        (["domain", "domain"], True, "names a key twice"),
        ("domian", True, "'domian' is no key of the Metrics API; did you mean 'domain'?; the keys"),
        ("provider", True, "'recipient_domain' (gmail.com) or 'recipient_provider' (Gmail)"),
        ("time", True, "time is there anyway; resolution='total' leaves it out"),
        ("account", True, "leave by= out for the whole account"),
        ("region", True, "ask regions=['us', 'eu']"),
        (["ip", "day"], True, "resolution='day'"),
        ("", True, "'' is no key"),
        (7, True, "7 is no key"),
        ([["domain"]], True, "['domain'] is no key"),
    ],
)
def test_keys_that_do_not_exist_or_are_too_many_are_refused(
    by: Any, timed: bool, words: str
) -> None:
    said = refused(read_by, by, timed=timed)
    assert words in said
    assert said.startswith(f"by={by!r}")


def test_subaccounts_are_included_where_they_are_named() -> None:
    where = read_predicates({"subaccount": "5f01"})
    assert not read_subaccounts(None, ("domain",), ())
    assert read_subaccounts(None, ("subaccount",), ())
    assert read_subaccounts(None, (), where)
    assert read_subaccounts(True, (), ())
    assert not read_subaccounts(False, ("subaccount",), where)
    assert "include_subaccounts" not in asked("delivered")[0]
    assert asked("delivered", by="subaccount")[0]["include_subaccounts"] is True


# ---------------------------------------------------------------- filters as sent


@pytest.mark.parametrize(
    ("where", "sent"),
    [
        ({"domain": "News.Example.COM"}, ["news.example.com"]),
        ({"country": ["de", "US"]}, ["DE", "US"]),
        ({"country": "unknown"}, ["Unknown", "unknown"]),
        ({"device": ["mobile", "Mobile"]}, ["mobile", "Mobile"]),
        ({"device": "Unknown"}, ["Unknown", "unknown"]),
        ({"recipient_provider": ["Gmail", "unknown"]}, ["Gmail", "Unknown", "unknown"]),
        ({"tag": ["Unknown", "News"]}, ["Unknown", "News"]),
        ({"recipient_domain": mg.contains("GMail")}, ["gmail"]),
        ({"ip_pool": "Pool-A"}, ["Pool-A"]),
    ],
)
def test_a_filter_is_sent_in_mailguns_spelling(where: Any, sent: list[str]) -> None:
    predicate = read_predicates(where)[0]
    assert [value["value"] for value in predicate["values"]] == sent
    assert [value["label"] for value in predicate["values"]] == sent


@pytest.mark.filterwarnings("ignore:nothing matches")
def test_filters_are_joined_by_and_and_none_is_sent_without_one() -> None:
    where = {"tag": mg.not_contains("test"), "domain": ["a.com", "b.com"]}
    sent = asked("delivered", where=where)[0]["filter"]
    assert sent == {
        "AND": [
            {
                "attribute": "domain",
                "comparator": "=",
                "values": [{"label": n, "value": n} for n in ("a.com", "b.com")],
            },
            {
                "attribute": "tag",
                "comparator": "not contains",
                "values": [{"label": "test", "value": "test"}],
            },
        ]
    }
    assert "filter" not in asked("delivered")[0]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"domain": []}, "has an empty list"),
        ({"time": "x"}, "has the key 'time', which is none"),
        ({"domains": "x"}, "did you mean 'domain'?"),
        ({"tag": {"like": "x"}}, "has the comparator 'like'"),
    ],
)
def test_a_wrong_filter_is_refused_and_nothing_sent(where: Any, words: str) -> None:
    session = Session(Account([]))
    assert words in refused(mg.metrics, "delivered", where=where, client=client_of(session))
    assert not session.asked


# ---------------------------------------------------------------- windows


def window_of(**words: Any) -> tuple[str, str, str, bool]:
    names = ("start", "end", "last", "period", "duration", "tz")
    found, timed = read_metrics_window(
        client_of(Session(Account([]))),
        words.pop("resolution", None),
        partial=words.pop("partial", False),
        **{**dict.fromkeys(names), **words},
    )
    return f"{found.start:%Y-%m-%d %H}", f"{found.end:%Y-%m-%d %H}", found.resolution, timed


def test_windows_are_those_of_the_stats_api() -> None:
    assert window_of() == ("2026-11-09 00", "2026-11-15 00", "day", True)
    assert window_of(last="3h") == ("2026-11-16 06", "2026-11-16 08", "hour", True)
    assert window_of(last="1d", resolution="hour")[:2] == ("2026-11-15 09", "2026-11-16 08")
    assert window_of(period="2026-10", resolution="month")[:2] == ("2026-10-01 00",) * 2
    assert window_of(resolution="total") == ("2026-11-09 00", "2026-11-15 00", "day", False)


def test_a_duration_goes_back_from_the_end_and_sets_no_resolution() -> None:
    assert window_of(duration="24h") == ("2026-11-15 00", "2026-11-16 00", "day", True)
    assert window_of(duration="24h", resolution="hour")[:2] == ("2026-11-15 09", "2026-11-16 09")
    sent = asked("delivered", duration="24h", resolution="hour")[0]
    assert (sent["duration"], sent["end"]) == ("24h", "Mon, 16 Nov 2026 09:00:00 +0000")
    assert "start" not in sent


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"start": "2026-08-01", "end": "2026-09-15", "resolution": "hour"}, "keeps hours for 60"),
        ({"start": "2025-01-01", "end": "2025-10-31"}, "keeps days for 365 days, since 2025-11-16"),
        ({"period": "2025-Q1", "resolution": "total"}, "keeps days for 365 days"),
        ({"resolution": "week"}, "resolution must be 'hour', 'day', 'month' or 'total'"),
        ({"resolution": "totl"}, "got 'totl'; did you mean 'total'?"),
        ({"resolution": "minute"}, "df.mg.resample('W')"),
    ],
)
def test_a_window_that_mailgun_has_forgotten_or_does_not_know_is_refused(
    words: dict[str, Any], said: str
) -> None:
    session = Session(Account([]))
    assert said in refused(mg.metrics, client=client_of(session), **words)
    assert not session.asked


def test_months_are_kept_for_good() -> None:
    assert window_of(start="2013-01", end="2013-03", resolution="month")[2] == "month"


# ---------------------------------------------------------------- the request


def test_a_request_is_whole_and_says_how_its_rows_are_sorted() -> None:
    first, *others = asked(["delivered", "sent"], by=["tag", "domain"], last="2d")
    assert not others
    assert first == {
        "start": "Sat, 14 Nov 2026 00:00:00 +0000",
        "end": "Sun, 15 Nov 2026 00:00:00 +0000",
        "resolution": "day",
        "dimensions": ["time", "tag", "domain"],
        "metrics": ["sent_count", "delivered_count"],
        "pagination": {"sort": "time:asc", "skip": 0, "limit": 1500},
    }


def test_a_total_has_no_time_and_pages_of_a_thousand() -> None:
    sent = asked("delivered", by=["tag", "domain", "ip"], last="2d", resolution="total")[0]
    assert sent["dimensions"] == ["tag", "domain", "ip"]
    assert sent["pagination"] == {"sort": "tag:asc", "skip": 0, "limit": 1000}
    assert asked("delivered", resolution="total")[0]["pagination"]["sort"] == ""


@pytest.mark.filterwarnings("ignore:nothing matches")
@settings(unhurried, max_examples=25)
@given(counts, st.permutations(["a.com", "b.com"]), st.sampled_from([None, "domain", "tag"]))
def test_the_same_question_gives_the_same_bodies(
    chosen: list[str], domains: list[str], by: str | None
) -> None:
    words: dict[str, Any] = {"by": by, "where": {"domain": sorted(domains)}, "last": "30d"}
    first, second = Session(Account([])), Session(Account([]))
    mg.metrics(chosen, client=client_of(first), **words)
    mg.metrics(reversed(chosen), client=client_of(second), **words)
    assert sorted(first.bodies) == sorted(second.bodies)
    assert all(body == json.dumps(json.loads(body), separators=(",", ":")).encode()
               for body in first.bodies)  # fmt: skip


def test_the_body_does_not_change_within_an_hour() -> None:
    bodies = []
    for minute in (1, 59):
        session = Session(Account([]))
        client = mg.Client(
            "key-0123",
            base_url="http://127.0.0.1:9",
            session=session,  # type: ignore[arg-type]
            clock=lambda minute=minute: NOW.replace(minute=minute),
        )
        mg.metrics("delivered", last="24h", client=client)
        bodies += session.bodies
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    ("resolution", "where", "keys", "rows"),
    [
        ("day", {}, (), 14),
        ("day", {"domain": ["a.com", "b.com"]}, ("domain",), 28),
        ("day", {"domain": ["a.com", "b.com"], "tag": ["x", "y", "z"]}, ("domain", "tag"), 84),
        ("day", {"domain": ["a.com", "b.com"]}, ("domain", "tag"), None),
        ("day", {"domain": mg.contains("a")}, ("domain",), None),
        ("day", {"domain": mg.is_not("a.com")}, ("domain",), None),
        ("hour", {}, (), 24 * 13 + 1),
        ("total", {"domain": ["a.com", "b.com"]}, ("domain",), 2),
        ("total", {}, (), 1),
    ],
)
def test_how_many_rows_there_can_be_is_known_where_a_filter_names_all_keys(
    resolution: str, where: Any, keys: tuple[str, ...], rows: int | None
) -> None:
    window = Window(DAY.start, DAY.end, "hour" if resolution == "hour" else "day")
    found = query(
        ["delivered"],
        keys=keys,
        window=window,
        timed=resolution != "total",
        predicates=tuple(read_predicates(where)),
    )
    assert found.at_most() == rows


@pytest.mark.parametrize("months", [1, 2, 11, 12, 13, 60, 155])
def test_months_are_counted_by_the_calendar(months: int) -> None:
    grid = pd.date_range("2013-01-01", periods=months, freq="MS", tz="UTC")
    window = Window(grid[0], grid[-1], "month")
    assert query(["delivered"], window=window).at_most() == months


def test_every_key_can_be_asked() -> None:
    assert set(METRICS_KEYS) <= set(KEYS)
    for key in METRICS_KEYS:
        assert asked("opened", by=key)[0]["dimensions"] == ["time", key]
