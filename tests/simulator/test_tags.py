"""Tags of the simulated account: every view agrees with the model, and with every other view."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from werkzeug.test import Client, TestResponse

from mgframe.simulator.account import SHOP_SUBACCOUNT
from mgframe.simulator.model import Model
from mgframe.simulator.server import Simulator
from mgframe.simulator.tags import PRIMARY_ID, describe
from mgframe.simulator.windows import parse_window

NEWS = "news.example.com"


@pytest.fixture(scope="module")
def account() -> Model:
    return Model(days=60)


def ask(account: Model, path: str, body: Any = None, **headers: str) -> TestResponse:
    client = Client(Simulator(account))
    method = client.get if body is None else client.post
    more = {} if body is None else {"json": body}
    return method(path, auth=("api", "key-simulated"), headers=headers, **more)  # type: ignore[arg-type]


def answer(account: Model, path: str, body: Any = None, **headers: str) -> Any:
    response = ask(account, path, body, **headers)
    assert response.status_code == 200, response.text
    return response.get_json()


def test_a_tags_counts_are_those_of_the_model(account: Model) -> None:
    payload = answer(
        account, f"/v3/{NEWS}/tag/stats?tag=newsletter&event=delivered&event=opened&duration=10d"
    )
    assert list(payload)[:3] == ["tag", "description", "start"]
    assert payload["tag"] == "newsletter"
    assert payload["description"] == describe("newsletter")
    tally = account.tally(
        parse_window(account.now, duration="10d"),
        where={"domain": [NEWS], "tag": ["newsletter"]},
    )
    assert [item["delivered"]["total"] for item in payload["stats"]] == [*tally["delivered"][0]]
    assert [item["opened"]["total"] for item in payload["stats"]] == [*tally["opened"][0]]
    assert tally["delivered"].any()


def test_the_same_tag_of_another_domain_is_not_counted() -> None:
    account = Model(domains=6, days=40)
    shared = {
        tag
        for domain in account.domains
        for lane in domain.lanes
        for tag in lane.tags
        if sum(tag in other.tags for d in account.domains for other in d.lanes) > 1
    }
    tag = min(shared)
    window = parse_window(account.now, duration="20d")
    by_domain = account.tally(window, by=["domain"], where={"tag": [tag]})
    for (name,), counts in zip(by_domain.keys, by_domain["accepted"], strict=True):
        path = f"/v3/{name}/tag/stats?tag={tag}&event=accepted&duration=20d"
        items = answer(account, path)["stats"]
        assert sum(item["accepted"]["total"] for item in items) == counts.sum()


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("tag=nobody&event=opened", 404, "Tag not found"),
        ("event=opened", 400, "Missing mandatory parameter: tag"),
        ("tag=weekly&event=x", 400, "event 'x' is not valid"),
    ],
)
def test_a_wrong_question_is_answered_as_mailgun_does(
    account: Model, query: str, status: int, message: str
) -> None:
    response = ask(account, f"/v3/{NEWS}/tag/stats?{query}")
    assert (response.status_code, response.get_json()["message"]) == (status, message)


def test_upper_and_lower_case_are_the_same_tag(account: Model) -> None:
    path = f"/v3/{NEWS}/tag/stats?event=delivered&duration=7d&tag="
    assert answer(account, path + "WEEKLY") == answer(account, path + "weekly")


@pytest.mark.parametrize("kind", ["provider", "device", "country"])
def test_aggregates_add_up_to_the_lifetime_of_the_tag(account: Model, kind: str) -> None:
    payload = answer(account, f"/v3/{NEWS}/tag/stats/aggregates?tag=digest&type={kind}")
    assert list(payload) == [kind, "tag"]
    where = {"domain": [NEWS], "tag": ["digest"]}
    whole = account.tally(account.lifetime(), where=where)
    listed = whole
    if kind == "provider":  # companies' own domains are not among those that Mailgun lists
        names = [[key] for key in payload[kind]]
        listed = account.tally(
            account.lifetime(), where={**where, "provider": [n for (n,) in names]}
        )
    for counter in ("opened", "clicked", "unique_opened", "complained"):
        reported = sum(row[counter] for row in payload[kind].values())
        assert reported == listed[counter].sum()
    assert whole["opened"].sum() > 0


def test_another_type_of_aggregates_is_refused(account: Model) -> None:
    response = ask(account, f"/v3/{NEWS}/tag/stats/aggregates?tag=digest&type=browser")
    assert response.status_code == 400


def walk(account: Model, path: str) -> list[list[str]]:
    """Follow the pages until one is empty."""
    pages = []
    while True:
        payload = answer(account, path)
        pages.append([item["tag"] for item in payload["items"]])
        if not payload["items"]:
            return pages
        parts = urlsplit(payload["paging"]["next"])
        path = f"{parts.path}?{parts.query}"


@pytest.mark.parametrize("limit", [1, 2, 4, 100])
def test_pages_of_tags_hold_every_tag_once(account: Model, limit: int) -> None:
    pages = walk(account, f"/v3/{NEWS}/tags?limit={limit}")
    tags = [tag for page in pages for tag in page]
    used = {tag for d in account.domains if d.name == NEWS for lane in d.lanes for tag in lane.tags}
    assert tags == sorted(used)
    assert all(len(page) <= limit for page in pages)


def test_a_prefix_goes_on_through_the_pages(account: Model) -> None:
    assert walk(account, f"/v3/{NEWS}/tags?limit=1&prefix=we") == [["weekly"], ["welcome"], []]


def test_the_page_before_is_the_one_that_led_here(account: Model) -> None:
    first = answer(account, f"/v3/{NEWS}/tags?limit=2")
    second = answer(account, urlsplit(first["paging"]["next"]).path + "?" + _query(first, "next"))
    back = answer(account, f"/v3/{NEWS}/tags?{_query(second, 'previous')}")
    assert back["items"] == first["items"]
    last = answer(account, f"/v3/{NEWS}/tags?{_query(first, 'last')}")
    assert last["items"][-1]["tag"] == "welcome"


def _query(payload: Any, name: str) -> str:
    return urlsplit(payload["paging"][name]).query


def test_addresses_of_pages_lead_to_this_server(account: Model) -> None:
    paging = answer(account, f"/v3/{NEWS}/tags?limit=3")["paging"]
    assert list(paging) == ["previous", "first", "next", "last"]
    for address in paging.values():
        assert address.startswith(f"http://localhost/v3/{NEWS}/tags?")
        assert parse_qs(urlsplit(address).query)["limit"] == ["3"]


def listed(account: Model, **body: Any) -> Any:
    return answer(account, "/v1/analytics/tags", body)


def test_the_accounts_tags_are_those_of_all_domains(account: Model) -> None:
    payload = listed(account, pagination={"limit": 1000, "include_total": True})
    used = {tag for d in account.domains for lane in d.lanes for tag in lane.tags}
    assert sorted(item["tag"] for item in payload["items"]) == sorted(used)
    assert payload["pagination"] == {"sort": "lastseen:desc", "limit": 1000, "total": len(used)}
    assert {item["account_id"] for item in payload["items"]} == {PRIMARY_ID}
    assert list(payload["items"][0]) == [
        "account_id",
        "parent_account_id",
        "tag",
        "description",
        "first_seen",
        "last_seen",
        "metrics",
        "account_name",
    ]


def test_a_page_is_ten_tags_unless_more_are_asked_and_has_no_total(account: Model) -> None:
    payload = listed(account)
    assert len(payload["items"]) == 10
    assert "total" not in payload["pagination"]


def test_skipping_walks_through_all_tags(account: Model) -> None:
    whole = listed(account, pagination={"limit": 1000})["items"]
    parts = [
        listed(account, pagination={"limit": 7, "skip": skip})["items"]
        for skip in range(0, len(whole), 7)
    ]
    assert [item for part in parts for item in part] == whole


def test_subaccounts_have_their_own_tags(account: Model) -> None:
    items = listed(account, pagination={"limit": 100}, include_subaccounts=True)["items"]
    shop = {item["tag"] for item in items if item["account_id"] == SHOP_SUBACCOUNT}
    assert "promo" in shop
    assert "weekly" not in shop
    alone = answer(
        account,
        "/v1/analytics/tags",
        {"pagination": {"limit": 100}},
        **{"X-Mailgun-On-Behalf-Of": SHOP_SUBACCOUNT},
    )
    assert {item["tag"] for item in alone["items"]} == shop


def test_a_tag_was_last_seen_in_the_last_hour_with_mail(account: Model) -> None:
    window = parse_window(account.now, duration="240h")
    tally = account.tally(window, where={"tag": ["weekly"]})
    last = window.starts[np.flatnonzero(tally["accepted"][0])[-1]]
    (item,) = listed(account, tag="weekly")["items"]
    assert item["last_seen"] == last.item().strftime("%a, %d %b %Y %H:%M:%S +0000")


@pytest.mark.parametrize(
    "body",
    [
        {"pagination": {"limit": 1001}},
        {"pagination": {"limit": 0}},
        {"pagination": {"limit": True}},
        {"pagination": {"skip": -1}},
        {"pagination": {"sort": "colour:asc"}},
        {"pagination": {"limit": 100}, "include_metrics": True},
    ],
)
def test_a_wrong_listing_is_refused(account: Model, body: Any) -> None:
    assert ask(account, "/v1/analytics/tags", body).status_code == 400


def test_subaccounts_are_listed_with_their_total() -> None:
    account = Model(domains=60, days=30)
    payload = answer(account, "/v5/accounts/subaccounts?limit=1000")
    assert {item["id"] for item in payload["subaccounts"]} == set(account.subaccounts)
    assert payload["total"] == len(account.subaccounts)
    assert len({item["name"] for item in payload["subaccounts"]}) == payload["total"]
    second = answer(account, "/v5/accounts/subaccounts?limit=1&skip=1")
    assert second["subaccounts"] == payload["subaccounts"][1:2]
    assert ask(account, "/v5/accounts/subaccounts?limit=0").status_code == 400
