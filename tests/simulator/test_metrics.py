from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from mgframe.simulator.audience import PROVIDER_OF
from mgframe.simulator.counters import COUNT_NAMES
from mgframe.simulator.faults import Fault
from mgframe.simulator.metric_names import REGULAR
from mgframe.simulator.model import NOW, Model
from mgframe.simulator.server import Simulator
from mgframe.simulator.windows import Window, parse_window
from mgframe.vocabulary import COUNTS, EVENTS, NO_KEY

PATH = "/v1/analytics/metrics"
SHARED = [count for count in COUNTS.values() if count.path]


@pytest.fixture(scope="module")
def account() -> Model:
    return Model(days=90)


@pytest.fixture(scope="module")
def app(account: Model) -> Simulator:
    return Simulator(account)


def ask(app: Simulator, body: Any, path: str = PATH, **headers: str) -> TestResponse:
    text = body if isinstance(body, str) else json.dumps(body)
    return Client(app).post(path, data=text, auth=("api", "key-simulated"), headers=headers)


def answer(app: Simulator, body: Mapping[str, Any], path: str = PATH, **headers: str) -> Any:
    response = ask(app, body, path, **headers)
    assert response.status_code == 200, response.text
    return response.get_json()


def rows(payload: Any) -> dict[tuple[str, ...], dict[str, Any]]:
    found = {
        tuple(part["value"] for part in item["dimensions"]): item["metrics"]
        for item in payload["items"]
    }
    assert len(found) == len(payload["items"]), "a row came twice"
    return found


def predicate(attribute: str, comparator: str, *values: str) -> dict[str, Any]:
    return {
        "attribute": attribute,
        "comparator": comparator,
        "values": [{"label": value, "value": value} for value in values],
    }


def text_of(moment: np.datetime64) -> str:
    naive = moment.astype("datetime64[s]").item()
    return format_datetime(naive.replace(tzinfo=UTC))


def windows(most_days: int = 12) -> st.SearchStrategy[Window]:
    return st.builds(
        lambda end, hours, resolution: parse_window(
            NOW, start=str(end - 3600 * hours), end=str(end), resolution=resolution
        ),
        st.integers(int(NOW.timestamp()) - 75 * 86400, int(NOW.timestamp()) + 86400),
        st.integers(0, most_days * 24),
        st.sampled_from(["hour", "day", "month"]),
    )


def asked(window: Window, metrics: Sequence[str], *keys: str, **more: Any) -> dict[str, Any]:
    return {
        "start": text_of(window.starts[0]),
        "end": text_of(window.starts[-1]),
        "resolution": window.resolution,
        "dimensions": list(keys),
        "metrics": list(metrics),
        **more,
    }


def every_page(app: Simulator, body: Mapping[str, Any], limit: int, **sort: str) -> Iterator[Any]:
    skip = 0
    while True:
        page = answer(app, {**body, "pagination": {"skip": skip, "limit": limit, **sort}})
        yield page
        skip += limit
        if skip >= page["pagination"]["total"]:
            return


def whole(app: Simulator, body: Mapping[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    limit = 1500 if "time" in body["dimensions"] else 1000
    pages = [rows(page) for page in every_page(app, body, limit)]
    merged = {key: row for page in pages for key, row in page.items()}
    assert len(merged) == sum(map(len, pages)), "a row came on two pages"
    return merged


# ---------------------------------------------------------------- the numbers


@settings(max_examples=20)
@given(windows(), st.sampled_from([None, "news.example.com", "shop.example.com"]))
def test_metrics_and_stats_have_the_same_numbers(
    app: Simulator, window: Window, domain: str | None
) -> None:
    events = "&".join(f"event={event}" for event in EVENTS)
    start, end = (int(window.starts[i].astype("datetime64[s]").astype(int)) for i in (0, -1))
    place = f"/v3/{domain}" if domain else "/v3"
    path = f"{place}/stats/total?{events}&start={start}&end={end}&resolution={window.resolution}"
    stats = Client(app).get(path, auth=("api", "key-simulated")).get_json()["stats"]
    more = {"filter": {"AND": [predicate("domain", "=", domain)]}} if domain else {}
    metrics = [count.metric for count in SHARED]
    found = whole(app, asked(window, metrics, "time", **more))
    for item in stats:
        row = found.pop((item["time"].replace("UTC", "+0000"),), dict.fromkeys(metrics, 0))
        for count in SHARED:
            value = item
            for step in count.path:
                value = value.get(step, 0)
            assert row[count.metric] == value, (item["time"], count.name)
    assert not found


APART = ["domain", "subaccount", "recipient_domain", "recipient_provider", "country", "device"]
TEXTS = [
    "a",
    "mail",
    "example.com",
    "Unknown",
    "US",
    "desktop",
    "Gmail",
    "gmail.com",
    "(none)",
    "O",
]
TEXTS += ["Apple", "None"]


def fits(text: str, comparator: str, values: Sequence[str]) -> bool:
    if comparator.endswith("contains"):
        return any(value in text for value in values) != comparator.startswith("not")
    return (text in values) == (comparator == "=")


@settings(max_examples=25)
@given(
    windows(6),
    st.lists(st.sampled_from([*APART, "bot"]), max_size=2, unique=True),
    st.sampled_from([*APART, "bot"]),
    st.sampled_from(["=", "!=", "contains", "not contains"]),
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3, unique=True),
    st.booleans(),
)
def test_a_filter_keeps_the_rows_that_a_loop_over_all_rows_would_keep(
    app: Simulator,
    window: Window,
    keys: list[str],
    attribute: str,
    comparator: str,
    values: list[str],
    timed: bool,
) -> None:
    metrics = ["processed_count", "opened_count", "complained_count"]
    dimensions = [*(["time"] if timed else []), *keys]
    if attribute in keys or len(dimensions) == 3:
        return
    filtered = {"filter": {"AND": [predicate(attribute, comparator, *values)]}}
    found = whole(app, asked(window, metrics, *dimensions, **filtered))
    expected: dict[tuple[str, ...], list[int]] = {}
    for key, row in whole(app, asked(window, metrics, *dimensions, attribute)).items():
        if fits(key[-1], comparator, values):
            total = expected.setdefault(key[:-1], [0] * len(metrics))
            expected[key[:-1]] = [a + row[name] for a, name in zip(total, metrics, strict=True)]
    assert {key: list(row.values()) for key, row in found.items()} == expected


def total(app: Simulator, *predicates: dict[str, Any]) -> dict[str, int]:
    body = {"metrics": ["processed_count", "accepted_count"], "filter": {"AND": [*predicates]}}
    (row,) = answer(app, body)["items"] or [{"metrics": {"accepted_count": 0}}]
    return row["metrics"]


def test_what_a_filter_keeps_and_what_its_opposite_keeps_is_everything(app: Simulator) -> None:
    everything = total(app)
    for attribute, value in (
        ("tag", "newsletter"),
        ("tag", "Untagged"),
        ("ip", "203.0.113.11"),
        ("ip_pool", "66f0b1d2c7a94e5f80213b6c"),
        ("recipient_provider", "Google Workspace"),
    ):
        for positive, negative in (("=", "!="), ("contains", "not contains")):
            one = total(app, predicate(attribute, positive, value))
            other = total(app, predicate(attribute, negative, value))
            assert one["processed_count"] > 0
            for name, count in everything.items():
                assert one[name] + other[name] == count, (attribute, negative)


def test_a_message_with_two_tags_passes_a_filter_for_both(app: Simulator) -> None:
    both = total(app, predicate("tag", "=", "weekly"), predicate("tag", "=", "newsletter"))
    assert both == total(app, predicate("tag", "=", "weekly"))
    without = total(app, predicate("tag", "=", "newsletter"), predicate("tag", "!=", "weekly"))
    newsletter = total(app, predicate("tag", "=", "newsletter"))
    assert without["processed_count"] == newsletter["processed_count"] - both["processed_count"]
    assert without == total(app, predicate("tag", "=", "stories"))


def test_mail_without_a_tag_is_untagged_and_has_no_ip_when_accepted(app: Simulator) -> None:
    metrics = ["accepted_count", "processed_count", "stored_count"]
    by_tag = rows(answer(app, {"metrics": metrics, "dimensions": ["tag"], **page(1000)}))
    assert by_tag["Untagged",]["stored_count"] > 0
    by_ip = rows(answer(app, {"metrics": metrics, "dimensions": ["ip"], **page(1000)}))
    assert {row["accepted_count"] for row in by_ip.values()} == {0}
    assert all(row["processed_count"] > 0 for row in by_ip.values())


def page(limit: int, **more: Any) -> dict[str, Any]:
    return {"pagination": {"limit": limit, **more}}


def test_a_provider_is_the_sum_of_its_recipient_domains(app: Simulator) -> None:
    body = {"metrics": ["delivered_count", "complained_count"], **page(1000)}
    domains = rows(answer(app, {**body, "dimensions": ["recipient_domain"]}))
    providers = rows(answer(app, {**body, "dimensions": ["recipient_provider"]}))
    for (provider,), row in providers.items():
        own = [r for (d,), r in domains.items() if PROVIDER_OF.get(d, "Other") == provider]
        assert row["delivered_count"] == sum(r["delivered_count"] for r in own)
    sent = {name: row["delivered_count"] for (name,), row in providers.items()}
    share = (sent["Google Workspace"] + sent["Outlook 365"] + sent["Other"]) / sum(sent.values())
    assert 0.05 < share < 0.12
    assert providers["Gmail",]["complained_count"] == 0
    assert providers["Google Workspace",]["complained_count"] == 0


RATES = {
    "delivered_rate": ("delivered_count", "sent_count"),
    "opened_rate": ("opened_count", "delivered_count"),
    "clicked_rate": ("clicked_count", "delivered_count"),
    "unique_opened_rate": ("unique_opened_count", "delivered_count"),
    "unique_clicked_rate": ("unique_clicked_count", "delivered_count"),
    "unsubscribed_rate": ("unsubscribed_count", "delivered_count"),
    "complained_rate": ("complained_count", "delivered_count"),
    "bounce_rate": ("bounced_count", "processed_count"),
    "fail_rate": ("failed_count", "processed_count"),
    "permanent_fail_rate": ("permanent_failed_count", "processed_count"),
    "temporary_fail_rate": ("temporary_failed_count", "processed_count"),
    "delayed_rate": ("delivered_two_plus_attempts_count", "delivered_count"),
    "delayed_first_attempt_rate": ("delayed_first_attempt_count", "processed_count"),
}


def test_rates_are_texts_of_four_decimals_and_zero_where_nothing_is_divided(app: Simulator) -> None:
    assert set(RATES) == {name for name in REGULAR.metrics if name.endswith("_rate")}
    counts = sorted({name for pair in RATES.values() for name in pair})
    body = {"dimensions": ["country"], "metrics": [*RATES, *counts], **page(1000)}
    for row in rows(answer(app, body)).values():
        for name, (top, bottom) in RATES.items():
            rate = row[top] / row[bottom] if row[bottom] else 0
            assert row[name] == f"{rate:.4f}"


def test_retention_leaves_old_rows_out() -> None:
    app = Simulator(Model(domains=1, days=380))
    for resolution, days, oldest in (
        ("hour", 60, "Thu, 17 Sep 2026 09:00:00 +0000"),
        ("day", 365, "Sun, 16 Nov 2025 00:00:00 +0000"),
    ):
        start = format_datetime(NOW - timedelta(days=days + 9))
        body = {"start": start, "resolution": resolution, "dimensions": ["time"]}
        payload = answer(app, body)
        first, *_, last = (item["dimensions"][0]["value"] for item in payload["items"])
        late = parsedate_to_datetime(first) - parsedate_to_datetime(oldest)
        assert timedelta(0) <= late < timedelta(days=2)
        assert last.startswith("Mon, 16 Nov 2026")
        assert parsedate_to_datetime(payload["start"]) < parsedate_to_datetime(oldest)


# ---------------------------------------------------------------- the form


def test_an_answer_is_written_as_recorded(app: Simulator) -> None:
    body = {
        "resolution": "hour",
        "metrics": ["delivered_count", "clicked_rate", "accepted_count", "opened_rate"],
        "include_aggregates": True,
        "start": "Tue, 26 Nov 2024 20:56:50 -0500",
        "duration": "2h",
        "dimensions": ["time"],
        "end": "Tue, 15 Nov 2026 20:56:50 -0500",
        "include_subaccounts": True,
    }
    payload = answer(app, body)
    assert list(payload) == [
        *("start", "end", "resolution", "duration", "dimensions", "pagination", "items"),
        "aggregates",
    ]
    assert payload["start"] == "Sun, 15 Nov 2026 23:00:00 +0000"
    assert payload["end"] == "Mon, 16 Nov 2026 01:00:00 +0000"
    assert payload["pagination"] == {"sort": "", "skip": 0, "limit": 1500, "total": 3}
    first = payload["items"][0]
    assert first["dimensions"] == [
        {
            "dimension": "time",
            "value": "Sun, 15 Nov 2026 23:00:00 +0000",
            "display_value": "Sun, 15 Nov 2026 23:00:00 +0000",
        }
    ]
    order = ["accepted_count", "delivered_count", "opened_rate", "clicked_rate"]
    assert list(first["metrics"]) == list(payload["aggregates"]["metrics"]) == order
    accepted = sum(item["metrics"]["accepted_count"] for item in payload["items"])
    assert payload["aggregates"]["metrics"]["accepted_count"] == accepted
    without = answer(app, {name: body[name] for name in ("start", "end")})
    assert list(without) == ["start", "end", "resolution", "dimensions", "pagination", "items"]


@pytest.mark.parametrize(
    ("body", "start", "end"),
    [
        ({}, "Mon, 09 Nov 2026 00:00:00", "Mon, 16 Nov 2026 00:00:00"),
        ({"resolution": "hour"}, "Mon, 09 Nov 2026 09:00:00", "Mon, 16 Nov 2026 09:00:00"),
        ({"resolution": "month"}, "Sun, 01 Nov 2026 00:00:00", "Sun, 01 Nov 2026 00:00:00"),
        ({"duration": "4h"}, "Sun, 15 Nov 2026 00:00:00", "Mon, 16 Nov 2026 00:00:00"),
        (
            {"duration": "1m", "resolution": "hour", "end": "Sat, 30 Nov 2024 20:56:50 -0500"},
            "Fri, 01 Nov 2024 01:00:00",
            "Sun, 01 Dec 2024 01:00:00",
        ),
        (
            {"duration": "1m", "resolution": "hour", "end": "Thu, 28 Nov 2024 20:56:50 -0500"},
            "Tue, 29 Oct 2024 01:00:00",
            "Fri, 29 Nov 2024 01:00:00",
        ),
        (
            {"duration": "1m", "end": "Tue, 31 Mar 2026 09:00:00 +0000"},
            "Tue, 03 Mar 2026 00:00:00",
            "Tue, 31 Mar 2026 00:00:00",
        ),
        (
            {"duration": "2m", "resolution": "month"},
            "Tue, 01 Sep 2026 00:00:00",
            "Sun, 01 Nov 2026 00:00:00",
        ),
    ],
)
def test_windows_are_floored_and_a_duration_counts_back_by_the_calendar(
    app: Simulator, body: dict[str, str], start: str, end: str
) -> None:
    payload = answer(app, body)
    assert (payload["start"], payload["end"]) == (f"{start} +0000", f"{end} +0000")
    assert payload["resolution"] == body.get("resolution", "day")


def test_an_empty_body_is_a_question(app: Simulator) -> None:
    assert ask(app, "").get_json() == answer(app, {})
    assert answer(app, {})["pagination"] == {"sort": "", "skip": 0, "limit": 10, "total": 1}


def test_keys_are_written_in_their_own_way_and_ids_have_names(
    app: Simulator, account: Model
) -> None:
    seen = {}
    for name in REGULAR.attributes:
        body = {"dimensions": [name], "metrics": ["opened_count"], **page(1000)}
        parts = [item["dimensions"][0] for item in answer(app, body)["items"]]
        assert {part["dimension"] for part in parts} == {name}
        seen[name] = {part["value"]: part["display_value"] for part in parts}
        named = name in ("subaccount", "ip_pool")
        assert all(
            (value != shown) == named for value, shown in seen[name].items() if value != NO_KEY
        )
    assert {"US", "Unknown"} <= set(seen["country"])
    assert set(seen["device"]) == {"desktop", "mobile", "tablet", "Unknown"}
    assert set(seen["bot"]) == {"Apple", "Gmail", "Generic", "None"}
    assert {"Gmail", "Google Workspace", "Outlook 365"} <= set(seen["recipient_provider"])
    listed = Client(app).get("/v5/accounts/subaccounts", auth=("api", "key-simulated")).get_json()
    names = {item["id"]: item["name"] for item in listed["subaccounts"]}
    assert {key: name for key, name in seen["subaccount"].items() if key != NO_KEY} == names
    assert set(names) == set(account.subaccounts)


# ---------------------------------------------------------------- rows, pages, order


@pytest.mark.parametrize(
    "sort", ["", "time:asc", "time:desc", "recipient_domain", "opened_count:desc"]
)
def test_pages_put_together_are_the_whole(app: Simulator, sort: str) -> None:
    body = {"dimensions": ["recipient_domain", "time"], "metrics": ["opened_count"]}
    (first, *_) = whole_pages = list(every_page(app, body, 1500, sort=sort))
    assert len(whole_pages) == 1
    small = [item for part in every_page(app, body, 37, sort=sort) for item in part["items"]]
    assert small == first["items"]
    assert len(small) == first["pagination"]["total"] > 200
    column = sort.split(":")[0] or "time"
    values = [value(item, column) for item in small]
    assert values == sorted(values, reverse=sort.endswith("desc"))
    for one, other in pairwise(small):
        if value(one, column) == value(other, column):
            key = [("time", "recipient_domain"), ("recipient_domain", "time")][column == "time"]
            assert [value(one, k) for k in key if k != column] < [
                value(other, k) for k in key if k != column
            ]


@pytest.mark.parametrize("key", ["country", "tag"])
def test_rows_of_a_bucket_are_in_the_order_of_their_written_keys(app: Simulator, key: str) -> None:
    payload = answer(app, {"dimensions": ["time", key], "duration": "1d"})
    order = [(value(item, "time"), value(item, key)) for item in payload["items"]]
    assert order == sorted(order)


def value(item: Any, column: str) -> Any:
    for part in item["dimensions"]:
        if part["dimension"] == column:
            text = part["value"]
            return parsedate_to_datetime(text) if column == "time" else text
    return item["metrics"][column]


def test_a_walk_over_pages_counts_the_account_once(
    account: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, counted = Simulator(account), []
    tally = Model.tally

    def seen(model: Model, *args: Any, **options: Any) -> Any:
        counted.append(args)
        return tally(model, *args, **options)

    monkeypatch.setattr(Model, "tally", seen)
    body = {"dimensions": ["time", "recipient_domain"], "resolution": "day"}

    def ask_page(skip: int, metric: str) -> int:
        return len(answer(app, {**body, "metrics": [metric], **page(10, skip=skip)})["items"])

    with ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(ask_page, range(0, 100, 10), ["opened_count", "sent_count"] * 5))
    assert sizes == [10] * 10
    assert len(counted) == 1


def test_few_rows_come_unless_more_are_asked_for(app: Simulator) -> None:
    by_country = answer(app, {"dimensions": ["country"]})
    assert by_country["pagination"]["limit"] == len(by_country["items"]) == 10
    assert by_country["pagination"]["total"] > 100


@given(windows(12), st.sampled_from(["complained_count", "stored_count", "bounce_rate"]))
@settings(max_examples=6)
def test_rows_are_those_with_any_event_or_only_those_that_say_something(
    app: Simulator, account: Model, window: Window, metric: str
) -> None:
    picky = Simulator(account, rows="asked")
    body = asked(window, [metric], "time", "recipient_domain")
    every, some = whole(app, body), whole(picky, body)
    assert some == {key: row for key, row in every.items() if row[metric] not in (0, "0.0000")}
    tally = account.tally(window, by=["recipient_domain"])
    assert len(every) == np.count_nonzero(tally.counts.any(axis=2))
    assert tally.counts.shape[2] == len(COUNT_NAMES)


def test_a_quiet_window_has_no_rows_and_no_totals(app: Simulator) -> None:
    year = {"start": "Wed, 01 Jan 2020 00:00:00 +0000", "end": "Thu, 02 Jan 2020 00:00:00 +0000"}
    for body in ({}, {"dimensions": ["time", "tag"]}):
        payload = answer(
            app, {**year, **body, "metrics": ["sent_count"], "include_aggregates": True}
        )
        assert payload["items"] == []
        assert payload["pagination"]["total"] == 0
        assert payload["aggregates"] == {"metrics": {}}


def test_totals_count_a_message_with_several_tags_once(app: Simulator) -> None:
    body = {"metrics": ["opened_count"], "include_aggregates": True, **page(1000)}
    (row,) = answer(app, body)["items"]
    by_tag = answer(app, {**body, "dimensions": ["tag"]})
    assert by_tag["aggregates"] == {"metrics": row["metrics"]}
    summed = sum(item["metrics"]["opened_count"] for item in by_tag["items"])
    assert summed > row["metrics"]["opened_count"]


# ---------------------------------------------------------------- accounts and zones


def test_a_subaccount_sees_its_own_mail_only(app: Simulator, account: Model) -> None:
    (own,) = account.subaccounts
    body = {"dimensions": ["domain"], "metrics": ["sent_count"]}
    inside = rows(answer(app, body, **{"X-Mailgun-On-Behalf-Of": own}))
    outside = answer(app, {**body, "filter": {"AND": [predicate("subaccount", "=", own)]}})
    assert set(inside) == {("shop.example.com",)}
    assert inside == rows(outside)
    assert ask(app, body, **{"X-Mailgun-On-Behalf-Of": "nobody"}).status_code == 403


def test_subaccounts_are_left_out_unless_included_where_accounts_are_apart(account: Model) -> None:
    app = Simulator(account, apart=True)
    body = {"dimensions": ["domain"], "metrics": ["sent_count"]}
    assert ("shop.example.com",) not in rows(answer(app, body))
    assert ("shop.example.com",) in rows(answer(app, {**body, "include_subaccounts": True}))
    client = Client(app)
    for more, number in (("", 2), ("?include_subaccounts=true", 3)):
        listed = client.get(f"/v4/domains{more}", auth=("api", "key-simulated")).get_json()
        assert listed["total_count"] == number
    stats = client.get("/v3/stats/total?event=delivered&duration=3d", auth=("api", "key-simulated"))
    delivered = sum(item["delivered"]["total"] for item in stats.get_json()["stats"])
    body = {"metrics": ["delivered_count"], "duration": "2d"}
    assert answer(app, body)["items"][0]["metrics"]["delivered_count"] == delivered


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_hours_are_written_in_the_zone_of_the_account(
    app: Simulator, account: Model, zone: str
) -> None:
    body = {"dimensions": ["time"], "metrics": ["sent_count"], "resolution": "hour"}
    body["start"] = "Fri, 23 Oct 2026 00:00:00 +0000"  # summer time ends within
    plain = answer(app, body)
    offset = answer(Simulator(account, zone=zone), body)
    disguised = answer(Simulator(account, zone=zone, zone_labels="disguised"), body)
    local = ZoneInfo(zone)
    assert len(plain["items"]) > 400
    for utc, own, hidden in zip(times(plain), times(offset), times(disguised), strict=True):
        here = parsedate_to_datetime(utc).astimezone(local)
        assert parsedate_to_datetime(own).isoformat() == here.isoformat()
        assert hidden == format_datetime(here.replace(tzinfo=UTC))
    assert [row["metrics"] for row in plain["items"]] == [row["metrics"] for row in offset["items"]]
    body["resolution"] = "day"
    assert answer(Simulator(account, zone=zone), body) == answer(app, body)


def times(payload: Any) -> list[str]:
    labels = [item["dimensions"][0]["value"] for item in payload["items"]]
    return [payload["start"], payload["end"], *labels]


# ---------------------------------------------------------------- bad questions


def filtered(**part: Any) -> dict[str, Any]:
    return {"filter": {"AND": [{"attribute": "ip", "comparator": "=", **part}]}}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("[1]", "not a JSON object"),
        ("{", "not JSON"),
        ({"resolution": "week"}, "'resolution' attribute is invalid"),
        ({"resolution": 1}, "'resolution' attribute is invalid"),
        ({"duration": "1w"}, "'duration' attribute is invalid"),
        ({"duration": "0d"}, "'duration' attribute is invalid"),
        ({"duration": "999999m"}, "'duration' attribute is invalid"),
        ({"start": "2026-11-01T00:00:00Z"}, "'start' attribute is invalid"),
        ({"start": "never", "duration": "1d"}, "'start' attribute is invalid"),
        ({"end": "1793000000"}, "'end' attribute is invalid"),
        ({"start": "Mon, 16 Nov 2027 00:00:00 +0000"}, "'start' attribute is invalid: it is after"),
        ({"dimensions": ["provider"]}, "'provider' is not a valid dimension"),
        ({"dimensions": "time"}, "'dimensions' attribute is invalid"),
        ({"dimensions": ["time", "ip", "tag", "bot"]}, "at most 3"),
        ({"metrics": ["opens"]}, "'opens' is not a valid metric"),
        ({"metrics": [["sent_count"]]}, "is not a valid metric"),
        ({"pagination": {"limit": 1001}}, "'limit' attribute is invalid: at most 1000"),
        ({"pagination": {"limit": 1501}, "dimensions": ["time"]}, "at most 1500"),
        ({"pagination": {"skip": -1}}, "'skip' attribute is invalid"),
        ({"pagination": {"skip": True}}, "'skip' attribute is invalid"),
        ({"pagination": {"sort": "sent_count:asc"}}, "either one of metrics or dimensions"),
        ({"pagination": {"sort": "time:up"}, "dimensions": ["time"]}, "either one of metrics"),
        ({"include_aggregates": "yes"}, "'include_aggregates' attribute is invalid"),
        ({"filter": {"OR": []}}, "'filter' attribute is invalid"),
        ({"filter": {"AND": ["ip"]}}, "'filter' attribute is invalid"),
        (filtered(attribute="test"), "'test' is not a valid filter predicate attribute"),
        (filtered(attribute="time"), "'time' is not a valid filter predicate attribute"),
        (filtered(comparator="~"), "'~' is not a valid filter predicate comparator"),
        (filtered(values=[]), "has no values"),
        (filtered(values=["1.2.3.4"]), "has an invalid value"),
    ],
)
def test_a_bad_question_is_refused_with_the_reason(app: Simulator, body: Any, says: str) -> None:
    response = ask(app, body)
    assert response.status_code == 400
    assert says in response.get_json()["message"]


def test_more_than_ten_metrics_are_refused_only_by_the_strict(
    app: Simulator, account: Model
) -> None:
    names = list(REGULAR.metrics)
    assert list(answer(app, {"metrics": names[::-1]})["items"][0]["metrics"]) == names
    strict = Simulator(account, strict=True)
    assert answer(strict, {"metrics": names[:10]})["items"]
    assert "at most 10" in ask(strict, {"metrics": names[:11]}).get_json()["message"]


@pytest.mark.parametrize(
    "wrong", [{"rows": "some"}, {"zone_labels": "none"}, {"zone": "Asia/Kolkata"}]
)
def test_wrong_forms_of_the_metrics_api_are_refused(account: Model, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"one of|hours"):
        Simulator(account, **wrong)


def test_another_verb_is_not_found(app: Simulator) -> None:
    response = Client(app).get(PATH, auth=("api", "key-simulated"))
    assert response.status_code == 404
    assert "not found" in response.get_json()["error"]


def test_faults_of_the_data_spoil_rows_of_metrics_too(account: Model) -> None:
    app = Simulator(account)
    body = {"dimensions": ["time", "domain"], "metrics": ["sent_count", "bounce_rate"]}
    good = answer(app, body)

    def spoilt(kind: str) -> Any:
        app.faults.waiting.append(Fault(kind))
        return answer(app, body)

    assert spoilt("duplicate")["items"] == [good["items"][0], *good["items"]]
    assert spoilt("unsorted")["items"] == good["items"][::-1]
    assert len(spoilt("gap")["items"]) == len(good["items"]) - 1
    assert spoilt("total")["pagination"]["total"] == good["pagination"]["total"] + 1
    assert len(spoilt("dimension")["items"][0]["dimensions"]) == 1
    assert spoilt("rate")["items"][0]["metrics"]["bounce_rate"] == "many"
    assert spoilt("textual")["items"][0]["metrics"]["sent_count"] == "many"
    lost = spoilt("lost")
    first = min(item["dimensions"][1]["value"] for item in good["items"])
    left = [item for item in good["items"] if item["dimensions"][1]["value"] != first]
    assert lost["items"] == left != good["items"]
    assert lost["pagination"]["total"] == len(left)
    assert answer(app, body) == good, "a fault is played once and leaves the tables alone"


def test_what_was_posted_can_be_looked_at(account: Model) -> None:
    app = Simulator(account)
    answer(app, {"duration": "1d"})
    ask(app, "{")
    ask(app, "")
    assert app.requests == [f"POST {PATH}"] * 3
    assert app.bodies == [{"duration": "1d"}, "{", None]


def test_the_past_stays_as_it_is_when_tables_are_kept(account: Model) -> None:
    later = Simulator(Model(days=91, now=datetime(2026, 11, 17, 9, 30, tzinfo=UTC)))
    body = {"dimensions": ["time"], "metrics": ["sent_count"]}
    body |= {"start": "Sun, 01 Nov 2026 00:00:00 +0000", "end": "Tue, 10 Nov 2026 00:00:00 +0000"}
    assert answer(later, body)["items"] == answer(Simulator(account), body)["items"]
