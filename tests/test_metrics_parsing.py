"""Pages of the Metrics API: times, keys and counts as they were written, or a clear refusal."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from answers import broken, unhurried
from hypothesis import given
from hypothesis import strategies as st
from metrics_answers import KEYS, Account, at, body_of, item, random_rows

from mgframe.errors import ResponseError
from mgframe.metrics_parsing import Page, read_page, read_rates, same_rows

NOON = at("2026-11-02 12:00")


def one(keys: dict[str, Any], counts: dict[str, Any] | None = None, **more: Any) -> Page:
    """Return the page of a single item without time."""
    counts = {"delivered": 1} if counts is None else counts
    return read_page(body_of([item(keys, counts, **more)]), list(keys), list(counts), timed=False)


def key_of(page: Page, key: str) -> str:
    labels = page.keys[key]
    return labels.values[int(labels.codes[0])]


def refused(body: Any, keys: list[str] | None = None, *, timed: bool = False) -> str:
    with pytest.raises(ResponseError) as raised:
        read_page(body, ["domain"] if keys is None else keys, ["delivered"], timed=timed)
    return str(raised.value)


# ---------------------------------------------------------------- right pages


@unhurried
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 30),
    st.lists(st.sampled_from(list(KEYS)), max_size=2, unique=True),
    st.booleans(),
    st.booleans(),
)
def test_a_page_holds_what_was_written(
    seed: int, number: int, keys: list[str], timed: bool, swapped: bool
) -> None:
    names = ["delivered", "sent", "opened"]
    asked = {
        "start": "Sun, 01 Nov 2026 00:00:00 +0000",
        "end": "Mon, 16 Nov 2026 00:00:00 +0000",
        "resolution": "day",
        "dimensions": [*(["time"] * timed), *keys],
        "metrics": [f"{name}_count" for name in names],
    }
    items = Account(random_rows(seed, number)).items(asked)
    for written in items if swapped else []:
        written["dimensions"].reverse()
    page = read_page(json.loads(json.dumps(body_of(items))), keys, names, timed=timed)
    assert page.size == page.total == len(items)
    assert (page.times is not None) == timed
    for place, written in enumerate(items):
        said = {member["dimension"]: member["value"] for member in written["dimensions"]}
        if page.times is not None:
            assert page.times[place] == pd.Timestamp(said["time"])
        for key in keys:
            text = said.get(key, "(none)")
            lower = key in ("country", "device") or text == "Unknown"
            labels = page.keys[key]
            assert labels.values[labels.codes[place]] == (text.lower() if lower else text)
        for name in names:
            assert page.counts[name][place] == written["metrics"][f"{name}_count"]


def test_the_answer_is_not_changed() -> None:
    body = body_of([item({"domain": "a.com", "country": "US"}, {"delivered": 1})])
    before = copy.deepcopy(body)
    read_page(body, ["country", "domain"], ["delivered"], timed=False)
    assert body == before


def test_an_empty_page_has_no_rows_and_all_counts() -> None:
    for items in ([], None):
        body = {"items": items, "pagination": {"total": 0}}
        page = read_page(body, ["domain"], ["delivered", "sent"], timed=True)
        assert (page.size, page.total, list(page.counts)) == (0, 0, ["delivered", "sent"])
        assert page.times is not None
        assert str(page.times.dtype) == "datetime64[us, UTC]"
        assert all(str(values.dtype) == "Int64" for values in page.counts.values())


def test_members_that_were_not_asked_are_left_out() -> None:
    body = body_of([item({"domain": "a.com"}, {"delivered": 1, "permanent_failed": 9})])
    body["items"][0]["metrics"]["delivered_rate"] = "0.5000"
    assert list(read_page(body, ["domain"], ["delivered"], timed=False).counts) == ["delivered"]


@pytest.mark.parametrize("total", [None, "7", -1, 1.0, True, [], {}])
def test_a_total_that_is_no_number_is_none(total: Any) -> None:
    body = {"items": [], "pagination": {"total": total}}
    assert read_page(body, [], ["delivered"], timed=False).total is None
    for without in ({"items": []}, {"items": [], "pagination": None}):
        assert read_page(without, [], ["delivered"], timed=False).total is None


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("country", "US", "us"),
        ("country", "Unknown", "unknown"),
        ("device", "Desktop", "desktop"),
        ("device", "UNKNOWN", "unknown"),
        ("recipient_provider", "Unknown", "unknown"),
        ("recipient_provider", "Google Workspace", "Google Workspace"),
        ("ip_pool", "Unknown", "unknown"),
        ("bot", "None", "None"),
        ("tag", "Unknown", "Unknown"),
        ("tag", " Spring Sale ", "Spring Sale"),
        ("tag", "Untagged", "Untagged"),
        ("domain", "", "(none)"),
        ("domain", "  ", "(none)"),
        ("domain", None, "(none)"),
        ("tag", "x" * 300, "x" * 300),
        ("tag", "\u202egnp.exe\u200f", "\u202egnp.exe\u200f"),
        ("tag", "half \ud800", "half ?"),
        ("tag", "zero\u0000", "zero\u0000"),
        ("tag", "ä\u0301\U0001f600", "ä\u0301\U0001f600"),
    ],
)
def test_a_key_is_read_as_frames_hold_it(key: str, value: Any, read: str) -> None:
    page = one({key: "x"})
    body = body_of([item({key: "x"}, {"delivered": 1})])
    body["items"][0]["dimensions"][0].update(value=value, display_value=value)
    page = read_page(body, [key], ["delivered"], timed=False)
    assert key_of(page, key) == read
    read.encode()
    assert page.names == {}


def test_an_item_without_one_of_its_keys_is_under_none() -> None:
    items = [
        item({"domain": "a.com", "tag": "x"}, {"delivered": 1}),
        item({"domain": None, "tag": "y"}, {"delivered": 2}),
        {"dimensions": None, "metrics": {"delivered_count": 3}},
        {"metrics": {"delivered_count": 4}},
        {"dimensions": [None], "metrics": {"delivered_count": 5}},
    ]
    page = read_page(body_of(items[:4]), ["domain", "tag"], ["delivered"], timed=False)
    said = [
        tuple(page.keys[key].values[page.keys[key].codes[row]] for key in ("domain", "tag"))
        for row in range(4)
    ]
    assert said == [("a.com", "x"), ("(none)", "y"), ("(none)", "(none)"), ("(none)", "(none)")]
    assert "'dimensions' are not named values" in refused(body_of(items))


def test_what_an_id_is_called_is_kept_where_it_is_another_text() -> None:
    def names(key: str, value: str, shown: Any) -> dict[str, dict[str, str]]:
        return one({key: value}, names={key: shown}).names

    assert names("subaccount", "5f01", "Shop") == {"subaccount": {"5f01": "Shop"}}
    assert names("subaccount", "5f01", "5F01") == {}
    assert names("country", "US", "us") == names("country", "US", "US") == {}
    assert names("country", "US", "United States") == {"country": {"us": "United States"}}
    for nothing in ("", "  ", None, 7):
        assert names("ip_pool", "p1", nothing) == {}


def test_a_name_can_be_written_and_is_the_same_every_time() -> None:
    found = one({"ip_pool": "p1"}, names={"ip_pool": " half \ud800 "}).names["ip_pool"]["p1"]
    assert found == "half ?"
    both = [item({"ip_pool": "p1"}, {"delivered": 1}, {"ip_pool": n}) for n in ("b", "a", "c")]
    for items in (both, both[::-1]):
        page = read_page(body_of(items), ["ip_pool"], ["delivered"], timed=False)
        assert page.names == {"ip_pool": {"p1": "a"}}


# ---------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("Mon, 02 Nov 2026 12:00:00 +0000", 12),
        ("Mon, 02 Nov 2026 12:00:00 UTC", 12),
        ("Mon, 02 Nov 2026 12:00:00 +0100", 11),
        ("Mon, 02 Nov 2026 06:00:00 -0500", 11),
        ("Sun, 02 Nov 2026 12:00:00 +0000", 12),  # the weekday has no say
    ],
)
def test_times_come_in_any_offset_and_are_utc(text: str, hour: int) -> None:
    written = item({"time": text}, {"delivered": 1})
    page = read_page(body_of([written, written]), [], ["delivered"], timed=True)
    assert page.times is not None
    assert page.times.tolist() == [pd.Timestamp(f"2026-11-02 {hour:02}:00", tz="UTC")] * 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": None}, "a row whose time is no text"),
        ({"value": 1793620800}, "a row whose time is no text"),
        ({"value": "2026-11-02T12:00:00Z"}, "which is no RFC 2822 date"),
        ({"value": ""}, "which is no RFC 2822 date"),
        ({"value": "Mon, 01 Jan 0001 00:00:00 +0000"}, "long before or after"),
        ({"dimension": "day"}, "a row without its time"),
    ],
)
def test_a_row_without_a_time_is_refused(change: dict[str, Any], words: str) -> None:
    written = item({"time": NOON, "domain": "a.com"}, {"delivered": 1})
    written["dimensions"][0].update(change)
    assert words in refused(body_of([written]), timed=True)
    right = item({"time": NOON, "domain": "b.com"}, {"delivered": 1})
    assert words in refused(body_of([right, written]), timed=True)


# ---------------------------------------------------------------- counts and rates


def test_a_count_that_is_null_or_missing_is_unknown() -> None:
    items = [
        item({"domain": "a.com"}, {"delivered": None, "sent": 3}),
        item({"domain": "b.com"}, {"delivered": 0}),
        item({"domain": "c.com"}, {"delivered": "7", "sent": 2**53}),
    ]
    page = read_page(body_of(items), ["domain"], ["delivered", "sent"], timed=False)
    assert page.counts["delivered"].tolist() == [pd.NA, 0, 7]
    assert page.counts["sent"].tolist() == [3, pd.NA, 2**53]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (-1, "counts -1 for metrics.delivered_count; a count is never negative"),
        (1.5, "has '1.5' for metrics.delivered_count, which is no count"),
        (3.0, "has '3.0' for metrics.delivered_count, which is no count"),
        ("many", "has 'many'"),
        ("-3", "a count is never negative"),
        ("1e3", "has '1e3'"),
        (True, "has 'True'"),
        (2**53 + 1, "no count is that large"),
        (2**70, "no count is that large"),
        ({"total": 3}, "which is no count"),
        ([], "which is no count"),
    ],
)
def test_a_count_that_is_none_is_refused(said: Any, words: str) -> None:
    items = [item({"domain": n}, {"delivered": c}) for n, c in (("a.com", 1), ("b.com", said))]
    assert words in refused(body_of(items))


def test_rates_are_texts_of_four_decimals() -> None:
    rows = [{"x_rate": said} for said in ("0.9500", "0.0000", "1.2500", 0.5, 1, None, "")]
    found = read_rates([*rows, {}], "x_rate")
    assert found.dtype == np.float64
    assert found[:5].tolist() == [0.95, 0.0, 1.25, 0.5, 1.0]
    assert np.isnan(found[5:]).all()
    assert len(found) == 8


@pytest.mark.parametrize(
    "said", ["12 %", "n/a", "NaN", "inf", "-Infinity", "1,5", True, [], {}, "0x1p3"]
)
def test_a_rate_that_is_no_number_is_refused(said: Any) -> None:
    with pytest.raises(ResponseError, match=r"for x_rate, which is no rate$"):
        read_rates([{"x_rate": "0.5000"}, {"x_rate": said}], "x_rate")


# ---------------------------------------------------------------- other answers


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"stats": []},
        {"items": {}},
        {"items": "none"},
        {"items": [None]},
        {"items": [[]]},
        {"items": [{"dimensions": []}]},
        {"items": [{"dimensions": {}, "metrics": []}]},
        {"items": [{"dimensions": "time", "metrics": {}}]},
    ],
)
def test_what_is_no_answer_of_the_metrics_api_is_refused(body: Any) -> None:
    said = refused(body)
    assert "the answer is not what the Metrics API documents: 'items'" in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([{"value": "a.com"}], "not named values"),
        (["domain"], "not named values"),
        ([7], "not named values"),
        ([{"dimension": ["domain"], "value": "a.com"}], "not named values"),
        ([{"dimension": "domain", "value": 7}], "has the domain '7', which is no text"),
        ([{"dimension": "domain", "value": ["a.com"]}], "whose value is no text"),
        ([{"dimension": "domain", "value": {"a": 1}}], "whose value is no text"),
    ],
)
def test_dimensions_that_are_none_are_refused(members: list[Any], words: str) -> None:
    body = body_of([{"dimensions": members, "metrics": {"delivered_count": 1}}])
    assert words in refused(body)


@unhurried
@given(
    broken(
        st.builds(
            lambda seed: body_of(
                [
                    item(
                        {"time": row.hour, "domain": row.keys["domain"], "tag": row.keys["tag"]},
                        {"delivered": row.counts["delivered"], "opened": row.counts["opened"]},
                    )
                    for row in random_rows(seed, 3)
                ]
            ),
            st.integers(0, 1000),
        )
    )
)
def test_a_broken_answer_is_read_or_refused_and_nothing_else(body: Any) -> None:
    try:
        page = read_page(body, ["domain", "tag"], ["delivered", "opened"], timed=True)
    except ResponseError:
        return
    assert page.size == len(body["items"] or [])
    for labels in page.keys.values():
        assert all(type(value) is str and value for value in labels.values)
    for values in page.counts.values():
        assert (values.to_numpy("int64", na_value=0) >= 0).all()


# ---------------------------------------------------------------- pages side by side


def test_pages_about_the_same_rows_are_found() -> None:
    def page(*names: str | None, hour: int = 1, delivered: int = 1) -> Page:
        time = at(f"2026-11-02 {hour:02}:00")
        items = [item({"time": time, "domain": n}, {"delivered": delivered}) for n in names]
        return read_page(body_of(items), ["domain"], ["delivered"], timed=True)

    first = page("a.com", "b.com")
    assert same_rows(first, page("a.com", "b.com", delivered=9))
    assert same_rows(first, page("b.com", "a.com"))
    assert not same_rows(first, page("a.com", "c.com"))
    assert not same_rows(first, page("a.com", "b.com", hour=2))
    assert not same_rows(first, page("a.com"))
