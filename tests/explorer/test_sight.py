"""Chart, table, totals and code belong to the same rows."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pandas as pd
import pytest
from explorer.looks import drawn, mail, run_code

import mgframe as mg
from mgframe.explorer.choice import TOGETHER, Choice, fitted
from mgframe.explorer.offer import offer_of
from mgframe.explorer.sight import Sight, draw, look
from mgframe.explorer.steps import Kitchen
from mgframe.plotting.style import percent


def seen(df: pd.DataFrame, **choice: object) -> Sight:
    offer = offer_of(df)
    return look(Kitchen(df), offer, fitted(Choice(**choice), offer), ["import mgframe as mg"])  # type: ignore[arg-type]


CHOICES = {
    "rate by domain": {"by": "domain"},
    "rate of all together": {"by": TOGETHER},
    "count": {"measure": "sent", "by": "recipient_provider"},
    "window": {"by": "domain", "window": "14d"},
    "two days": {"by": "domain", "window": "2026-01-10/2026-01-20"},
    "keys": {"by": "domain", "keys": (("domain", ("domain0", "domain2")),)},
    "weeks": {"by": "domain", "resolution": "week"},
    "rolling": {"measure": "open_rate", "by": "domain"},
    "open key": {"by": "domain", "focus": "domain1"},
    "complaints": {"measure": "complaint_rate", "by": "domain"},
    "complaints, open key": {"measure": "complaint_rate", "by": "domain", "focus": "domain1"},
    "compared": {"by": "domain", "window": "14d", "compare": True},
    "compared together": {"by": TOGETHER, "window": "14d", "compare": True},
    "compared, open key": {"by": "domain", "window": "14d", "compare": True, "focus": "domain1"},
    "compared count": {"measure": "sent", "by": "domain", "window": "14d", "compare": True},
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_code_makes_the_same_frame_and_figure(name):
    df = mail()
    offer = offer_of(df)
    choice = fitted(Choice(**CHOICES[name]), offer)
    sight = look(Kitchen(df), offer, choice, ["import mgframe as mg"])
    frame, figure = draw(Kitchen(df), offer, choice)
    with warnings.catch_warnings(action="ignore"):
        ran = run_code(sight.code, df=df)
    pd.testing.assert_frame_equal(ran["part"], frame)
    assert drawn(ran["ax"].figure) == drawn(figure)
    assert drawn(figure)["lines"]


@pytest.mark.parametrize("make", ["hours", "totals", "lifetime", "unsorted", "no attrs", "local"])
def test_the_code_works_for_other_frames_too(make):
    df = {
        "hours": lambda: mail(buckets=24 * 20, resolution="hour"),
        "totals": lambda: mail(buckets=5).mg.sum(["domain", "recipient_provider"]),
        "lifetime": lambda: mail(buckets=1).rename_axis(index={"time": "as_of"}),
        "unsorted": lambda: mail().sort_index(ascending=False),
        "no attrs": lambda: mail().pipe(lambda f: f.attrs.clear() or f),
        "local": lambda: mail(buckets=24 * 20, resolution="hour").mg.local_days("Asia/Tokyo"),
    }[make]()
    offer = offer_of(df)
    choice = fitted(Choice(by="domain", window="7d"), offer)
    sight = look(Kitchen(df), offer, choice, ["import mgframe as mg"])
    frame, figure = draw(Kitchen(df), offer, choice)
    with warnings.catch_warnings(action="ignore"):
        ran = run_code(sight.code, df=df)
    pd.testing.assert_frame_equal(ran["part"], frame)
    assert drawn(ran["ax"].figure) == drawn(figure)
    if offer.days is not None:
        assert len(frame.index.get_level_values("time").unique()) in (7, 7 * 24)


def test_table_and_totals_are_those_of_the_functions():
    df = mail()
    part = df.loc["2026-02-16":"2026-03-01 23:59"].mg.where(domain=["domain0", "domain2"])
    sight = seen(
        df, by="domain", window="14d", keys=(("domain", ("domain0", "domain2")),), order="name"
    )
    sent, rate = part[["sent"]].mg.sum("domain")["sent"], part.mg.delivery_rate(by="domain")
    assert [row.key for row in sight.table.rows] == ["domain0", "domain2"]
    assert [row.cells[0] for row in sight.table.rows] == [f"{n:,}" for n in sent]
    assert [row.cells[1] for row in sight.table.rows] == [f"{r * 100:.2f} %" for r in rate]
    totals = {total.label: total.value for total in sight.totals}
    assert totals["Sent"] == f"{sent.sum():,}"
    assert totals["Delivery rate"] == f"{part.mg.delivery_rate(by=[]).iloc[0] * 100:.2f} %"
    assert sight.window == "16 Feb 2026 to 01 Mar 2026"


def test_a_comparison_says_what_compare_says_in_its_order():
    df = mail()
    spans = {"before": "2026-02-02/2026-02-15", "after": "2026-02-16/2026-03-01"}
    table = df.mg.compare("delivery_rate", by=["domain"], **spans)
    sight = seen(df, by="domain", window="14d", compare=True)
    assert [row.key for row in sight.table.rows] == table["domain"].tolist()
    assert [row.verdict for row in sight.table.rows] == table["verdict"].tolist()
    assert sight.table.rows[0].cells[0].endswith(f" of {table['n_before'][0]:,}")
    before = df.loc["2026-02-02":"2026-02-15"]["sent"].sum()
    assert {t.label: t.before for t in sight.totals}["Sent"] == f"{before:,}"
    assert sight.window.endswith("compared with 02 Feb 2026 to 15 Feb 2026")


def test_counts_are_compared_side_by_side():
    df = mail()
    sight = seen(df, measure="sent", by="domain", window="14d", compare=True, order="name")
    before = df[["sent"]].loc["2026-02-02":"2026-02-15"].mg.sum("domain")["sent"]
    now = df[["sent"]].loc["2026-02-16":"2026-03-01"].mg.sum("domain")["sent"]
    assert [row.cells for row in sight.table.rows] == [
        (f"{b:,}", f"{n:,}") for b, n in zip(before, now, strict=True)
    ]


@pytest.mark.parametrize(
    ("order", "first"),
    [("largest", "big"), ("lowest", "bad"), ("highest", "tiny"), ("name", "bad")],
)
def test_the_table_can_be_ordered(order, first):
    table = pd.DataFrame(
        {"date": "2026-11-14", "domain": ["big", "bad", "tiny", "none"],
         "sent": [900, 100, 1, 0], "delivered": [890, 50, 1, 0]}
    )  # fmt: skip
    df = mg.as_frame(table, resolution="day")
    rows = seen(df, by="domain", order=order).table.rows
    assert rows[0].key == first
    assert {row.key: row.cells[1] for row in rows}["none"] == "no data"
    if order in ("lowest", "highest"):
        assert rows[-1].key == "none"  # unknown is neither low nor high


def test_what_is_known_of_a_sum_is_said_to_be_at_least_that():
    df = mail(domains=1, providers=1, buckets=10)
    df.iloc[0, list(df.columns).index("unique_opened")] = pd.NA
    known = df["unique_opened"].sum()
    assert seen(df, measure="unique_opened").table.rows[0].cells == (f"≥ {known:,}",)
    df["unique_opened"] = pd.array([pd.NA] * len(df), dtype="Int64")
    assert seen(df, measure="unique_opened").table.rows[0].cells == ("unknown",)


def test_an_open_key_changes_the_chart_and_leaves_table_and_totals():
    df = mail()
    before, after = seen(df, by="domain"), seen(df, by="domain", focus="domain1")
    assert before.table == after.table
    assert before.totals == after.totals
    assert before.png != after.png


def test_what_the_numbers_need_to_be_read_rightly_stands_beside_them():
    notes = " ".join(seen(mail(), measure="open_rate", by="domain").notes)
    assert "unique per message, recipient and bot" in notes


def test_tags_overlap_so_that_they_have_rows_and_no_totals():
    df = mail().rename_axis(index={"recipient_provider": "tag"})
    sight = seen(df, by="tag")
    assert len(sight.table.rows) == 2
    assert sight.totals == ()
    assert "there are no totals: a message may carry several tags" in " ".join(sight.notes)
    with pytest.raises(mg.FrameError, match="several tags"):
        seen(df, by="domain")


def test_a_frame_without_rows_is_said_to_have_none():
    sight = seen(mail().iloc[:0], by="domain")
    assert sight.table.rows == ()
    assert {total.value for total in sight.totals} == {"unknown"}


def test_where_no_whole_period_lies_in_the_days_a_note_says_so():
    sight = seen(mail(), by="domain", window="7d", resolution="month")
    assert "no whole month lies in the days in sight; choose more days" in sight.notes


def test_counts_of_ones_own_are_counts():
    frame = mail()[["sent"]].rename(columns={"sent": "orders"})
    sight = seen(frame, by="domain", window="7d")
    assert sight.choice.measure == "orders"
    assert {total.label for total in sight.totals} == {"orders"}


def test_a_simulated_frame_says_so(demo):
    df = mg.metrics(["delivery_rate"], by="domain", last="7d", client=demo)
    assert seen(df, by="domain").simulated
    assert not seen(mail(), by="domain").simulated


def test_a_choice_is_plain_data():
    choice = Choice().with_keys("domain", ["a.com"]).with_keys("ip", ["1.2.3.4"])
    assert choice.with_keys("domain", []).keys == (("ip", ("1.2.3.4",)),)
    assert choice == replace(choice)
    assert hash(choice) == hash(replace(choice))


def test_complaints_leave_gmail_out_where_there_are_providers_else_the_total_says_so():
    df = mail()
    first = df.index.unique("recipient_provider")[0]
    df = df.rename({first: "Gmail"}, level="recipient_provider").sort_index()
    silent = df.index.get_level_values("recipient_provider") == "Gmail"
    df.loc[silent, "complained"] = 0

    told = seen(df, measure="complaint_rate", by="domain")
    sums = df[~silent][["complained", "delivered"]].sum()
    total = next(t for t in told.totals if t.label == "Complaint rate")
    assert total.value == percent(sums["complained"] / sums["delivered"])
    assert total.of == "of delivered to providers with a feedback loop"
    assert told.table.header[2] == "Complaint rate, without Gmail"
    assert 'of="delivered_fbl"' in told.code

    blind = seen(df.mg.sum(["time", "domain"]), measure="complaint_rate", by="domain")
    total = next(t for t in blind.totals if t.label == "Complaint rate")
    assert total.of == "of delivered, understated by Gmail's share"
    assert "delivered_fbl" not in blind.code
