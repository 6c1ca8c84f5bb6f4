"""mg.metrics, mg.usage and mg.names: the pieces of a plan rejoin to what one unlimited query gives.

The account behind them is a plain table (metrics_answers.py), and so is the oracle.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from answers import unhurried
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_answers import (
    ACCEPTED,
    ENGAGEMENT,
    KEYS,
    NOW,
    REPORTED,
    SUMS,
    Account,
    Refusal,
    Row,
    Said,
    Session,
    at,
    body_of,
    client_of,
    expected,
    item,
    random_rows,
    rows_of,
    small_pages,
)

import mgframe as mg
from mgframe.errors import (
    MgframeWarning,
    QueryError,
    RateLimited,
    ResponseError,
    ServerError,
    TransportError,
)
from mgframe.framing import meta_of
from mgframe.metrics_parsing import Page
from mgframe.paging import Pages
from mgframe.vocabulary import COUNTS, USAGE_COUNTS

PAGE = 7
DAYS: dict[str, Any] = {"start": "2026-11-01", "end": "2026-11-12"}

#: What odd rows and filters are warned of is tested by itself.
QUIET = pytest.mark.filterwarnings(
    "ignore:.*(left some rows|nothing matches|answered days|did not report)"
)


@pytest.fixture
def paged() -> Iterator[None]:
    with small_pages(PAGE):
        yield


# ---------------------------------------------------------------- any legal query


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a filter of any comparators, in a user's spelling."""
    found: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(list(KEYS)), max_size=2, unique=True)):
        lower = key in ("country", "device", "recipient_provider")
        values = [v.lower() if lower and v != "Gmail" and v != "Yahoo" else v for v in KEYS[key]]
        whole = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
        part = st.sampled_from([value[1:3] for value in values])
        comparator = draw(st.sampled_from(["=", "!=", "contains", "not contains"]))
        exact = comparator in ("=", "!=") or key in ("country", "device", "tag")
        said = draw(whole if exact else part)
        found[key] = said if comparator == "=" else {comparator: said}
    return found


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    """Draw counts, keys, a filter and a window that fit together."""
    resolution = draw(st.sampled_from(["hour", "day", "month", "total"]))
    most = 3 if resolution == "total" else 2
    keys = draw(st.lists(st.sampled_from(list(KEYS)), max_size=most, unique=True))
    where = draw(filters())
    concerned = {*keys, *where}
    legal = list(COUNTS)
    if concerned & {"country", "device", "bot"}:
        legal = ENGAGEMENT
    elif "ip" in concerned:
        legal = [name for name in COUNTS if name not in ACCEPTED]
    counts = draw(st.lists(st.sampled_from(legal), min_size=1, max_size=30, unique=True))
    last = draw(st.integers(0, 3 if resolution == "month" else 20))
    first = last + draw(st.integers(0, 30 if resolution == "hour" else 12))
    offset = {"hour": "h", "day": "D", "month": "MS", "total": "D"}[resolution]
    newest = {"hour": "2026-11-16 09:00", "month": "2026-11-01"}.get(resolution, "2026-11-16")
    grid = pd.date_range(end=newest, periods=first + 1, freq=offset)
    form = "%Y-%m-%d %H:%M" if resolution == "hour" else "%Y-%m-%d"
    return {
        "counts": counts,
        "keys": keys,
        "where": where,
        "start": grid[0].strftime(form),
        "end": grid[first - last].strftime(form),
        "resolution": resolution,
        "fill": draw(st.booleans()),
    }


def columns_of(counts: list[str]) -> list[str]:
    """Return the columns of a frame: what was asked, and the sums that follow."""
    follow = {name for name, parts in SUMS.items() if set(parts) <= set(counts)}
    return [name for name in COUNTS if name in follow or name in counts]


def to_ask(counts: list[str]) -> list[str]:
    return [name for name in counts if not (name in SUMS and set(SUMS[name]) <= set(counts))]


@QUIET
@settings(unhurried, max_examples=60)
@given(queries(), st.integers(0, 2**32 - 1), st.integers(0, 60), st.booleans())
def test_the_pieces_of_a_plan_rejoin_to_one_unlimited_query(
    query: dict[str, Any], seed: int, number: int, quiet_too: bool
) -> None:
    account = Account(random_rows(seed, number), quiet_too=quiet_too)
    session, counts = Session(account), query["counts"]
    words = {name: query[name] for name in ("where", "start", "end", "resolution", "fill")}
    with small_pages(PAGE):
        frame = mg.metrics(counts, by=query["keys"], client=client_of(session), **words)
    oracle = expected(account.rows, columns_of(counts), query["keys"], **words)
    assert list(frame.columns) == columns_of(counts)
    assert frame.index.names == oracle.index.names
    found, right = rows_of(frame), rows_of(oracle)
    if quiet_too:
        assert found == right
    else:  # rows of nothing but zeros are not there to be known of
        assert {key: row for key, row in right.items() if any(row)} == {
            key: row for key, row in found.items() if any(row)
        }
        assert set(found) <= set(right) or not any(map(any, found.values()))
    assert list(found) == sorted(found)
    pd.testing.assert_frame_equal(mg.check_frame(frame), frame)
    assert len(session.asked) == requests_needed(account, session)


def requests_needed(account: Account, session: Session) -> int:
    """Return the least requests for the chunks that were asked: their rows by the page's limit."""
    first = [question for question in session.asked if not question["pagination"]["skip"]]
    totals = [len(account.items(question)) for question in first]
    return sum(max(math.ceil(total / PAGE), 1) for total in totals)


@settings(unhurried, max_examples=30)
@given(st.lists(st.sampled_from(list(COUNTS)), min_size=1, unique=True))
def test_each_count_is_asked_once_in_the_fewest_requests_and_sums_are_not(
    counts: list[str],
) -> None:
    session = Session(Account(random_rows(1, 3)))
    mg.metrics(counts, client=client_of(session), **DAYS)
    asked = [name.removesuffix("_count") for q in session.asked for name in q["metrics"]]
    assert sorted(asked) == sorted(to_ask(counts))
    assert len(session.asked) == math.ceil(len(asked) / 10)


@QUIET
def test_all_counts_by_all_rates_are_one_frame(paged: None) -> None:
    account = Account(random_rows(3, 80))
    session = Session(account)
    frame = mg.metrics(by=["domain", "tag"], client=client_of(session), **DAYS)
    oracle = expected(
        account.rows, list(frame.columns), ["domain", "tag"], resolution="day", **DAYS
    )
    assert rows_of(frame) == rows_of(oracle)
    assert mg.rates(frame).shape[1] == 18
    totals = {len(account.items(question)) for question in session.asked}
    (rows,) = totals
    asked = {name for question in session.asked for name in question["metrics"]}
    assert len(session.asked) == math.ceil(rows / PAGE) * math.ceil(len(asked) / 10)
    assert {question["pagination"]["sort"] for question in session.asked} == {"time:asc"}
    assert {question["pagination"]["limit"] for question in session.asked} == {PAGE}


def test_a_rate_stands_for_its_counts_and_can_be_computed() -> None:
    session = Session(Account(random_rows(3, 40)))
    frame = mg.metrics(["bounce_rate", "complained_rate"], client=client_of(session), **DAYS)
    assert list(frame.columns) == ["processed", "delivered", "bounced", "complained"]
    assert list(mg.rates(frame).columns) == ["bounce_rate", "complaint_rate"]


def test_the_default_window_and_keys_are_a_week_of_the_account() -> None:
    frame = mg.metrics("delivered", client=client_of(Session(Account(random_rows(3, 40)))))
    assert frame.index.names == ["time", "account"]
    assert len(frame) == 7


def test_a_clients_subaccount_is_the_key_of_its_account() -> None:
    client = client_of(Session(Account([])), subaccount="5f01")
    frame = mg.metrics("delivered", client=client, **DAYS)
    assert frame.index.unique("account").tolist() == ["5f01"]


# ---------------------------------------------------------------- faults on a page


@pytest.fixture
def dozen() -> Account:
    """An account with twelve pages of rows by domain and tag."""
    rows = [
        Row(
            pd.Timestamp("2026-11-01", tz="UTC") + pd.Timedelta(days=day),
            dict.fromkeys(KEYS, "x") | {"domain": f"{place}.com"},
            dict.fromkeys(REPORTED, 1),
        )
        for day in range(12)
        for place in range(7)
    ]
    return Account(rows)


class Faulty:
    """An account whose answer to page 7 goes wrong, so many times."""

    def __init__(self, account: Account, fault: Said, times: int = 10**9) -> None:
        self.account, self.fault, self.left = account, fault, times

    def __call__(self, question: dict[str, Any], number: int) -> Said:
        if question["pagination"]["skip"] == 6 * PAGE and self.left:
            self.left -= 1
            return self.fault
        return self.account(question, number)


HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
FAULTS: list[Any] = [
    (Refusal(500, '{"message":"Internal Server Error"}'), ServerError, "Internal Server Error"),
    (Refusal(503, HTML, {"Content-Type": "text/html"}), ServerError, "502 Bad Gateway"),
    (Refusal(429, '{"message":"Too Many Requests"}'), RateLimited, "Too Many Requests"),
    (Refusal(420, "", {"Retry-After": "3600"}), RateLimited, "asks to wait 3600 s"),
    (HTML, ResponseError, "not with JSON"),
    ('{"items":[{"dimensions":[{"dimension":"time","val', ResponseError, "not with JSON"),
    ("", ResponseError, "empty body"),
    ('{"pagination":{"total":84}}', ResponseError, "'items' with 'dimensions'"),
    ('{"items":[{"dimensions":[],"metrics":{"delivered_count":1}}]}', ResponseError, "time"),
]


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgframe.pacing.pause", lambda seconds, stop: None)


@pytest.mark.parametrize(("fault", "kind", "words"), FAULTS)
@pytest.mark.usefixtures("paged", "no_wait")
def test_an_error_on_page_7_of_12_is_an_error_that_names_it(
    dozen: Account, fault: Said, kind: type[Exception], words: str
) -> None:
    session = Session(Faulty(dozen, fault))
    with pytest.raises(kind) as raised:
        mg.metrics("delivered", by="domain", client=client_of(session, retries=2), **DAYS)
    said = str(raised.value)
    assert "page 7 of 12" in said
    assert words in said
    assert "POST /v1/analytics/metrics" in said
    assert "key-0123" not in said


@pytest.mark.usefixtures("paged", "no_wait")
def test_a_page_that_fails_for_a_while_is_asked_again_and_nothing_is_lost(dozen: Account) -> None:
    session = Session(Faulty(dozen, Refusal(503), times=2))
    frame = mg.metrics("delivered", by="domain", client=client_of(session, retries=2), **DAYS)
    assert frame["delivered"].tolist() == [1] * 84
    assert len(session.asked) == 14


@pytest.mark.usefixtures("paged")
def test_a_dropped_connection_is_an_error(dozen: Account) -> None:
    import requests

    def answer(question: dict[str, Any], number: int) -> Said:
        if question["pagination"]["skip"] == 6 * PAGE:
            raise requests.ConnectionError("reset")
        return dozen(question, number)

    with pytest.raises(TransportError, match=r"page 7 of 12 got no answer"):
        mg.metrics("delivered", by="domain", client=client_of(Session(answer)), **DAYS)


class Changing:
    """An account that counts on while its pages are read, so many times."""

    def __init__(self, account: Account, change: Any, times: int) -> None:
        self.account, self.change, self.left = account, change, times
        self._lock = threading.Lock()

    def __call__(self, question: dict[str, Any], number: int) -> Said:
        said = self.account(question, number)
        assert isinstance(said, dict)
        with self._lock:
            if question["pagination"]["skip"] == 6 * PAGE and self.left:
                self.left -= 1
                self.change(said)
        return said


def drop_a_row(said: dict[str, Any]) -> None:
    said["items"].pop()


def repeat_a_row(said: dict[str, Any]) -> None:
    said["items"][-1] = said["items"][0]


def raise_the_total(said: dict[str, Any]) -> None:
    said["pagination"]["total"] += 1


CHANGES: list[Any] = [
    (drop_a_row, r"there are 84 rows but its pages hold 83"),
    (repeat_a_row, r"holds the row 2026-11-07 00:00:00\+00:00, \d\.com twice"),
    (raise_the_total, r"changed its total"),
]


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_pages_that_contradict_each_other_once_are_asked_anew(
    dozen: Account, change: Any, words: str
) -> None:
    session = Session(Changing(dozen, change, 1))
    frame = mg.metrics("delivered", by="domain", client=client_of(session), **DAYS)
    assert frame["delivered"].tolist() == [1] * 84
    assert len(session.asked) == 24


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_pages_that_contradict_each_other_twice_are_an_error(
    dozen: Account, change: Any, words: str
) -> None:
    session = Session(Changing(dozen, change, 2))
    with pytest.raises(ResponseError, match=words):
        mg.metrics("delivered", by="domain", client=client_of(session), **DAYS)
    assert len(session.asked) == 24


@pytest.mark.usefixtures("paged")
@settings(unhurried, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_rows_that_change_places_between_pages_never_give_a_wrong_frame(seed: int) -> None:
    account = Account(random_rows(seed, 30, missing=0), restless=seed)
    client = client_of(Session(account))
    try:
        with small_pages(PAGE):
            frame = mg.metrics("delivered", by=["domain", "tag"], client=client, **DAYS)
    except ResponseError:
        return
    oracle = expected(account.rows, ["delivered"], ["domain", "tag"], resolution="day", **DAYS)
    assert rows_of(frame) == rows_of(oracle)


# ---------------------------------------------------------------- regions


HOSTS = {"us": "http://127.0.0.1:8001", "eu": "http://127.0.0.1:8002"}


@QUIET
@pytest.mark.usefixtures("paged")
def test_regions_are_asked_each_at_its_own_address_and_told_apart() -> None:
    accounts = {"us": Account(random_rows(1, 40)), "eu": Account(random_rows(2, 25))}

    def answer(question: dict[str, Any], number: int) -> Said:
        region = next(name for name, host in HOSTS.items() if question["url"].startswith(host))
        return accounts[region](question, number)

    session = Session(answer)
    client = client_of(session, base_url=HOSTS)
    frame = mg.metrics("delivered", by="domain", regions=["eu", "us"], client=client, **DAYS)
    assert frame.index.names == ["time", "region", "domain"]
    for region, account in accounts.items():
        oracle = expected(account.rows, ["delivered"], ["domain"], resolution="day", **DAYS)
        assert rows_of(frame.xs(region, level="region")) == rows_of(oracle)
    assert meta_of(frame)["region"] == ["eu", "us"]
    sent = [url.removeprefix("POST ") for url in session.urls]
    assert {url.removesuffix("/v1/analytics/metrics") for url in sent} == set(HOSTS.values())
    needed = [len(a.items(session.asked[0])) for a in accounts.values()]
    assert len(sent) == sum(math.ceil(rows / PAGE) for rows in needed)


def test_regions_without_keys_have_a_row_each_even_without_mail() -> None:
    client = client_of(Session(Account([])), base_url=HOSTS)
    frame = mg.metrics("delivered", regions=["us", "eu"], client=client, last="1d")
    day = at("2026-11-15")
    assert rows_of(frame) == {(day, "eu"): (0,), (day, "us"): (0,)}
    assert frame.index.names == ["time", "region"]
    total = mg.metrics("delivered", regions="eu", client=client, resolution="total")
    assert rows_of(total) == {"eu": (0,)}


def test_both_of_mailguns_regions_can_be_asked_by_one_client() -> None:
    session = Session(Account([]))
    client = client_of(session, base_url=None)
    mg.metrics("delivered", regions=["us", "eu"], client=client, last="1d")
    mg.metrics("delivered", client=client, last="1d")
    hosts = [url.split("/")[2] for url in session.urls]
    assert sorted(hosts[:2]) == ["api.eu.mailgun.net", "api.mailgun.net"]
    assert hosts[2] == "api.mailgun.net"


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ("ue", "regions='ue': this client knows only us, eu"),
        (["us", "other"], "this client knows only us, eu"),
        ([], "regions is empty"),
        (["us", None], "this client knows only us, eu"),
    ],
)
def test_a_region_that_does_not_exist_is_refused(regions: Any, words: str) -> None:
    session = Session(Account([]))
    with pytest.raises(QueryError) as raised:
        mg.metrics("delivered", regions=regions, client=client_of(session, base_url=HOSTS))
    assert words in str(raised.value)
    assert not session.asked


def test_a_client_with_one_address_is_asked_for_no_other_region() -> None:
    session = Session(Account([]))
    with pytest.raises(QueryError, match=r"base_url=\{'us': \.\.\., 'eu': \.\.\.\}"):
        mg.metrics("delivered", regions=["us"], client=client_of(session))
    assert not session.asked


def test_an_error_names_its_region() -> None:
    def answer(question: dict[str, Any], number: int) -> Said:
        return Refusal(500) if question["url"].startswith(HOSTS["eu"]) else body_of([])

    client = client_of(Session(answer), base_url=HOSTS)
    with pytest.raises(ServerError, match=r"\(region eu\)") as raised:
        mg.metrics("delivered", regions=["us", "eu"], client=client, last="1d")
    assert raised.value.region == "eu"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"counts": "deliverd"}, "'deliverd' is no count; did you mean 'delivered'?"),
        ({"by": "provider"}, "'recipient_domain' (gmail.com) or 'recipient_provider' (Gmail)"),
        ({"by": "domains"}, "did you mean 'domain'?"),
        ({"by": ["domain", "ip", "tag"]}, "resolution='total', without time, takes three"),
        (
            {"by": ["domain", "ip", "tag", "bot"], "resolution": "total"},
            "names 4 keys and the Metrics API takes 3",
        ),
        ({"counts": "delivery_rate", "by": "country"}, "by country has no meaning"),
        ({"where": {"domain": []}}, "has an empty list"),
        ({"where": {"domain": {"~": "x"}}}, "has the comparator '~'"),
        ({"last": "7d", "period": "2026-10"}, "say the window twice"),
        ({"start": "2024-01-01", "end": "2024-02-01"}, "ask for a coarser resolution"),
    ],
)
def test_a_wrong_question_is_refused_before_anything_is_sent(
    words: dict[str, Any], said: str
) -> None:
    session = Session(Account([]))
    with pytest.raises(QueryError) as raised:
        mg.metrics(client=client_of(session), **words)
    assert said in str(raised.value)
    assert not session.asked


def test_a_window_partly_beyond_the_retention_is_answered_with_a_warning() -> None:
    client = client_of(Session(Account([])))
    with pytest.warns(MgframeWarning, match=r"10 of 12 rows lie before 2026-09-17 09:00 UTC"):
        frame = mg.metrics(
            "delivered", start="2026-09-16 23:00", end="2026-09-17 10:00", resolution="hour",
            client=client,
        )  # fmt: skip
    assert frame["delivered"].isna().tolist() == [True] * 10 + [False] * 2


# ---------------------------------------------------------------- plans


def test_a_plan_sends_nothing_and_knows_its_pages_where_a_filter_names_all_keys() -> None:
    session = Session(Account(random_rows(1, 40)))
    client = client_of(session)
    where = {"domain": ["a.com", "b.com"]}
    with small_pages(PAGE):
        found = mg.plan(
            mg.metrics, REPORTED[:20], by="domain", where=where, last="14d", client=client
        )
        assert not session.asked
        assert (found.requests, found.pages) == (2, 2 * 4)  # 28 rows, twice ten counts
        assert "then a request for each further page of 7 rows, 8 in all at most" in repr(found)
        mg.metrics(REPORTED[:20], by="domain", where=where, last="14d", client=client)
    assert len(session.asked) <= found.pages
    assert [call.body.encode() for call in found.calls if call.body] == session.bodies[:2]


def test_a_plan_that_does_not_know_its_pages_says_so() -> None:
    client = client_of(Session(Account([])))
    found = mg.plan(mg.metrics, "delivered", by="domain", last="14d", client=client)
    assert (found.requests, found.pages) == (1, 1)
    assert "a request for each further page of 1,500 rows" in repr(found)
    account = mg.plan(mg.metrics, "delivered", last="14d", client=client)
    assert (account.pages, account.follow_up) == (1, "")


def test_a_plan_of_regions_counts_each() -> None:
    client = client_of(Session(Account([])), base_url=HOSTS)
    counts = REPORTED[:11]
    assert mg.plan(mg.metrics, counts, regions=["us", "eu"], client=client).requests == 4


# ---------------------------------------------------------------- memory, and the same again


def test_answers_are_kept_as_pages_not_as_json(
    dozen: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mgframe import metrics_querying

    kept: list[Any] = []
    real = metrics_querying.metrics_frame

    def watching(query: Any, regions: Any, read: list[Pages]) -> pd.DataFrame:
        kept.extend(answer.body for pages in read for answer in pages)
        return real(query, regions, read)

    monkeypatch.setattr(metrics_querying, "metrics_frame", watching)
    with small_pages(PAGE):
        mg.metrics("delivered", by="domain", client=client_of(Session(dozen)), **DAYS)
    assert len(kept) == 12
    assert all(isinstance(body, Page) for body in kept)
    assert not any(
        isinstance(value, list | dict) for body in kept for value in body.counts.values()
    )


def test_the_same_question_twice_gives_the_same_requests_and_frame(dozen: Account) -> None:
    sessions = [Session(dozen), Session(dozen)]
    with small_pages(PAGE):
        frames = [
            mg.metrics("delivered", by="domain", client=client_of(session), **DAYS)
            for session in sessions
        ]
    assert sorted(sessions[0].bodies) == sorted(sessions[1].bodies)
    pd.testing.assert_frame_equal(*frames)
    assert frames[0].attrs == frames[1].attrs


def test_no_key_is_in_a_frame_a_plan_or_an_error() -> None:
    client = client_of(Session(lambda question, number: Refusal(401, "Forbidden key-0123")))
    with pytest.raises(mg.AuthenticationError) as raised:
        mg.metrics("delivered", client=client)
    assert "key-0123" not in str(raised.value)
    assert "key-0123" not in repr(mg.plan(mg.metrics, "delivered", client=client))
    frame = mg.metrics("delivered", client=client_of(Session(Account([]))))
    assert "key-0123" not in json.dumps(frame.attrs)


# ---------------------------------------------------------------- usage


def used(question: dict[str, Any], number: int) -> Said:
    """Answer a question about usage: one row a day, whatever is asked."""
    keys = {name: "5f01" for name in question["dimensions"] if name == "subaccount"}
    counts = {name.removesuffix("_count"): len(name) for name in question["metrics"]}
    timed = "time" in question["dimensions"]
    times = [{"time": at("2026-11-02")}, {"time": at("2026-11-04")}] if timed else [{}]
    return body_of([item({**time, **keys}, counts) for time in times])


def test_usage_asks_all_its_counts_ten_at_a_time() -> None:
    session = Session(used)
    frame = mg.usage(client=client_of(session), start="2026-11-02", end="2026-11-05")
    assert list(frame.columns) == list(USAGE_COUNTS)
    assert frame.index.names == ["time", "account"]
    assert len(session.asked) == math.ceil(len(USAGE_COUNTS) / 10)
    assert {url.split("/v1/")[1] for url in session.urls} == {"analytics/usage/metrics"}
    assert frame["seed_test"].tolist() == [15, 0, 15, 0]
    assert meta_of(frame)["endpoint"] == "POST /v1/analytics/usage/metrics"


def test_usage_can_be_told_by_subaccount_and_as_a_total() -> None:
    session = Session(used)
    client = client_of(session)
    frame = mg.usage("seed_test", by="subaccount", start="2026-11-02", end="2026-11-04",
                     client=client)  # fmt: skip
    assert frame.index.names == ["time", "subaccount"]
    assert session.asked[0]["include_subaccounts"] is True
    total = mg.usage("processed_count", resolution="total", client=client)
    assert rows_of(total) == {"account": (15,)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"by": "domain"}, "by='domain': usage is counted by subaccount or for the whole account"),
        ({"by": "subacount"}, "did you mean 'subaccount'?; mg.metrics() has the other keys"),
        ({"by": "time"}, "usage is counted by subaccount"),
        ({"by": ["subaccount", "domain"]}, "usage is counted by subaccount"),
        ({"resolution": "hour"}, "usage is counted by day"),
        ({"last": "24h"}, "usage is counted by day"),
        ({"start": "2024-08-01", "resolution": "month"}, "Mailgun has usage since 2024-09-01"),
        ({"counts": "delivered"}, "'delivered' is no count"),
        ({"counts": "email_validaton"}, "did you mean 'email_validation'?"),
    ],
)
def test_a_wrong_question_about_usage_is_refused(words: dict[str, Any], said: str) -> None:
    session = Session(used)
    with pytest.raises(QueryError) as raised:
        mg.usage(client=client_of(session), **words)
    assert said in str(raised.value)
    assert not session.asked


# ---------------------------------------------------------------- names


def test_names_of_pools_are_asked_once_and_remembered() -> None:
    items = [item({"ip_pool": "p1"}, {"delivered": 1}, {"ip_pool": "Marketing"}),
             item({"ip_pool": "p2"}, {"delivered": 1})]  # fmt: skip
    session = Session(lambda question, number: body_of(items))
    client = client_of(session)
    assert mg.names(client, "ip_pool") == {"p1": "Marketing"}
    assert mg.names(client, "ip_pool") == {"p1": "Marketing"}
    assert len(session.asked) == 1
    mg.names(client, "ip_pool")["p1"] = "changed by the caller"
    assert mg.names(client, "ip_pool") == {"p1": "Marketing"}


def test_names_are_all_asked_once_and_what_answers_told_is_kept() -> None:
    items = [item({"time": at("2026-11-02"), "ip_pool": "p1"}, {"delivered": 1},
                  {"ip_pool": "Shop"})]  # fmt: skip
    session = Session(lambda question, number: body_of(items))
    client = client_of(session)
    mg.metrics("delivered", by="ip_pool", client=client, **DAYS)
    items[0]["dimensions"][1] |= {"value": "p2", "display_value": "News"}
    del items[0]["dimensions"][0]
    # A narrow answer told of one pool alone.
    assert mg.names(client, "ip_pool") == {"p1": "Shop", "p2": "News"}
    assert mg.names(client, "ip_pool") == {"p1": "Shop", "p2": "News"}
    assert len(session.asked) == 2


@pytest.mark.parametrize("key", ["country", "device", "bot"])
def test_names_can_be_asked_of_keys_that_carry_no_deliveries(key: str) -> None:
    session = Session(lambda q, n: body_of([item({key: "de"}, {"opened": 1}, {key: "Germany"})]))
    assert mg.names(client_of(session), key) == {"de": "Germany"}


def test_names_of_a_key_that_does_not_exist_are_refused() -> None:
    client = client_of(Session(Account([])))
    with pytest.raises(QueryError, match=r"'ip_pol' is no key.* did you mean 'ip_pool'\?"):
        mg.names(client, "ip_pol")


def test_the_clock_of_these_tests_is_the_accounts() -> None:
    assert client_of(Session(Account([]))).now() == NOW


# ---------------------------------------------------------------- what a filter means


def test_complaints_of_providers_that_report_none_are_unknown_and_not_zero(demo: mg.Client) -> None:
    for where in ({"recipient_provider": "Gmail"}, {"recipient_domain": ["gmail.com"]}):
        frame = mg.metrics(["delivered", "complained"], where=where, last="3d", client=demo)
        assert frame["complained"].isna().all()
        assert frame["delivered"].gt(0).all()
    mixed = {"recipient_provider": ["Gmail", "Yahoo"]}
    frame = mg.metrics("complained", where=mixed, last="3d", client=demo)
    assert frame["complained"].notna().all()


def test_a_filter_that_matches_nothing_is_said(demo: mg.Client) -> None:
    with pytest.warns(MgframeWarning, match=r"nothing matches where=recipient_provider = Gmial"):
        frame = mg.metrics(
            "delivered", where={"recipient_provider": "Gmial"}, last="2d", client=demo
        )
    assert frame["delivered"].tolist() == [0, 0]


def test_a_total_between_hours_holds_no_more_than_these_hours(demo: mg.Client) -> None:
    window = {"start": "2026-11-10 12:00", "end": "2026-11-10 18:00", "client": demo}
    hours = mg.metrics("delivered", resolution="hour", **window)
    total = mg.metrics("delivered", resolution="total", **window)
    assert total["delivered"].item() == hours["delivered"].sum()


def test_an_address_in_a_filter_does_not_reach_the_frame(demo: mg.Client) -> None:
    with pytest.warns(MgframeWarning, match="nothing matches"):
        frame = mg.metrics(
            "delivered", where={"tag": "joe.bloggs@example.com"}, last="2d", client=demo
        )
    assert "joe" not in str(frame.attrs)


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda **o: mg.metrics([["a"]], **o), "must be names of counts"),
        (lambda **o: mg.metrics("email_validation", **o), r"mg\.usage\(\) has it"),
        (lambda **o: mg.usage("delivered", **o), r"mg\.metrics\(\) has it"),
        (lambda **o: mg.metrics(regions=5, **o), "regions=5 must be"),
    ],
)
def test_a_wrong_kind_of_argument_is_a_query_error(ask: Any, match: str, demo: mg.Client) -> None:
    with pytest.raises(QueryError, match=match):
        ask(client=demo)


def test_a_list_in_contains_is_taken_value_by_value() -> None:
    assert mg.contains(["a", "b"], "c") == {"contains": ["a", "b", "c"]}


@QUIET
def test_a_count_that_one_region_does_not_report_is_unknown_there_in_any_order() -> None:
    def answer(question: dict[str, Any], number: int) -> Said:
        count = {"delivered": 5} if question["url"].startswith(HOSTS["us"]) else {}
        return body_of([item({"time": at("2026-11-02")}, count)])

    window = {"start": "2026-11-01", "end": "2026-11-02"}
    frames = [
        mg.metrics("delivered", regions=order, client=client_of(Session(answer), base_url=HOSTS),
                   **window)
        for order in (["us", "eu"], ["eu", "us"])
    ]  # fmt: skip
    pd.testing.assert_frame_equal(*frames, check_like=True)
    assert frames[0].xs("eu", level="region")["delivered"].isna().all()
    assert frames[0].xs("us", level="region")["delivered"].tolist() == [0, 5]
