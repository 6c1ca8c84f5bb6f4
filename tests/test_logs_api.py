"""failures(): every line read once, counted by reason, and nobody's address in anything."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pandas as pd
import pytest
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mgframe as mg
from mgframe.filtering import contains, is_not, not_contains
from mgframe.loglines import Line, Page, Row
from mgframe.logs_api import failures
from mgframe.planning import plan
from mgframe.simulator import Fault, Model
from mgframe.stretches import Stretch, cut_up, newest, running

URL = "https://api.mailgun.net/v1/analytics/logs"
NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
START = datetime(2026, 11, 15, 9, tzinfo=UTC)
COLUMNS = {
    "severity": "string",
    "reason": "string",
    "code": "Int64",
    "enhanced_code": "string",
    "provider": "string",
    "mx": "string",
    "count": "Int64",
    "first": "datetime64[us, UTC]",
    "last": "datetime64[us, UTC]",
    "meaning": "string",
    "example": "string",
}
ADDRESS = re.compile(r"[^\s<>@\"]@[^\s@]")


def item(number: int, seconds: float, **more: Any) -> dict[str, Any]:
    """Return a log line, so many seconds after the window's start."""
    time = START + timedelta(seconds=seconds)
    local = f"person.{number}"
    line = {
        "id": f"id-{number}",
        "event": "failed",
        "@timestamp": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z",
        "account": {"id": "main"},
        "severity": "permanent",
        "reason": "bounce",
        "delivery-status": {
            "message": f"5.1.1 <{local}@gmail.com>: {local} is unknown",
            "code": 550,
            "enhanced-code": "5.1.1",
            "mx-host": "gmail-smtp-in.l.google.com",
        },
        "domain": {"name": "a.com"},
        "recipient": f"{local}@gmail.com",
        "recipient-domain": "gmail.com",
        "recipient-provider": "Gmail",
        "envelope": {"sender": f"bounce-{local}=gmail.com@a.com", "sending-ip": "192.0.2.1"},
        "message": {"headers": {"to": f"{local}@gmail.com", "subject": "for person"}},
        "tags": ["news"],
        "user-variables": f'{{"mail":"{local}@gmail.com"}}',
    }
    return {**line, **more}


class Fake:
    """A logs API over a list of lines, which can be told to behave badly."""

    def __init__(self, items: list[dict[str, Any]], **habits: Any) -> None:
        self.items, self.habits = items, habits
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: Any) -> tuple[int, dict[str, str], str]:
        body = json.loads(request.body)
        self.bodies.append(body)
        change = self.habits.get("change", lambda answer, number: answer)
        return 200, {}, json.dumps(change(self.answer(body), len(self.bodies)))

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        start, end = (parsedate_to_datetime(body[name]) for name in ("start", "end"))
        found = [i for i in self.items if start <= datetime.fromisoformat(i["@timestamp"]) <= end]
        found.sort(key=lambda i: (i["@timestamp"], i["id"]), reverse=not self.habits.get("asc"))
        if self.habits.get("shuffled"):
            found.sort(key=lambda i: (int(i["id"][3:]) + 500) * 389 % 1009)
        skip = int(body["pagination"].get("token", "0"))
        page = found[skip : skip + body["pagination"]["limit"]]
        paging: dict[str, Any] = {"next": str(skip + len(page))}
        if self.habits.get("totals", True):
            paging["total"] = len(found)
        return {"start": body["start"], "end": body["end"], "items": page, "pagination": paging}


@pytest.fixture
def fake() -> Iterator[Callable[..., tuple[Fake, mg.Client]]]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:

        def build(items: list[dict[str, Any]], **habits: Any) -> tuple[Fake, mg.Client]:
            server = Fake(items, **habits)
            mock.add_callback(responses.POST, URL, server)
            client = mg.Client("key-x", region="us", retries=0, clock=lambda: NOW, connections=5)
            return server, client

        yield build


def spread(number: int, over: float = 80_000) -> list[dict[str, Any]]:
    return [item(i, over * i / number) for i in range(number)]


# ---------------------------------------------------------------- the table


def test_a_table_of_reasons(fake: Any) -> None:
    lines = [
        item(1, 10),
        item(2, 70.25),
        item(3, 20, severity="temporary", reason="espblock"),
        item(4, 5, reason="old", **{"delivery-status": {"code": 602, "description": "Too old"}}),
    ]
    server, client = fake(lines)
    table = failures("a.com", client=client)
    assert list(table.columns) == list(COLUMNS)
    assert table.index.equals(pd.RangeIndex(3))
    first = table.loc[0].to_dict()
    assert first["count"] == 2
    assert first["first"] == pd.Timestamp(START) + pd.Timedelta(seconds=10)
    assert first["last"] == pd.Timestamp(START) + pd.Timedelta(seconds=70.25)
    assert first["meaning"] == "Unknown user: the mailbox does not exist. (RFC 3463)"
    assert first["example"] == "5.1.1 <redacted>@gmail.com: <redacted> is unknown"
    assert (first["provider"], first["mx"]) == ("Gmail", "google.com")
    assert table["severity"].tolist() == ["permanent", "permanent", "temporary"]
    assert table.loc[1, ["reason", "mx", "example"]].tolist() == ["old", "(none)", "Too old"]
    assert table["enhanced_code"].isna().tolist() == [False, True, False]
    assert len(server.bodies) == 1
    assert server.bodies[0] == {
        "start": "Sun, 15 Nov 2026 09:00:00 +0000",
        "end": "Mon, 16 Nov 2026 09:00:00 +0000",
        "events": ["failed"],
        "filter": {
            "AND": [
                {
                    "attribute": "domain",
                    "comparator": "=",
                    "values": [{"label": "a.com", "value": "a.com"}],
                }
            ]
        },
        "include_subaccounts": False,
        "include_totals": True,
        "pagination": {"sort": "timestamp:desc", "limit": 100},
    }


@pytest.mark.parametrize("lines", [[], [item(1, 1)], [item(1, 1, **{"delivery-status": None})]])
def test_dtypes_are_always_the_same(fake: Any, lines: list[dict[str, Any]]) -> None:
    table = failures(client=fake(lines)[1])
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == COLUMNS
    assert len(table) == len(lines)
    assert isinstance(table.index, pd.RangeIndex)


def test_attrs_say_what_was_asked_and_read(fake: Any) -> None:
    _, client = fake([item(1, 1)])
    table = failures("a.com", where={"tag": contains("ne", "person@gmail.com")}, client=client)
    meta = table.attrs["mgframe"]
    assert meta["endpoint"] == "POST /v1/analytics/logs"
    assert meta["asked"] == ["2026-11-15T09:00:00Z", "2026-11-16T09:00:00Z"]
    assert meta["where"] == ["domain = a.com", "tag contains ne, <redacted>@gmail.com"]
    assert (meta["read"], meta["total"], meta["simulated"]) == (1, 1, False)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"severity": None}, {"severity": "temporary"}),
        ({"severity": "warning"}, {"severity": "temporary"}),
        ({"reason": None}, {"reason": "(none)"}),
        ({"flags": {"is-delayed-bounce": True}}, {"reason": "delayed-bounce"}),
        ({"flags": {"is-callback": True}, "reason": "generic"}, {"reason": "webhook"}),
        ({"flags": {"is-callback": False}}, {"reason": "bounce"}),
        ({"recipient-provider": ""}, {"provider": "gmail.com"}),
        ({"recipient-provider": None, "recipient-domain": None}, {"provider": "(none)"}),
        ({"recipient-provider": "jo@x.com"}, {"provider": "<redacted>@x.com"}),
        ({"reason": "jo@x.com"}, {"reason": "<redacted>@x.com"}),
        ({"delivery-status": {"code": "550"}}, {"code": 550, "example": ""}),
        ({"delivery-status": {"code": 550.0}}, {"code": 550}),
        ({"delivery-status": {"message": "550 5.7.1 no"}}, {"enhanced_code": "5.7.1"}),
        ({"delivery-status": {"message": "", "description": "No MX"}}, {"example": "No MX"}),
        ({"delivery-status": {"mx-host": "MX1.mail.b.co.uk."}}, {"mx": "b.co.uk"}),
        ({"delivery-status": {"mx-host": "[192.0.2.9]"}}, {"mx": "192.0.2.9"}),
        ({"delivery-status": {"mx-host": "localhost"}}, {"mx": "localhost"}),
        ({"delivery-status": {"code": 605}, "reason": "suppress-bounce"}, {"code": 605}),
        ({"@timestamp": "2026-11-15T12:00:00+02:00"}, {"reason": "bounce"}),
        ({"@timestamp": "2026-11-15T10:00:00"}, {"reason": "bounce"}),
        ({"mystery": {"new": 1}}, {"reason": "bounce"}),
    ],
)
def test_lines_of_other_forms_are_read(
    fake: Any, more: dict[str, Any], expected: dict[str, Any]
) -> None:
    class Naive(Fake):
        def answer(self, body: dict[str, Any]) -> dict[str, Any]:
            return {"items": self.items, "pagination": {}}

    server, client = fake([])
    server.answer = Naive([item(1, 1, **more)]).answer
    table = failures(client=client)
    assert table.loc[0, list(expected)].to_dict() == expected
    assert table["count"].tolist() == [1]


def test_the_example_is_the_newest_and_the_end_of_the_window_is_not_in_it(fake: Any) -> None:
    said = {i: {"message": f"5.1.1 number {i}", "code": 550} for i in (1, 2, 3)}
    times = {1: 50, 2: 80_000, 3: 86_400}
    _, client = fake([item(i, times[i], **{"delivery-status": said[i]}) for i in times])
    table = failures(client=client)
    assert table["count"].tolist() == [2]
    assert table["example"].tolist() == ["5.1.1 number 2"]


@pytest.mark.parametrize("code", [0, 7, 99_999, None, ""])
def test_what_is_no_code_is_na(fake: Any, code: Any) -> None:
    _, client = fake([item(1, 1, **{"delivery-status": {"code": code}})])
    assert failures(client=client)["code"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"@timestamp": None}, "log line 1 has no '@timestamp' as a text"),
        ({"@timestamp": 1763197200.5}, "log line 1 has no '@timestamp' as a text"),
        ({"@timestamp": "jo@x.com"}, "log line 1 has a '@timestamp' that is no usable time"),
        ({"@timestamp": "0001-01-01T00:00:00Z"}, "'@timestamp' that is no usable time"),
        ({"id": 17}, "log line 1 has no 'id' as a text"),
        ({"event": ["failed"]}, "log line 1 has no 'event' as a text"),
        ({"delivery-status": "jo@x.com"}, "'delivery-status' that is no object"),
        ({"delivery-status": {"code": "jo@x.com"}}, "'code' that is no whole number"),
        ({"delivery-status": {"code": True}}, "'code' that is no whole number"),
        ({"delivery-status": {"code": 550.5}}, "'code' that is no whole number"),
        ({"delivery-status": {"message": ["jo@x.com"]}}, "'message' that is no text"),
        ({"recipient": {"mail": "jo@x.com"}}, "'recipient' that is no text"),
        ({"tags": "jo@x.com"}, "'tags' that are no list of texts"),
        ({"domain": "jo@x.com"}, "'domain' that is no object"),
        ({"flags": ["jo@x.com"]}, "'flags' that is no object"),
    ],
)
def test_a_line_that_cannot_be_read_is_an_error_without_what_it_holds(
    fake: Any, more: dict[str, Any], words: str
) -> None:
    server, client = fake([])
    server.answer = lambda body: {"items": [item(1, 1, **more)], "pagination": {}}
    with pytest.raises(mg.ResponseError) as raised:
        failures(client=client)
    assert words in str(raised.value)
    assert "POST /v1/analytics/logs" in str(raised.value)
    assert "jo@" not in str(raised.value)


@pytest.mark.parametrize(
    "body", [[], {}, {"items": {}}, {"items": ["x"]}, {"items": [], "pagination": []}, "x"]
)
def test_an_answer_that_is_no_page_is_an_error(fake: Any, body: Any) -> None:
    server, client = fake([])
    server.answer = lambda asked: body
    with pytest.raises(mg.ResponseError, match="the answer"):
        failures(client=client)


def test_no_lines_may_be_null(fake: Any) -> None:
    server, client = fake([])
    server.answer = lambda asked: {"items": None, "pagination": None, "aggregates": None}
    assert failures(client=client).empty


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 250, 1234])
@pytest.mark.parametrize("habits", [{}, {"totals": False}, {"asc": True}, {"shuffled": True}])
def test_every_line_is_counted_once(fake: Any, number: int, habits: dict[str, Any]) -> None:
    server, client = fake(spread(number), **habits)
    table = failures(client=client)
    assert table["count"].sum() == table.attrs["mgframe"]["read"] == number
    assert len(server.bodies) <= number / 100 * 1.3 + 2


def test_few_pages_are_asked_in_turn_and_many_side_by_side(fake: Any) -> None:
    server, client = fake(spread(1500))
    failures(client=client)
    fresh = [body for body in server.bodies if "token" not in body["pagination"]]
    assert 3 <= len(fresh) <= 5
    assert len(server.bodies) <= 20


def test_lines_at_the_edge_of_two_stretches_count_once(fake: Any) -> None:
    lines = [item(i, (i // 40) * 1000) for i in range(1600)]
    _, client = fake(lines)
    assert failures(client=client)["count"].sum() == 1600


def test_a_burst_of_lines_in_one_second_is_read(fake: Any) -> None:
    _, client = fake([item(i, 5000 + i % 100 / 1000) for i in range(1100)])
    assert failures(client=client)["count"].sum() == 1100


def test_pages_without_pagination_are_the_whole(fake: Any) -> None:
    server, client = fake([])
    server.answer = lambda body: {"items": spread(3), "pagination": {}}
    assert failures(client=client)["count"].sum() == 3


def test_of_too_many_lines_the_newest_are_read_and_one_warning_says_so(fake: Any) -> None:
    server, client = fake([item(i, 80 * i, reason=f"r{i // 100}") for i in range(1000)])
    with pytest.warns(mg.MgframeWarning, match="newest 250 of 1,000 log lines, back to") as caught:
        table = failures(most=250, client=client)
    assert len(caught) == 1
    assert dict(zip(table["reason"], table["count"], strict=True)) == {
        "r9": 100,
        "r8": 100,
        "r7": 50,
    }
    assert (table.attrs["mgframe"]["read"], table.attrs["mgframe"]["total"]) == (250, 1000)
    assert len(server.bodies) <= 5


@pytest.mark.parametrize(
    ("lines", "most", "said"),
    [
        (1000, 200, "newest 200 log lines, and there may be more, back to"),
        (300, 250, "newest 250 log lines, and there are more, back to"),
        (199, 200, ""),
        (0, 1, ""),
    ],
)
def test_lines_left_unread_are_told_where_there_is_no_total(
    fake: Any, lines: int, most: int, said: str
) -> None:
    _, client = fake(spread(lines), totals=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = failures(most=most, client=client)
    assert table["count"].sum() == min(lines, most)
    assert len(caught) == bool(said)
    assert said in "".join(str(one.message) for one in caught)


def test_a_last_page_that_names_no_next_one_leaves_nothing_unread(fake: Any) -> None:
    server, client = fake([])
    server.answer = lambda body: {"items": spread(100), "pagination": {}}
    assert failures(most=100, client=client)["count"].sum() == 100


def test_subaccounts_are_asked_for_by_name_or_by_filter(demo: mg.Client) -> None:
    def inside(**asked: Any) -> Any:
        return json.loads(plan(failures, client=demo, **asked).calls[0].body or "")

    for asked, expected in [
        ({}, False),
        ({"subaccounts": True}, True),
        ({"where": {"subaccount": "x"}}, True),
    ]:
        assert inside(**asked)["include_subaccounts"] is expected


def test_a_code_may_be_a_whole_number(demo: mg.Client) -> None:
    of_text, of_number = (plan(failures, where={"code": c}, client=demo) for c in ("550", [550]))
    assert of_text.calls == of_number.calls


@pytest.mark.parametrize(
    "said", ["jo at example.org", "Jo(at)example.org", "x jo unknown in domain example.org"]
)
def test_a_name_with_an_address_in_words_is_no_key(fake: Any, said: str) -> None:
    more = {"reason": said, "recipient-provider": said, "delivery-status": {"mx-host": said}}
    table = failures(client=fake([item(1, 1, **more)])[1])
    assert not re.search(r"\bjo\b", table.to_csv(), re.IGNORECASE)


def test_the_newest_lines_are_read_whatever_the_time_of_day_of_the_burst(fake: Any) -> None:
    lines = [item(i, 80_000 + i) for i in range(1000)] + [item(i, i) for i in range(1000, 3000)]
    server, client = fake(lines)
    with pytest.warns(mg.MgframeWarning, match="newest 1,500 of 3,000"):
        table = failures(most=1500, client=client)
    times = sorted((i["@timestamp"] for i in lines), reverse=True)
    assert table["first"].min() == pd.Timestamp(times[1499])
    assert len(server.bodies) <= 45


def test_fewer_lines_than_the_total_are_an_error(fake: Any) -> None:
    def short(answer: dict[str, Any], number: int) -> dict[str, Any]:
        return {**answer, "items": answer["items"][:60]} if number == 2 else answer

    _, client = fake(spread(250), change=short)
    with pytest.raises(mg.ResponseError, match="there are 250 log lines but its pages hold"):
        failures(client=client)


def test_a_total_that_grows_while_pages_are_read_is_no_error(fake: Any) -> None:
    def grow(answer: dict[str, Any], number: int) -> dict[str, Any]:
        answer["pagination"]["total"] += 10 * (number - 1)
        return answer

    _, client = fake(spread(250), change=grow)
    assert failures(client=client).attrs["mgframe"]["total"] == 250


def test_a_page_that_repeats_is_an_error_that_names_it(fake: Any) -> None:
    first: dict[str, Any] = {}

    def repeat(answer: dict[str, Any], number: int) -> dict[str, Any]:
        first.setdefault("items", answer["items"])
        return {**answer, "items": first["items"]}

    _, client = fake(spread(250), change=repeat)
    with pytest.raises(mg.ResponseError, match=r"\(page 2 of about 3\): the page repeats"):
        failures(client=client)


def test_a_token_that_does_not_change_is_an_error(fake: Any) -> None:
    def stuck(answer: dict[str, Any], number: int) -> dict[str, Any]:
        return {**answer, "pagination": {"next": "100"}}

    _, client = fake(spread(350), change=stuck)
    with pytest.raises(mg.ResponseError, match=r"\(page 2\): the token of the next page does not"):
        failures(client=client)


def test_an_empty_page_ends_the_reading_even_if_it_names_a_next_one(fake: Any) -> None:
    server, client = fake(spread(200), totals=False)
    assert failures(client=client)["count"].sum() == 200
    assert len(server.bodies) == 3


@pytest.mark.parametrize("kind", ["500", "truncated", "html"])
def test_an_error_on_page_7_of_12_names_the_page(serving: Any, model: Model, kind: str) -> None:
    server, client = serving()
    window = {"start": "2026-11-10T09:00", "end": "2026-11-10T10:00"}
    failures("news.example.com", where={"severity": "permanent"}, **window, client=client)
    asked = len([body for body in server.bodies if body and "events" in body])
    assert asked > 7
    server.inject(Fault(kind, after=6, path="/v1/analytics/logs"))
    with pytest.raises(mg.MgframeError, match=r"POST /v1/analytics/logs \(page \d+ of about \d+\)"):
        failures("news.example.com", where={"severity": "permanent"}, **window, client=client)


def test_a_plan_shows_the_first_request_and_what_follows(demo: mg.Client) -> None:
    planned = plan(failures, "a.com", last="7d", most=500, client=demo)
    assert planned.requests == 1
    assert planned.calls[0].budget == "metrics"
    assert "each further 100 log lines, 500 lines at most" in repr(planned)
    assert planned.calls == plan(failures, "a.com", last="7d", most=500, client=demo).calls


# ---------------------------------------------------------------- stretches


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    seconds=st.lists(st.integers(0, 3599), max_size=700)
    | st.lists(st.integers(0, 40), min_size=550, max_size=700),
    closed=st.booleans(),
    connections=st.integers(1, 8),
    most=st.integers(1, 800),
    size=st.integers(5, 100),
)
def test_stretches_read_the_newest_lines_and_lose_none(
    seconds: list[int], closed: bool, connections: int, most: int, size: int
) -> None:
    start, after = pd.Timestamp(START), pd.Timestamp(START) + pd.Timedelta(hours=1)
    lines = [
        Row((f"{i:04}", ""), start + pd.Timedelta(seconds=s), None) for i, s in enumerate(seconds)
    ]
    lines.sort(key=lambda row: (row.time, row.identity), reverse=True)

    def page_of(stretch: Stretch) -> Page:
        inside = [row for row in lines if stretch.start <= row.time < stretch.after]
        if closed:  # nothing public says whether the end is included
            inside = [row for row in lines if stretch.start <= row.time <= stretch.after]
        rows = inside[stretch.read : stretch.read + size]
        return Page(rows, str(stretch.read + len(rows)), len(inside), 0)

    stretches: tuple[Stretch, ...] = (Stretch(start, after),)
    asked = 0
    while places := running(stretches, most, connections):
        assert len(places) <= connections
        asked += len(places)
        grown = [s.with_page(page_of(s)) if i in places else s for i, s in enumerate(stretches)]
        stretches = cut_up(grown, most, connections)
    assert newest(stretches, most) == lines[:most]
    assert asked <= 3 * (min(len(lines), most) / size + 1) + connections


# ---------------------------------------------------------------- filters


@pytest.fixture(scope="module")
def account() -> tuple[Model, list[dict[str, Any]]]:
    """A model, and every line that it has of one hour, read without the client."""
    from mgframe.simulator.logs import Logs

    model, lines, token = Model(), [], None
    body = {"start": "Tue, 10 Nov 2026 12:00:00 +0000", "end": "Tue, 10 Nov 2026 13:00:00 +0000"}
    while True:
        paging = {"token": token} if token else {}
        answer = Logs(model).page({**body, "pagination": paging}, model.domains)
        lines += answer["items"]
        token = answer["pagination"].get("next")
        if len(answer["items"]) < 100:
            return model, [line for line in lines if line["@timestamp"] < "2026-11-10T13"]


WINDOW: dict[str, Any] = {"start": "2026-11-10T12:00", "end": "2026-11-10T12:00"}
TEXTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "domain": lambda line: [line["domain"]["name"]],
    "recipient_domain": lambda line: [line["recipient-domain"]],
    "recipient_provider": lambda line: [line["recipient-provider"]],
    "provider": lambda line: [line["recipient-domain"], line["recipient-provider"]],
    "tag": lambda line: line.get("tags", []),
    "ip": lambda line: [line["envelope"].get("sending-ip", "")],
    "subaccount": lambda line: [line["account"]["id"]],
    "severity": lambda line: [line["severity"]],
    "code": lambda line: [str(line["delivery-status"]["code"])],
    "reason": lambda line: [line["reason"]],
}
FILTERS = [
    ("domain", "news.example.com"),
    ("domain", contains("NEWS")),
    ("recipient_domain", ["gmail.com", "yahoo.com"]),
    ("recipient_provider", is_not("Gmail", "Outlook")),
    ("provider", "Gmail"),
    ("provider", "gmail.com"),
    ("provider", ["Gmail", "yahoo.com"]),
    ("provider", not_contains("mail")),
    ("tag", "weekly"),
    ("tag", is_not("weekly")),
    ("tag", contains("order", "news")),
    ("ip", "198.51.100.21"),
    ("ip", not_contains("198.51")),
    ("subaccount", "6711a4c0e92f3b5d8e04c7a1"),
    ("severity", "permanent"),
    ("severity", is_not("permanent")),
    ("code", ["550", "421"]),
    ("reason", "espblock"),
    ("reason", contains("suppress")),
    ("reason", is_not("generic")),
]


def holds(line: dict[str, Any], key: str, said: Any) -> bool:
    comparator, values = next(iter(said.items())) if isinstance(said, dict) else ("=", said)
    wanted = [v.lower() for v in ([values] if isinstance(values, str) else values)]
    texts = [t.lower() for t in TEXTS[key](line)]
    if comparator in ("=", "!="):
        hit = any(t in wanted for t in texts)
    else:
        hit = any(w in t for t in texts for w in wanted)
    return hit != comparator.startswith(("!", "not"))


@pytest.mark.parametrize(("key", "said"), FILTERS, ids=str)
@pytest.mark.parametrize("deaf", [False, True], ids=["heard", "overlooked"])
def test_a_filter_keeps_what_a_loop_keeps_even_if_the_server_overlooks_it(
    account: Any, serving: Any, monkeypatch: pytest.MonkeyPatch, key: str, said: Any, deaf: bool
) -> None:
    model, lines = account
    if deaf:
        monkeypatch.setattr("mgframe.simulator.logs._conditions", lambda body: [])
    _, client = serving(model)
    expected = Counter(
        (line["severity"], line["reason"], line["delivery-status"]["code"])
        for line in lines
        if holds(line, key, said) and not any(line["flags"][f] for f in FLAGS)
    )
    if deaf and key not in ("reason",) and not (key == "provider" and not isinstance(said, str)):
        with pytest.warns(mg.MgframeWarning, match="log lines that where= leaves out"):
            table = failures(where={key: said}, **WINDOW, client=client)
    else:
        table = failures(where={key: said}, **WINDOW, client=client)
    table = table[~table["reason"].isin(["delayed-bounce", "webhook"])]
    found = table.groupby(["severity", "reason", "code"])["count"].sum()
    assert found.to_dict() == expected


FLAGS = ("is-callback", "is-delayed-bounce")


def test_filters_hold_together(account: Any, serving: Any) -> None:
    model, lines = account
    _, client = serving(model)
    where = {"tag": "weekly", "recipient_domain": "gmail.com", "reason": "espblock"}
    table = failures("news.example.com", where=where, **WINDOW, client=client)
    expected = [line for line in lines if all(holds(line, k, v) for k, v in where.items())]
    assert table["count"].sum() == len(expected) > 0
    assert set(table["provider"]) == {"Gmail"}


def test_lines_add_up_to_the_counts_of_the_stats_api(demo: mg.Client) -> None:
    table = failures("mail.example.com", start="2026-11-12", end="2026-11-12", client=demo)
    totals = mg.domain_totals("mail.example.com", start="2026-11-12", end="2026-11-12", client=demo)
    by_severity = table.groupby("severity")["count"].sum()
    assert by_severity["permanent"] == totals["permanent_failed"].sum()
    assert by_severity["temporary"] == totals["temporary_failed"].sum()
    by_reason = table[table["severity"] == "permanent"].groupby("reason")["count"].sum()
    for reason, count in {
        "bounce": "hard_bounces",
        "delayed-bounce": "delayed_bounce",
        "webhook": "webhook",
        "suppress-bounce": "suppressed_bounces",
        "suppress-unsubscribe": "suppressed_unsubscribed",
        "suppress-complaint": "suppressed_complaints",
    }.items():
        assert by_reason.get(reason, 0) == totals[count].sum(), reason


def test_the_planted_block_is_what_fails_most(demo: mg.Client) -> None:
    table = failures(
        "news.example.com", where={"severity": "permanent"}, start="2026-11-10", client=demo
    )
    top = table.loc[0]
    assert (top["reason"], top["enhanced_code"], top["provider"]) == ("espblock", "5.7.26", "Gmail")
    assert "neither SPF nor DKIM" in top["meaning"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"where": {"domian": "a.com"}}, "did you mean 'domain'"),
        ({"where": {"tag": []}}, "empty list"),
        ({"where": {"tag": {"like": "x"}}}, "comparator 'like'"),
        ({"where": {"severity": "permanant"}}, "did you mean 'permanent'"),
        ({"domain": "a.com", "where": {"domain": "b.com"}}, "domain is given twice"),
        ({"domain": []}, "list of domains is empty"),
        ({"domain": "not a domain"}, "is no domain name"),
        ({"most": 0}, "most=0 must be a whole number"),
        ({"most": True}, "most=True must be"),
        ({"most": 1.5}, "most=1.5 must be"),
        ({"last": "24h", "start": "2026-11-10"}, "say the window twice"),
        ({"start": "2026-08-01", "end": "2026-08-02"}, "Mailgun keeps logs for 30 days at most"),
    ],
)
def test_a_wrong_question_is_refused_before_it_is_sent(
    demo: mg.Client, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(mg.QueryError, match=re.escape(words)):
        plan(failures, **arguments, client=demo)


def test_thirty_whole_days_can_be_asked_for_without_a_warning(demo: mg.Client) -> None:
    assert plan(failures, last="30d", client=demo).requests == 1


def test_a_window_that_begins_too_early_is_sent_with_a_warning(demo: mg.Client) -> None:
    with (
        pytest.warns(mg.MgframeWarning, match="Mailgun keeps logs for 30 days at most"),
        pytest.raises(mg.ApiError, match="out of permitted log retention"),
    ):
        failures(last="60d", client=demo)


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        ({}, "2026-11-15T09", "2026-11-16T09"),
        ({"partial": True}, "2026-11-15T09", "2026-11-16T10"),
        ({"last": "2d"}, "2026-11-14T00", "2026-11-16T00"),
        ({"start": "2026-11-14"}, "2026-11-14T00", "2026-11-16T10"),
        ({"start": "2026-11-14", "end": "2026-11-14"}, "2026-11-14T00", "2026-11-15T00"),
        ({"start": "2026-11-14T05", "end": "2026-11-14T06"}, "2026-11-14T05", "2026-11-14T07"),
        ({"period": "2026-W46"}, "2026-11-09T00", "2026-11-16T00"),
    ],
)
def test_windows_go_to_the_hour(
    demo: mg.Client, window: dict[str, Any], start: str, end: str
) -> None:
    body = json.loads(plan(failures, **window, client=demo).calls[0].body or "")
    asked = [parsedate_to_datetime(body[name]).isoformat()[:13] for name in ("start", "end")]
    assert asked == [start, end]


# ---------------------------------------------------------------- nobody's address


def test_no_address_is_in_a_table_its_attrs_or_a_log(
    account: Any, serving: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model, lines = account
    _, client = serving(model)
    with caplog.at_level(logging.DEBUG, logger="mgframe"):
        table = failures(**WINDOW, client=client)
    said = table.to_csv() + json.dumps(table.attrs) + caplog.text
    assert "<redacted>@gmail.com" in said
    assert not ADDRESS.search(said)
    locals_ = {line["recipient"].partition("@")[0] for line in lines}
    assert not [local for local in locals_ if local in said]


@settings(max_examples=100)
@given(
    local=st.from_regex(r"[a-z0-9!#$&'*+/?^_`{|}~.-]{3,20}", fullmatch=True),
    around=st.sampled_from(
        ["<{0}@b.org> unknown", "{0} unknown", "to={0}%40b.org", "x+{0}=b.org@c.net", "{0}"]
    ),
)
def test_a_hostile_line_gives_no_recipient_away(local: str, around: str) -> None:
    from mgframe.loglines import read_page

    secret = f"zq{local}qz"
    line = item(1, 1, recipient=f"{secret}@b.org", reason=f"{secret}@b.org")
    line["delivery-status"]["message"] = around.format(secret)
    line["delivery-status"]["mx-host"] = f"{secret}@b.org"
    page = read_page({"items": [line], "pagination": {}}, [], [])
    kept = page.rows[0].line
    assert isinstance(kept, Line)
    assert secret not in str(page)
    assert not ADDRESS.search(str(kept))
