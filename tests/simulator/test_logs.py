"""The simulated logs: as many lines as the model counts, in every view, page by page."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest

from mgframe.simulator import Incident, Model
from mgframe.simulator.logs import Logs
from mgframe.simulator.smtp_texts import KINDS, SAID
from mgframe.simulator.windows import BadRequest, Window

START, END = datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def logs(model: Model) -> Logs:
    return Logs(model)


def asking(start: datetime = START, end: datetime = END, **more: Any) -> dict[str, Any]:
    return {"start": format_datetime(start), "end": format_datetime(end), **more}


def condition(attribute: str, comparator: str, *values: str) -> dict[str, Any]:
    return {
        "attribute": attribute,
        "comparator": comparator,
        "values": [{"label": value, "value": value} for value in values],
    }


def every_line(logs: Logs, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    token, domains = None, logs.model.domains
    while True:
        paging = {"sort": "timestamp:asc"} | ({"token": token} if token else {})
        answer = logs.page({**body, "pagination": paging}, domains)
        yield from answer["items"]
        token = answer["pagination"].get("next")
        if not token or not answer["items"]:
            return


@pytest.fixture(scope="module")
def lines(logs: Logs) -> list[dict[str, Any]]:
    """Two days of lines, those of the block at Gmail among them."""
    found = list(every_line(logs, asking()))
    return [line for line in found if line["@timestamp"] < "2026-11-12"]


def hours(start: datetime, end: datetime) -> Window:
    first, last = (np.datetime64(t.replace(tzinfo=None), "h") for t in (start, end))
    return Window(np.arange(first, last), "hour")


KEYS = {
    "domain": lambda line: [line["domain"]["name"]],
    "recipient_domain": lambda line: [line["recipient-domain"]],
    "recipient_provider": lambda line: [line["recipient-provider"]],
    "tag": lambda line: line.get("tags", []),
    "ip": lambda line: [line["envelope"]["sending-ip"]] if "tags" in line else [],
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("severity", ["temporary", "permanent"])
def test_there_is_a_line_for_each_failure_that_the_model_counts(
    model: Model, lines: list[dict[str, Any]], key: str, severity: str
) -> None:
    window = hours(START, END)
    tally = model.tally(window, by=[key])
    counts = tally[f"{severity}_failed"]
    expected = {
        (name, str(hour)): int(count)
        for (name,), row in zip(tally.keys, counts, strict=True)
        for hour, count in zip(window.starts, row, strict=True)
        if count
    }
    found = Counter(
        (name, line["@timestamp"][:13])
        for line in lines
        if line["severity"] == severity
        for name in KEYS[key](line)
    )
    assert found == expected


@pytest.mark.parametrize(
    ("count", "severity", "reasons", "flag"),
    [
        ("hard_bounces", "permanent", ("bounce",), None),
        ("soft_bounces", "permanent", ("generic", "espblock"), None),
        ("permanent_failed_esp_block", "permanent", ("espblock",), None),
        ("temporary_failed_esp_block", "temporary", ("espblock",), None),
        ("permanent_failed_old", "permanent", ("old",), None),
        ("suppressed_bounces", "permanent", ("suppress-bounce",), None),
        ("suppressed_unsubscribed", "permanent", ("suppress-unsubscribe",), None),
        ("suppressed_complaints", "permanent", ("suppress-complaint",), None),
        ("delayed_bounce", "permanent", ("bounce",), "is-delayed-bounce"),
        ("webhook", "permanent", ("generic",), "is-callback"),
    ],
)
def test_reasons_and_flags_give_the_counts_of_the_metrics(
    model: Model,
    lines: list[dict[str, Any]],
    count: str,
    severity: str,
    reasons: tuple[str, ...],
    flag: str | None,
) -> None:
    special = ("is-delayed-bounce", "is-callback")
    found = [
        line
        for line in lines
        if line["severity"] == severity
        and line["reason"] in reasons
        and [name for name in special if line["flags"][name]] == ([flag] if flag else [])
    ]
    assert len(found) == model.tally(hours(START, END))[count].sum() > 0


def test_the_open_hour_has_no_line_from_the_future(model: Model, logs: Logs) -> None:
    start = model.now.replace(minute=0)
    lines = list(every_line(logs, asking(start, start + timedelta(hours=1))))
    assert max(line["@timestamp"] for line in lines) < f"{model.now:%Y-%m-%dT%H:%M:%S}"
    assert len(lines) == model.tally(hours(start, start + timedelta(hours=1)))["failed"].sum() > 0


def test_a_line_is_the_same_every_time_and_told_apart_from_all_others(
    model: Model, lines: list[dict[str, Any]]
) -> None:
    assert len({line["id"] for line in lines}) == len(lines)
    again = list(every_line(Logs(Model()), asking(START, START + timedelta(hours=2))))
    assert again == lines[: len(again)]
    assert [line["@timestamp"] for line in lines] == sorted(line["@timestamp"] for line in lines)


def test_the_words_fit_the_incident(lines: list[dict[str, Any]]) -> None:
    blocked = [
        line["delivery-status"]
        for line in lines
        if line["reason"] == "espblock"
        and line["recipient-provider"] == "Gmail"
        and line["domain"]["name"] == "news.example.com"
    ]
    codes = Counter((status["code"], status["enhanced-code"]) for status in blocked)
    assert set(codes) == {(550, "5.7.26"), (550, "5.7.1"), (421, "4.7.28")}
    assert all(status["mx-host"].endswith("google.com") for status in blocked)
    unattempted = [line for line in lines if line["reason"].startswith("suppress")]
    assert all("mx-host" not in line["delivery-status"] for line in unattempted)
    assert {line["delivery-status"]["code"] for line in unattempted} == {605, 606, 607}


def test_a_throttle_at_yahoo_speaks_as_yahoo_does() -> None:
    throttle = Incident("throttle", {"recipient_provider": "Yahoo"}, START, END, 0.5)
    logs = Logs(Model(incidents=[throttle]))
    only = {"AND": [condition("recipient_provider", "=", "Yahoo")]}
    said = Counter(
        line["delivery-status"]["enhanced-code"]
        for line in every_line(logs, asking(filter=only))
        if line["severity"] == "temporary"
    )
    assert said.most_common(1)[0][0] == "4.7.0"


def test_everybody_in_the_logs_is_invented(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert line["recipient"].endswith("@" + line["recipient-domain"])
        assert line["recipient"].partition("@")[0].partition(".")[0].isascii()
    assert all(said.message.count("@") == 0 for said in SAID)
    assert {kind.severity for kind in KINDS.values()} == {"temporary", "permanent"}


FILTERED = {
    "domain": ("news.example.com", lambda line: [line["domain"]["name"]]),
    "recipient_domain": ("gmail.com", KEYS["recipient_domain"]),
    "recipient_provider": ("Outlook", KEYS["recipient_provider"]),
    "tag": ("order", KEYS["tag"]),
    "ip": ("198.51.100.21", KEYS["ip"]),
    "severity": ("permanent", lambda line: [line["severity"]]),
    "delivery_status_code": ("550", lambda line: [str(line["delivery-status"]["code"])]),
    "subaccount": ("6711a4c0e92f3b5d8e04c7a1", lambda line: [line["account"]["id"]]),
}


@pytest.mark.parametrize("attribute", FILTERED)
@pytest.mark.parametrize("comparator", ["=", "!=", "contains", "not contains"])
def test_filters_keep_what_a_loop_keeps(
    logs: Logs, lines: list[dict[str, Any]], attribute: str, comparator: str
) -> None:
    value, texts_of = FILTERED[attribute]
    part = value[:3].upper() if "contains" in comparator else value
    body = asking(filter={"AND": [condition(attribute, comparator, part, "zzz")]})
    found = {line["id"] for line in every_line(logs, body)}

    def holds(line: dict[str, Any]) -> bool:
        exact = comparator in ("=", "!=")
        hit = any(t == value if exact else value[:3] in t.lower() for t in texts_of(line))
        if attribute == "recipient_provider" and not exact:
            hit = any(value[:3].lower() in t.lower() for t in texts_of(line))
        return hit != (comparator in ("!=", "not contains"))

    assert found == {line["id"] for line in lines if holds(line)}


def test_conditions_hold_together_and_values_are_alternatives(logs: Logs) -> None:
    both = [condition("domain", "=", "news.example.com"), condition("tag", "=", "weekly", "digest")]
    found = list(every_line(logs, asking(filter={"AND": both})))
    assert found
    assert all(line["domain"]["name"] == "news.example.com" for line in found)
    assert all({"weekly", "digest"} & set(line["tags"]) for line in found)


# ---------------------------------------------------------------- pages


def test_pages_go_forth_and_back(logs: Logs, model: Model) -> None:
    body = asking(include_totals=True)
    newest = logs.page({**body, "pagination": {"sort": "timestamp:desc"}}, model.domains)
    oldest = logs.page({**body, "pagination": {"sort": "timestamp:asc"}}, model.domains)
    assert len(newest["items"]) == len(oldest["items"]) == 100
    total = newest["pagination"]["total"]
    assert total == newest["aggregates"]["all"] == oldest["pagination"]["total"]
    last = {"sort": "timestamp:asc", "token": oldest["pagination"]["last"]}
    items = logs.page({**body, "pagination": last}, model.domains)["items"]
    assert len(items) == (total % 100 or 100)
    assert items[-1] == newest["items"][0]


def test_a_single_page_has_an_empty_pagination_unless_told_otherwise(model: Model) -> None:
    body = asking(START, START + timedelta(minutes=1), include_totals=True)
    for bare in (True, False):
        answer = Logs(model, bare=bare).page(body, model.domains)
        assert (answer["pagination"] == {}) == bare
        assert answer["aggregates"]["all"] == len(answer["items"])


def test_by_default_the_last_day_is_answered(logs: Logs, model: Model) -> None:
    answer = logs.page({"pagination": {"limit": 1}}, model.domains)
    assert answer["start"] == "Sun, 15 Nov 2026 09:30:00 +0000"
    assert answer["end"] == "Mon, 16 Nov 2026 09:30:00 +0000"


def test_other_events_have_no_lines(logs: Logs, model: Model) -> None:
    assert logs.page(asking(events=["delivered"]), model.domains)["items"] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"filter": {"AND": [condition("test", "=", "x")]}}, "'test' is not a valid filter"),
        ({"filter": {"AND": [condition("subject", "=", "x")]}}, "does not filter logs by"),
        ({"filter": {"AND": [condition("tag", "~", "x")]}}, "comparator"),
        ({"filter": {"AND": [condition("tag", "=")]}}, "no values"),
        ({"filter": []}, "'filter' attribute is invalid"),
        ({"pagination": {"limit": 101}}, "at most 100"),
        ({"pagination": {"limit": "many"}}, "at most 100"),
        ({"pagination": {"sort": "subject:asc"}}, "'sort' attribute"),
        ({"pagination": {"token": "xyz"}}, "'token' attribute"),
        ({"pagination": {"token": base64.b64encode(b"skip -1").decode()}}, "'token' attribute"),
        ({"start": "yesterday"}, "'start' parameter"),
        (asking(END, START), "is after 'end'"),
        (asking(datetime(2026, 10, 16, tzinfo=UTC)), "out of permitted log retention"),
    ],
)
def test_a_wrong_question_is_refused(
    logs: Logs, model: Model, body: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadRequest, match=message):
        logs.page(body, model.domains)


def test_thirty_days_of_an_account_are_searched_once_and_paged_quickly(model: Model) -> None:
    logs = Logs(model)
    body = asking(datetime(2026, 10, 17, tzinfo=UTC), model.now, include_totals=True)
    first = logs.page(body, model.domains)
    start = time.perf_counter()
    token = first["pagination"]["next"]
    for _ in range(20):
        page = logs.page({**body, "pagination": {"token": token}}, model.domains)
        token = page["pagination"]["next"]
    assert first["pagination"]["total"] > 30_000
    assert time.perf_counter() - start < 2
