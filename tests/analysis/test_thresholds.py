"""Limits judged from intervals: verdicts, headroom, providers, days, and what is refused."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import grid_of, random_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe.adopting import as_frame
from mgframe.analysis.limits import LIMITS
from mgframe.analysis.thresholds import VERDICTS, thresholds
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import meta_of
from mgframe.intervals import clopper_pearson
from mgframe.plotting import limits as drawn
from mgframe.reshaping import sum as sum_of

UNTIL = "2026-11-16"
COLUMNS = [
    "metric",
    "limit_name",
    "limit",
    "k",
    "n",
    "rate",
    "low",
    "high",
    "verdict",
    "headroom",
    "days",
    "start",
    "end",
    "source",
    "note",
]


def week(days: int = 7, keys: Any = None, **counts: Any) -> pd.DataFrame:
    """Return the days before 16 November, in UTC."""
    start = pd.Timestamp(UNTIL) - pd.Timedelta(days=days)
    keys = keys or {"domain": ["a.com"]}
    return grid_of(days, keys, counts, start=str(start.date()), complete_until=f"{UNTIL}T00:00:00Z")


def complaints(complained: Any, delivered: Any = 20_000, **options: Any) -> pd.DataFrame:
    return thresholds(week(complained=complained, delivered=delivered), **options)


def verdicts(table: pd.DataFrame) -> dict[float, str]:
    return dict(zip(table["limit"], table["verdict"], strict=True))


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("daily", "verdict"),
    [
        (2, {0.001: "under", 0.003: "under"}),
        (19, {0.001: "undetermined", 0.003: "under"}),
        (40, {0.001: "over", 0.003: "under"}),
        (58, {0.001: "over", 0.003: "undetermined"}),
        (90, {0.001: "over", 0.003: "over"}),
    ],
)
def test_the_interval_decides_and_not_the_point(daily, verdict):
    assert verdicts(complaints(daily)) == verdict


def test_days_that_differ_make_a_verdict_harder():
    calm, wild = complaints(30), complaints([0, 0, 0, 200, 0, 10, 0])
    assert calm["k"].tolist() == wild["k"].tolist()
    assert verdicts(calm)[0.001] == "over"
    assert verdicts(wild)[0.001] == "undetermined"
    assert (wild["low"] < calm["low"]).all()


def test_fewer_than_five_events_are_never_over():
    few = complaints([1, 1, 1, 1, 0, 0, 0], 10)
    assert (few["low"] > 0.003).all()
    assert set(few["verdict"]) == {"undetermined"}
    assert few["note"].str.contains("Fewer than 5 events").all()
    assert set(complaints([1, 1, 1, 1, 0, 0, 0], 10, least=4)["verdict"]) == {"over"}


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_interval_is_never_narrower_than_clopper_and_pearsons(seed):
    random = np.random.default_rng(seed)
    sent = random.integers(0, 5000, 14)
    counts = {"processed": sent.tolist(), "bounced": random.binomial(sent, 0.03).tolist()}
    table = thresholds(week(14, **counts), ["bounce_rate"])
    k, n = counts["bounced"][7:], counts["processed"][7:]
    low, high = clopper_pearson(sum(k), sum(n))
    assert table["k"].tolist() == [sum(k)] * 2
    assert table["n"].tolist() == [sum(n)] * 2
    assert (table["low"] <= low + 1e-12).all()
    assert (table["high"] >= high - 1e-12).all()


def test_a_single_day_has_clopper_and_pearsons_interval_and_says_so():
    table = complaints([60, 0, 0, 0, 0, 0, 0], [20_000, 0, 0, 0, 0, 0, 0])
    low, high = clopper_pearson(60, 20_000)
    assert table[["low", "high"]].to_numpy()[0].tolist() == [float(low), float(high)]
    assert table["days"].tolist() == [1, 1]
    assert table["note"].str.contains("One day of mail").all()


def test_a_weekly_campaign_over_the_limit_is_over():
    days = {"complained": [300, 100, 60, 30, 10, 0, 0], "delivered": [100_000, *[500] * 6]}
    assert verdicts(thresholds(week(**days))) == {0.001: "over", 0.003: "over"}


def test_few_days_ask_the_weeks_before():
    sends = [1, 0, 0, 1, 0, 0, 0]
    random = np.random.default_rng(1)
    sent = np.array(sends * 8) * 50_000
    late = {"delivered": sent.tolist(), "complained": random.binomial(sent, 0.002).tolist()}
    alone = thresholds(week(7, **{name: counts[-7:] for name, counts in late.items()}))
    longer = thresholds(week(56, **late))
    assert alone["k"].tolist() == longer["k"].tolist()
    assert verdicts(alone)[0.001] == "undetermined"
    assert verdicts(longer)[0.001] == "over"


@pytest.mark.parametrize("days", [7, 56])
def test_at_the_limit_few_weeks_are_called_over(days):
    """Days that differ, each at its own rate, whose mean is the limit."""
    random = np.random.default_rng(3)
    keys, spread = 1500, 0.3
    rate = 1 / (1 + np.exp(6.9 - random.normal(0, spread, (days, keys))))
    limit = float((1 / (1 + np.exp(6.9 - random.normal(0, spread, 200_000)))).mean())
    sent = random.poisson(20_000, (days, keys))
    counts = {"delivered": sent, "complained": random.binomial(sent, rate)}
    names = {"domain": [f"d{i:04}.com" for i in range(keys)]}
    frame = week(days, names, **{name: side.ravel().tolist() for name, side in counts.items()})
    verdict = thresholds(frame, {"complaint_rate": limit})["verdict"]
    # 2.5 % each, and what 1500 draws allow.
    assert (verdict == "over").mean() < 0.035
    assert (verdict == "under").mean() < 0.035
    assert (verdict == "undetermined").mean() < 0.99


# ---------------------------------------------------------------- headroom


@settings(max_examples=25)
@given(st.integers(0, 300), st.integers(1, 300_000), st.sampled_from([0.001, 0.003, 0.02, 0.0008]))
def test_headroom_is_how_many_more_stay_below_the_limit(k, n, limit):
    frame = week(1, complained=k, delivered=n)
    room = int(thresholds(frame, {"complaint_rate": limit})["headroom"].iloc[0])
    thousandth = round(limit * 10_000)
    assert (k + room) * 10_000 < thousandth * n
    assert (k + room + 1) * 10_000 >= thousandth * n


def test_a_rate_of_which_more_is_better_has_no_headroom():
    table = thresholds(week(sent=1000, delivered=950), {"delivery_rate": 0.97})
    assert table["verdict"].tolist() == ["under"]
    assert table["headroom"].isna().all()


# ---------------------------------------------------------------- limits


def test_every_known_limit_has_a_source_and_a_line_in_the_plots():
    for name, known in LIMITS.items():
        assert all(limit.source and limit.name and limit.rate == name for limit in known)
        assert all(limit.line.startswith(f"{limit.value * 100:g}"[:3]) for limit in known)
        assert drawn.limits_of([name]) == list(known)


def test_googles_limits_are_no_source_here():
    every = [limit for known in LIMITS.values() for limit in known]
    assert not [limit for limit in every if "Google" in limit.source + limit.line]


def test_known_limits_are_those_the_frame_can_be_judged_by():
    counts = {"processed": 1000, "bounced": 20, "hard_bounces": 10, "delivered": 980}
    table = thresholds(week(**counts, complained=1))
    assert sorted(zip(table["metric"], table["limit"], strict=True)) == [
        ("bounce_rate", 0.02),
        ("bounce_rate", 0.05),
        ("complaint_rate", 0.001),
        ("complaint_rate", 0.003),
        ("hard_bounce_rate", 0.02),
        ("hard_bounce_rate", 0.05),
    ]
    soft = table.loc[table["metric"] == "bounce_rate", "note"]
    assert soft.str.contains("hard bounces alone").all()


OWN = "own limit of complaint_rate"
KNOWN = [("complaints: keep below", 0.001), ("complaints: never reach", 0.003)]


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        ({"complaint_rate": 0.0008}, [(OWN, 0.0008)]),
        ({"complained_rate": [0.001, 0.002]}, [(OWN, 0.001), (OWN, 0.002)]),
        ({"complaint_rate": {"ours": 0.002}}, [("ours", 0.002)]),
        ([("complaint_rate", 0.002, "ours")], [("ours", 0.002)]),
        ([("complaint_rate", 0.002)], [(OWN, 0.002)]),
        (["complaint_rate", ("complaint_rate", 0.002, "ours")], [*KNOWN, ("ours", 0.002)]),
        ("complaint_rate", KNOWN),
    ],
)
def test_limits_are_a_mapping_or_a_list(limits, found):
    table = complaints(1, limits=limits)
    assert sorted(zip(table["limit_name"], table["limit"], strict=True)) == sorted(found)
    own = table.loc[table["limit_name"].isin(["ours"]), "source"]
    assert (own == "your own").all()


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"complaint_rate": 0.1, "no_rate": 0.1}, "no_rate"),
        ({"complaint_rate": 2}, "2 % is 0.02"),
        ({"complaint_rate": True}, "fraction"),
        ({"complaint_rate": "0.1"}, "fraction"),
        ({"complaint_rate": None}, "fraction"),
        ({"complaint_rate": float("nan")}, "fraction"),
        ({"temporary_failures_per_message": 0.1}, "no proportion"),
        (["open_rate"], "no limit of open_rate is known"),
        ([("complaint_rate",)], "mapping"),
        ([5], "mapping"),
        ([], "mapping"),
        ({}, "mapping"),
        (0.1, "mapping"),
        ({5: 0.1}, "mapping"),
    ],
)
def test_a_bad_limit_is_refused_in_words(limits, text):
    with pytest.raises(QueryError, match=text):
        complaints(1, limits=limits)


# ---------------------------------------------------------------- providers

PROVIDERS = {"provider": ["gmail.com", "gmx.de", "yahoo.com"]}


def mailboxes(**options: Any) -> pd.DataFrame:
    counts = {"delivered": [50_000, 10_000, 10_000] * 7, "complained": [0, 15, 1] * 7}
    return thresholds(week(keys=PROVIDERS, **counts), **options)


def test_gmail_has_no_data_and_points_to_postmaster_tools():
    table = mailboxes()
    gmail = table[table["provider"] == "gmail.com"]
    assert set(gmail["verdict"]) == {"no data"}
    assert gmail[["k", "n", "rate", "low", "high", "headroom"]].isna().all(axis=None)
    assert gmail["note"].str.contains("Postmaster Tools").all()
    assert table["verdict"].tolist()[-2:] == ["no data"] * 2
    others = table[table["provider"] != "gmail.com"]
    assert not others["note"].str.contains("Gmail").any()


def test_gmails_bounces_are_judged():
    frame = week(keys=PROVIDERS, processed=10_000, bounced=1)
    assert set(thresholds(frame)["verdict"]) == {"under"}


def test_gmail_does_not_thin_the_complaints_of_the_account():
    table = mailboxes(by=[])
    assert table["n"].tolist() == [140_000] * 2
    assert table["k"].tolist() == [112] * 2
    assert not table["note"].str.contains("Understated").any()


def test_without_providers_the_rate_is_said_to_be_understated():
    assert complaints(1)["note"].str.contains("Understated by Gmail's share").all()


def test_an_other_that_may_hold_gmail_has_no_data():
    keys = {"provider": ["(other)", "gmx.de"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        table = thresholds(week(keys=keys, delivered=1000, complained=0))
    other = table[table["provider"] == "(other)"]
    assert set(other["verdict"]) == {"no data"}
    assert other["note"].str.contains("name them apart").all()


# ---------------------------------------------------------------- days and keys


def test_the_last_complete_days_are_pooled():
    counts = {"complained": [*[1000] * 13, *[1] * 7], "delivered": [10_000] * 20}
    frame = week(20, **counts)
    table = thresholds(frame)
    assert table["k"].tolist() == [7, 7]
    assert table["start"].tolist() == [pd.Timestamp("2026-11-09", tz="UTC")] * 2
    assert table["end"].tolist() == [pd.Timestamp("2026-11-15", tz="UTC")] * 2
    assert thresholds(frame, days=8)["k"].tolist() == [1007] * 2
    assert thresholds(frame, until="2026-11-15 12:00")["k"].tolist() == [1006] * 2


def test_hours_are_pooled_by_whole_days_of_their_zone():
    frame = grid_of(
        24 * 9 + 5,
        {"domain": ["a.com"]},
        {"complained": 1, "delivered": 100},
        start="2026-11-07",
        resolution="hour",
        complete_until="2026-11-16T05:00:00Z",
    )
    assert thresholds(frame)["k"].tolist() == [24 * 7] * 2
    local = frame.copy()
    zone = local.index.levels[0].tz_convert("America/New_York")
    local.index = local.index.set_levels(zone, level="time")
    table = thresholds(local)
    assert table["k"].tolist() == [24 * 7] * 2
    assert table["end"].iloc[0] == pd.Timestamp("2026-11-15", tz="America/New_York")


def test_a_short_history_is_judged_by_what_is_there():
    table = thresholds(week(3, complained=40, delivered=10_000))
    assert table["days"].tolist() == [3, 3]
    assert table["n"].tolist() == [30_000] * 2


def test_by_default_every_key_is_judged():
    keys = {"domain": ["a.com", "b.com"], "provider": ["gmx.de", "web.de"]}
    frame = week(keys=keys, complained=1, delivered=1000)
    assert len(thresholds(frame)) == 8
    assert thresholds(frame).columns.tolist() == ["domain", "provider", *COLUMNS]
    assert len(thresholds(frame, by="domain")) == 4
    assert thresholds(frame, by=[]).columns.tolist() == COLUMNS


def test_what_needs_a_look_comes_first():
    frame = random_frame(
        3, buckets=7, keys={"domain": 40}, counts=("bounced", "processed"), largest=99
    )
    table = thresholds(frame, until="2026-01-08")
    places = [VERDICTS.index(verdict) for verdict in table["verdict"]]
    assert places == sorted(places)


def test_nothing_sent_and_nothing_known_are_no_data():
    counts = {"complained": [0, None] * 7, "delivered": [0, 5] * 7}
    table = thresholds(week(keys={"domain": ["a.com", "b.com"]}, **counts))
    notes = table.groupby("domain")["note"].first()
    assert set(table["verdict"]) == {"no data"}
    assert "No mail" in notes["a.com"]
    assert "not known" in notes["b.com"]


def test_more_events_than_messages_cannot_be_judged():
    table = complaints(10, [5, 0, 0, 0, 0, 0, 0])
    assert set(table["verdict"]) == {"undetermined"}
    assert table["note"].str.contains("More events than messages").all()


def test_a_frame_without_time_is_judged_as_a_whole():
    table = thresholds(sum_of(week(complained=30, delivered=20_000), "domain"))
    low, high = clopper_pearson(210, 140_000)
    assert table[["low", "high"]].to_numpy()[0].tolist() == [float(low), float(high)]
    assert table["note"].str.contains("No days known").all()
    assert table[["start", "end", "days"]].isna().all(axis=None)


def test_ten_thousand_keys_are_judged_at_once():
    keys = {"domain": [f"d{i:05}.com" for i in range(10_000)]}
    table = thresholds(week(2, keys=keys, complained=1, delivered=1000))
    assert len(table) == 20_000


# ---------------------------------------------------------------- form


def test_the_table_survives_parquet_and_csv(tmp_path):
    table = mailboxes()
    assert isinstance(table.index, pd.RangeIndex)
    assert all(isinstance(name, str) for name in table.columns)
    path = tmp_path / "thresholds.csv"
    table.to_csv(path, index=False)
    back = pd.read_csv(io.StringIO(path.read_text(encoding="utf-8")), parse_dates=["start", "end"])
    back = back.fillna({"note": ""}).astype({"k": "Int64", "n": "Int64", "headroom": "Int64"})
    pd.testing.assert_frame_equal(back, table, check_dtype=False)
    assert [str(table[name].dtype) for name in ("k", "n", "headroom", "days")] == ["Int64"] * 4


def test_attrs_say_where_the_numbers_come_from():
    frame = week(complained=1, delivered=1000)
    frame.attrs["mgframe"]["simulated"] = True
    meta = meta_of(thresholds(frame))
    assert meta["simulated"] is True
    assert meta["pooled"] == ["2026-11-09T00:00:00Z", "2026-11-15T00:00:00Z"]


def test_the_input_is_not_changed():
    frame = week(complained=[1, None, 2, 3, 4, 5, 6], delivered=1000)
    before = frame.copy(deep=True)
    thresholds(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_an_empty_frame_gives_an_empty_table():
    table = thresholds(week(complained=1, delivered=1000).iloc[:0])
    assert table.columns.tolist() == ["domain", *COLUMNS]
    assert table.empty


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"days": 0}, "days=0"),
        ({"days": True}, "days=True"),
        ({"days": "7d"}, "days='7d'"),
        ({"least": 0}, "least=0"),
        ({"level": 95}, "level=95"),
        ({"by": "time"}, "names 'time'"),
        ({"by": 5}, "by=5"),
    ],
)
def test_a_bad_argument_is_refused_in_words(options, text):
    with pytest.raises(QueryError, match=text):
        complaints(1, **options)


def test_what_is_no_frame_of_single_rows_is_refused():
    with pytest.raises(QueryError, match="takes a frame of counts"):
        thresholds(5)
    frame = week(complained=1, delivered=100)
    with pytest.raises(FrameError, match="occurs twice"):
        thresholds(pd.concat([frame, frame]), until=UNTIL)


def test_a_frame_that_cannot_be_judged_says_why():
    with pytest.raises(FrameError, match="no rate that has a known limit"):
        thresholds(week(opened=1))
    with pytest.raises(FrameError, match="lacks complained"):
        thresholds(week(delivered=1), ["complaint_rate"])
    with pytest.raises(FrameError, match="no level 'domian'"):
        complaints(1, by="domian")
    with pytest.raises(FrameError, match="several tags"):
        thresholds(week(keys={"tag": ["x", "y"]}, complained=1, delivered=9), by=[])
    months = grid_of(
        3, {"domain": ["a.com"]}, {"complained": 1, "delivered": 9}, resolution="month"
    )
    with pytest.raises(FrameError, match="has months"):
        thresholds(months)
    table = pd.DataFrame({"date": ["2026-11-14"], "complained": 1, "delivered": 9})
    with pytest.raises(FrameError, match="until"):
        thresholds(as_frame(table, resolution="day"))
