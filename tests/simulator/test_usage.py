from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import Client

from mgframe.simulator.model import Model
from mgframe.simulator.server import Simulator
from mgframe.simulator.windows import parse_window
from mgframe.vocabulary import USAGE_COUNTS

EVERY = [count.metric for count in USAGE_COUNTS.values()]
VALIDATIONS = "email_validation"


@pytest.fixture(scope="module")
def account() -> Model:
    return Model(days=60)


def answer(account: Model, body: Mapping[str, Any], status: int = 200, **headers: str) -> Any:
    response = Client(Simulator(account)).post(
        "/v1/analytics/usage/metrics",
        data=json.dumps(body),
        auth=("api", "key-simulated"),
        headers=headers,
    )
    assert response.status_code == status, response.text
    return response.get_json()


def rows(account: Model, **body: Any) -> dict[tuple[str, ...], dict[str, int]]:
    payload = answer(account, {"metrics": EVERY, "dimensions": ["time"], **body})
    return {
        tuple(part["value"] for part in item["dimensions"]): item["metrics"]
        for item in payload["items"]
    }


def summed(some: Mapping[Any, Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(row[name] for row in some.values()) for name in EVERY}


def test_rows_are_days_even_where_hours_are_asked_for(account: Model) -> None:
    days = rows(account)
    assert len(days) == 8
    assert rows(account, resolution="hour") == days
    assert all(key.endswith("00:00:00 +0000") for (key,) in days)
    months = rows(account, resolution="month", duration="1m")
    assert list(months) == [
        ("Thu, 01 Oct 2026 00:00:00 +0000",),
        ("Sun, 01 Nov 2026 00:00:00 +0000",),
    ]


def test_days_sum_to_their_month_and_subaccounts_to_the_account(account: Model) -> None:
    month = rows(account, resolution="month")
    days = rows(account, start="Sun, 01 Nov 2026 00:00:00 +0000")
    assert len(days) == 16
    assert summed(days) == summed(month)
    by_subaccount = rows(account, dimensions=["time", "subaccount"])
    assert len({key[1] for key in by_subaccount}) == 2
    assert summed(by_subaccount) == summed(rows(account)) == summed(rows(account, dimensions=[]))


def test_processed_is_that_of_the_mail(account: Model) -> None:
    tally = account.tally(parse_window(account.now))
    assert [row["processed_count"] for row in rows(account).values()] == tally["processed"][
        0
    ].tolist()


def test_parts_never_exceed_their_wholes_and_every_count_occurs(account: Model) -> None:
    days = rows(account, start="Thu, 01 Oct 2026 00:00:00 +0000")
    for row in days.values():
        used = {name.removesuffix("_count"): count for name, count in row.items()}
        ways = [used[f"{VALIDATIONS}_{way}"] for way in ("single", "bulk", "list")]
        assert used[VALIDATIONS] == sum(ways)
        assert used[VALIDATIONS] == sum(
            used[f"{VALIDATIONS}_{by}"] for by in ("mailgun", "mailjet")
        )
        assert used[f"{VALIDATIONS}_valid"] <= used[VALIDATIONS]
        assert used[f"{VALIDATIONS}_public"] <= used[f"{VALIDATIONS}_single"]
        for name in ("email_preview", "link_validation", "accessibility", "image_validation"):
            assert 0 <= used[f"{name}_failed"] <= used[name]
    assert all(summed(days).values())


def test_a_past_day_keeps_its_numbers_as_the_clock_goes_on(account: Model) -> None:
    past = {"start": "Mon, 02 Nov 2026 00:00:00 +0000", "end": "Sun, 08 Nov 2026 00:00:00 +0000"}
    later = Model(days=61, now=account.now.replace(day=17))
    assert rows(later, **past) == rows(account, **past)
    assert rows(Model(7, days=60), **past) != rows(account, **past)


def test_nothing_is_counted_before_september_2024() -> None:
    old = Model(domains=1, days=900)
    months = rows(old, resolution="month", start="Mon, 01 Jan 2024 00:00:00 +0000")
    assert next(iter(months)) == ("Sun, 01 Sep 2024 00:00:00 +0000",)


def test_only_time_and_subaccount_are_known(account: Model) -> None:
    (own,) = account.subaccounts
    refused = answer(account, {"dimensions": ["domain"]}, 400)
    assert refused == {"message": "'domain' is not a valid dimension"}
    assert "message" in answer(account, {"metrics": ["sent_count"]}, 400)
    part = {"attribute": "domain", "comparator": "=", "values": [{"label": "a", "value": "a"}]}
    assert "'domain' is not" in answer(account, {"filter": {"AND": [part]}}, 400)["message"]
    part |= {"attribute": "subaccount", "values": [{"label": own, "value": own}]}
    narrowed = rows(account, filter={"AND": [part]})
    by_subaccount = rows(account, dimensions=["time", "subaccount"])
    assert narrowed == {key[:1]: row for key, row in by_subaccount.items() if key[1] == own}
    inside = answer(
        account, {"metrics": EVERY, "dimensions": ["time"]}, **{"X-Mailgun-On-Behalf-Of": own}
    )
    assert [item["metrics"] for item in inside["items"]] == list(narrowed.values())


def test_totals_carry_a_count_that_nobody_asked_for(account: Model) -> None:
    body = {"metrics": ["seed_test_count"], "dimensions": ["time"], "include_aggregates": True}
    payload = answer(account, body)
    whole = payload["aggregates"]["metrics"]
    assert list(whole) == ["seed_test_count", "permanent_failed_count"]
    assert whole["seed_test_count"] == sum(
        item["metrics"]["seed_test_count"] for item in payload["items"]
    )
