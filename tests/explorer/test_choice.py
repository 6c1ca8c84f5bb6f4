"""What was chosen becomes days, keys and steps; what a frame cannot show falls away."""

from __future__ import annotations

import pandas as pd
import pytest
from explorer.looks import mail

from mgframe.errors import FrameError, QueryError
from mgframe.explorer.choice import (
    ALL,
    TOGETHER,
    Choice,
    Span,
    course_of,
    fitted,
    read_window,
    span_of,
    widening,
)
from mgframe.explorer.matching import matching
from mgframe.explorer.offer import offer_of


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def test_so_many_days_end_with_the_last_one_that_is_over():
    assert span_of("7d", day("2026-11-15")) == Span(day("2026-11-09"), day("2026-11-15"))
    assert span_of("1d", day("2026-11-15")) == Span(day("2026-11-15"), day("2026-11-15"))
    assert span_of(ALL, day("2026-11-15")) is None


def test_the_days_before_are_as_many_and_touch():
    span = Span(day("2026-11-09"), day("2026-11-15"))
    assert span.earlier("before") == Span(day("2026-11-02"), day("2026-11-08"))
    assert span.earlier("before").text == "2026-11-02/2026-11-08"


def test_last_year_is_the_same_weekdays_52_weeks_before():
    span = Span(day("2026-11-09"), day("2026-11-15"))
    assert span.earlier("year") == Span(day("2025-11-10"), day("2025-11-16"))
    assert span.earlier("year").first.day_of_week == span.first.day_of_week


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("4w", "28d"),
        ("28d", "28d"),
        ("all", "all"),
        (" 2026-11-01 / 2026-11-15", "2026-11-01/2026-11-15"),
    ],
)
def test_a_window_is_read(said, read):
    assert read_window(said) == read


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("2026-11-15/2026-11-01", "swap the two days"),
        ("36h", "days or weeks"),
        ("soon", "must be a number above 0"),
        ("2026-11-01/2026-11-02/2026-11-03", "two days"),
        ("a/b", "is no date"),
    ],
)
def test_a_window_that_is_none_is_refused_with_the_way_out(said, why):
    with pytest.raises(QueryError, match=why):
        read_window(said)


def test_what_a_frame_offers():
    offer = offer_of(mail())
    assert offer.levels == ("domain", "recipient_provider")
    assert set(offer.keys["domain"]) == {"domain0", "domain1", "domain2"}
    assert {"delivery_rate", "bounce_rate", "open_rate", "complaint_rate"} <= set(offer.rates)
    assert "block_rate" not in offer.rates  # its counts are not there
    assert offer.resolutions == ("day", "week", "month")
    assert offer.days is not None
    assert (offer.days.first, offer.days.last) == (day("2026-01-01"), day("2026-03-01"))


def test_the_last_day_that_is_over_comes_from_attrs():
    offer = offer_of(mail(complete_until="2026-02-27T00:00:00Z"))
    assert offer.days is not None
    assert offer.days.last == day("2026-02-26")
    assert offer.days.newest == day("2026-03-01")
    assert offer.days.until == ""


def test_without_attrs_the_frame_counts_as_complete_and_steps_say_so():
    df = mail()
    del df.attrs["mgframe"]["complete_until"]
    offer = offer_of(df)
    assert offer.days is not None
    assert offer.days.until == "2026-03-02T00:00:00Z"
    choice = fitted(Choice(resolution="week"), offer)
    assert widening(choice, offer)[0].code == '.mg.resample("W", until="2026-03-02T00:00:00Z")'


def test_a_frame_without_counts_cannot_be_explored():
    with pytest.raises(FrameError, match="nothing to explore"):
        offer_of(mail()[[]])


def test_weeks_cannot_become_months():
    assert offer_of(mail().mg.resample("W")).resolutions == ("week",)


def test_what_a_frame_cannot_show_falls_away():
    wanted = Choice(
        "block_rate", "ip", (("domain", ("domain1", "gone.com")), ("ip", ("1.2.3.4",))),
        resolution="hour", focus="gone.com",
    )  # fmt: skip
    found = fitted(wanted, offer_of(mail()))
    assert found.measure == "delivery_rate"
    assert found.by == "domain"
    assert found.keys == (("domain", ("domain1",)),)
    assert (found.resolution, found.focus) == ("", None)


def test_keys_that_overlap_are_told_apart_first():
    offer = offer_of(mail().rename_axis(index={"recipient_provider": "tag"}))
    assert fitted(Choice(by=""), offer).by == "tag"
    assert fitted(Choice(by=""), offer_of(mail())).by == "domain"


def test_to_compare_everything_is_to_compare_as_much_as_has_as_much_before_it():
    assert fitted(Choice(compare=True), offer_of(mail(buckets=60))).window == "28d"
    assert fitted(Choice(compare=True), offer_of(mail(buckets=20))).window == "7d"


def test_a_frame_without_time_has_no_windows_and_no_comparison():
    total = mail(buckets=5).mg.sum(["domain"])
    found = fitted(Choice(by=TOGETHER, window="7d", compare=True), offer_of(total))
    assert (found.by, found.window, found.compare) == ("domain", ALL, False)


@pytest.mark.parametrize("rule", ["W", "M"])
def test_longer_buckets_are_not_cut_to_days(rule):
    found = fitted(Choice(window="7d", compare=True), offer_of(mail()[["sent"]].mg.resample(rule)))
    assert (found.window, found.compare) == (ALL, False)


def test_rates_are_no_counts():
    with pytest.raises(FrameError, match="only counts"):
        offer_of(mail().mg.rates(["delivery_rate"]))


def test_the_open_day_is_added_on_request_but_never_compared():
    offer = offer_of(mail(complete_until="2026-02-28T00:00:00Z"))
    plain = Choice("sent", "domain", window="7d")
    code = [
        course_of(fitted(choice, offer), offer).rows[0].code
        for choice in (plain, Choice("sent", "domain", window="7d", partial=True))
    ]
    assert code == [
        '.loc["2026-02-21":"2026-02-27 23:59"]',
        '.loc["2026-02-21":"2026-03-01 23:59"]',
    ]
    compared = fitted(Choice("sent", "domain", window="7d", partial=True, compare=True), offer)
    assert course_of(compared, offer).rows[0].code == code[0]
    assert course_of(compared, offer).both[0].code == '.loc["2026-02-14":"2026-02-27 23:59"]'


def test_a_search_finds_every_word_anywhere_and_keeps_what_is_chosen():
    labels = {f"d{i}": f"mail{i}.example.com" for i in range(300)} | {"id": "Name (id)"}
    assert matching(labels, "MAIL29 com") == ["d29", *(f"d{i}" for i in range(290, 300))]
    assert matching(labels, "name", chosen=["d7"]) == ["d7", "id"]
    assert matching(labels, "nothing") == []
    assert len(matching(labels, "")) == 301
