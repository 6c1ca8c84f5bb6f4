"""Bounce classification of the simulated account: the model's failures, none lost, none twice."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from mgframe.simulator.account import SHOP_SUBACCOUNT
from mgframe.simulator.bounces import CLASSES, DIMENSIONS, METRICS
from mgframe.simulator.model import Model
from mgframe.simulator.server import Simulator
from mgframe.simulator.windows import parse_window

PATH = "/v2/bounce-classification/metrics"
COUNTS = ("critical_bounce", "non_critical_bounce", "critical_delay", "non_critical_delay")
OF_MODEL = {
    "entity-name": "recipient_provider",
    "domain.name": "domain",
    "envelope.sending-ip": "ip",
    "tag": "tag",
    "recipient-domain": "provider",
}


@pytest.fixture(scope="module")
def account() -> Model:
    return Model(days=40)


def ask(account: Model, body: Any, **headers: str) -> TestResponse:
    client = Client(Simulator(account))
    return client.post(PATH, json=body, auth=("api", "key-simulated"), headers=headers)


def items(account: Model, **body: Any) -> list[Any]:
    """Return the items of every page."""
    found: list[Any] = []
    for skip in itertools.count(0, 50):
        response = ask(account, {**body, "pagination": {"limit": 50, "skip": skip}})
        assert response.status_code == 200, response.text
        payload = response.get_json()
        found += payload["items"]
        if skip + 50 >= payload["pagination"]["total"]:
            return found
    return found


def total(rows: list[Any], count: str) -> int:
    return sum(row["metrics"][f"{count}_count"] for row in rows)


def of_model(account: Model, count: str, **window: Any) -> Any:
    tally = account.tally(parse_window(account.now, **window))
    return {
        "critical_bounce": tally["permanent_failed_esp_block"],
        "non_critical_bounce": tally["bounced"]
        - tally["webhook"]
        - tally["permanent_failed_esp_block"],
        "critical_delay": tally["temporary_failed_esp_block"],
        "non_critical_delay": tally["temporary_failed"] - tally["temporary_failed_esp_block"],
    }[count]


@pytest.mark.parametrize("count", COUNTS)
def test_counts_are_the_models_failures(account: Model, count: str) -> None:
    rows = items(account, dimensions=["timestamp"])  # 7 days and the open one
    expected = of_model(account, count, duration="8d")[0]
    assert [row["metrics"][f"{count}_count"] for row in sorted(rows, key=_day)] == [*expected]
    assert expected.any()


def _day(row: Any) -> str:
    return row["timestamp"][8:11] + row["timestamp"][5:7]  # all in one month


@settings(max_examples=10)
@given(st.lists(st.sampled_from([d for d in DIMENSIONS if d != "tag"]), max_size=4, unique=True))
def test_every_grouping_adds_up_to_the_same(dimensions: list[str]) -> None:
    account = _SHARED
    asked = {"filter": predicate("domain.name", "=", "news.example.com"), "duration": "2h"}
    whole = items(account, dimensions=[], **asked)
    rows = items(account, dimensions=dimensions, **asked)
    assert whole
    for count in (*COUNTS, "classified_failures"):
        assert total(rows, count) == total(whole, count)
    keys = [tuple(row[name] for name in dimensions) for row in rows]
    assert len(set(keys)) == len(keys)
    assert all(row["metrics"]["classified_failures_count"] > 0 for row in rows)


_SHARED = Model(days=20)


@pytest.mark.parametrize("dimension", OF_MODEL)
def test_deliveries_are_the_models_where_something_failed(account: Model, dimension: str) -> None:
    tally = account.tally(parse_window(account.now, duration="8d"), by=[OF_MODEL[dimension]])
    delivered = {
        key: int(row.sum()) for (key,), row in zip(tally.keys, tally["delivered_smtp"], strict=True)
    }
    rows = items(account, dimensions=[dimension])
    assert rows
    for row in rows:
        assert row["metrics"]["delivered_smtp_count"] == delivered[row[dimension]]


def test_classes_are_disjoint_and_complete(account: Model) -> None:
    tally = account.tally(parse_window(account.now, duration="30d"), by=["domain"])
    classified = sum(sign * tally[name] for one in CLASSES for sign, name in one.counts)
    spoken = tally["bounced"] - tally["webhook"] + tally["temporary_failed"]
    assert np.array_equal(classified, spoken)


def test_a_class_of_failures_has_no_deliveries(account: Model) -> None:
    for row in items(account, dimensions=["severity"]):
        assert row["metrics"]["delivered_smtp_count"] is None
        assert row["metrics"]["critical_bounce_rate"] is None
    by_severity = {
        row["severity"]: row["metrics"] for row in items(account, dimensions=["severity"])
    }
    assert by_severity["permanent"]["critical_delay_count"] == 0
    assert by_severity["temporary"]["critical_bounce_count"] == 0


def test_rates_are_whole_percents(account: Model) -> None:
    for row in items(account, dimensions=["entity-name"]):
        metrics = row["metrics"]
        delivered = metrics["delivered_smtp_count"]
        rate = round(100 * metrics["critical_bounce_count"] / delivered)
        assert metrics["critical_bounce_rate"] == rate


def predicate(attribute: str, comparator: str, *values: str) -> dict[str, Any]:
    return {
        "AND": [
            {
                "attribute": attribute,
                "comparator": comparator,
                "values": [{"label": v, "value": v} for v in values],
            }
        ]
    }


@pytest.mark.parametrize("dimension", [d for d in DIMENSIONS if d not in ("timestamp", "tag")])
def test_filters_keep_the_rows_that_grouping_shows(account: Model, dimension: str) -> None:
    rows = {row[dimension]: row["metrics"] for row in items(account, dimensions=[dimension])}
    name = max(rows)
    count = "classified_failures_count"
    one = items(account, dimensions=[dimension], filter=predicate(dimension, "=", name))
    assert [row[dimension] for row in one] == [name]
    assert one[0]["metrics"][count] == rows[name][count]
    rest = items(account, dimensions=[dimension], filter=predicate(dimension, "!=", name))
    assert {row[dimension] for row in rest} == set(rows) - {name}
    part = name[1:4]
    having = items(account, dimensions=[dimension], filter=predicate(dimension, "contains", part))
    assert {row[dimension] for row in having} == {other for other in rows if part in other}
    lacking = items(
        account, dimensions=[dimension], filter=predicate(dimension, "not contains", part)
    )
    assert {row[dimension] for row in lacking} == {other for other in rows if part not in other}


def test_a_duration_is_measured_back_from_the_end(account: Model) -> None:
    end = "Sun, 15 Nov 2026 12:00:00 +0000"
    body = {"end": end, "duration": "24h0m0s", "dimensions": ["timestamp"], "resolution": "hour"}
    payload = ask(account, {**body, "pagination": {"limit": 50}}).get_json()
    assert payload["start"] == "Sat, 14 Nov 2026 12:00:00 +0000"
    assert payload["duration"] == "24h0m0s"
    assert payload["pagination"]["total"] <= 25


def test_ids_stand_beside_names(account: Model) -> None:
    rows = items(account, dimensions=["account.name", "envelope.i-ip-pool-name"])
    assert SHOP_SUBACCOUNT in {row["account.id"] for row in rows}
    pools = {lane.ip_pool for domain in account.domains for lane in domain.lanes}
    assert {row["envelope.i-ip-pool-id"] for row in rows} == pools


def test_a_group_shows_a_text_and_an_explanation(account: Model) -> None:
    rows = items(account, dimensions=["group-id"])
    assert all(row["sample-text"] and row["explanation"] for row in rows)


def test_a_page_is_ten_rows_unless_more_are_asked(account: Model) -> None:
    payload = ask(account, {"dimensions": ["recipient-domain"]}).get_json()
    assert len(payload["items"]) == 10
    assert payload["pagination"]["total"] > 10
    assert payload["pagination"]["sort"] == "classified_failures_count:desc"


@pytest.mark.parametrize("sort", ["timestamp:asc", "delivered_smtp_count:desc"])
def test_rows_come_in_the_order_asked(account: Model, sort: str) -> None:
    body = {"dimensions": ["timestamp"], "pagination": {"sort": sort, "limit": 50}}
    found = ask(account, body).get_json()["items"]
    column = sort.split(":")[0]
    values = [_day(row) if column == "timestamp" else row["metrics"][column] for row in found]
    assert values == sorted(values, reverse=sort.endswith("desc"))


def test_only_metrics_that_were_asked_are_there(account: Model) -> None:
    (row, *_) = items(account, dimensions=["entity-name"], metrics=["critical_bounce_count"])
    assert list(row["metrics"]) == ["critical_bounce_count"]
    (row, *_) = items(account, dimensions=["entity-name"])
    assert list(row["metrics"]) == list(METRICS)


def test_a_subaccount_sees_its_own_domains(account: Model) -> None:
    response = ask(
        account, {"dimensions": ["domain.name"]}, **{"X-Mailgun-On-Behalf-Of": SHOP_SUBACCOUNT}
    )
    assert [row["domain.name"] for row in response.get_json()["items"]] == ["shop.example.com"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"dimensions": ["timestamp", *list(OF_MODEL)[:4]]}, "too many dimensions"),
        ({"dimensions": ["colour"]}, "'colour' is not a valid dimension"),
        ({"dimensions": "tag"}, "'dimensions' is not a list"),
        ({"metrics": ["opened_count"]}, "'opened_count' is not a valid metric"),
        ({"resolution": "month"}, "'resolution' attribute is invalid"),
        ({"start": "Mon, 01 Jan 2024 00:00:00 +0000"}, "is out of permitted log retention"),
        ({"duration": "7d"}, "duration '7d' is invalid"),
        ({"pagination": {"limit": 51}}, "limit should be between 1 and 50"),
        ({"pagination": {"sort": "colour:asc"}}, "sort should be either one of metrics"),
        ({"pagination": {"skip": -1}}, "'skip' is invalid"),
        ({"filter": predicate("country", "=", "us")}, "is not a valid filter predicate attribute"),
        ({"filter": predicate("tag", "like", "x")}, "'like' is not a valid comparator"),
    ],
)
def test_a_wrong_question_is_refused(account: Model, body: Any, message: str) -> None:
    response = ask(account, body)
    assert response.status_code == 400
    assert message in response.get_json()["message"]
