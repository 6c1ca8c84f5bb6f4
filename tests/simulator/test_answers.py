from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from mgframe.simulator.answers import SHAPES
from mgframe.simulator.model import Model
from mgframe.simulator.server import Simulator
from mgframe.vocabulary import EVENTS

ALL = "&".join(f"event={e}" for e in EVENTS)
GROUPS = ("domain", "ip", "provider", "tag", "country", "subaccount", "ip_pool")


@pytest.fixture(scope="module")
def account() -> Model:
    return Model(days=90)


def ask(account: Model, path: str, **form: Any) -> TestResponse:
    headers = form.pop("headers", {})
    client = Client(Simulator(account, **form))
    return client.get(path, auth=("api", "key-simulated"), headers=headers)


def answer(account: Model, path: str, **form: Any) -> Any:
    response = ask(account, path, **form)
    assert response.status_code == 200, response.text
    return response.get_json()


def test_the_envelope_is_written_as_recorded(account: Model) -> None:
    response = ask(account, "/v3/news.example.com/stats/total?event=clicked")
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.text.endswith("}\n")
    payload = response.get_json()
    assert list(payload) == ["description", "start", "end", "resolution", "stats"]
    assert payload["description"] == ""
    assert payload["start"] == "Mon, 09 Nov 2026 00:00:00 UTC"
    assert payload["end"] == "Mon, 16 Nov 2026 00:00:00 UTC"
    assert payload["resolution"] == "day"
    assert len(payload["stats"]) == 8
    assert all(list(item) == ["time", "clicked"] for item in payload["stats"])


def test_every_required_member_is_there_in_order(account: Model) -> None:
    item = answer(account, f"/v3/stats/total?{ALL}&duration=1d")["stats"][0]
    assert list(item["accepted"]) == ["incoming", "outgoing", "total"]
    assert list(item["delivered"]) == ["smtp", "http", "optimized", "total"]
    assert list(item["failed"]["temporary"]) == ["espblock", "total"]
    assert list(item["failed"]["permanent"]) == [
        "suppress-bounce",
        "suppress-unsubscribe",
        "suppress-complaint",
        "bounce",
        "delayed-bounce",
        "webhook",
        "optimized",
        "total",
    ]
    assert list(item["opened"]) == list(item["clicked"]) == ["total", "unique"]
    for event in ("unsubscribed", "complained", "stored"):
        assert list(item[event]) == ["total"]


def test_unique_is_left_out_where_it_is_zero(account: Model) -> None:
    path = "/v3/stats/total?event=clicked&event=accepted&start=0&end=86400"
    (first, _) = answer(account, path)["stats"]
    assert first["clicked"] == {"total": 0}
    assert first["accepted"] == {"incoming": 0, "outgoing": 0, "total": 0}


@pytest.mark.parametrize(
    ("edition", "lacks"),
    [
        ("2026", set()),
        ("2024", {"delivered.optimized", "failed.permanent.optimized"}),
        (
            "2016",
            {
                "description",
                "delivered.optimized",
                "failed.permanent.optimized",
                "failed.permanent.delayed-bounce",
                "failed.permanent.webhook",
                "failed.temporary.total",
                "opened.unique",
                "clicked.unique",
            },
        ),
    ],
)
def test_older_editions_lack_members(account: Model, edition: str, lacks: set[str]) -> None:
    def members(payload: Any, path: str = "") -> set[str]:
        if not isinstance(payload, dict):
            return {path}
        return {m for k, v in payload.items() for m in members(v, f"{path}.{k}".strip("."))}

    path = f"/v3/stats/total?{ALL}&duration=1d"

    def seen(which: str) -> set[str]:
        payload = answer(account, path, edition=which)
        return members({**payload, **payload.pop("stats")[0]}) - {"stats"}

    assert seen("2026") - seen(edition) == lacks


@pytest.mark.parametrize("suffix", ["UTC", "GMT", "+0000"])
def test_dates_end_as_chosen(account: Model, suffix: str) -> None:
    payload = answer(account, "/v3/stats/total?event=opened", suffix=suffix)
    assert payload["start"].endswith(suffix)
    assert payload["stats"][0]["time"].endswith(suffix)


def keys_of(payload: Any, shape: str, group: str) -> list[str | None]:
    if shape == "envelopes":
        return [envelope["type"]["key"] for envelope in payload for _ in envelope["stats"]]
    stats = payload["stats"]
    if shape == "map":
        return [key for key, items in stats.items() for _ in items]
    read = {
        "member": lambda item: item[group],
        "type": lambda item: item["type"]["key"],
        "time": lambda item: item["time"],
        "none": lambda item: None,
    }[shape]
    return [read(item) for item in stats]


def accepted_of(payload: Any, event: str) -> int:
    if isinstance(payload, list):
        return sum(accepted_of(part, event) for part in payload)
    stats = payload["stats"]
    items = [i for part in stats.values() for i in part] if isinstance(stats, dict) else stats
    return sum(item[event]["total"] for item in items)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_carries_the_same_keys_and_counts(
    account: Model, shape: str, group: str
) -> None:
    path = f"/v3/stats/filter?event=delivered&duration=3d&group={group}"
    plain, shaped = answer(account, path), answer(account, path, shape=shape)
    assert accepted_of(shaped, "delivered") == accepted_of(plain, "delivered")
    keys = keys_of(shaped, shape, group)
    if shape != "none":
        assert set(keys) == set(keys_of(plain, "member", group))
    assert len(keys) == len(set(keys_of(plain, "member", group))) * (1 if shape == "time" else 3)
    if shape in ("member", "type", "none"):
        times = [item["time"] for item in shaped["stats"]]
        assert times == [item["time"] for item in plain["stats"]]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_empty_grouped_answer_is_empty_in_every_shape(account: Model, shape: str) -> None:
    path = "/v3/stats/filter?event=opened&group=tag&start=0&end=0"
    payload = answer(account, path, shape=shape)
    assert payload == [] if shape == "envelopes" else not payload["stats"]


@pytest.mark.parametrize("group", ["time", "day", "month", "total"])
def test_groups_of_time_have_the_ordinary_shape(account: Model, group: str) -> None:
    path = "/v3/stats/filter?event=accepted&start=1790000000&end=1791000000&resolution=hour"
    hours = answer(account, path)["stats"]
    payload = answer(account, f"{path}&group={group}")
    assert all(set(item) == {"time", "accepted"} for item in payload["stats"])
    resolution = group if group in ("day", "month") else "hour"
    assert payload["resolution"] == resolution
    if group == "total":
        (whole,) = payload["stats"]
        assert whole["accepted"]["total"] == sum(item["accepted"]["total"] for item in hours)
    if group == "time":
        assert payload["stats"] == hours


def test_filters_narrow_and_combine(account: Model) -> None:
    base = "/v3/stats/filter?event=delivered&duration=7d"
    one = accepted_of(answer(account, f"{base}&filter=domain:news.example.com"), "delivered")
    direct = answer(account, "/v3/news.example.com/stats/total?event=delivered&duration=7d")
    assert one == accepted_of(direct, "delivered")
    both = f"{base}&filter=domain:news.example.com&filter=provider:gmail.com"
    assert 0 < accepted_of(answer(account, both), "delivered") < one
    two = f"{base}&filter=provider:gmail.com&filter=provider:aol.com"
    alone = [
        accepted_of(answer(account, f"{base}&filter=provider:{p}"), "delivered")
        for p in ("gmail.com", "aol.com")
    ]
    assert accepted_of(answer(account, two), "delivered") == sum(alone)


def snapshot(account: Model, more: str, **form: Any) -> list[str]:
    path = f"/v3/stats/total/domains?event=accepted&timestamp=1793000000{more}"
    payload = answer(account, path, **form)
    return [item["domain"] for item in payload["stats"]]


@pytest.fixture(scope="module")
def wide() -> Model:
    return Model(3, domains=[f"d{i}.example" for i in range(7)], days=60)


def test_the_snapshot_pages_by_skipping(wide: Model) -> None:
    names = [f"d{i}.example" for i in range(7)]
    pages = [snapshot(wide, f"&limit={skip}", page=3) for skip in (0, 3, 6, 9)]
    seen = [name for page in pages for name in page]
    assert [len(page) <= 3 for page in pages] == [True] * 4
    assert pages[-1] == []
    assert set(seen) <= set(names)
    assert len(seen) == len(set(seen))
    assert sorted(seen) == sorted(snapshot(wide, ""))


def test_the_other_reading_of_limit_is_the_size_of_the_page(wide: Model) -> None:
    assert len(snapshot(wide, "&limit=2", limit="size")) <= 2
    assert len(snapshot(wide, "&limit=100", limit="size")) == len(snapshot(wide, ""))


@pytest.mark.parametrize("singular", [False, True])
def test_aggregates_list_every_key_and_agree_with_each_other(
    account: Model, singular: bool
) -> None:
    sums = []
    for plural, single, keys in (
        ("providers", "provider", 26 + 6),
        ("devices", "device", 4),
        ("countries", "country", 248),
    ):
        path = f"/v3/news.example.com/aggregates/{plural}"
        payload = answer(account, path, singular=singular)
        (name,) = payload
        assert name == (single if singular else plural)
        assert len(payload[name]) == keys
        rows = payload[name].values()
        counters = ("opened", "clicked", "unique_opened", "unique_clicked", "unsubscribed")
        sums.append([sum(row[c] for row in rows) for c in (*counters, "complained")])
        assert all(("accepted" in row) == (plural == "providers") for row in rows)
    assert sums[0] == sums[1] == sums[2]
    lifetime = answer(account, "/v3/news.example.com/stats/total?event=opened&duration=5m")
    assert sums[0][0] == accepted_of(lifetime, "opened")


def test_the_directory_has_the_fields_and_pages_of_the_real_one(account: Model) -> None:
    payload = answer(account, "/v4/domains")
    assert payload["total_count"] == 3
    first = payload["items"][0]
    assert first["name"] == "news.example.com"
    assert first["created_at"].endswith(" GMT")
    assert len(first["id"]) == 24
    assert {"state", "type", "smtp_login", "web_prefix", "wildcard"} <= set(first)
    second = answer(account, "/v4/domains?limit=1&skip=1")
    assert [item["name"] for item in second["items"]] == ["mail.example.com"]
    assert second["total_count"] == 3
    assert answer(account, "/v4/domains?state=unverified")["items"] == []


def test_a_subaccount_sees_its_own_domains_only(account: Model) -> None:
    (own,) = account.subaccounts
    headers = {"X-Mailgun-On-Behalf-Of": own}
    listed = answer(account, "/v4/domains", headers=headers)
    assert [item["name"] for item in listed["items"]] == ["shop.example.com"]
    total = "/v3/stats/total?event=accepted"
    direct = answer(account, "/v3/shop.example.com/stats/total?event=accepted")
    assert answer(account, total, headers=headers) == direct
    assert (
        ask(account, "/v3/news.example.com/stats/total?event=opened", headers=headers).status_code
        == 404
    )
    grouped = answer(account, "/v3/stats/filter?event=accepted&group=domain", headers=headers)
    assert {item["domain"] for item in grouped["stats"]} == {"shop.example.com"}
    foreign = "/v3/stats/filter?event=accepted&filter=domain:news.example.com"
    assert accepted_of(answer(account, foreign, headers=headers), "accepted") == 0
    assert ask(account, total, headers={"X-Mailgun-On-Behalf-Of": "nobody"}).status_code == 403


def test_the_ground_truth_can_be_asked_for(account: Model) -> None:
    (incident,) = answer(account, "/simulator/incidents")["incidents"]
    assert incident["kind"] == "block"
    assert incident["where"] == {"domain": ["news.example.com"], "provider": ["gmail.com"]}


STATS = "/v3/news.example.com/stats/total"
NO_EVENT = "please provide at least one event: Missing mandatory parameter: event"
NO_FILTER = " is not a valid filter predicate attribute"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        (STATS, 400, "please provide at least one event: Missing mandatory parameter: event"),
        (f"{STATS}?event=read", 400, "event 'read' is not valid"),
        (f"{STATS}?event=opened,clicked", 400, "event 'opened,clicked' is not valid"),
        (
            f"{STATS}?event[]=opened",
            400,
            NO_EVENT,
        ),
        (
            f"{STATS}?event=opened&resolution=week",
            400,
            "'resolution' parameter is invalid, valid values: 'month', 'day', 'hour'",
        ),
        (f"{STATS}?event=read&resolution=week", 400, "event 'read' is not valid"),
        (
            f"{STATS}?event=opened&resolution=week&start=never&duration=0d",
            400,
            "'resolution' parameter is invalid, valid values: 'month', 'day', 'hour'",
        ),
        (
            f"{STATS}?event=opened&start=never&duration=0d",
            400,
            "'start' parameter is invalid, valid formats: RFC 2822, unix epoch",
        ),
        ("/v3/nobody.example/stats/total?event=read", 404, "domain not found"),
        ("/v3/nobody.example/aggregates/devices", 404, "domain not found"),
        ("/v3/stats/total/domains?event=opened", 400, "Missing mandatory parameter: timestamp"),
        (
            "/v3/stats/filter?event=opened&filter=test:x",
            400,
            "'test'" + NO_FILTER,
        ),
        (
            "/v3/stats/filter?event=opened&filter=domain",
            400,
            "'domain'" + NO_FILTER,
        ),
        ("/v3/stats/filter?event=opened&group=colour", 400, "'colour' is not a valid group"),
        ("/v4/domains?limit=1001", 400, "'limit' parameter is invalid"),
        ("/v4/domains?skip=-1", 400, "'skip' parameter is invalid"),
    ],
)
def test_errors_are_worded_as_the_real_ones(
    account: Model, path: str, status: int, message: str
) -> None:
    response = ask(account, path)
    assert response.status_code == status
    assert response.text == json.dumps({"message": message}, separators=(",", ":")) + "\n"


@pytest.mark.parametrize("path", ["/v3//stats/total?event=opened", "/v3/a%2Fb/stats/total"])
def test_a_malformed_domain_is_answered_by_the_magnificent_api(account: Model, path: str) -> None:
    response = ask(account, path)
    assert (response.status_code, response.text) == (200, "Mailgun Magnificent API")


def test_unrouted_paths_are_not_found(account: Model) -> None:
    response = ask(account, "/v3/nothing/here")
    assert (response.status_code, response.text) == (404, "404 page not found\n")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "not found" in ask(account, "/v1/analytics/metrics").get_json()["error"]


@pytest.mark.parametrize("auth", [None, ("api", "wrong"), ("user", "key-simulated"), ("api", "")])
def test_a_wrong_key_is_forbidden(account: Model, auth: tuple[str, str] | None) -> None:
    response = Client(Simulator(account)).get("/v3/stats/total?event=read", auth=auth)
    assert (response.status_code, response.text) == (401, "Forbidden")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["WWW-Authenticate"] == 'Basic realm="MG API"'


def test_every_answer_says_that_it_is_simulated_and_carries_the_frozen_clock(
    account: Model,
) -> None:
    for path in (STATS, f"{STATS}?event=opened", "/nowhere"):
        headers = ask(account, path).headers
        assert headers["X-Mgframe-Simulated"] == "1"
        assert headers["Date"] == "Mon, 16 Nov 2026 09:30:00 GMT"
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "wrong", [{"shape": "x"}, {"limit": "x"}, {"edition": "2020"}, {"suffix": "Z"}]
)
def test_wrong_forms_of_answer_are_refused(account: Model, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="one of"):
        Simulator(account, **wrong)
