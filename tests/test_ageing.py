"""Campaigns of unequal age at equal age: days since the send in place of time."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from frames import frame_of, grid_of, random_frame
from hypothesis import given
from hypothesis import strategies as st

import mgframe as mg
from mgframe.ageing import by_age
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import build, complete_until, empty_frame, make_index, times_of

UTC = ZoneInfo("UTC")
NOON = "2026-11-04 12:00"


def days(number: int = 10, **meta: Any) -> pd.DataFrame:
    """Return days from 2 November of two tags, 1, 2, 3 ... opens on each."""
    opens = [day + 1 for day in range(number) for _ in range(2)]
    counts = {"delivered": 10, "unique_opened": opens}
    return grid_of(number, {"domain": ["d.com"], "tag": ["old", "new"]}, counts, **meta)


def hours(number: int = 240, **meta: Any) -> pd.DataFrame:
    """Return hours from 2 November of one tag, one open in each."""
    return grid_of(number, {"tag": ["x"]}, {"opened": 1}, resolution="hour", **meta)


def values(frame: pd.DataFrame, column: str, **keys: str) -> list[Any]:
    return frame.mg.where(**keys)[column].tolist()


def quietly(function: Callable[..., pd.DataFrame], *args: Any, **options: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        return function(*args, **options)


# ---------------------------------------------------------------- against loops over everything


def midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """Return when a local day ends; where its midnight does not exist, the hour after it."""
    naive = datetime.combine(day + timedelta(days=1), datetime.min.time())
    return naive.replace(tzinfo=zone).astimezone(UTC)


def spans_of(
    send: datetime, starts: list[datetime], hourly: bool, zone: ZoneInfo
) -> tuple[dict[datetime, int], Callable[[int], datetime]]:
    """Return the age of each bucket, and a function from an age to its end."""
    if hourly:
        first = send.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        ages = {s: int((s - first).total_seconds() // 86_400) for s in starts}
        return ages, lambda age: first + timedelta(days=age + 1)
    day = send.astimezone(zone).date()
    ages = {s: (s.astimezone(zone).date() - day).days for s in starts}
    return ages, lambda age: midnight_after(day + timedelta(days=age), zone)


def by_loops(
    frame: pd.DataFrame,
    sends: dict[str, datetime],
    until: datetime,
    *,
    hourly: bool,
    zone: ZoneInfo,
    through: int | None,
    skipna: bool,
    cumulative: bool,
) -> dict[tuple[Any, ...], dict[str, int | None]]:
    """Return what by_age should, row by row and bucket by bucket."""
    starts = sorted({row[0].to_pydatetime() for row in frame.index})
    step = timedelta(hours=1)
    frame_end = starts[-1] + step if hourly else midnight_after(
        starts[-1].astimezone(zone).date(), zone
    )  # fmt: skip
    found: dict[tuple[Any, ...], dict[str, int | None]] = {}
    tag_at = frame.index.names.index("tag")
    cells = {
        (row[0].to_pydatetime(), *row[1:]): record
        for row, record in zip(frame.index, frame.to_dict("records"), strict=True)
    }
    for key in {row[1:] for row in frame.index}:
        tag = key[tag_at - 1]
        if tag not in sends:
            continue
        ages, end_of = spans_of(sends[tag], starts, hourly, zone)
        complete = 0
        while end_of(complete) <= min(until, frame_end):
            complete += 1
        if through is not None:
            enough = cumulative or complete > through
            complete = min(complete, through + 1) if enough else 0
        so_far: dict[str, list[int | None]] = {str(name): [] for name in frame.columns}
        for age in range(complete):
            mine = [cells[(s, *key)] for s in starts if ages[s] == age and (s, *key) in cells]
            row: dict[str, int | None] = {}
            for name, parts in so_far.items():
                here = [None if record[name] is pd.NA else record[name] for record in mine]
                here += [None] * ((24 if hourly else 1) - len(here))
                if not cumulative:
                    parts.clear()
                parts += here
                known = [part for part in parts if part is not None]
                whole = known if skipna else parts
                row[name] = sum(known) if known and len(whole) == len(known) else None
            found[(age, *key)] = row
    return found


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    hourly = draw(st.booleans())
    zone = UTC if hourly else draw(st.sampled_from([UTC, ZoneInfo("America/Santiago")]))
    buckets = draw(st.integers(1, 90 if hourly else 9))
    frame = random_frame(
        draw(st.integers(0, 2**32 - 1)),
        buckets=buckets,
        keys={"domain": draw(st.integers(1, 2)), "tag": draw(st.integers(1, 3))},
        counts=["delivered", "unique_opened"],
        resolution="hour" if hourly else "day",
        start="2026-09-03",  # clocks in Chile go forward at midnight of the 6th
        unknown=draw(st.sampled_from([0.0, 0.1])),
        holes=draw(st.sampled_from([0.0, 0.1])),
    )
    if zone is not UTC and len(frame):
        local = times_of(frame).tz_localize(None).tz_localize(zone, nonexistent="shift_forward")
        keys = {name: frame.index.get_level_values(name) for name in ("domain", "tag")}
        counts = {str(name): frame[name].array for name in frame.columns}
        frame = build(make_index(local, keys), counts, meta=frame.attrs["mgframe"])
    minutes = 60 * (buckets if hourly else 24 * buckets)
    first = datetime(2026, 9, 3, tzinfo=UTC)
    moment = st.integers(-3_000, minutes + 3_000).map(lambda m: first + timedelta(minutes=m))
    tags = sorted({str(t) for t in frame.index.get_level_values("tag")})
    return {
        "frame": frame,
        "hourly": hourly,
        "zone": zone,
        "sends": draw(st.dictionaries(st.sampled_from(tags), moment)) if tags else {},
        "until": draw(moment | st.just(midnight_after(date(2026, 9, 5), zone))),
        "through": draw(st.none() | st.integers(0, 3)),
        "skipna": draw(st.booleans()),
        "cumulative": draw(st.booleans()),
    }


@given(cases())
def test_ages_are_those_of_loops_over_tags_and_buckets(case):
    frame, sends, options = case["frame"], case["sends"], case
    if not sends:
        return
    asked = {name: options[name] for name in ("through", "skipna", "cumulative", "until")}
    got = quietly(by_age, frame, sends, **asked)
    wanted = by_loops(frame, sends, hourly=case["hourly"], zone=case["zone"], **asked)
    assert {row: list(v) for row, v in zip(got.index, got.to_numpy().tolist(), strict=True)} == {
        row: [pd.NA if v is None else v for v in record.values()] for row, record in wanted.items()
    }
    mg.check_frame(got)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.dictionaries(st.sampled_from(["tag0", "tag1"]), st.integers(0, 5), min_size=1),
    st.booleans(),
)
def test_hours_and_days_agree_where_sends_are_at_midnight(seed, number, days_of, cumulative):
    sends = {tag: pd.Timestamp("2026-01-01") + pd.Timedelta(days=d) for tag, d in days_of.items()}
    frame = random_frame(
        seed, buckets=24 * number, keys={"tag": 2}, counts=["opened"], resolution="hour"
    )
    options = {"cumulative": cumulative, "until": "2026-01-04 05:00"}
    by_hours = quietly(by_age, frame, sends, **options)
    by_days = quietly(by_age, mg.resample(frame, "D", partial=True), sends, **options)
    pd.testing.assert_frame_equal(by_hours, by_days)
    assert by_hours.attrs["mgframe"].pop("age_buckets") == "hour"
    assert by_days.attrs["mgframe"].pop("age_buckets") == "day"
    assert by_hours.attrs == by_days.attrs


# ---------------------------------------------------------------- what a day since the send is


def test_day_0_of_hours_is_the_first_24_from_the_hour_of_the_send():
    frame = hours(49)  # from midnight, an hour more than two days
    assert by_age(frame[9:], {"x": "2026-11-02 09:59"})["opened"].tolist() == [24]
    frame["opened"] = pd.array(range(49), dtype="Int64")
    got = by_age(frame[1:], {"x": "2026-11-02 01:00"})
    assert got["opened"].tolist() == [sum(range(1, 25)), sum(range(25, 49))]
    assert got.index.tolist() == [(0, "x"), (1, "x")]


def test_day_0_of_days_is_the_day_that_holds_the_send():
    frame = days(3)
    for sent in ("2026-11-02", "2026-11-02 23:59:59"):
        assert by_age(frame, {"old": sent, "new": sent})["unique_opened"].tolist() == [
            *[1, 1],
            *[2, 2],
            *[3, 3],
        ]


@pytest.mark.parametrize(
    ("sent", "first"),
    [
        ("2026-11-03 23:30", 2),
        ("2026-11-03T23:30:00Z", 2),
        ("2026-11-03 23:30-05:00", 3),  # half past four in the morning of the 4th, UTC
        ("2026-11-04 00:30+01:00", 2),
        (date(2026, 11, 3), 2),
        (pd.Timestamp(2026, 11, 3, 23, 30).to_pydatetime(), 2),
        (datetime(2026, 11, 3, 23, 30, tzinfo=ZoneInfo("America/New_York")), 3),
        (pd.Timestamp("2026-11-04 00:30", tz="Europe/Berlin"), 2),
    ],
)
def test_a_naive_send_time_is_utc_and_an_aware_one_is_moved_there(sent, first):
    frame = days(4).mg.where(tag="old").iloc[first - 1 :]
    assert by_age(frame, {"old": sent})["unique_opened"].tolist()[0] == first


def test_a_naive_send_time_is_local_in_a_frame_of_local_days():
    frame = mg.local_days(hours(120), "America/New_York")  # from midnight of the 2nd there
    assert by_age(frame, {"x": "2026-11-02"})["opened"].tolist() == [24, 24, 24, 24]
    assert by_age(frame.iloc[1:], {"x": "2026-11-03 23:59"})["opened"].tolist() == [24, 24, 24]
    # Five in the morning, UTC, is midnight there.
    assert len(by_age(frame.iloc[1:], {"x": "2026-11-03 05:00Z"})) == 3
    assert len(by_age(frame, {"x": "2026-11-03 04:59Z"})) == 4


def test_clocks_that_change_move_local_days_and_no_hours():
    frame = grid_of(  # 25 hours on the 1st, in New York
        24 * 5, {"tag": ["x"]}, {"opened": 1}, start="2026-10-31 04:00", resolution="hour"
    )
    local = mg.local_days(frame, "America/New_York")
    assert by_age(local, {"x": "2026-10-31"})["opened"].tolist() == [24, 25, 24, 24]
    sent = pd.Timestamp("2026-10-31 00:00", tz="America/New_York")
    assert by_age(frame, {"x": sent})["opened"].tolist() == [24] * 5


# ---------------------------------------------------------------- complete ages


def test_campaigns_of_unequal_age_have_rows_for_the_ages_they_have_completed():
    got = by_age(days(5), {"old": "2026-11-02", "new": "2026-11-02"}, until="2026-11-06 13:00")
    assert got.mg.wide("unique_opened").index.tolist() == [0, 1, 2, 3]
    frame = days(5)
    frame.iloc[[0, 2]] = 0  # of "new", on the 2nd and 3rd
    got = by_age(frame, {"old": "2026-11-02", "new": NOON}, until="2026-11-06 13:00")
    assert values(got, "unique_opened", tag="old") == [1, 2, 3, 4]
    assert values(got, "unique_opened", tag="new") == [3, 4]


def test_the_open_bucket_is_no_age():
    frame = hours(60, complete_until="2026-11-04T09:00:00Z")
    assert len(by_age(frame, {"x": "2026-11-02 00:00"})) == 2
    assert len(quietly(by_age, frame, {"x": "2026-11-02 09:59"})) == 2
    assert len(quietly(by_age, frame, {"x": "2026-11-02 10:00"})) == 1


def test_an_age_that_the_frame_ends_in_is_no_age():
    frame = hours(47)
    assert complete_until(frame) > pd.Timestamp("2090-01-01", tz="UTC")
    assert by_age(frame, {"x": "2026-11-02"})["opened"].tolist() == [24]


def test_until_takes_the_place_of_lost_attrs():
    frame = days(5)
    frame.attrs = {}
    sends = {"old": "2026-11-02", "new": "2026-11-02"}
    with pytest.raises(FrameError, match="until='2026-11-16 09:00'"):
        by_age(frame, sends)
    got = by_age(frame, sends, until="2026-11-04 23:00")
    assert got.index.get_level_values("age").max() == 1
    assert got.attrs["mgframe"]["complete_until"] == "2026-11-04T23:00:00Z"


def test_a_campaign_without_a_complete_day_is_left_out_with_a_warning():
    sends = {"old": "2026-11-02", "new": "2026-11-06 09:00"}
    frame = days(5, complete_until="2026-11-06T12:00:00Z").mg.where(tag=["old", "new"])
    frame.loc[frame.index.get_level_values("tag") == "new", :] = 0
    with pytest.warns(MgframeWarning, match=r"^'new' left out, for day 0 since the send is"):
        got = by_age(frame, sends)
    assert got.index.unique("tag").tolist() == ["old"]


# ---------------------------------------------------------------- through and cumulative


def test_through_leaves_campaigns_of_equal_age():
    frame = frame_of(
        ["2026-11-02", "2026-11-03", "2026-11-04", "2026-11-03", "2026-11-04", "2026-11-04"],
        {"tag": ["a", "a", "a", "b", "b", "c"]},
        {"delivered": [90, 10, 0, 50, 0, 30], "unique_clicked": [3, 2, 9, 4, 1, 2]},
        resolution="day",
        complete_until="2026-11-05T00:00:00Z",
    )
    sends = {"a": "2026-11-02", "b": "2026-11-03", "c": "2026-11-04"}
    with pytest.warns(MgframeWarning, match=r"'c' left out, for day 1 since"):
        got = by_age(frame, sends, through=1)
    assert got.mg.sum("tag")["unique_clicked"].to_dict() == {"a": 5, "b": 5}
    assert got.mg.rates("click_rate", by="tag")["click_rate"].to_dict() == {"a": 0.05, "b": 0.1}
    assert by_age(frame, sends, through=0).mg.sum("tag")["unique_clicked"].tolist() == [3, 4, 2]
    with pytest.warns(MgframeWarning, match="'a', 'b', 'c' left out, for day 9"):
        assert by_age(frame, sends, through=9).empty


def test_cumulative_counts_through_a_day_keep_the_younger_campaigns():
    sends = {"old": "2026-11-02", "new": NOON}
    got = quietly(by_age, days(4), sends, cumulative=True, through=2)
    assert values(got, "unique_opened", tag="old") == [1, 3, 6]
    assert values(got, "unique_opened", tag="new") == [3, 7]
    assert got.mg.where(as_of_age=2).index.unique("tag").tolist() == ["old"]


@pytest.mark.parametrize("through", [-1, 1.5, "3", True])
def test_through_is_a_whole_number(through):
    with pytest.raises(QueryError, match=r"through=.* must be a whole number of 0 or more"):
        by_age(days(), {"old": NOON}, through=through)


def test_cumulative_counts_are_all_since_the_send_and_never_added_up():
    sends = {"old": "2026-11-02", "new": "2026-11-02"}
    got = by_age(days(4), sends, cumulative=True)
    assert got.index.names == ["as_of_age", "domain", "tag"]
    assert values(got, "unique_opened", tag="old") == [1, 3, 6, 10]
    assert values(got.mg.rates("open_rate"), "open_rate", tag="old") == [0.1, 0.15, 0.2, 0.25]
    for function in (mg.sum, mg.rates, mg.thresholds):
        with pytest.raises(FrameError, match=r"cumulative counts are never .* where\(as_of_age="):
            function(got, by="tag")
    assert mg.sum(got, ["as_of_age", "tag"])["delivered"].tolist()[-1] == 40
    assert values(got, "delivered", as_of_age=2) == [30, 30]


def test_the_last_cumulative_count_is_the_sum_of_the_ages():
    frame = quietly(by_age, days(), {"old": NOON, "new": "2026-11-06"})
    running = quietly(by_age, days(), {"old": NOON, "new": "2026-11-06"}, cumulative=True)
    last = running.groupby(level="tag").last()
    pd.testing.assert_frame_equal(last, quietly(mg.sum, frame, "tag"), check_names=False)


def test_large_counts_stay_exact():
    frame = frame_of(
        ["2026-11-02", "2026-11-03"], {"tag": ["a", "a"]}, {"opened": [2**53, 1]}, resolution="day"
    )
    got = by_age(frame, {"a": "2026-11-02"}, until="2026-11-04", cumulative=True)
    assert got["opened"].tolist() == [2**53, 2**53 + 1]


@pytest.mark.parametrize("number", [7, 8])
def test_unique_counts_over_more_than_seven_days_warn(number):
    sends = {"old": "2026-11-02", "new": "2026-11-02"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        by_age(days(number), sends, cumulative=True)
        by_age(days(number), sends).mg.sum("tag")
        by_age(days(number), sends).mg.rates("open_rate", by="tag")
    said = [str(w.message) for w in caught]
    assert len(said) == (3 if number == 8 else 0)
    assert all(text.startswith("unique_opened is unique per message") for text in said)


# ---------------------------------------------------------------- unknown is not zero


def with_unknown() -> pd.DataFrame:
    times = ["2026-11-02", "2026-11-03", "2026-11-04"]
    return frame_of(
        times, {"tag": ["a"] * 3}, {"opened": [5, None, 2], "clicked": [1, 1, 1]}, resolution="day"
    )


def test_an_unknown_count_is_unknown_and_so_are_sums_with_it():
    sends, until = {"a": "2026-11-02"}, "2026-12-01"
    assert by_age(with_unknown(), sends, until=until)["opened"].tolist() == [5, pd.NA, 2]
    got = by_age(with_unknown(), sends, until=until, cumulative=True)
    assert got["opened"].tolist() == [5, pd.NA, pd.NA]
    assert got["clicked"].tolist() == [1, 2, 3]
    got = by_age(with_unknown(), sends, until=until, cumulative=True, skipna=True)
    assert got["opened"].tolist() == [5, 5, 7]


def test_a_bucket_without_a_row_is_unknown():
    sends, until = {"a": "2026-11-02"}, "2026-12-01"
    with pytest.warns(MgframeWarning, match="1 of 3 ages lack a bucket .* they are NA, skipna=Tr"):
        got = by_age(with_unknown().iloc[[0, 2]], sends, until=until)
    assert got["clicked"].tolist() == [1, pd.NA, 1]
    with pytest.warns(MgframeWarning, match="1 of 2 ages lack"):
        got = by_age(hours(48).drop(index=hours(48).index[30]), {"x": "2026-11-02"})
    assert got["opened"].tolist() == [24, pd.NA]
    got = by_age(hours(48).drop(index=hours(48).index[30]), {"x": "2026-11-02"}, skipna=True)
    assert got["opened"].tolist() == [24, 23]


def test_a_send_before_the_frame_leaves_its_first_ages_unknown():
    sends = {"old": "2026-10-30", "new": "2026-11-02"}
    with pytest.warns(MgframeWarning, match="3 of 11 ages .*; 'old' went out before the frame"):
        got = by_age(days(4), sends)
    assert values(got, "unique_opened", tag="old") == [pd.NA] * 3 + [1, 2, 3, 4]
    got = quietly(by_age, days(4), sends, cumulative=True)
    assert values(got, "unique_opened", tag="old") == [pd.NA] * 7
    assert values(got, "unique_opened", tag="new") == [1, 3, 6, 10]


def test_counts_before_the_send_are_left_out_with_a_warning_that_says_how_much():
    sends = {"old": "2026-11-04", "new": "2026-11-02"}
    with pytest.warns(MgframeWarning, match="20 delivered of 'old' lie before .*rows: 2"):
        got = by_age(days(4), sends)
    assert values(got, "unique_opened", tag="old") == [3, 4]


def test_rows_of_zeros_before_the_send_say_nothing():
    frame = days(4)
    frame.iloc[:4] = 0
    got = by_age(frame, {"old": "2026-11-04", "new": "2026-11-04"})
    assert values(got, "unique_opened", tag="old") == [3, 4]


# ---------------------------------------------------------------- when it was sent

SENT = {"old": "2026-11-02 10:00", "new": "2026-11-02 15:00"}


@pytest.mark.parametrize(
    "sent_at",
    [
        SENT,
        pd.Series(SENT),
        pd.to_datetime(pd.Series(SENT)),
        pd.to_datetime(pd.Series(SENT), utc=True).dt.tz_convert("Asia/Tokyo"),
        pd.Series(SENT).rename_axis("tag").rename("sent_at").reset_index(),
        pd.DataFrame({"subject": "Hi", "sent_at": SENT}).rename_axis("tag"),
        pd.DataFrame({"tag": pd.Categorical(SENT), "sent_at": pd.to_datetime([*SENT.values()])}),
        pd.DataFrame(
            {"tag": [*SENT] * 2, "sent_at": [*SENT.values()] * 2, "country": list("aabb")}
        ),
        {**SENT, "planned": None, "not in the frame": "2026-10-01"},
        pd.DataFrame({"tag": [*SENT, "x"], "sent_at": [*pd.to_datetime([*SENT.values()]), pd.NaT]}),
    ],
)
def test_send_times_come_as_a_mapping_a_series_or_a_table(sent_at):
    pd.testing.assert_frame_equal(by_age(days(), sent_at), by_age(days(), SENT))


def test_tags_that_a_spreadsheet_took_for_numbers_are_found():
    frame = grid_of(2, {"tag": ["2611", "2612"]}, {"opened": 1})
    sends = pd.Series([pd.Timestamp("2026-11-02")] * 2, index=[2611, 2612])
    assert by_age(frame, sends).shape == (4, 1)


def test_a_table_is_not_changed():
    table = pd.DataFrame({"tag": [*SENT], "sent_at": [*SENT.values()]})
    before, frame = table.copy(), days()
    by_age(frame, table)
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(frame, days())


@pytest.mark.parametrize(
    ("sent_at", "said"),
    [
        ("2026-11-02", "sent_at='2026-11-02' must say when each tag was sent"),
        ({"old": "yesterday"}, "sent_at['old']='yesterday' is no date or time"),
        ({"old": 1_793_000_000}, "sent_at['old']=1793000000 is no date or time"),
        (
            pd.DataFrame({"campaign": ["old"], "sent_at": [NOON]}),
            "without the columns 'tag' and 'sent_at'; its columns are ['campaign', 'sent_at']",
        ),
        (
            pd.DataFrame({"tag": ["old", "old"], "sent_at": ["2026-11-02", NOON]}),
            "several send times of 'old', 2026-11-02 00:00:00+00:00 and 2026-11-04 12:00:00+00:00",
        ),
        (
            {"Old": NOON},
            "any tag of the frame ('new', 'old'; did you mean 'Old'?); it has 'Old'",
        ),
        ({}, "('new', 'old'); it has none at all"),
    ],
)
def test_send_times_that_cannot_be_read_are_refused(sent_at, said):
    with pytest.raises(QueryError) as caught:
        by_age(days(), sent_at)
    assert said in str(caught.value)


def test_tags_without_a_send_time_are_left_out_and_named():
    with pytest.warns(MgframeWarning, match="1 of 2 tags have no send time .* left out: 'new'$"):
        got = by_age(days(), {"old": "2026-11-02"})
    assert got.index.unique("tag").tolist() == ["old"]
    tags = {"tag": ["a", "b", "c", "d", "e"]}
    with pytest.warns(MgframeWarning, match="4 of 5 tags .*: 'a', 'b', 'c' and 1 more"):
        by_age(grid_of(2, tags, {"opened": 1}), {"e": "2026-11-02"})


def test_a_tag_that_is_spelt_otherwise_is_suggested():
    frame = grid_of(2, {"tag": ["spring-sale", "digest"]}, {"opened": 1})
    sends = {"digest": "2026-11-02", "Spring-Sale": "2026-11-02"}
    with pytest.warns(MgframeWarning, match="'spring-sale'; did you mean 'Spring-Sale'"):
        by_age(frame, sends)


# ---------------------------------------------------------------- which frames


def test_a_frame_without_tag_or_time_is_refused():
    with pytest.raises(FrameError, match=r"needs the level 'tag'.*by=\['domain', 'tag'\]"):
        by_age(grid_of(3, {"domain": ["a"]}, {"opened": 1}), SENT)
    with pytest.raises(FrameError, match="needs the level 'time'"):
        by_age(days(5).mg.sum("tag"), SENT)
    lifetime = frame_of(["2026-11-02"], {"tag": ["old"]}, {"opened": [1]}, time="as_of")
    with pytest.raises(FrameError, match="lifetime counters"):
        by_age(lifetime, SENT)


def test_longer_buckets_and_rates_are_refused():
    weeks = mg.resample(days(14), "W")
    with pytest.raises(FrameError, match="needs hours or days, but the frame has weeks"):
        by_age(weeks, SENT)
    with pytest.raises(FrameError, match="only counts"):
        by_age(days().mg.rates("open_rate"), SENT)


def test_an_empty_frame_stays_empty():
    meta = {"resolution": "hour", "complete_until": "2026-11-04T00:00:00Z"}
    empty = empty_frame(["time", "domain", "tag"], ["delivered", "opened"], meta=meta)
    for sends in ({}, SENT):
        for cumulative in (False, True):
            got = mg.check_frame(by_age(empty, sends, cumulative=cumulative))
            assert got.shape == (0, 2)
            assert got.index.names == ["as_of_age" if cumulative else "age", "domain", "tag"]
            assert got.index.dtypes.iloc[0] == "int64"
            assert set(got.dtypes) == {pd.Int64Dtype()}


def test_rows_that_occur_twice_are_refused():
    with pytest.raises(FrameError, match="occurs twice"):
        by_age(pd.concat([days(), days()]), SENT, until=NOON)


def test_a_frame_of_tags_alone_and_one_of_more_keys_keep_their_keys():
    frame = grid_of(2, {"tag": ["b", "a"]}, {"opened": 1})
    got = by_age(frame, {"a": "2026-11-02", "b": "2026-11-02"})
    assert got.index.tolist() == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    keys = {"tag": ["a"], "recipient_provider": ["Gmail", "Yahoo"]}
    got = by_age(grid_of(1, keys, {"opened": 1}), {"a": "2026-11-02"})
    assert got.index.names == ["age", "tag", "recipient_provider"]


# ---------------------------------------------------------------- what can be done with ages


@pytest.fixture
def aged() -> pd.DataFrame:
    return by_age(days(5), SENT)


def test_attrs_stay_plain_and_keep_where_the_frame_came_from():
    got = by_age(days(3, simulated=True), SENT)
    meta = json.loads(json.dumps(got.attrs["mgframe"]))
    assert meta["simulated"] is True
    assert (meta["resolution"], meta["age_buckets"]) == ("total", "day")


def test_ages_reshape_like_times(aged):
    assert aged.index.dtypes["age"] == "int64"
    assert aged.mg.wide("unique_opened").columns.tolist() == [("d.com", "new"), ("d.com", "old")]
    assert aged.mg.where(age=[0, 1]).shape == (4, 2)
    assert aged.mg.top(1, by="tag", other=False).shape == (5, 2)
    assert aged.mg.sum(["age", "tag"])["unique_opened"].tolist() == aged["unique_opened"].tolist()
    assert mg.thresholds(aged, limits={"open_rate": 0.5}, by="tag")["n"].tolist() == [50, 50]


def test_tags_still_overlap(aged):
    for function in (mg.sum, mg.rates):
        with pytest.raises(FrameError, match="a message may carry several tags"):
            function(aged, by="age")


def test_what_needs_times_says_so(aged):
    for call in (
        aged.mg.complete,
        lambda: aged.mg.resample("W"),
        lambda: aged.mg.anomalies("open_rate"),
    ):
        with pytest.raises(FrameError, match="needs the level 'time'"):
            call()
    with pytest.raises(FrameError, match="rolling='7d' needs the level 'time'"):
        aged.mg.rates(rolling="7d")


def test_plots_draw_a_bar_per_tag_and_refuse_what_would_mislead(aged):
    from matplotlib.figure import Figure

    ax = aged.mg.plot.rates("open_rate", by="tag", ax=Figure().add_subplot())
    assert [patch.get_width() for patch in ax.patches] == [0.3, 0.3]
    running = by_age(days(5), SENT, cumulative=True)
    with pytest.raises(FrameError, match=r"5 readings of cumulative.*where\(as_of_age=4\)"):
        running.mg.plot.rates("open_rate", by="tag")
    ax = running.mg.where(as_of_age=4).mg.plot.rates("open_rate", ax=Figure().add_subplot())
    assert [patch.get_width() for patch in ax.patches] == [0.3, 0.3]
    with pytest.raises(FrameError, match="ages are not drawn apart"):
        aged.mg.plot.counts("delivered", by="age")


def test_two_frames_of_ages_are_told_apart(aged):
    other = aged + 1
    assert len(mg.parity(aged, aged)) == 0
    assert len(mg.parity(aged, other)) == 2
    assert len(mg.parity(aged, aged.iloc[:-1])) == 1
