"""The figures of a report are those of the public functions, and of the counts."""

from __future__ import annotations

import pandas as pd
import pytest
from reporting.made import DOMAINS, SICK, account, material, total, week, with_counts

import mgframe as mg
from mgframe.reporting.figures import Figure, Rate, chosen_rates, measure, worst
from mgframe.reporting.volumes import volumes

WEEKS = {"before": "2026-10-12/2026-11-08", "after": "2026-11-09/2026-11-15"}


@pytest.fixture(scope="module")
def frame():
    return account()


@pytest.fixture(scope="module")
def made(frame):
    return material(frame)


def test_a_rate_is_the_week_s_events_over_its_messages(frame, made):
    found = measure(made, Rate("delivery_rate", frame), "domain")
    for domain in (SICK, "new.example", "small.example"):
        rows = week(frame, domain=domain)
        figure = found.of(domain)
        assert figure.value == total(rows, "delivered") / total(rows, "sent")
        assert figure.n == total(rows, "sent")


def test_intervals_are_those_of_rates_and_changes_those_of_compare(frame, made):
    figure = measure(made, Rate("block_rate", frame)).of("")
    own = mg.rates(week(frame), "block_rate", by=[], interval=0.95).iloc[0]
    assert [figure.value, figure.low, figure.high] == own.tolist()
    row = mg.compare(frame, "block_rate", by=[], **WEEKS).iloc[0]
    assert figure.before == row["rate_before"]
    assert (figure.change, figure.change_low) == (row["change"], row["change_low"])
    assert figure.verdict == row["verdict"] == "worse"


def test_complaints_leave_gmail_out_where_the_frame_has_providers(frame, made):
    rate = next(rate for rate in chosen_rates(made, frame) if rate.name == "complaint_rate")
    rows = week(frame)
    rows = rows[rows.index.get_level_values("recipient_provider") != "Gmail"]
    figure = measure(made, rate).of("")
    assert figure.value == pytest.approx(total(rows, "complained") / total(rows, "delivered"))
    assert figure.n == total(rows, "delivered")
    assert (figure.label, figure.note) == ("Complaints without Gmail", "")


def test_complaints_without_providers_say_that_they_are_understated(frame):
    made = material(mg.sum(frame, ["time", "domain"]))
    rate = next(r for r in chosen_rates(made, made.whole) if r.name == "complaint_rate")
    assert measure(made, rate).of("").note.startswith("understated by Gmail's share")


def test_volume_before_is_the_mean_of_four_weeks(frame, made):
    found = volumes(made, frame, "domain")
    before = with_counts(frame, {}).loc["2026-10-12":"2026-11-08"]
    by_domain = before["processed"].groupby(level="domain").sum()
    for domain in DOMAINS:
        assert found[domain].value == total(week(frame, domain=domain), "processed")
        assert found[domain].before == by_domain[domain] / 4
    assert found["new.example"].growth is None


def test_a_single_day_is_held_against_its_own_weekday(frame):
    found = volumes(material(frame, last="1d"), frame, None)[""]
    times = frame.index.get_level_values("time")
    sundays = [pd.Timestamp(day, tz="UTC") for day in
               ("2026-10-18", "2026-10-25", "2026-11-01", "2026-11-08")]  # fmt: skip
    assert found.before == total(frame[times.isin(sundays)], "processed") / 4


def test_what_is_unknown_is_no_zero_and_no_drop(frame):
    unknown = (frame.index.get_level_values("domain") == SICK) & (
        frame.index.get_level_values("time") == "2026-11-15"
    )
    holed = with_counts(frame, {"processed": frame["processed"].mask(unknown)})
    found = volumes(material(holed), holed, "domain")
    assert found[SICK].partly
    assert found[SICK].value == total(week(holed, domain=SICK), "processed")
    assert found[SICK].growth is None
    assert found["small.example"].growth is not None


def test_a_mean_with_an_unknown_part_is_unknown(frame):
    unknown = (frame.index.get_level_values("domain") == SICK) & (
        frame.index.get_level_values("time") == "2026-11-01"
    )
    holed = with_counts(frame, {"processed": frame["processed"].mask(unknown)})
    found = volumes(material(holed), holed, "domain")
    assert found[SICK].before is None
    assert found["small.example"].before is not None


def test_without_the_weeks_before_nothing_is_compared(frame):
    short = frame.loc["2026-11-09":]
    short.attrs = frame.attrs
    made = material(short)
    figure = measure(made, Rate("delivery_rate", made.whole)).of("")
    assert (figure.verdict, figure.change, figure.before) == ("not compared", None, None)
    assert figure.value is not None


def test_last_year_is_known_only_where_all_its_days_are(frame):
    year = account(days=371)
    made = material(year)
    figure = measure(made, Rate("delivery_rate", year)).of("")
    rows = year.loc["2025-11-10":"2025-11-16"]
    assert figure.year == total(rows, "delivered") / total(rows, "sent")
    assert volumes(made, year, None)[""].year == total(rows, "processed")
    almost = year.loc["2025-11-11":]
    almost.attrs = year.attrs
    assert measure(material(almost), Rate("delivery_rate", almost)).of("").year is None
    assert measure(material(frame), Rate("delivery_rate", frame)).of("").year is None


def test_several_rates_are_as_bad_as_the_worst_of_them():
    def figure(verdict, excess):
        return Figure("block_rate", "Blocked", "processed", change=0.1, excess=excess,
                      verdict=verdict)  # fmt: skip

    good, calm = figure("better", -50.0), figure("no change seen", 3.0)
    bad, terrible = figure("worse", 40.0), figure("worse", 400.0)
    assert worst([good, bad, calm, terrible]) == ("worse", terrible)
    assert worst([calm, good]) == ("better", good)
    assert worst([figure("too few", 1.0), calm]) == ("no change seen", calm)
    assert worst([]) == ("not compared", None)
