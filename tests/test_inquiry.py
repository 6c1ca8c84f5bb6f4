"""Whether two frames, and all views of an account, agree: every planted difference is found."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from frames import count_frames, frame_of, grid_of
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import mgframe as mg
from mgframe.auditing import checks
from mgframe.auditing import views as view
from mgframe.auditing.checks import PAIRS, audit
from mgframe.auditing.matching import COLUMNS, table_of
from mgframe.auditing.views import Windows, names_asked, questions_of, rate_chunks, windows_of
from mgframe.framing import with_meta
from mgframe.inquiry import parity, reconcile
from mgframe.joining import View, ask_together
from mgframe.simulator import Fault, Model, Server, serve
from mgframe.timespan import Window
from mgframe.vocabulary import COUNTS, RATES

Serving = Callable[..., tuple[Server, mg.Client]]
NEWS, MAIL, SHOP = "news.example.com", "mail.example.com", "shop.example.com"
STATS, METRICS = "/v3/.../stats", "POST /v1/analytics/metrics"
FRAMES = count_frames(counts=["delivered", "opened", "unique_opened"])


def only(table: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Return the rows that have these values."""
    return table[np.logical_and.reduce([table[name] == value for name, value in values.items()])]


def kinds(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(table["kind"], table["what"], strict=True))


# ---------------------------------------------------------------- parity: properties


@given(FRAMES)
@settings(max_examples=12)
def test_a_frame_is_equal_to_itself(frame: pd.DataFrame) -> None:
    table = parity(frame, frame.copy())
    assert table.empty
    assert table.attrs["mgframe"]["compared"]["rows"] == len(frame)


@given(FRAMES, st.integers(0, 10**6), st.integers(1, 10**12), st.sampled_from(["opened"]))
@settings(max_examples=12)
def test_a_planted_difference_is_found_with_its_size(
    frame: pd.DataFrame, place: int, amount: int, name: str
) -> None:
    known = np.flatnonzero(frame[name].notna())
    if not len(known):
        return
    row, changed = known[place % len(known)], frame.copy()
    changed.iloc[row, changed.columns.get_loc(name)] += amount
    found = parity(frame, changed)
    assert kinds(found) == [("differs", name)]
    before = frame[name].iloc[row]
    (in_a, in_b, rows, largest), note = found.iloc[0, 2:6], found["note"][0]
    assert (in_a, in_b, rows, largest) == (str(before), str(before + amount), 1, amount)
    assert str(frame.index[row][0]) in note


@given(FRAMES, FRAMES)
@settings(max_examples=12)
def test_parity_is_the_same_seen_from_both_sides(a: pd.DataFrame, b: pd.DataFrame) -> None:
    there, back = parity(a, b), parity(b, a)
    swapped = back.rename(columns={"in_a": "in_b", "in_b": "in_a"})[there.columns]
    pd.testing.assert_frame_equal(there.drop(columns="note"), swapped.drop(columns="note"))


@given(FRAMES, FRAMES)
@settings(max_examples=12)
def test_differing_rows_are_those_of_a_loop(a: pd.DataFrame, b: pd.DataFrame) -> None:
    if a.index.names != b.index.names:
        return
    found = parity(a, b)
    rows_a, rows_b = (dict(zip(f.index, f["delivered"], strict=True)) for f in (a, b))
    both = [(rows_a[row], rows_b[row]) for row in rows_a if row in rows_b]
    unknown = [one for one in both if pd.isna(one[0]) != pd.isna(one[1])]
    sizes = [abs(x - y) for x, y in both if not pd.isna(x) and not pd.isna(y) and x != y]
    for kind, expected in (("unknown", len(unknown)), ("differs", len(sizes))):
        row = only(found, kind=kind, what="delivered")
        assert row["rows"].sum() == expected
    assert only(found, kind="differs", what="delivered")["largest"].sum() == max(sizes, default=0)
    lone = len(rows_a.keys() ^ rows_b.keys())
    assert only(found, kind="rows")["rows"].sum() == lone


@given(FRAMES, FRAMES)
@settings(max_examples=12)
def test_the_table_survives_a_csv_file(a: pd.DataFrame, b: pd.DataFrame) -> None:
    table = parity(a, b)
    back = pd.read_csv(io.StringIO(table.to_csv(index=False)), dtype={"in_a": str, "in_b": str})
    if len(table):
        pd.testing.assert_frame_equal(table, back.astype(table.dtypes), check_names=False)


# ---------------------------------------------------------------- parity: what it says


def days(counts: dict[str, Any], keys: dict[str, list[str]] | None = None, **meta: Any) -> Any:
    return grid_of(3, keys or {"account": ["account"]}, counts, **meta)


def test_unknown_is_not_zero() -> None:
    found = parity(days({"stored": [1, None, 3]}), days({"stored": [1, 0, 3]}))
    assert kinds(found) == [("unknown", "stored")]
    assert found.iloc[0][["in_a", "in_b", "rows", "largest"]].tolist() == [
        "NA in 1",
        "NA in 0",
        1,
        0,
    ]


def test_a_provider_and_a_recipient_domain_are_two_words_for_one_thing() -> None:
    a = days({"opened": 5}, {"provider": ["gmail.com"]})
    b = days({"opened": [5, 5, 7]}, {"recipient_domain": ["gmail.com"]})
    found = parity(a, b)
    assert kinds(found) == [("renamed", "provider"), ("differs", "opened")]
    assert found["in_b"][0] == "recipient_domain"


@pytest.mark.parametrize("level", ["provider", "recipient_domain"])
def test_a_recipient_provider_is_another_thing_and_not_compared(level: str) -> None:
    a = days({"opened": 5}, {level: ["gmail.com"]})
    b = days({"opened": 7}, {"recipient_provider": ["Gmail"]})
    found = parity(a, b)
    assert kinds(found) == [("redefined", "recipient_provider")]
    assert list(found.iloc[0][["in_a", "in_b"]]) == [level, "recipient_provider"]
    assert found.attrs["mgframe"]["compared"]["rows"] == 0


@pytest.mark.parametrize("name", ["unique_opened", "hard_bounces"])
def test_what_the_apis_define_otherwise_is_redefined_where_it_differs(name: str) -> None:
    a = days({name: 5}, endpoint="GET /v3/stats/total")
    b = days({name: 6}, endpoint="POST /v1/analytics/metrics")
    assert kinds(parity(a, b)) == [("redefined", name)]
    assert kinds(parity(a, days({name: 6}, endpoint="GET /v3/stats/filter"))) == [("differs", name)]
    assert parity(a, days({name: 5}, endpoint="POST /v1/analytics/metrics")).empty


def test_missing_counts_say_why() -> None:
    a = days({"delivered": 1, "stored": 1}, endpoint="GET /v3/stats/total")
    b = days({"delivered": 1, "soft_bounces": 1}, endpoint="POST /v1/analytics/metrics")
    found = parity(a, b).set_index("what")["note"]
    assert "does not document" in found["stored"]
    assert found["soft_bounces"] == "the Stats API does not report it"


def test_buckets_of_other_widths_are_not_compared() -> None:
    found = parity(days({"opened": 5}), days({"opened": 9}, resolution="month", start="2026-11-01"))
    assert kinds(found) == [("scope", "resolution")]
    a, b = days({"opened": 5}), days({"opened": 5})
    with_meta(b, {})  # attrs lost: the gaps tell
    assert parity(a, b).empty


def test_another_window_is_told_and_its_overlap_compared() -> None:
    a = days({"opened": [1, 2, 3]})
    b = days({"opened": [2, 4, 9]}, start="2026-11-03")
    found = parity(a, b)
    assert kinds(found) == [("rows", "time"), ("differs", "opened")]
    assert list(found["rows"]) == [2, 1]
    assert list(found["largest"]) == [9, 1]


def test_keys_that_only_one_frame_has_are_named_with_their_largest_count() -> None:
    a = days({"opened": 5}, {"tag": ["a"]})
    b = days({"opened": [5, 0] * 3}, {"tag": ["a", "Untagged"]})
    (row,) = parity(a, b).to_dict("records")
    assert (row["kind"], row["what"], row["in_b"]) == ("rows", "tag", "Untagged")
    assert (row["rows"], row["largest"]) == (3, 0)
    assert "mail without a tag" in row["note"]
    assert "counts are 0" in row["note"]


def test_countries_in_another_case_are_told() -> None:
    table = parity(
        days({"opened": 5}, {"country": ["DE"]}), days({"opened": 5}, {"country": ["de"]})
    )
    assert "case alone" in table["note"][0]


def test_keys_that_meet_in_one_frame_only_are_rows() -> None:
    a = frame_of(["2026-11-02"] * 2, {"domain": ["a", "b"]}, {"opened": [1, 1]})
    b = frame_of(["2026-11-02", "2026-11-03"], {"domain": ["a", "b"]}, {"opened": [1, 1]})
    c = frame_of(["2026-11-02", "2026-11-03"], {"domain": ["b", "a"]}, {"opened": [1, 1]})
    assert kinds(parity(a, b)) == [("rows", "time"), ("rows", "rows")]
    assert kinds(parity(b, c)) == [("rows", "rows")]


def test_a_level_of_one_value_is_left_out_and_one_of_several_is_not() -> None:
    one, two = days({"opened": 4}), days({"opened": 2}, {"domain": ["a", "b"]})
    assert parity(one, one.mg.sum("time"))["note"][0].startswith("it has one value only")
    found = parity(one, two)
    assert kinds(found) == [("missing", "level account"), ("missing", "level domain")]
    assert found.attrs["mgframe"]["compared"]["rows"] == 0
    assert kinds(parity(one.mg.sum("time"), two.mg.sum("time"))) == []


def test_another_region_and_a_simulated_account_are_told() -> None:
    found = parity(
        days({"opened": 1}, region="us", simulated=True),
        days({"opened": 1}, region="eu", simulated=False),
    )
    assert kinds(found) == [("scope", "region"), ("scope", "simulated")]


def test_local_days_are_other_days() -> None:
    hours = grid_of(72, {"account": ["account"]}, {"opened": 1}, resolution="hour")
    found = parity(hours.mg.local_days("Europe/Berlin"), hours.mg.resample("D"))
    assert kinds(found)[:2] == [("scope", "zone"), ("rows", "time")]


def test_rates_are_no_counts() -> None:
    with pytest.raises(mg.FrameError, match="counts are Int64"):
        parity(days({"opened": 1}).astype("float64"), days({"opened": 1}))


# ---------------------------------------------------------------- reconcile: all is well


@pytest.mark.slow
def test_a_sound_account_gives_an_empty_table_and_the_proof(serving: Serving) -> None:
    server, client = serving()
    table = reconcile(client=client)
    assert table.empty
    assert dict(table.dtypes.astype(str)) == {
        n: str(pd.Series([], dtype=d).dtype) for n, d in COLUMNS.items()
    }
    known = table.attrs["mgframe"]
    assert known["compared"]["all"] == sum(known["compared"].values()) / 2 > 5000
    assert {pair.check for pair in PAIRS} | {"rates", "tags"} == known["compared"].keys() - {"all"}
    assert min(known["compared"].values()) > 0
    assert known["requests"] == len(server.requests) == 29 + 3
    assert known["unexplained"] == 0
    assert known["simulated"]
    assert known["window"] == ["2026-11-02T00:00:00Z", "2026-11-15T00:00:00Z"]


def test_the_plan_of_a_reconciliation_sends_nothing(serving: Serving) -> None:
    server, client = serving()
    plan = mg.plan(reconcile, last="2d", client=client)
    assert plan.requests == 29
    assert "each domain" in plan.follow_up
    assert not server.requests


def test_every_rate_that_mailgun_names_is_asked_within_the_limit_of_counts() -> None:
    chunks = rate_chunks()
    assert sorted(r.name for c in chunks for r in c) == sorted(
        r.name for r in RATES.values() if r.mailgun
    )
    assert max(len(names_asked(chunk)) for chunk in chunks) <= 10
    assert len(chunks) == 3  # 14 counts and 12 rates


def test_a_window_that_is_none_is_refused_before_anything_is_sent(serving: Serving) -> None:
    server, client = serving()
    with pytest.raises(mg.QueryError, match="finer"):
        reconcile(last="5h", client=client)
    with pytest.raises(mg.QueryError, match="365 days"):
        reconcile(start="2024-01-01", end="2024-01-31", client=client)
    assert not server.requests


@pytest.mark.slow
def test_beyond_the_retention_of_hours_they_are_not_compared(serving: Serving) -> None:
    _, client = serving()
    part = reconcile(start="2026-09-16", end="2026-09-18", client=client)
    assert part["expected"].all()
    assert part["reason"].str.contains("2 buckets from 2026-09-16: Mailgun keeps hours").all()


def test_a_window_of_the_open_day_alone_is_refused(serving: Serving) -> None:
    server, client = serving()
    with pytest.raises(mg.QueryError, match="2026-11-16 is still open; begin earlier"):
        reconcile(start="2026-11-16", client=client)
    assert not server.requests


def test_the_open_day_is_left_out(serving: Serving) -> None:
    _, client = serving()
    table = reconcile(start="2026-11-15", end="2026-11-16", client=client)
    assert table.empty
    assert table.attrs["mgframe"]["window"] == ["2026-11-15T00:00:00Z"] * 2
    asked = reconcile.__wrapped__  # type: ignore[attr-defined]
    without = asked(start="2026-11-15", end="2026-11-15", client=client).calls
    assert asked(start="2026-11-15", client=client).calls == without
    assert asked(start="2026-11-15", end="2026-11-16", client=client).calls == without


# ---------------------------------------------------------------- reconcile: planted in the frames


@pytest.fixture(scope="module")
def answered(model: Model) -> tuple[dict[str, View], Windows, pd.Timestamp]:
    with serve(model) as server:
        client = mg.Client("key-simulated", base_url=server.url, clock=lambda: model.now)
        end = pd.Timestamp("2026-11-15", tz="UTC")
        now = pd.Timestamp(model.now)
        windows = windows_of(Window(end - pd.Timedelta(days=9), end, "day"), now)
        views, _ = ask_together(client, questions_of(client, windows))
    return views, windows, now


def audited(answered: Any, **changed: View) -> pd.DataFrame:
    """Audit the pairs that the changed views are in; the others agree, as one test below holds."""
    views, windows, now = answered
    concerned = [pair for pair in PAIRS if {pair.view_a, pair.view_b} & changed.keys()]
    with mock.patch.object(checks, "PAIRS", concerned):
        return table_of(audit({**views, **changed}, windows, now).breaches)


def test_the_answers_that_are_changed_below_agree(answered: Any) -> None:
    assert table_of(audit(*answered).breaches).empty


def audited_anew(answered: Any, client: mg.Client, *names: str) -> pd.DataFrame:
    """Audit all views, of which those named are asked once more, of this client."""
    questions = questions_of(client, answered[1])
    views, _ = ask_together(client, {name: questions[name] for name in names})
    return audited(answered, **views)


def changed(frame: pd.DataFrame | None, row: int, name: str, amount: int) -> View:
    assert frame is not None
    copy = frame.copy()
    copy.iloc[row, copy.columns.get_loc(name)] += amount
    return View(copy)


COUNTED = [
    name
    for name in vars(view).values()
    if isinstance(name, str) and name[:7] in ("account", "domain_", "grouped", "metrics")
]


@given(st.data())
@settings(max_examples=8, phases=[Phase.generate])
@pytest.mark.slow
def test_a_number_planted_anywhere_is_found_with_its_size(
    answered: Any, data: st.DataObject
) -> None:
    views = answered[0]
    name = data.draw(st.sampled_from([n for n in COUNTED if n in views and n != view.METRICS_TAGS]))
    frame = views[name].frame
    columns = [c for c in frame.columns if c in COUNTS]
    column = data.draw(st.sampled_from(columns))
    known = np.flatnonzero(frame[column].notna())
    row = int(known[data.draw(st.integers(0, len(known) - 1))])
    amount = data.draw(st.integers(1_000_000, 2_000_000))
    table = audited(answered, **{name: changed(frame, row, column, amount)})
    found = table[table["check"] != "rates"]
    concerned = [
        pair
        for pair in PAIRS
        if name in (pair.view_a, pair.view_b)
        and all(column in views[one].frame for one in (pair.view_a, pair.view_b))
    ]
    assert {*found["check"]} - {"tags"} == {pair.check for pair in concerned}
    assert set(found["count"]) <= {column}
    assert (found["difference"].abs() == amount).all()
    day = (
        frame.index[row][0].floor("D")
        if "month" not in name
        else pd.Timestamp("2026-10-01", tz="UTC")
    )
    assert set(found.loc[found["check"] != "tags", "time"]) <= {day}
    unique = column.startswith("unique_")
    assert unique or not found["expected"].any()


def test_where_all_hours_are_forgotten_they_are_neither_asked_nor_compared(
    answered: Any, demo: mg.Client
) -> None:
    views, windows, now = answered
    assert windows_of(windows.days, now + pd.Timedelta(days=61)).hours is None
    old, hours = replace(windows, hours=None), {view.ACCOUNT_HOURS, view.METRICS_HOURS}
    assert questions_of(demo, old).keys() == views.keys() - hours
    left = {name: found for name, found in views.items() if name not in hours}
    table = table_of(audit(left, old, now).breaches)
    assert table["check"].tolist() == ["hours"] * 2
    assert table["expected"].all()
    assert table["reason"].str.contains("Mailgun keeps hours for 60 days").all()


def test_a_missing_domain_shows_in_its_sum_and_in_its_days(answered: Any) -> None:
    frame = answered[0][view.GROUPED_DOMAINS].frame
    lost = frame.drop(index=NEWS, level="domain")
    table = audited(answered, **{view.GROUPED_DOMAINS: View(lost)})
    assert set(table["check"]) == {"domains", "each domain"}
    assert not table["expected"].any()
    each = only(table, check="each domain", count="delivered")
    assert set(each["key"]) == {NEWS}
    assert list(each["difference"]) == list(frame.loc[(slice(None), NEWS), "delivered"])


def test_a_domain_that_is_no_longer_listed_is_expected(answered: Any) -> None:
    listing, counts = (answered[0][name].frame for name in (view.LISTING, view.DOMAINS))
    left = counts.drop(index=SHOP, level="domain")
    listed = {view.LISTING: View(listing[listing["name"] != SHOP])}
    table = audited(answered, **listed, **{view.DOMAINS: View(left)})
    assert set(table["check"]) == {"domains", "each domain"}
    assert table["expected"].all()
    assert table["reason"].str.contains("does not list").all()
    known = changed(left, 3, "delivered", 5)
    table = audited(answered, **listed, **{view.DOMAINS: known})
    assert (~table["expected"]).sum() == 3  # sum and twice each


def test_a_listed_domain_without_counts_is_not_expected(answered: Any) -> None:
    counts = answered[0][view.DOMAINS].frame
    silent = View(counts.drop(index=SHOP, level="domain"))
    table = audited(answered, **{view.DOMAINS: silent})
    assert set(table["check"]) == {"domains", "each domain"}
    assert not table["expected"].any()
    listing = answered[0][view.LISTING].frame
    loud = View(listing.assign(name=listing["name"].str.upper()))
    table = audited(answered, **{view.DOMAINS: silent, view.LISTING: loud})
    assert not table["expected"].any()


@pytest.mark.parametrize(("name", "offset"), [
    (view.ACCOUNT_HOURS, -11), (view.METRICS_HOURS, -1),
    (view.METRICS_HOURS, 2), (view.ACCOUNT_HOURS, 14),
])  # fmt: skip
def test_hours_of_another_zone_are_recognised(answered: Any, name: str, offset: int) -> None:
    hours = answered[0][name].frame
    moved = hours.copy()
    moved[:] = hours.shift(offset).bfill().ffill()
    table = audited(answered, **{name: View(moved)})
    assert set(table["check"]) == {"hours"}
    assert table["expected"].all()
    assert (
        table.loc[~table["count"].str.startswith("unique"), "reason"]
        .str.contains(f"UTC{offset:+d}:", regex=False)
        .all()
    )


def test_a_wrong_hour_is_no_zone(answered: Any) -> None:
    hours = answered[0][view.METRICS_HOURS].frame
    (row,) = audited(answered, **{view.METRICS_HOURS: changed(hours, 100, "delivered", 7)}).to_dict(
        "records"
    )
    assert (row["difference"], row["expected"], row["reason"]) == (7, False, "unexplained")


def test_days_that_fit_another_zone_are_none_where_others_agree_as_they_are(answered: Any) -> None:
    hours = answered[0][view.METRICS_HOURS].frame
    moved = hours.copy()
    moved.iloc[48:] = hours.shift(-2).ffill().iloc[48:]
    table = audited(answered, **{view.METRICS_HOURS: View(moved)})
    assert set(table["check"]) == {"hours"}
    counts = table[~table["count"].str.startswith("unique")]
    assert counts["time"].nunique() == 8
    assert not counts["expected"].any()


def test_unique_counts_may_add_up_to_more_over_time_but_not_to_less(answered: Any) -> None:
    hours = answered[0][view.METRICS_HOURS].frame
    for row, amount in ((20, 3), (50, -3)):
        hours = changed(hours, row, "unique_opened", amount).frame
    table = audited(answered, **{view.METRICS_HOURS: View(hours)})
    assert table["difference"].tolist() == [3, -3]
    assert table["expected"].tolist() == [True, False]


def test_a_bucket_that_is_still_open_is_not_compared(answered: Any) -> None:
    days = answered[0][view.METRICS].frame
    today = days.iloc[-1:].rename(index=lambda time: time + pd.Timedelta(days=1), level="time")
    longer = with_meta(pd.concat([days, today]), days.attrs["mgframe"])
    table = audited(answered, **{view.METRICS: View(longer)})
    assert table["expected"].all()
    compared = {pair.check for pair in PAIRS if view.METRICS in (pair.view_a, pair.view_b)}
    assert set(table["check"]) == compared
    assert table["reason"].str.contains("1 buckets from 2026-11-16: the bucket is still open").all()


def test_the_metrics_api_may_count_more_uniques_than_the_stats_api(answered: Any) -> None:
    account = changed(answered[0][view.ACCOUNT].frame, 0, "unique_clicked", -40)
    table = audited(answered, **{view.ACCOUNT: account})
    assert only(table, check="apis")["expected"].tolist() == [True]
    assert not only(table, check="providers")["expected"].any()


@pytest.mark.parametrize(("name", "day", "amount", "expected"), [
    ("opened", -1, 3, True),  # engagement moves for three days
    ("opened", -1, 5_000, False),
    ("opened", -5, 3, False),
    ("delivered", -1, 3, False),  # delivery has settled after eight hours
])  # fmt: skip
def test_small_differences_of_new_buckets_are_late_events(
    answered: Any, name: str, day: int, amount: int, expected: bool
) -> None:
    metrics = changed(answered[0][view.METRICS].frame, day, name, amount)
    table = audited(answered, **{view.METRICS: metrics})
    assert only(table, check="apis")["expected"].tolist() == [expected]


def test_a_tag_cannot_have_more_than_the_account(answered: Any) -> None:
    tags = answered[0][view.METRICS_TAGS].frame
    more = changed(tags, list(tags.index.get_level_values("tag")).index("order"), "clicked", 10**6)
    (row,) = audited(answered, **{view.METRICS_TAGS: more}).to_dict("records")
    assert (row["check"], row["key"], row["count"], row["expected"]) == (
        "tags",
        "order",
        "clicked",
        False,
    )
    assert row["a"] == tags["clicked"].loc["order"].sum() + 10**6
    few = audited(
        answered, **{view.METRICS_TAGS: View(tags[tags.index.get_level_values("tag") == "vip"])}
    )
    assert set(few["key"]) == {"(all tags)"}
    assert (few["difference"] < 0).all()


def rated(answered: Any, name: str, row: int, text: Any) -> View:
    copy = answered[0][view.METRICS_RATES].frame.astype({name: object})
    copy.iloc[row, copy.columns.get_loc(name)] = text
    return View(copy)


def test_a_rate_that_is_off_by_two_in_the_last_decimal_is_found(answered: Any) -> None:
    frame = answered[0][view.METRICS_RATES].frame
    true = frame["bounced"].iloc[4] / frame["processed"].iloc[4]
    text = f"{float(frame['bounce_rate'].iloc[4]) + 0.0002:.4f}"
    (row,) = audited(
        answered, **{view.METRICS_RATES: rated(answered, "bounce_rate", 4, text)}
    ).to_dict("records")
    assert (row["check"], row["count"], row["expected"]) == ("rates", "bounce_rate", False)
    assert row["difference"] == pytest.approx(float(text) - true)
    assert abs(row["difference"] - 0.0002) <= 0.00005 + 1e-9


def test_a_rate_that_is_no_number_is_not_compared_and_the_others_are(answered: Any) -> None:
    rates = ("delivered_rate", "bounce_rate", "opened_rate", "complained_rate")
    texts = dict(zip(rates, ("n/a", "NaN", True, "0,98"), strict=True))
    frame = answered[0][view.METRICS_RATES].frame.astype(dict.fromkeys(texts, object))
    for name, text in texts.items():
        frame.iloc[2, frame.columns.get_loc(name)] = text
    found = audit({**answered[0], view.METRICS_RATES: View(frame)}, *answered[1:])
    table = table_of(found.breaches)
    assert set(table["reason"]) == {
        f"not compared: the answer has {str(text)!r} for {name}, which is no rate"
        for name, text in texts.items()
    }
    assert set(table["check"]) == {"rates"}
    assert not table["expected"].any()
    whole = audit(*answered).compared["rates"]
    assert found.compared["rates"] == pytest.approx(whole * 8 / 12, abs=len(frame))


def test_a_rate_of_nothing_may_be_any_text(answered: Any) -> None:
    frame = rated(answered, "delivered_rate", 2, "NaN").frame
    frame.iloc[2, frame.columns.get_loc("sent")] = 0
    assert "rates" not in set(audited(answered, **{view.METRICS_RATES: View(frame)})["check"])


def test_a_rate_that_is_not_reported_is_no_agreement(answered: Any) -> None:
    frame = answered[0][view.METRICS_RATES].frame.assign(bounce_rate=None)
    (row,) = audited(answered, **{view.METRICS_RATES: View(frame)}).to_dict("records")
    assert row["reason"] == "not compared: bounce_rate was not reported"


def test_an_account_without_mail_agrees(answered: Any) -> None:
    def silent(name: str, found: View) -> View:
        assert found.frame is not None
        counts = [c for c in found.frame.columns if c in COUNTS]
        frame = found.frame.copy()
        frame[counts] = 0
        keyed = name.startswith(("metrics by domain", "metrics by rec", "metrics by tag"))
        return View(frame.iloc[:0] if keyed else frame)

    views = {name: silent(name, found) for name, found in answered[0].items()}
    assert audited(answered, **views).empty


def test_the_table_of_breaches_survives_a_csv_file(answered: Any) -> None:
    table = audited(
        answered,
        **{
            view.METRICS: changed(answered[0][view.METRICS].frame, 2, "failed", 7),
            view.METRICS_TAGS: View(),
        },
    )
    back = pd.read_csv(io.StringIO(table.to_csv(index=False)), parse_dates=["time"])
    pd.testing.assert_frame_equal(table, back.astype(table.dtypes), check_names=False)
    assert table["time"].isna().sum() == 1


# ---------------------------------------------------------------- reconcile: over HTTP


@pytest.fixture
def tampered(serving: Serving) -> Iterator[Callable[..., mg.Client]]:
    """A client that changes the body of every answer before it is read."""

    def start(tamper: Callable[[Any, Any], None], **form: Any) -> mg.Client:
        _, client = serving(**form)
        decode = client._decode

        def changed(call: Any, response: Any) -> Any:
            body = decode(call, response)
            tamper(call, body)
            return body

        client._decode = changed  # type: ignore[method-assign]
        return client

    return start


def asked(call: Any) -> dict[str, Any]:
    return json.loads(call.body or "{}")


def test_a_disabled_domain_is_asked_too(answered: Any, tampered: Any) -> None:
    def disable(call: Any, body: Any) -> None:
        for item in body["items"] if call.path == "/v4/domains" else ():
            item["is_disabled"] = item["name"] == SHOP

    assert audited_anew(answered, tampered(disable), view.LISTING, view.DOMAINS).empty


def test_an_outage_of_a_listed_domain_is_not_taken_for_one_that_is_listed_no_more(
    answered: Any, tampered: Any
) -> None:
    def silence(call: Any, body: Any) -> None:
        if call.path == f"/v3/{NEWS}/stats/total":
            body["stats"] = []

    client = tampered(silence)
    with pytest.warns(mg.MgframeWarning, match=f"no buckets for {NEWS}"):
        table = audited_anew(answered, client, view.LISTING, view.DOMAINS)
    assert set(table["check"]) == {"domains", "each domain"}
    assert not table["expected"].any()


def test_mail_of_a_domain_that_is_listed_no_more_is_expected(answered: Any, tampered: Any) -> None:
    def delete(call: Any, body: Any) -> None:
        if call.path == "/v4/domains":
            body["items"] = [item for item in body["items"] if item["name"] != SHOP]
            body["total_count"] = len(body["items"])

    table = audited_anew(answered, tampered(delete), view.LISTING, view.DOMAINS)
    assert set(table["check"]) == {"domains", "each domain"}
    assert set(table["reason"]) == {
        "mg.domains() does not list the domain; the statistics of a deleted one stay"
    }


def test_a_domain_missing_in_one_answer_is_found(answered: Any, tampered: Any) -> None:
    def forget(call: Any, body: Any) -> None:
        if asked(call).get("dimensions") == ["time", "domain"]:
            body["items"] = [i for i in body["items"] if i["dimensions"][1]["value"] != MAIL]
            body["pagination"]["total"] = len(body["items"])

    table = audited_anew(answered, tampered(forget), view.METRICS_DOMAINS)
    assert set(zip(table["check"], table["view_b"], strict=True)) == {
        ("domains", "metrics"),
        ("each domain", "metrics by domain"),
    }
    assert not table["expected"].any()
    truth = answered[0][view.DOMAINS].frame["delivered"].xs(MAIL, level="domain")
    assert list(only(table, check="each domain", count="delivered")["a"]) == list(truth)


def test_hours_of_the_accounts_zone_with_their_offset_agree(
    answered: Any, serving: Serving
) -> None:
    _, client = serving(zone="America/New_York")
    assert audited_anew(answered, client, view.METRICS_HOURS).empty


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_hours_of_the_accounts_zone_that_say_utc_are_named(
    answered: Any, serving: Serving, zone: str
) -> None:
    _, client = serving(zone=zone, zone_labels="disguised")
    (row,) = audited_anew(answered, client, view.METRICS_HOURS).to_dict("records")
    assert (row["check"], row["expected"]) == ("hours", True)
    assert "in the time zone of the account's settings; set that to UTC" in row["reason"]


def test_hours_that_cannot_be_read_for_another_reason_are_no_zone(
    answered: Any, serving: Serving
) -> None:
    _, client = serving(faults=[Fault("truncated", path="/metrics", times=9)])
    (row,) = audited_anew(answered, client, view.METRICS_HOURS).to_dict("records")
    assert (row["check"], row["expected"]) == ("hours", False)


def test_a_rate_that_is_no_number_does_not_end_the_reconciliation(tampered: Any) -> None:
    def garble(call: Any, body: Any) -> None:
        for item in body["items"] if "bounce_rate" in asked(call).get("metrics", ()) else ():
            item["metrics"]["bounce_rate"] = "many"

    (row,) = reconcile(last="2d", client=tampered(garble)).to_dict("records")
    assert (row["check"], row["expected"]) == ("rates", False)
    assert row["reason"].startswith("not compared: the answer has 'many' for bounce_rate")


def test_without_the_stats_api_the_metrics_api_is_still_checked(
    tampered: Any, serving: Serving
) -> None:
    _, client = serving()
    send = client._attempt

    def refuse(call: Any, read: Any) -> Any:
        from mgframe.exchange import Failure

        return Failure("Forbidden", False, 403) if "/stats/" in call.path else send(call, read)

    client._attempt = refuse  # type: ignore[method-assign]
    table = reconcile(last="2d", client=client)
    known = table.attrs["mgframe"]
    assert not table["expected"].any()
    assert table["reason"].str.startswith("not compared: ").all()
    assert table["reason"].str.contains("403: Forbidden").all()
    assert {name for name, number in known["compared"].items() if not number} == {
        "each domain",
        "apis",
    }
    assert known["unexplained"] == len(table) == 8


def test_a_listing_alone_is_no_answer(serving: Serving) -> None:
    faults = [Fault("500", path=path, times=99) for path in ("/stats/", "/metrics")]
    _, client = serving(faults=faults)
    with pytest.raises(mg.ServerError):
        reconcile(last="2d", client=client)


def test_where_nothing_answers_it_is_an_error(serving: Serving) -> None:
    server, client = serving()
    client = mg.Client("another-key", base_url=server.url, retries=0, clock=client.now)
    with pytest.raises(mg.AuthenticationError):
        reconcile(last="2d", client=client)


def test_a_domain_that_does_not_answer_is_told_and_the_others_are_compared(
    answered: Any, serving: Serving
) -> None:
    _, client = serving(faults=[Fault("500", path=f"/{NEWS}/stats", times=9)])
    table = audited_anew(answered, client, view.LISTING, view.DOMAINS)
    assert set(zip(table["check"], table["view_b"], table["key"], strict=True)) == {
        ("domains", "account_totals", "(none)"),
        ("each domain", "grouped_totals by domain", NEWS),
        ("each domain", "metrics by domain", NEWS),
    }
    assert not table["expected"].any()


@pytest.mark.parametrize(
    ("shape", "reason"), [("none", "nothing tells these rows apart"), ("time", "one total")]
)
def test_groups_that_cannot_be_told_apart_are_not_compared(
    answered: Any, serving: Serving, shape: str, reason: str
) -> None:
    _, client = serving(shape=shape)
    table = audited_anew(answered, client, view.GROUPED_DOMAINS, view.GROUPED_PROVIDERS)
    assert set(table["check"]) == {"domains", "each domain", "providers"}
    assert table["reason"].str.contains(reason).all()


def test_a_short_answer_of_one_view_fails_alone(answered: Any, tampered: Any) -> None:
    def shorten(call: Any, body: Any) -> None:
        if asked(call).get("dimensions") == ["time", "recipient_provider"]:
            body["items"].pop()

    table = audited_anew(answered, tampered(shorten), view.METRICS_PROVIDERS)
    assert table["check"].tolist() == ["providers"]
    assert "rows" in table["reason"][0]


@pytest.mark.slow
def test_the_model_is_not_the_only_one(model: Model, serving: Serving) -> None:
    _, client = serving(Model(seed=7, domains=5))
    assert reconcile(last="2d", client=client).empty
