"""Parsing: any edition, any shape, any spelling of a time; nothing wrong passes as a count."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pandas as pd
import pytest
from answers import LATER, MEMBERS, block, envelope, item, junk, unhurried
from hypothesis import given
from hypothesis import strategies as st

from mgframe import parsing
from mgframe.errors import ResponseError
from mgframe.parsing import (
    counters_of,
    envelope_notes,
    envelope_of,
    grouped_rows,
    plain_rows,
    read_counters,
    read_fields,
    read_time,
    read_times,
)
from mgframe.vocabulary import COUNTS, EVENTS

MONDAY = "Mon, 16 Nov 2026 00:00:00 UTC"
TUESDAY = "Tue, 17 Nov 2026 00:00:00 UTC"


def counts_of_items(items: list[dict[str, Any]], *events: str) -> dict[str, list[int | None]]:
    fields = read_fields(items, events)
    return {n: [None if v is pd.NA else int(v) for v in a] for n, a in fields.counts.items()}


def one(event: str, members: Any, name: str) -> int | None:
    return counts_of_items([{"time": MONDAY, event: members}], event)[name][0]


@pytest.fixture(autouse=True)
def _nothing_logged_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "_logged", set())


# ---------------------------------------------------------------- times


@unhurried
@given(
    st.lists(
        st.datetimes(datetime(2010, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001 - made aware below
        max_size=5,
    ),
    st.sampled_from(["UTC", "GMT", "+0000", "-0000", "-0500", "+0530"]),
    st.sampled_from([None, "Sat", "Mon"]),
)
def test_times_are_read_whatever_their_suffix_and_weekday(
    moments: list[datetime], suffix: str, weekday: str | None
) -> None:
    aware = [m.replace(microsecond=0, tzinfo=UTC) for m in moments]
    texts = [format_datetime(m).replace("+0000", suffix) for m in aware]
    texts = [f"{weekday}{t[3:]}" if weekday else t for t in texts]
    hours = {"-0500": timedelta(hours=5), "+0530": -timedelta(hours=5.5)}.get(suffix, timedelta(0))
    read = read_times(texts)
    assert read.dtype == "datetime64[us, UTC]"
    assert list(read) == [m + hours for m in aware]
    assert list(read) == [read_time(t) for t in texts]


def test_times_of_several_spellings_are_read_together() -> None:
    texts = [MONDAY, "Mon, 16 Nov 2026 00:00:00 GMT", "16 Nov 2026 00:00:00 +0000"]
    assert read_times([*texts, "Sun, 15 Nov 2026 19:00:00 -0500"]).nunique() == 1
    assert read_times(["Mon, 2 Nov 2026 00:00:00 UTC"])[0] == pd.Timestamp("2026-11-02", tz="UTC")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gmail.com",
        None,
        1700000000,
        True,
        [],
        {},
        "2026-11-16T00:00:00Z",
        "Mon, 31 Feb 2026 00:00:00 UTC",
        "Mon, 16 Nov 2026 24:00:00 UTC",
        "Mon, 16 Nov 2026 00:00:0Z UTC",
        "Mon, 16 Nov 2026 00:00:60 UTC",
        "Mon, 16 Xxx 2026 00:00:00 UTC",
        "Mon, 16 Nov 2026 00:00:00 +9999",
        "Mon, 16 Nov 99999 00:00:00 UTC",
        "Mon, 16 Nov 2026 00:00:0\ud800 UTC",
    ],
)
def test_what_is_no_time_is_refused_in_words(text: Any) -> None:
    for read in (lambda: read_time(text), lambda: read_times([MONDAY, text])):
        with pytest.raises(ResponseError, match="which is no RFC 2822 date"):
            read()


@pytest.mark.parametrize("year", ["0001", "1970", "2009", "2200", "9999", "-001"])
def test_times_that_mailgun_never_counted_are_refused(year: str) -> None:
    text = f"Mon, 16 Nov {year} 00:00:00 UTC"
    for read in (lambda: read_time(text), lambda: read_times([MONDAY, text])):
        with pytest.raises(ResponseError, match="the answer holds the time"):
            read()


@unhurried
@given(st.one_of(st.text(max_size=40), junk))
def test_a_time_is_read_or_refused_and_nothing_else(text: Any) -> None:
    try:
        assert read_times([MONDAY, text]).dtype == "datetime64[us, UTC]"
    except ResponseError:
        return


@unhurried
@given(st.integers(0, 30), st.characters())
def test_one_wrong_letter_never_gives_another_error(place: int, letter: str) -> None:
    try:
        read_times([MONDAY[:place] + letter + MONDAY[place + 1 :], TUESDAY])
    except ResponseError:
        return


# ---------------------------------------------------------------- envelopes and shapes


@pytest.mark.parametrize(
    "body", [None, 5, "Mailgun Magnificent API", {}, [5], [[]], [{}], {"x": 1}]
)
def test_what_is_no_stats_answer_is_refused(body: Any) -> None:
    for read in (
        envelope_of,
        lambda b: plain_rows(b, "a.com"),
        lambda b: grouped_rows(b, "domain"),
    ):
        with pytest.raises(ResponseError, match="an object with 'stats' was expected"):
            read(body)


@pytest.mark.parametrize("stats", [5, "x", {}, [5], [[]], [{}], [None], [{"accepted": {}}]])
def test_stats_that_are_no_buckets_are_refused(stats: Any) -> None:
    with pytest.raises(ResponseError, match="is not a list of buckets that have a 'time'"):
        plain_rows({"stats": stats}, "a.com")


@pytest.mark.parametrize("body", [[], [{"stats": [item(MONDAY)]}]])
def test_a_list_is_no_answer_to_an_ungrouped_question(body: Any) -> None:
    with pytest.raises(ResponseError):
        plain_rows(body, "a.com")


def test_an_answer_without_buckets_has_no_rows() -> None:
    for stats in ([], None):
        assert plain_rows({"stats": stats}, "a.com").items == []
        assert grouped_rows({"stats": stats}, "domain").items == []
    assert grouped_rows([], "domain").items == []
    assert grouped_rows({"stats": {}}, "domain").items == []


def test_of_an_envelope_only_what_is_set_is_noted() -> None:
    body = envelope([item(MONDAY)], description="News", tag="", type={"type": "tag", "key": "x"})
    assert envelope_notes(envelope_of(body)) == {
        "description": "News",
        "type": {"type": "tag", "key": "x"},
    }


ROWS = [item(MONDAY, ["stored"]), item(TUESDAY, ["stored"])]


def with_member(name: str) -> dict[str, Any]:
    return {"stats": [{**ROWS[0], name: "One"}, {**ROWS[1], name: " Two "}]}


@pytest.mark.parametrize("name", ["domain", "key", "name", "value", "group", "id"])
def test_a_member_of_the_item_may_name_the_group(name: str) -> None:
    rows = grouped_rows(with_member(name), "domain")
    assert (rows.keys, rows.shape, len(rows.items)) == (["One", "Two"], "member", 2)


def test_a_typed_item_names_the_group() -> None:
    stats = [{**ROWS[0], "type": {"type": "provider", "key": "gmail.com"}}, ROWS[1]]
    rows = grouped_rows({"stats": stats}, "provider")
    assert (rows.keys, rows.shape) == (["gmail.com", "(none)"], "member")


def test_a_time_that_is_no_date_is_the_key() -> None:
    rows = grouped_rows({"stats": [item("gmail.com"), item("")]}, "provider")
    assert (rows.keys, rows.shape) == (["gmail.com", "(none)"], "time")


def test_a_list_of_envelopes_names_the_group_by_type_or_tag() -> None:
    body = [
        envelope(ROWS, type={"type": "provider", "key": "gmail.com"}),
        envelope(ROWS[:1], tag="news"),
        envelope(ROWS[:1]),
    ]
    rows = grouped_rows(body, "provider")
    assert rows.keys == ["gmail.com", "gmail.com", "news", "(none)"]
    assert rows.shape == "envelopes"


def test_one_envelope_may_be_the_answer_for_one_group() -> None:
    rows = grouped_rows(envelope(ROWS, type={"type": "tag", "key": "news"}), "tag")
    assert (rows.keys, rows.shape) == (["news", "news"], "envelopes")


def test_a_map_of_keys_holds_an_item_or_a_list_of_them() -> None:
    rows = grouped_rows({"stats": {"a.com": ROWS, "b.com": ROWS[0]}}, "domain")
    assert (rows.keys, rows.shape) == (["a.com", "a.com", "b.com"], "map")


def test_without_a_key_anywhere_nothing_is_guessed() -> None:
    rows = grouped_rows({"stats": ROWS}, "domain")
    assert (rows.keys, rows.shape) == (["(none)", "(none)"], "none")


@pytest.mark.parametrize("by", ["country", "device"])
def test_countries_and_devices_are_lower_case_and_no_other_key(by: str) -> None:
    for body in (with_member(by), {"stats": {"One": ROWS[:1], "Two": ROWS[1:]}}):
        assert grouped_rows(body, by).keys == ["one", "two"]
        assert grouped_rows({"stats": {"One": ROWS}}, "tag").keys == ["One", "One"]


@pytest.mark.parametrize("value", [None, 5, True, [], {"a": 1}, "", "  "])
def test_a_key_that_is_no_text_is_none(value: Any) -> None:
    stats = [{**ROWS[0], "domain": "a.com"}, {**ROWS[1], "domain": value}]
    assert grouped_rows({"stats": stats}, "domain").keys == ["a.com", "(none)"]


def test_a_key_is_always_text_that_can_be_written() -> None:
    (key,) = grouped_rows({"stats": {"a\ud800": ROWS[0]}}, "tag").keys
    assert key.encode() == b"a?"


# ---------------------------------------------------------------- counts

#: The reference's map of fields, section 7, row by row.
FIELD_MAP = {
    "accepted.incoming": "accepted_incoming",
    "accepted.outgoing": "accepted_outgoing",
    "accepted.total": "accepted",
    "delivered.smtp": "delivered_smtp",
    "delivered.http": "delivered_http",
    "delivered.optimized": "delivered_optimized",
    "delivered.total": "delivered",
    "failed.temporary.espblock": "temporary_failed_esp_block",
    "failed.temporary.total": "temporary_failed",
    "failed.permanent.suppress-bounce": "suppressed_bounces",
    "failed.permanent.suppress-unsubscribe": "suppressed_unsubscribed",
    "failed.permanent.suppress-complaint": "suppressed_complaints",
    "failed.permanent.bounce": "hard_bounces",
    "failed.permanent.delayed-bounce": "delayed_bounce",
    "failed.permanent.webhook": "webhook",
    "failed.permanent.optimized": "permanent_failed_optimized",
    "failed.permanent.total": "permanent_failed",
    "stored.total": "stored",
    "opened.total": "opened",
    "opened.unique": "unique_opened",
    "clicked.total": "clicked",
    "clicked.unique": "unique_clicked",
    "unsubscribed.total": "unsubscribed",
    "complained.total": "complained",
}


def test_every_member_goes_to_its_column() -> None:
    number = iter(range(1, 100))
    values: dict[str, int] = {}
    body: dict[str, Any] = {"time": MONDAY}
    for event, paths in MEMBERS.items():
        numbers = [next(number) for _ in paths]
        body[event] = block(event, numbers)
        values |= {".".join((event, *p)): n for p, n in zip(paths, numbers, strict=True)}
    read = counts_of_items([body], *EVENTS)
    assert read == {FIELD_MAP[path]: [number] for path, number in values.items()}


@unhurried
@given(st.lists(st.sampled_from(EVENTS), unique=True), st.integers(0, 4), st.integers(0, 99))
def test_only_the_events_asked_become_columns(events: list[str], count: int, seed: int) -> None:
    items = [item(MONDAY, EVENTS, seed=seed + i) for i in range(count)]
    read = counts_of_items(items, *events)
    assert set(read) == {n for path, n in FIELD_MAP.items() if path.split(".")[0] in events}
    for path, name in FIELD_MAP.items():
        if name in read:
            expected = []
            for found in items:
                value: Any = found
                for step in path.split("."):
                    value = None if value is None else value.get(step)
                unsaid = path.endswith("unique") and value is None
                expected.append(0 if unsaid else value)
            assert read[name] == expected


def test_the_edition_of_2016_leaves_its_later_members_unknown() -> None:
    items = [item(MONDAY, seed=1, edition=2016), item(TUESDAY, seed=2, edition=2016)]
    fields = read_fields(items, EVENTS)
    later = {FIELD_MAP[".".join(path)] for path in LATER}
    assert {n for n, values in fields.counts.items() if values.isna().all()} == later
    assert fields.absent == {"webhook", "delayed_bounce"}
    assert fields.missing_events == []


def test_the_edition_of_2024_has_no_unique_and_no_optimized() -> None:
    found = item(MONDAY, ["delivered", "opened"], seed=1)
    del found["delivered"]["optimized"], found["opened"]["unique"]
    read = counts_of_items([found], "delivered", "opened")
    assert read["delivered_optimized"] == read["unique_opened"] == [None]
    assert read["delivered"][0] is not None
    assert read["opened"][0] is not None


@pytest.mark.parametrize("event", ["opened", "clicked"])
@pytest.mark.parametrize(
    ("members", "unique"),
    [
        ({"total": 0}, 0),
        ({"total": "0"}, 0),
        ({"total": 0, "unique": None}, 0),
        ({"total": 5}, None),
        ({"total": 5, "unique": 3}, 3),
        ({"total": 0, "unique": 2}, 2),
        ({}, None),
        (None, None),
        ({"total": None}, None),
    ],
)
def test_a_missing_unique_is_zero_only_where_the_total_is(
    event: str, members: Any, unique: int | None
) -> None:
    before = repr(members)
    assert one(event, members, f"unique_{event}") == unique
    mixed = [{"time": MONDAY, event: members}, {"time": TUESDAY, event: {"total": 9, "unique": 8}}]
    assert counts_of_items(mixed, event)[f"unique_{event}"] == [unique, 8]
    assert repr(members) == before


def test_an_event_that_no_bucket_reports_is_missing_and_unknown() -> None:
    fields = read_fields([{"time": MONDAY, "accepted": {"total": 1}}], ["accepted", "failed"])
    assert fields.missing_events == ["failed"]
    assert fields.counts["permanent_failed"].isna().all()
    assert fields.absent == set()


def test_an_event_that_some_buckets_report_is_unknown_in_the_others() -> None:
    items = [{"time": MONDAY, "stored": {"total": 1}}, {"time": TUESDAY}]
    fields = read_fields(items, ["stored"])
    assert fields.missing_events == []
    assert counts_of_items(items, "stored")["stored"] == [1, None]


@pytest.mark.parametrize("text", ["15", " 15 ", "015"])
def test_a_total_printed_as_text_is_a_number(text: str) -> None:
    assert one("stored", {"total": text}, "stored") == 15


@pytest.mark.parametrize("value", [-1, "-3"])
def test_a_negative_count_is_refused(value: Any) -> None:
    with pytest.raises(ResponseError, match=r"counts -\d for stored.total; a count is never neg"):
        one("stored", {"total": value}, "stored")


@pytest.mark.parametrize("value", [2**53 + 1, 2**63, 2**64, 10**30, str(2**63)])
def test_a_count_too_large_to_be_one_is_refused(value: Any) -> None:
    for items in ([value], [value, 1], [None, value]):
        rows = [{"time": MONDAY, "stored": {"total": v}} for v in items]
        with pytest.raises(ResponseError, match=r"for stored\.total; no count is that large"):
            read_fields(rows, ["stored"])


@pytest.mark.parametrize(
    "value", [1.5, 5.0, True, False, "x", "", "1.5", "--5", "1_000", "٣", "9" * 5000, [], [1], {}]
)
def test_what_is_no_count_is_refused(value: Any) -> None:
    for values in ([value], [value, 1], [1, value], [None, value]):
        rows = [{"time": MONDAY, "stored": {"total": v}} for v in values]
        with pytest.raises(ResponseError, match=r"for stored\.total, which is no count"):
            read_fields(rows, ["stored"])


@pytest.mark.parametrize("value", [5, "x", [], True, 0.5, [{"total": 1}]])
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_that_is_no_object_is_refused(event: str, value: Any) -> None:
    for values in ([value], [value, {}], [None, value]):
        rows = [{"time": MONDAY, event: v} for v in values]
        with pytest.raises(ResponseError, match="is not an object of counts"):
            read_fields(rows, [event])


@pytest.mark.parametrize("value", [5, "x", [], True])
@pytest.mark.parametrize("part", ["temporary", "permanent"])
def test_failures_that_are_no_object_are_refused(part: str, value: Any) -> None:
    with pytest.raises(ResponseError, match="is not an object of counts"):
        read_fields([{"time": MONDAY, "failed": {part: value}}], ["failed"])


def test_an_unknown_member_is_left_out_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    strange = {
        "time": MONDAY,
        "stored": {"total": 1, "frozen": 2},
        "failed": {"permanent": {"total": 1, "gone": 1}, "temporary": {}, "eternal": {"total": 3}},
        "teleported": {"total": 9},
    }
    with caplog.at_level(logging.WARNING, logger="mgframe"):
        for _ in range(3):
            read = counts_of_items([strange, strange], "stored", "failed")
    assert set(read) <= set(COUNTS)
    assert read["stored"] == [1, 1]
    said = sorted(record.getMessage().rsplit("out: ", 1)[1] for record in caplog.records)
    assert said == [
        "failed.permanent: gone",
        "failed: eternal",
        "item: teleported",
        "stored: frozen",
    ]


def test_members_that_are_known_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    items = [item(MONDAY, seed=s, domain="a.com", edition=e) for s in (0, 1) for e in (2016, 2026)]
    with caplog.at_level(logging.WARNING, logger="mgframe"):
        read_fields(items, EVENTS)
    assert caplog.records == []


@unhurried
@given(st.sampled_from(EVENTS), st.lists(junk, max_size=4))
def test_any_event_is_read_or_refused_and_nothing_else(event: str, values: list[Any]) -> None:
    for rows in (
        [{"time": MONDAY, event: v} for v in values],
        [{"time": MONDAY, event: {"total": v}} for v in values],
        [{"time": MONDAY, event: {"permanent": {"total": v}, "total": v}} for v in values],
    ):
        try:
            fields = read_fields(rows, [event])
        except ResponseError:
            continue
        for column in fields.counts.values():
            assert column.dtype == "Int64"
            assert len(column) == len(values)
            assert (column.dropna() >= 0).all()


# ---------------------------------------------------------------- lifetime counters


@pytest.mark.parametrize(
    ("level", "member"),
    [
        ("provider", "providers"),
        ("provider", "provider"),
        ("device", "devices"),
        ("device", "device"),
        ("country", "countries"),
        ("country", "country"),
    ],
)
def test_aggregates_are_read_under_singular_and_plural(level: str, member: str) -> None:
    rows = {"Key": {"opened": 3}, "": {}}
    keys = ["(none)", "Key" if level == "provider" else "key"]
    assert sorted(counters_of({member: rows, "tag": "x"}, level)) == keys


def test_a_counter_that_a_key_leaves_out_is_zero() -> None:
    counts = read_counters([{"opened": 3}, {"clicked": "2"}, {}])
    assert {name: list(values) for name, values in counts.items()} == {
        "opened": [3, 0, 0],
        "clicked": [0, 2, 0],
    }


def test_an_unknown_counter_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="mgframe"):
        assert list(read_counters([{"opened": 3, "winked": 1}])) == ["opened"]
    assert "aggregates: winked" in caplog.text


@pytest.mark.parametrize("body", [None, [], {}, {"countries": 5}, {"countries": {"us": 5}}])
def test_aggregates_without_counters_are_refused(body: Any) -> None:
    with pytest.raises(ResponseError, match="no 'countries' with counters by country"):
        counters_of(body, "country")


def test_a_key_in_two_spellings_is_refused_not_overwritten() -> None:
    with pytest.raises(ResponseError, match="names a country twice"):
        counters_of({"countries": {"US": {"opened": 1}, "us": {"opened": 2}}}, "country")


@pytest.mark.parametrize("value", [-1, 1.5, True, "x", 2**63])
def test_a_counter_that_is_no_count_is_refused(value: Any) -> None:
    with pytest.raises(ResponseError, match="for opened"):
        read_counters([{"opened": 1}, {"opened": value}])
