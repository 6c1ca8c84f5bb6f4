"""Answers of the Metrics API become one dense frame in UTC, or are refused with the reason."""

from __future__ import annotations

import json
import warnings
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from metrics_answers import Session, at, body_of, client_of, item, rows_of

import mgframe as mg
from mgframe.errors import MgframeWarning, QueryError, ResponseError
from mgframe.framing import meta_of

DAYS: dict[str, Any] = {"start": "2026-11-02", "end": "2026-11-04"}


def day(number: int) -> datetime:
    return at(f"2026-11-{number:02}")


def hour(number: int) -> datetime:
    return at("2026-11-16") + timedelta(hours=number)


def answered(
    items: list[Any], counts: Any = "delivered", *, date: str | None = None, **words: Any
) -> pd.DataFrame:
    """Return what mg.metrics makes of an answer with these items."""
    members = words.pop("members", {})
    session = Session(lambda question, number: body_of(items, **members))
    session.date = date or session.date
    frame = mg.metrics(counts, client=client_of(session), **words)
    pd.testing.assert_frame_equal(mg.check_frame(frame), frame)
    return frame


def refused(items: list[Any], **words: Any) -> str:
    with pytest.raises(ResponseError) as raised:
        answered(items, **words)
    return str(raised.value)


def rows(*cells: tuple[Any, ...], key: str = "domain") -> list[dict[str, Any]]:
    """Return items of (time, key, delivered), or (time, delivered) for the account."""
    return [
        item({"time": time, **({key: more[0]} if len(more) > 1 else {})}, {"delivered": more[-1]})
        for time, *more in cells
    ]


# ---------------------------------------------------------------- dense frames


def test_every_key_that_occurs_has_every_bucket_and_what_is_left_out_is_zero() -> None:
    frame = answered(
        rows((day(3), "b.com", 5), (day(2), "a.com", 7), (day(4), "a.com", 1)), by="domain", **DAYS
    )
    assert rows_of(frame) == {
        (day(2), "a.com"): (7,),
        (day(2), "b.com"): (0,),
        (day(3), "a.com"): (0,),
        (day(3), "b.com"): (5,),
        (day(4), "a.com"): (1,),
        (day(4), "b.com"): (0,),
    }
    assert frame.index.names == ["time", "domain"]
    assert str(frame["delivered"].dtype) == "Int64"
    assert str(frame.index.levels[0].dtype) == "datetime64[us, UTC]"
    assert frame.index.levels[0].freq is None


def test_without_filling_the_rows_of_the_answer_stay_and_are_sorted() -> None:
    items = rows((day(3), "b.com", 5), (day(2), "c.com", 0), (day(2), "a.com", 7))
    frame = answered(items, by="domain", fill=False, **DAYS)
    assert list(rows_of(frame).items()) == [
        ((day(2), "a.com"), (7,)),
        ((day(2), "c.com"), (0,)),
        ((day(3), "b.com"), (5,)),
    ]


def test_a_month_of_hours_with_three_items_has_a_row_for_every_hour() -> None:
    start, end = at("2026-10-05 07:00"), at("2026-11-05 07:00")
    items = rows((at("2026-10-31 22:00"), 4), (at("2026-11-01 00:00"), 3), (end, 2))
    members = {
        "start": format_datetime(start),
        "end": format_datetime(end),
        "resolution": "hour",
        "duration": "1m",
    }
    frame = answered(
        items, duration="1m", end="2026-11-05 07:59", resolution="hour", members=members
    )
    assert len(frame) == (31 * 24) + 1
    assert frame["delivered"].sum() == 9
    assert rows_of(frame)[at("2026-10-31 22:00"), "account"] == (4,)
    assert frame.index[0] == (start, "account")
    assert frame.index[-1] == (end, "account")
    assert not frame["delivered"].isna().any()


def test_filling_stops_when_the_answer_was_given() -> None:
    members = {
        "start": "Mon, 16 Nov 2026 00:00:00 +0000",
        "end": "Thu, 19 Nov 2026 00:00:00 +0000",
        "resolution": "hour",
    }
    with pytest.warns(MgframeWarning, match="the frame follows the answer"):
        frame = answered(
            rows((hour(3), 8)), last="9h", members=members, date="Mon, 16 Nov 2026 05:59:59 GMT"
        )
    assert len(frame) == 6
    assert frame.index[-1] == (hour(5), "account")
    known = meta_of(frame)
    assert (known["complete_until"], known["answered"][1]) == (
        "2026-11-16T05:00:00Z",
        "2026-11-19T00:00:00Z",
    )


def test_a_clock_that_is_ahead_of_the_server_gives_no_rows_rather_than_zeros() -> None:
    frame = answered([], last="3h", date="Mon, 16 Nov 2026 02:00:00 GMT")
    assert frame.empty
    assert (frame.index.names, list(frame.columns)) == (["time", "account"], ["delivered"])


def test_an_account_without_mail_has_zeros_and_keys_without_mail_have_no_rows() -> None:
    zeros = answered([], **DAYS)
    assert rows_of(zeros) == {(day(number), "account"): (0,) for number in (2, 3, 4)}
    none = answered([], ["delivered", "sent"], by=["domain", "tag"], **DAYS)
    assert none.empty
    assert none.index.names == ["time", "domain", "tag"]
    assert [str(level.dtype) for level in none.index.levels] == [
        "datetime64[us, UTC]",
        *[str(pd.Index([], dtype="str").dtype)] * 2,
    ]
    assert none.dtypes.astype(str).to_dict() == {"sent": "Int64", "delivered": "Int64"}
    assert meta_of(none)["answered"] == ["2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z"]


def test_a_total_has_no_time_level() -> None:
    account = answered([item({}, {"delivered": 7})], resolution="total", **DAYS)
    assert (account.index.names, rows_of(account)) == (["account"], {"account": (7,)})
    assert rows_of(answered([], resolution="total", **DAYS)) == {"account": (0,)}
    keys = {"domain": "a.com", "country": "US", "device": "mobile"}
    three = answered([item(keys, {"opened": 2})], "opened", by=list(keys), resolution="total")
    assert three.index.names == ["domain", "country", "device"]
    assert rows_of(three) == {("a.com", "us", "mobile"): (2,)}
    assert meta_of(three)["resolution"] == "total"
    none = answered([], "opened", by=list(keys), resolution="total")
    assert (none.index.names, len(none)) == (["domain", "country", "device"], 0)


def test_two_keys_are_filled_where_they_occur_together() -> None:
    items = [
        item({"time": day(2), "domain": "a.com", "tag": "x"}, {"delivered": 1}),
        item({"time": day(3), "domain": "b.com", "tag": "y"}, {"delivered": 2}),
    ]
    frame = answered(items, by=["tag", "domain"], **DAYS)
    assert set(frame.droplevel("time").index) == {("x", "a.com"), ("y", "b.com")}
    assert len(frame) == 6
    assert frame.index.names == ["time", "tag", "domain"]


def test_a_frame_too_large_to_fill_is_refused_before_it_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mgframe.metrics_answering._MOST_ROWS", 5)
    items = rows((day(2), "a.com", 7), (day(3), "b.com", 5))
    with pytest.raises(QueryError, match=r"would have 6 rows; fill=False keeps those"):
        answered(items, by="domain", **DAYS)
    assert len(answered(items, by="domain", fill=False, **DAYS)) == 2


def test_sums_are_added_up_and_the_columns_are_in_order() -> None:
    counts = ["temporary_failed", "permanent_failed", "failed", "delivered"]
    items = [
        item({"time": day(2)}, {"permanent_failed": 2, "temporary_failed": 5, "delivered": None}),
        item({"time": day(3)}, {"permanent_failed": 0, "temporary_failed": None, "delivered": 1}),
    ]
    frame = answered(items, counts, **DAYS)
    assert list(frame.columns) == ["delivered", "failed", "permanent_failed", "temporary_failed"]
    assert rows_of(frame) == {
        (day(2), "account"): (pd.NA, 7, 2, 5),
        (day(3), "account"): (1, pd.NA, 0, pd.NA),
        (day(4), "account"): (0, 0, 0, 0),
    }


# ---------------------------------------------------------------- keys


def test_rows_without_a_key_are_under_none() -> None:
    with pytest.warns(MgframeWarning, match=r"without a domain; they are under '\(none\)'"):
        frame = answered(rows((day(2), None, 3), (day(2), "a.com", 1)), by="domain", **DAYS)
    assert set(frame.index.unique("domain")) == {"(none)", "a.com"}
    assert frame["delivered"].sum() == 4


@pytest.mark.parametrize(
    "text",
    ["x" * 300, "\u202egnp.exe", "\u200f", "a\tb\nc", "'; DROP TABLE --", "\U0001f600", "\x00",
     "(none)", "NaN", "NA", "None", "<b>", "a,b", "."],
)  # fmt: skip
def test_hostile_keys_are_kept_as_they_are(text: str) -> None:
    items = rows((day(2), text, 3), (day(3), "plain", 1), key="tag")
    frame = answered(items, by="tag", **DAYS)
    assert set(frame.index.unique("tag")) == {text, "plain"}
    assert rows_of(frame)[day(2), text] == (3,)
    assert len(json.dumps(meta_of(frame))) < 2000


def test_half_a_surrogate_becomes_a_question_mark() -> None:
    items = rows((day(2), "half \ud800", 3), key="tag")
    frame = answered(items, by="tag", **DAYS)
    assert frame.index.unique("tag").tolist() == ["half ?"]
    frame.to_csv().encode()


def test_keys_come_from_all_pages_and_are_plain_sorted_text() -> None:
    names = ["zeta.com", "Alpha.com", "émile.fr", "10.com", "9.com"]
    frame = answered(rows(*((day(2), name, 1) for name in names)), by="domain", **DAYS)
    assert frame.index.unique("domain").tolist() == sorted(names)


def test_names_of_ids_are_in_attrs_and_the_client_remembers_them() -> None:
    items = [
        item({"time": day(2), "subaccount": "5f01"}, {"delivered": 1}, {"subaccount": "Shop"}),
        item({"time": day(2), "subaccount": "5f02"}, {"delivered": 1}),
    ]
    client = client_of(Session(lambda question, number: body_of(items)))
    frame = mg.metrics("delivered", by="subaccount", client=client, **DAYS)
    assert frame.index.unique("subaccount").tolist() == ["5f01", "5f02"]
    assert meta_of(frame)["names"] == client.names == {"subaccount": {"5f01": "Shop"}}


def test_a_row_that_comes_twice_is_asked_anew_and_then_an_error() -> None:
    items = rows((day(2), "a.com", 3), (day(2), "a.com", 3))
    session = Session(lambda question, number: body_of(items))
    with pytest.raises(ResponseError, match=r"holds the row 2026-11-02 00:00:00\+00:00, a\.com tw"):
        mg.metrics("delivered", by="domain", client=client_of(session), **DAYS)
    assert len(session.asked) == 2
    session = Session(lambda question, number: body_of(items[number - 1 :]))
    assert len(mg.metrics("delivered", by="domain", client=client_of(session), **DAYS)) == 3


# ---------------------------------------------------------------- zones


def labelled(offset: str, *hours: str) -> list[dict[str, Any]]:
    """Return items of hours of 16 November, labelled with an offset."""
    found = rows(*((hour(0), 1) for _ in hours))
    for one, text in zip(found, hours, strict=True):
        one["dimensions"][0]["value"] = f"Mon, 16 Nov 2026 {text}:00 {offset}"
    return found


def test_hours_with_an_offset_are_normalised_to_utc() -> None:
    members = {
        "start": "Mon, 16 Nov 2026 07:00:00 +0100",
        "end": "Mon, 16 Nov 2026 09:00:00 +0100",
        "resolution": "hour",
    }
    frame = answered(labelled("+0100", "07:00", "09:00"), last="3h", members=members)
    assert rows_of(frame) == {
        (hour(6), "account"): (1,),
        (hour(7), "account"): (0,),
        (hour(8), "account"): (1,),
    }
    assert meta_of(frame)["answered"] == ["2026-11-16T06:00:00Z", "2026-11-16T08:00:00Z"]


def test_offsets_may_differ_row_by_row_as_where_the_clocks_change() -> None:
    items = [*labelled("+0200", "08:00"), *labelled("+0100", "08:00")]
    frame = answered(items, last="3h")
    assert rows_of(frame) == {
        (hour(6), "account"): (1,),
        (hour(7), "account"): (1,),
        (hour(8), "account"): (0,),
    }


@pytest.mark.parametrize("offset", ["+0530", "-0330", "+0545"])
def test_hours_that_do_not_begin_utcs_are_refused_with_the_reason(offset: str) -> None:
    text = "12:00" if offset[0] == "+" else "03:00"
    said = refused(labelled(offset, text), last="9h")
    assert "does not begin a hour" in said
    assert "Mailgun gives hours in the time zone of the account's settings; set that to UTC" in said


@pytest.mark.parametrize("shift", [-8, -1, 1, 2, 13])
def test_a_window_shifted_as_a_whole_is_refused_though_it_says_utc(shift: int) -> None:
    start = at("2026-11-14") + timedelta(hours=shift)
    members = {
        "start": format_datetime(start),
        "end": format_datetime(start + timedelta(hours=3)),
        "resolution": "hour",
    }
    window = {"start": "2026-11-14 00:00", "end": "2026-11-14 03:00", "resolution": "hour"}
    said = refused(rows((start, 1)), members=members, **window)
    assert f"answered hours shifted by {shift:+d} h: Mailgun gives hours in the time zone" in said


def test_an_hour_after_the_answer_itself_is_refused() -> None:
    said = refused(rows((hour(8), 1)), last="9h", date="Mon, 16 Nov 2026 07:59:00 GMT")
    assert "answered the bucket 2026-11-16 08:00 UTC, which begins after the answer itself" in said
    frame = answered(rows((hour(8), 1)), last="9h", date="Mon, 16 Nov 2026 08:00:00 GMT")
    assert rows_of(frame)[hour(8), "account"] == (1,)


def test_days_that_do_not_begin_at_midnight_and_months_not_on_the_first_are_refused() -> None:
    assert "does not begin a day" in refused(rows((at("2026-11-03 01:00"), 1)), **DAYS)
    said = refused(rows((day(2), 1)), start="2026-10", end="2026-11", resolution="month")
    assert "does not begin a month" in said


# ---------------------------------------------------------------- other windows than asked


def test_a_frame_follows_the_answer_where_it_is_wider_and_says_so() -> None:
    with pytest.warns(MgframeWarning, match=r"asked days 2026-11-02.* answered days 2026-11-01"):
        frame = answered(rows((day(1), 5), (day(3), 1)), **DAYS)
    assert frame["delivered"].tolist() == [5, 0, 1, 0]


def test_a_frame_follows_the_answer_in_its_resolution() -> None:
    members = {
        "start": "Mon, 02 Nov 2026 00:00:00 +0000",
        "end": "Mon, 02 Nov 2026 00:00:00 +0000",
        "resolution": "day",
    }
    window = {"start": "2026-11-02 00:00", "end": "2026-11-02 05:00", "resolution": "hour"}
    with pytest.warns(MgframeWarning, match="the frame follows the answer"):
        frame = answered(rows((day(2), 5)), members=members, **window)
    assert rows_of(frame) == {(day(2), "account"): (5,)}
    assert meta_of(frame)["resolution"] == "day"


def test_without_edges_in_the_answer_the_window_is_the_one_asked() -> None:
    assert len(answered(rows((day(3), 5)), **DAYS)) == 3


@pytest.mark.parametrize("edge", [None, "", "yesterday", 7])
def test_edges_that_are_no_times_are_refused(edge: Any) -> None:
    members = {"start": edge, "end": "Wed, 04 Nov 2026 00:00:00 +0000"}
    assert "which is no RFC 2822 date" in refused([], members=members, **DAYS)


# ---------------------------------------------------------------- what Mailgun has forgotten


def test_zeros_beyond_the_retention_are_unknown_and_counts_that_came_are_kept() -> None:
    kept = at("2025-11-16")
    items = rows((kept - timedelta(days=3), 4), (kept, 0))
    with pytest.warns(MgframeWarning, match=r"3 of 5 rows lie before 2025-11-16.*keeps days for"):
        frame = answered(items, start="2025-11-13", end="2025-11-17")
    assert frame["delivered"].tolist() == [4, pd.NA, pd.NA, 0, 0]


def test_a_total_over_forgotten_buckets_is_unknown() -> None:
    items = [item({}, {"delivered": 4, "opened": 1})]
    window = {"start": "2025-11-13", "end": "2025-11-17", "resolution": "total"}
    with pytest.warns(MgframeWarning, match=r"partly beyond what Mailgun keeps, so their totals"):
        frame = answered(items, ["delivered", "opened"], **window)
    assert frame.isna().to_numpy().all()
    assert frame.shape == (1, 2)


def test_a_count_that_no_row_reports_is_unknown_with_a_warning() -> None:
    items = [item({"time": day(2)}, {"delivered": 3})]
    with pytest.warns(MgframeWarning, match=r"was asked for opened but did not report it; NA"):
        frame = answered(items, ["delivered", "opened"], **DAYS)
    assert frame["delivered"].tolist() == [3, 0, 0]
    assert frame["opened"].isna().all()


# ---------------------------------------------------------------- what a frame knows


def test_a_frame_says_what_was_asked_and_what_came() -> None:
    where = {"domain": ["a.com", "b.com"], "tag": mg.not_contains("test")}
    with pytest.warns(MgframeWarning, match=r"nothing matches where=domain = a.com, b.com; tag"):
        known = meta_of(answered([], by="domain", where=where, subaccounts=True, **DAYS))
    assert known == {
        "endpoint": "POST /v1/analytics/metrics",
        "region": "other",
        "fetched_at": "2026-11-16T09:30:00Z",
        "simulated": False,
        "request": {
            "start": "Mon, 02 Nov 2026 00:00:00 +0000",
            "end": "Wed, 04 Nov 2026 00:00:00 +0000",
            "resolution": "day",
            "dimensions": ["time", "domain"],
            "include_subaccounts": True,
            "where": ["domain = a.com, b.com", "tag not contains test"],
        },
        "resolution": "day",
        "asked": ["2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z"],
        "answered": ["2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z"],
        "complete_until": "2026-11-05T00:00:00Z",
    }


def test_the_open_bucket_is_not_complete() -> None:
    known = meta_of(answered([], last="2d", partial=True))
    assert known["complete_until"] == "2026-11-16T00:00:00Z"
    assert known["answered"] == ["2026-11-14T00:00:00Z", "2026-11-16T00:00:00Z"]


def test_what_a_frame_knows_stays_small() -> None:
    names = [f"a-tag-with-a-long-name-{i}" for i in range(300)]
    items = rows(*((day(2), name, 1) for name in names), key="tag")
    for one in items:
        one["dimensions"][1]["display_value"] = "another " + one["dimensions"][1]["value"]
    frame = answered(items, by="tag", where={"tag": names}, **DAYS)
    assert len(json.dumps(frame.attrs)) < 2100
    assert len(frame) == 900


def test_counts_are_not_shared_between_columns() -> None:
    frame = answered([], ["delivered", "opened"], **DAYS)
    frame.loc[frame.index[0], "opened"] = 5
    assert frame["delivered"].tolist() == [0, 0, 0]
    assert np.array_equal(frame["opened"].to_numpy("int64"), [5, 0, 0])


@pytest.mark.parametrize("spelt", ["Unknown", None])
def test_two_spellings_of_a_key_are_added_up(spelt: str | None) -> None:
    other = "unknown" if spelt else ""
    cells = ((spelt, 3), (other, 4))
    items = [item({"time": day(2), "country": name}, {"opened": n}) for name, n in cells]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        frame = answered(items, "opened", by="country", **DAYS)
    assert frame["opened"].sum() == 7
    assert set(frame.index.unique("country")) == {"unknown" if spelt else "(none)"}
