"""Tables of a user's own become frames, or are refused with the reason."""

from __future__ import annotations

import decimal
import io
import re
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from answers import days, envelope, framed, item, unhurried
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe.adopting import as_frame
from mgframe.checking import check_frame
from mgframe.errors import FrameError, QueryError
from mgframe.framing import complete_until, meta_of, resolution_of
from mgframe.vocabulary import COUNTS

PANEL = """Date,Sending domain,Delivered,Bounced,Open rate
2026-11-02,b.example.com,80,,0.31
2026-11-01,a.example.com,90,10,0.30
2026-11-02,a.example.com,95,5,0.29
"""


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"time": ["2026-11-01", "2026-11-02"], "delivered": [1, 2], **columns})


# ---------------------------------------------------------------- what becomes a frame


def test_a_csv_of_the_control_panel_is_a_frame() -> None:
    csv = pd.read_csv(io.StringIO(PANEL))
    before = csv.copy()
    frame = as_frame(
        csv,
        keys={"domain": "Sending domain"},
        counts={"delivered": "Delivered", "bounced": "Bounced"},
        time="Date",
    )
    assert list(frame.index) == [
        (utc("2026-11-01"), "a.example.com"),
        (utc("2026-11-02"), "a.example.com"),
        (utc("2026-11-02"), "b.example.com"),
    ]
    assert frame["delivered"].tolist() == [90, 95, 80]
    assert frame["bounced"].tolist() == [10, 5, pd.NA]
    assert list(frame.columns) == ["delivered", "bounced"]
    assert meta_of(frame) == {"endpoint": "mg.as_frame", "resolution": "day"}
    pd.testing.assert_frame_equal(csv, before)
    check_frame(frame)


def test_a_warehouse_query_with_aware_hours_is_a_frame_in_utc() -> None:
    hours = pd.date_range("2026-10-25", periods=26, freq="h", tz="Europe/Berlin")
    query = pd.DataFrame(
        {"hour": hours, "domain": "a.com", "delivered_count": range(26), "permanent_failed": 0}
    )
    frame = as_frame(query, complete_until="2026-10-26")
    assert frame.index.names == ["time", "domain"]
    assert str(frame.index.dtypes["time"]) == "datetime64[us, UTC]"
    assert frame.index.get_level_values("time")[0] == utc("2026-10-24 22:00")
    assert frame["delivered"].tolist() == list(range(26))
    assert resolution_of(frame) == "hour"
    assert complete_until(frame) == utc("2026-10-26")


def test_everything_is_found_by_name_where_names_are_plain() -> None:
    frame = as_frame(
        table(Country=["us", "de"], **{"Hard bounces_count": [1, 0]}).rename(
            columns={"time": "Day", "delivered": "Delivered"}
        )
    )
    assert frame.index.names == ["time", "country"]
    assert list(frame.columns) == ["delivered", "hard_bounces"]


def test_without_a_key_the_rows_are_the_account() -> None:
    frame = as_frame(table())
    assert set(frame.index.get_level_values("account")) == {"account"}


def test_a_column_called_total_is_no_key() -> None:
    assert as_frame(table(Total=[3, 4])).index.names == ["time", "account"]


def test_levels_of_the_index_are_columns_too() -> None:
    frame = as_frame(table(domain=["a", "b"]).set_index(["time", "domain"]))
    assert frame.index.names == ["time", "domain"]


@pytest.mark.parametrize("unnamed", [True, False])
def test_an_index_without_names_is_ignored(unnamed: bool) -> None:
    frame = table().set_axis([7, 9]) if unnamed else table()
    assert as_frame(frame).equals(as_frame(table()))


def test_a_frame_of_a_fetch_comes_back_as_it_was() -> None:
    fetched = framed(envelope([item(t, seed=i) for i, t in enumerate(days(9))]))
    adopted = as_frame(fetched)
    pd.testing.assert_frame_equal(adopted, fetched)


def test_counts_of_the_users_own_are_kept_at_the_end() -> None:
    frame = as_frame(table(spam=[1, 0]), counts={"inboxed": "spam", "delivered_count": "delivered"})
    assert list(frame.columns) == ["delivered", "inboxed"]
    assert as_frame(table(spam=[1, 0]), counts=["spam", "delivered"]).columns.tolist() == [
        "delivered",
        "spam",
    ]


def test_derived_counts_are_added_where_their_parts_are_there() -> None:
    parts = {part: [3, 4] for _, part in COUNTS["sent"].terms}
    parts["delivered"] = [10, 20]
    parts["permanent_failed"] = [10, 20]
    frame = as_frame(table(**parts))
    assert frame["bounced"].tolist() == [1, 8]
    assert frame["sent"].tolist() == [11, 28]
    assert "processed" not in frame


@pytest.mark.parametrize(
    "values",
    [
        [1.0, None],
        ["1", None],
        [1.0, np.nan],
        pd.array([1, None], dtype="Int64"),
        pd.array([1.0, None], dtype="Float64"),
        [decimal.Decimal(1), None],
    ],
)
def test_numbers_of_any_kind_are_counts_and_empty_cells_unknown(values: Any) -> None:
    assert as_frame(table(stored=values))["stored"].tolist() == [1, pd.NA]


@pytest.mark.parametrize("empty", [None, np.nan, "", "  "])
def test_a_missing_key_is_none(empty: Any) -> None:
    frame = as_frame(table(tag=["news", empty], time=["2026-11-01"] * 2))
    assert set(frame.index.get_level_values("tag")) == {"news", "(none)"}


def test_an_empty_table_is_an_empty_frame() -> None:
    frame = as_frame(table(domain=["a", "b"]).iloc[:0])
    assert len(frame) == 0
    assert frame.index.dtypes.to_dict() == as_frame(table(domain=["a", "b"])).index.dtypes.to_dict()


def test_columns_that_are_called_by_numbers_are_found_as_text() -> None:
    numbered = pd.DataFrame({0: ["2026-11-01"], 1: [3]})
    assert as_frame(numbered, time="0", counts={"delivered": "1"})["delivered"].tolist() == [3]


# ---------------------------------------------------------------- local days


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Asia/Beirut"])
@pytest.mark.parametrize("first", ["2024-03-05", "2024-10-26", "2024-03-27"])
def test_local_days_keep_their_zone_and_begin_when_the_day_does(zone: str, first: str) -> None:
    naive = pd.date_range(first, periods=12, freq="D")
    frame = as_frame(pd.DataFrame({"date": naive.strftime("%Y-%m-%d"), "delivered": 1}), tz=zone)
    times = pd.DatetimeIndex(frame.index.get_level_values("time"))
    assert str(times.tz) == zone
    assert list(times.date) == list(naive.date)
    assert resolution_of(frame) == "day"
    assert all((t - pd.Timedelta(seconds=1)).date() < t.date() for t in times)


def test_local_times_with_their_offsets_are_read_across_a_change_of_the_clock() -> None:
    texts = ["2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"]
    local = as_frame(pd.DataFrame({"time": texts, "delivered": 1}), tz="Europe/Berlin")
    assert resolution_of(local) == "day"
    assert list(pd.DatetimeIndex(local.index.get_level_values("time")).day) == [24, 25, 26]
    assert resolution_of(as_frame(pd.DataFrame({"time": texts, "delivered": 1}))) == "hour"


@pytest.mark.parametrize(
    ("times", "resolution"),
    [
        (["2026-11-01 01:00", "2026-11-01 02:00"], "hour"),
        (["2026-11-01", "2026-11-02"], "day"),
        ([date(2026, 11, 1), date(2026, 11, 2)], "day"),
        (["2026-10-01", "2026-11-01"], "month"),
        (["2026-11-01"], "day"),
    ],
)
def test_the_width_of_a_bucket_is_told_from_the_times(times: list[Any], resolution: str) -> None:
    frame = as_frame(pd.DataFrame({"time": times, "delivered": 1}))
    assert meta_of(frame)["resolution"] == resolution


def test_the_width_of_a_bucket_can_be_said() -> None:
    one = pd.DataFrame({"time": ["2026-11-01"], "delivered": 1})
    for resolution in ("hour", "day", "month"):
        assert meta_of(as_frame(one, resolution=resolution))["resolution"] == resolution


@settings(unhurried, max_examples=30)
@given(st.permutations(range(6)), st.sampled_from(["h", "D", "MS"]))
def test_the_order_of_rows_and_columns_does_not_matter(order: list[int], freq: str) -> None:
    times = pd.date_range("2026-01-01", periods=3, freq=freq, tz="UTC").repeat(2)
    rows = pd.DataFrame(
        {"time": times, "domain": ["a", "b"] * 3, "delivered": range(6), "stored": range(6, 12)}
    )
    pd.testing.assert_frame_equal(as_frame(rows.iloc[order, ::-1]), as_frame(rows))


# ---------------------------------------------------------------- refusals


def said(call: Any) -> str:
    with pytest.raises((FrameError, QueryError)) as raised:
        call()
    return str(raised.value)


COLUMNS = "the columns are ['time', 'delivered', 'x']"
ITS = "its columns are ['time', 'delivered', 'x']"
NO_COUNT = (
    "is no count: it holds fractions, negative or impossible numbers; a frame holds counts, join "
    "rates of your own afterwards"
)
REFUSALS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"time": "tiem"}, f"time='tiem' is no column of the table; did you mean 'time'?; {ITS}"),
    (
        {},
        {"keys": {"domain": "dom"}},
        f"keys names the column 'dom', which the table lacks; {ITS}",
    ),
    (
        {},
        {"counts": {"stored": "delivred"}},
        "counts names the column 'delivred', which the table lacks; did you mean 'delivered'?; "
        "its columns are ['delivered', 'x']",
    ),
    (
        {},
        {"tz": "Mars"},
        "tz='Mars' is no known time zone; use a name such as 'Europe/Berlin' or 'UTC'",
    ),
    (
        {},
        {"resolution": "week"},
        "resolution must be 'hour', 'day' or 'month'; got 'week'. For weeks, quarters or years "
        "fetch days and use df.mg.resample('W').",
    ),
    (
        {},
        {"complete_until": "soon"},
        "complete_until='soon' is no date or time; write '2026-11-16', '2026-11-16 09:00' or pass "
        "a datetime (a naive one is UTC)",
    ),
    (
        {},
        {"resolution": "month"},
        "the time 2026-11-02 00:00:00+00:00 is not the start of its month; round it down",
    ),
    (
        {"time": ["2026-11-01 00:00", "2026-11-01 09:30"]},
        {},
        "the time 2026-11-01 09:30:00+00:00 is not the start of its hour; round it down",
    ),
    (
        {"time": ["2026-11-01 00:00", "2026-11-01 09:00"]},
        {"resolution": "day"},
        "the time 2026-11-01 09:00:00+00:00 is not the start of its day; round it down",
    ),
    ({"time": ["2026-11-01", None]}, {}, "column 'time' has 1 empty times; drop them"),
    (
        {"time": [1762041600, 1762128000]},
        {},
        "column 'time' holds numbers, not times; for epoch seconds use "
        "pd.to_datetime(column, unit='s', utc=True) first",
    ),
    (
        {"time": ["2026-11-01"] * 2},
        {},
        "the row 2026-11-01 00:00:00+00:00, account occurs twice; sum or drop one first",
    ),
    *(
        ({"delivered": values}, {}, f"column 'delivered' {NO_COUNT}")
        for values in ([1, -1], [0.5, 1], [1e300, 1], [np.inf, 1], [2.0**54, 1])
    ),
    (
        {"delivered": ["1,234", "5"]},
        {},
        "column 'delivered' holds '1,234', which is no count; read numbers as numbers "
        "(pd.read_csv(..., thousands=',')) and leave rates out",
    ),
]


@pytest.mark.parametrize(("columns", "words", "message"), REFUSALS)
def test_a_table_that_is_no_frame_is_refused_with_the_whole_reason(
    columns: dict[str, Any], words: dict[str, Any], message: str
) -> None:
    assert said(lambda: as_frame(table(x=["a", "b"], **columns), **words)) == message


def test_an_age_is_no_key_of_a_table_with_times() -> None:
    own = table(x=["a", "b"], age=[31, 32])
    assert as_frame(own, keys={"domain": "x"}).index.names == ["time", "domain"]
    assert "account" in as_frame(own).index.names
    assert "'age' is no key" in said(lambda: as_frame(own, keys={"age": "age"}))


def test_a_key_that_is_none_is_refused_with_the_choices() -> None:
    message = said(lambda: as_frame(table(x=["a", "b"]), keys={"domian": "x"}))
    assert message.startswith(
        "keys: 'domian' is no key; did you mean 'domain'?; the keys are ['account', 'region',"
    )


def test_a_table_without_a_time_or_a_count_is_refused() -> None:
    assert said(lambda: as_frame(table(x=1).rename(columns={"time": "when"}))) == (
        "say which column holds the time: time=...; the columns are ['when', 'delivered', 'x']"
    )
    assert said(lambda: as_frame(table(x=1).rename(columns={"delivered": "ok"}))) == (
        "no column is called like a count; say which is which: counts={'delivered': '...'}; "
        "the columns are ['time', 'ok', 'x']"
    )


@pytest.mark.parametrize("values", [["2026-11-01", "2026-13-01"], [object(), object()], [[], []]])
def test_times_that_cannot_be_read_are_refused(values: list[Any]) -> None:
    wrong = pd.DataFrame({"time": pd.Series(values, dtype=object), "delivered": [1, 2]})
    with pytest.raises(FrameError, match=r"^the times of column 'time' cannot be read: "):
        as_frame(wrong)


def test_two_columns_of_one_name_are_refused() -> None:
    twice = pd.concat([table(), table()[["delivered"]]], axis=1)
    assert said(lambda: as_frame(twice)) == (
        "two columns are called 'delivered'; rename or drop one first"
    )
    with pytest.raises(FrameError, match="a level and a column of the table share a name"):
        as_frame(table().rename_axis("time"))


@pytest.mark.parametrize("other", [None, [1], {"time": [1]}, table()["delivered"]])
def test_what_is_no_table_is_refused(other: Any) -> None:
    name = re.escape(type(other).__name__)
    with pytest.raises(FrameError, match=f"^as_frame takes a DataFrame, got {name}$"):
        as_frame(other)


def test_a_naive_complete_until_is_in_the_zone_of_the_times() -> None:
    table = pd.DataFrame({"date": ["2026-11-13", "2026-11-14"], "delivered": [1, 2]})
    frame = as_frame(table, tz="America/New_York", complete_until="2026-11-15")
    assert frame.attrs["mgframe"]["complete_until"] == "2026-11-15T05:00:00Z"
    assert len(frame.mg.complete()) == 2


def test_two_columns_for_one_count_are_refused() -> None:
    table = pd.DataFrame({"date": ["2026-11-13"], "Delivered": [1], "delivered_count": [2]})
    with pytest.raises(FrameError, match="'Delivered' and 'delivered_count' are both 'delivered'"):
        as_frame(table)


def test_a_table_of_weeks_is_not_taken_for_days() -> None:
    table = pd.DataFrame({"date": pd.date_range("2026-11-02", periods=3, freq="7D"), "sent": 1})
    with pytest.raises(FrameError, match=r"whole weeks apart.*resolution='day'"):
        as_frame(table)
    assert len(as_frame(table, resolution="day")) == 3


@pytest.mark.parametrize("text", ["01.11.2026", "01/02/2026", "13/11/2026", "Total"])
def test_a_date_that_could_be_two_days_is_refused(text: str) -> None:
    table = pd.DataFrame({"date": [text], "delivered": [1]})
    with pytest.raises(FrameError, match="dayfirst=True"):
        as_frame(table)


def test_a_text_count_with_a_point_is_refused() -> None:
    table = pd.DataFrame({"date": ["2026-11-13"], "delivered": ["1.000"]})
    with pytest.raises(FrameError, match=r"holds '1\.000', which is no count"):
        as_frame(table)
