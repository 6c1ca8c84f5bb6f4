"""Rates against hand-computed values and brute force, and every refusal."""

from __future__ import annotations

import inspect
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import count_frames, frame_of, grid_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mgframe import ratios
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.periods import local_days
from mgframe.ratios import rate_label, rates
from mgframe.reshaping import sum as sum_of
from mgframe.reshaping import top as top_of
from mgframe.reshaping import where
from mgframe.vocabulary import COUNTS, RATES

PARTS = {
    "delivered": 9000,
    "permanent_failed": 1000,
    "suppressed_bounces": 500,
    "suppressed_unsubscribed": 70,
    "suppressed_complaints": 30,
    "delayed_bounce": 0,
    "webhook": 0,
}
FILLED = dict.fromkeys((n for n, c in COUNTS.items() if not c.formula), 1) | {"permanent_failed": 9}


def one_day(**counts: int | None) -> pd.DataFrame:
    return grid_of(1, {"domain": ["a.com"]}, PARTS | counts)


def quietly(call: Any, *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        return call(*args, **kwargs)


def expected_quotient(pairs: list[tuple[Any, Any]]) -> float:
    """Sum both sides where both are known, then divide once."""
    known = [(int(a), int(b)) for a, b in pairs if not (pd.isna(a) or pd.isna(b))]
    bottom = math.fsum(b for _, b in known)
    return math.fsum(a for a, _ in known) / bottom if bottom else math.nan


# ---------------------------------------------------------------- values


def test_delivery_and_bounce_rate_are_those_of_the_dashboard():
    frame = one_day()  # 9,000 delivered, 400 bounced, 600 suppressed
    got = rates(frame).iloc[0]
    assert got["delivery_rate"] == 9000 / 9400
    assert got["bounce_rate"] == 400 / 10000
    assert got["suppression_rate"] == 600 / 10000
    assert got["permanent_failure_rate"] == 1000 / 10000


def test_bounce_rate_of_sent_is_what_delivery_rate_leaves():
    frame = one_day()
    lost = rates(frame, "bounce_rate", of="sent").iloc[0, 0]
    assert lost == pytest.approx(1 - rates(frame, "delivery_rate").iloc[0, 0])


def test_delivery_rate_ignores_suppressed_mail():
    more = one_day(permanent_failed=3000, suppressed_bounces=2500)
    pd.testing.assert_series_equal(ratios.delivery_rate(more), ratios.delivery_rate(one_day()))


def test_the_mean_of_rates_is_not_the_rate():
    frame = grid_of(2, {"domain": ["a.com"]}, {"delivered": [10, 9000], "sent": [20, 9000]})
    assert rates(frame)["delivery_rate"].mean() == 0.75
    assert rates(frame, by="domain")["delivery_rate"].round(4).tolist() == [0.9989]


@pytest.mark.parametrize("name", RATES)
def test_every_rate_is_its_formula(name):
    random = np.random.default_rng(3)
    frame = grid_of(5, {"domain": ["a.com", "b.com"]}, FILLED)
    for column in frame.columns:
        frame[column] = pd.array(random.integers(1, 99, len(frame)), dtype="Int64")
    formula = frame.astype("float64").eval(RATES[name].formula)
    pd.testing.assert_series_equal(getattr(ratios, name)(frame), formula.rename(name))


@pytest.mark.parametrize("rate", [rate for rate in RATES.values() if rate.mailgun])
def test_mailguns_own_names_are_understood(rate):
    frame = grid_of(1, {"domain": ["a.com"]}, FILLED)
    assert rates(frame, rate.mailgun).columns.tolist() == [rate.name]


def test_rates_without_names_come_in_the_vocabularys_order():
    frame = grid_of(1, {"domain": ["a.com"]}, FILLED)
    assert rates(frame).columns.tolist() == list(RATES)
    assert rates(one_day()).columns.tolist() == [
        "delivery_rate",
        "bounce_rate",
        "permanent_failure_rate",
        "suppression_rate",
    ]


def test_named_rates_come_in_the_order_asked():
    names = ["bounce_rate", "delivery_rate"]
    assert rates(one_day(), names).columns.tolist() == names


def test_nothing_is_clipped():
    frame = grid_of(1, {"domain": ["a.com"]}, {"unique_opened": 418, "delivered": 100})
    assert ratios.open_rate(frame).tolist() == [4.18]


@pytest.mark.parametrize(
    ("top", "bottom"), [(0, 0), (5, 0), (None, 5), (5, None), (None, None), (None, 0)]
)
def test_zero_or_unknown_denominators_are_nan_and_never_infinite(top, bottom):
    frame = grid_of(1, {"domain": ["a.com"]}, {"opened": top, "delivered": bottom})
    got = ratios.total_open_rate(frame)
    assert got.dtype == "float64"
    assert got.isna().all()


def test_an_unknown_part_of_the_numerator_is_nan():
    assert ratios.suppression_rate(one_day(suppressed_complaints=None)).isna().all()


def test_rates_of_an_empty_frame_are_an_empty_frame():
    got = rates(one_day().iloc[:0])
    assert got.shape == (0, 4)
    assert (got.dtypes == "float64").all()
    assert got.index.names == ["time", "domain"]
    pooled = rates(one_day().iloc[:0], by="time", rolling="7d")
    assert pooled.shape == (0, 4)
    assert str(pooled.index.dtype) == "datetime64[us, UTC]"


def test_attrs_say_what_was_divided_and_over_which_window():
    frame = grid_of(3, {"domain": ["a.com"]}, PARTS, simulated=True)
    meta = rates(frame, "bounce_rate", of="sent", rolling="2d").attrs["mgframe"]
    assert meta["simulated"] is True
    assert (meta["of"], meta["rolling"], meta["resolution"]) == ("sent", "2d", "day")
    assert rates(frame, by="domain").attrs["mgframe"]["resolution"] == "total"


def test_the_input_is_not_changed():
    frame = grid_of(9, {"provider": ["gmail.com", "x.com"]}, PARTS | {"complained": 1}, note="x")
    before = frame.copy()
    rates(frame)
    rates(frame, "complaint_rate", by="time", of="delivered_fbl", rolling="2d")
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == before.attrs


# ---------------------------------------------------------------- pooling


@given(
    frame=count_frames(counts=["delivered", "opened", "sent"]),
    by=st.sampled_from([["time"], ["domain"], [], ["time", "domain"], ["domain", "time"]]),
)
@settings(max_examples=40, deadline=None)
def test_a_pooled_rate_is_what_a_loop_over_the_rows_gives(frame, by):
    names = ["delivery_rate", "total_open_rate"]
    got = quietly(rates, frame, names, by=by)
    kept = [level for level in frame.index.names if level in by]
    rows = frame.reset_index().to_dict("records")
    groups = sorted({tuple(row[level] for level in kept) or ("(all)",) for row in rows})
    assert [label if isinstance(label, tuple) else (label,) for label in got.index] == groups
    for place, group in enumerate(groups):
        mine = [r for r in rows if tuple(r[level] for level in kept) == group or not kept]
        for name, top, bottom in [
            ("delivery_rate", "delivered", "sent"),
            ("total_open_rate", "opened", "delivered"),
        ]:
            expected = expected_quotient([(row[top], row[bottom]) for row in mine])
            np.testing.assert_allclose(got[name].iloc[place], expected, rtol=1e-12)


def test_one_warning_says_how_many_rows_a_pool_left_out():
    frame = grid_of(
        5,
        {"domain": ["a.com"]},
        {"delivered": [1, None, 3, 4, 5], "sent": 9, "opened": [1, 1, None, None, 1]},
    )
    with pytest.warns(MgframeWarning) as caught:
        rates(frame, by="domain")
    assert [str(warning.message) for warning in caught] == [
        "pooled rates leave out rows with an unknown count: 1 of 5 rows for delivery_rate; "
        "3 of 5 rows for total_open_rate"
    ]


def test_a_group_of_unknown_counts_alone_is_nan():
    frame = grid_of(1, {"domain": ["a.com", "b.com"]}, {"delivered": [None, 4], "sent": 8})
    got = quietly(rates, frame, by="domain")
    assert got.loc["b.com", "delivery_rate"] == 0.5
    assert math.isnan(got.loc["a.com", "delivery_rate"])


def test_pooling_equals_the_rate_of_the_sums_where_all_is_known():
    frame = grid_of(4, {"domain": ["a.com", "b.com"]}, {"delivered": list(range(8)), "sent": 9})
    pooled, summed = rates(frame, by="domain"), rates(sum_of(frame, "domain"))
    pd.testing.assert_frame_equal(pooled, summed)


def test_pooling_over_nothing_gives_the_rows_and_no_warning():
    frame = grid_of(2, {"domain": ["a.com"]}, {"delivered": [1, None], "sent": 2})
    pd.testing.assert_frame_equal(rates(frame, by=["domain", "time"]), rates(frame))


def test_lifetime_counters_are_not_pooled_over_readings():
    frame = frame_of(
        ["2026-11-01"], {"provider": ["x.com"]}, {"delivered": [1], "sent": [1]}, time="as_of"
    )
    with pytest.raises(FrameError, match=r"never summed over 'as_of'.*keep the level"):
        rates(frame, by="provider")
    assert rates(frame)["delivery_rate"].tolist() == [1.0]


def test_tags_are_not_pooled_without_saying_so():
    frame = grid_of(1, {"tag": ["a", "b"]}, {"delivered": 1, "sent": 1})
    with pytest.raises(FrameError, match=r"several tags.*sum\(by, overlap=True\)\.mg\.rates"):
        rates(frame, by="time")


UNIQUE = {"unique_opened": 1, "unique_clicked": 1, "delivered": 2}


@pytest.mark.parametrize(
    ("buckets", "resolution", "warned"),
    [(7, "day", 0), (8, "day", 1), (168, "hour", 0), (169, "hour", 1), (2, "month", 1)],
)
def test_pooling_uniques_over_more_than_seven_days_warns_once(buckets, resolution, warned):
    frame = grid_of(buckets, {"domain": ["a.com"]}, UNIQUE, resolution=resolution)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rates(frame, by="domain")
    assert len(caught) == warned
    if warned:
        assert "unique_opened and unique_clicked are unique" in str(caught[0].message)
        assert "over more than 7 days" in str(caught[0].message)


def test_only_rates_of_unique_counts_warn():
    frame = grid_of(9, {"domain": ["a.com"]}, UNIQUE | {"sent": 2})
    assert rates(frame, "delivery_rate", by="domain").iloc[0, 0] == 1


def test_pooling_uniques_over_bots_warns():
    frame = grid_of(1, {"bot": ["Apple", "None"]}, UNIQUE)
    with pytest.warns(MgframeWarning, match="summed over 'bot'"):
        rates(frame, "click_to_open_rate", by="time")


# ---------------------------------------------------------------- rolling


@pytest.mark.filterwarnings("ignore:pooled rates leave out")
@given(
    frame=count_frames(counts=["opened", "delivered"], most_buckets=10),
    days=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_a_rolling_rate_is_what_a_loop_over_windows_gives(frame, days):
    got = rates(frame, "total_open_rate", rolling=f"{days}d")["total_open_rate"]
    assert got.index.equals(frame.index)
    for (time, *key), value in got.items():
        window = [time - pd.Timedelta(days=i) for i in range(days)]
        rows = [(t, *key) for t in window]
        whole = all(row in frame.index for row in rows)
        known = frame.loc[rows, ["opened", "delivered"]].dropna() if whole else frame.iloc[:0]
        if known.empty:
            assert math.isnan(value)
        else:
            pairs = list(known.itertuples(index=False))
            np.testing.assert_allclose(value, expected_quotient(pairs), rtol=1e-12)


def test_a_rolling_week_straightens_a_campaign():
    delivered, opened = [0, 0, 1000, 0, 0, 0, 0] * 3, [20, 10, 180, 40, 20, 20, 10] * 3
    frame = grid_of(21, {"domain": ["a.com"]}, {"delivered": delivered, "opened": opened})
    got = ratios.total_open_rate(frame, rolling="7d")
    assert got.iloc[:6].isna().all()
    np.testing.assert_allclose(got.iloc[6:], 0.3)


def test_rolling_pools_first_and_keeps_time():
    frame = grid_of(3, {"domain": ["a", "b"]}, {"delivered": [1, 2, 3, 4, 5, 6], "sent": 10})
    got = rates(frame, by="time", rolling="2d")["delivery_rate"]
    np.testing.assert_allclose(got, [np.nan, 10 / 40, 18 / 40])


@pytest.mark.filterwarnings("ignore:pooled rates leave out")
def test_a_bucket_that_a_pool_knows_nothing_of_is_left_out_of_the_window():
    delivered = [1, 2, None, None, 5, 6, 7, 8]
    frame = grid_of(4, {"domain": ["a", "b"]}, {"delivered": delivered, "sent": 10})
    got = rates(frame, by="time", rolling="2d")["delivery_rate"]
    np.testing.assert_allclose(got, [np.nan, 3 / 20, 11 / 20, 26 / 40])


def test_a_rolling_rate_says_how_many_rows_it_left_out():
    frame = grid_of(3, {"domain": ["a"]}, {"delivered": [1, None, 3], "sent": 10})
    with pytest.warns(MgframeWarning, match="1 of 3 rows for delivery_rate"):
        got = rates(frame, "delivery_rate", rolling="2d")["delivery_rate"]
    np.testing.assert_allclose(got, [np.nan, 1 / 10, 3 / 10])


def test_a_window_does_not_reach_into_the_key_before():
    times = pd.date_range("2026-11-02", periods=4, tz="UTC")
    counts = {"delivered": [1, 2, 3, 4], "sent": [10] * 4}
    frame = frame_of(times, {"domain": ["a", "a", "b", "b"]}, counts, resolution="day")
    got = rates(frame, rolling="2d")["delivery_rate"]
    np.testing.assert_allclose(got, [np.nan, 3 / 20, np.nan, 7 / 20])


def test_hours_roll_over_hours_days_and_weeks():
    frame = grid_of(
        200, {"domain": ["a"]}, {"delivered": list(range(200)), "sent": 1}, resolution="hour"
    )
    got = rates(frame, rolling="1w")["delivery_rate"]
    assert got.isna().sum() == 167
    assert got.iloc[167] == np.mean(range(168))
    pd.testing.assert_series_equal(rates(frame, rolling="7d")["delivery_rate"], got)
    assert rates(frame, rolling="2h")["delivery_rate"].iloc[1] == 0.5


def test_local_days_roll_by_the_day_where_clocks_change():
    hours = grid_of(
        24 * 5 + 1,
        {"domain": ["a"]},
        {"delivered": 1, "sent": 2},
        start="2026-10-22 22:00",
        resolution="hour",
    )
    days = local_days(hours, "Europe/Berlin")
    assert days["delivered"].tolist() == [24, 24, 25, 24, 24]
    assert rates(days, rolling="3d")["delivery_rate"].notna().tolist() == [False] * 2 + [True] * 3


def test_a_rolling_window_without_attrs_takes_the_width_from_the_rows():
    frame = grid_of(4, {"domain": ["a"]}, {"delivered": 1, "sent": 2})
    frame.attrs = {}
    assert rates(frame, rolling="3d")["delivery_rate"].notna().tolist() == [
        False,
        False,
        True,
        True,
    ]


def test_a_window_longer_than_the_frame_is_never_full():
    frame = grid_of(3, {"domain": ["a"]}, {"delivered": 1, "sent": 2})
    assert rates(frame, rolling="30000d")["delivery_rate"].isna().all()


def test_a_rolling_window_of_more_than_seven_days_warns_for_uniques():
    frame = grid_of(9, {"domain": ["a.com"]}, UNIQUE)
    ratios.open_rate(frame, rolling="7d")
    with pytest.warns(MgframeWarning, match="unique_opened is unique .* over more than 7 days"):
        ratios.open_rate(frame, rolling="8d")


@pytest.mark.parametrize(
    ("rolling", "kind", "text"),
    [
        ("1m", QueryError, "months differ in length; use days, such as '30d'"),
        ("7", QueryError, "rolling='7' must be a number above 0"),
        ("0d", QueryError, "rolling='0d' must be a number above 0"),
        ("36h", FrameError, "not a whole number of the frame's buckets (days)"),
    ],
)
def test_a_bad_window_is_refused(rolling, kind, text):
    with pytest.raises(kind) as caught:
        rates(one_day(), "bounce_rate", rolling=rolling)
    assert text in str(caught.value)


def test_months_do_not_roll():
    frame = grid_of(3, {"domain": ["a"]}, PARTS, start="2026-01-01", resolution="month")
    with pytest.raises(FrameError, match=r"buckets \(months\); .* a frame of days or hours"):
        rates(frame, rolling="60d")


def test_rolling_needs_time_in_the_result():
    with pytest.raises(FrameError, match=r"needs the level 'time'.*by=\['time', \.\.\.\]"):
        rates(one_day(), "bounce_rate", by="domain", rolling="7d")


# ---------------------------------------------------------------- complaints

COMPLAINTS = {"delivered": [800, 200], "complained": [0, 2]}


@pytest.mark.parametrize(
    ("level", "silent", "other"),
    [
        ("provider", "gmail.com", "yahoo.com"),
        ("recipient_domain", "googlemail.com", "yahoo.com"),
        ("recipient_provider", "Gmail", "Yahoo"),
        ("recipient_provider", "Google Workspace", "Yahoo"),
        ("provider", "GMAIL.com", "yahoo.com"),
    ],
)
def test_gmail_has_no_complaint_rate(level, silent, other):
    frame = grid_of(1, {level: [silent, other]}, COMPLAINTS)
    for of in (None, "delivered_fbl"):
        got = rates(frame, "complaint_rate", of=of).droplevel("time")["complaint_rate"]
        assert math.isnan(got[silent])
        assert got[other] == 0.01
        pooled = rates(frame, "complaint_rate", of=of, by=level)["complaint_rate"]
        assert math.isnan(pooled[silent])


def test_pooled_complaints_can_leave_out_who_reports_none():
    frame = grid_of(1, {"provider": ["gmail.com", "yahoo.com"]}, COMPLAINTS)
    assert rates(frame, "complaint_rate", by="time").iloc[0, 0] == 2 / 1000
    assert rates(frame, "complaint_rate", by="time", of="delivered_fbl").iloc[0, 0] == 2 / 200


def test_an_unknown_count_of_gmail_is_not_missed_by_delivered_fbl():
    frame = grid_of(
        1,
        {"provider": ["gmail.com", "yahoo.com"]},
        {"delivered": [None, 200], "complained": [None, 2]},
    )
    assert rates(frame, "complaint_rate", by="time", of="delivered_fbl").iloc[0, 0] == 0.01


def test_other_rates_of_gmail_stay():
    frame = grid_of(1, {"provider": ["gmail.com"]}, PARTS)
    assert rates(frame)["delivery_rate"].tolist() == [9000 / 9400]


def test_delivered_fbl_needs_providers_and_says_which_frame_to_fetch():
    with pytest.raises(FrameError) as caught:
        rates(one_day(complained=1), "complaint_rate", of="delivered_fbl")
    assert "the frame's levels are ['time', 'domain']" in str(caught.value)
    assert "mg.grouped_totals('provider', events=['delivered', 'complained'])" in str(caught.value)


@pytest.mark.parametrize("names", [None, ["complaint_rate", "bounce_rate"]])
def test_delivered_fbl_is_for_complaints_alone(names):
    frame = grid_of(1, {"provider": ["x.com"]}, PARTS | {"complained": 1})
    with pytest.raises(QueryError, match="is for complaint_rate alone"):
        rates(frame, names, of="delivered_fbl")


def mailboxes() -> pd.DataFrame:
    names = ["gmx.de", "gmail.com", "yahoo.com"]
    counts = {"delivered": [300, 1000, 200], "complained": [9, 0, 4]}
    return grid_of(2, {"provider": names}, {name: c * 2 for name, c in counts.items()})


@pytest.mark.parametrize("of", [None, "delivered_fbl"])
def test_a_rest_that_holds_gmail_has_no_complaint_rate_and_says_the_way_out(of):
    counts = {"delivered": [300, 100, 200], "complained": [9, 0, 4]}
    frame = grid_of(1, {"provider": ["gmx.de", "gmail.com", "yahoo.com"]}, counts)
    with pytest.warns(MgframeWarning, match=r"holds gmail\.com, which report no .* larger n"):
        got = rates(top_of(frame, 1), "complaint_rate", of=of).droplevel("time")["complaint_rate"]
    assert math.isnan(got["(other)"])
    assert got["gmx.de"] == 0.03
    cut = top_of(where(frame, provider=["gmx.de", "yahoo.com"]), 1)
    assert rates(cut, "complaint_rate", of=of)["complaint_rate"].tolist() == [0.02, 0.03]


def test_a_rest_without_gmail_keeps_its_complaint_rate():
    got = rates(top_of(mailboxes(), 1), "complaint_rate").droplevel("time")["complaint_rate"]
    assert got["(other)"].tolist() == [13 / 500] * 2


def test_a_rest_of_which_nothing_is_known_has_no_complaint_rate():
    frame = top_of(mailboxes(), 1)
    frame.attrs = {}
    for cut in (frame, top_of(frame, 1)):
        with pytest.warns(MgframeWarning, match=r"may hold providers such as gmail\.com"):
            got = rates(cut, "complaint_rate").droplevel("time")["complaint_rate"]
        assert got["(other)"].isna().tolist() == [True, True]


def test_a_rest_of_a_rest_still_holds_gmail():
    names = ["a.de", "b.de", "gmail.com", "c.de"]
    frame = grid_of(1, {"provider": names}, {"delivered": [400, 300, 200, 100], "complained": 1})
    with pytest.warns(MgframeWarning, match=r"holds gmail\.com"):
        got = rates(top_of(top_of(frame, 2), 1), "complaint_rate").droplevel("time")[
            "complaint_rate"
        ]
    assert math.isnan(got["(other)"])


def test_a_mixed_rest_is_left_out_of_complaints_pooled_over_feedback_loops():
    counts = {"delivered": [300, 100, 200], "complained": [9, 0, 4]}
    frame = top_of(grid_of(1, {"provider": ["gmx.de", "gmail.com", "yahoo.com"]}, counts), 1)
    with pytest.warns(MgframeWarning) as caught:
        got = rates(frame, "complaint_rate", by="time", of="delivered_fbl").iloc[0, 0]
    assert got == 9 / 300
    text = " ".join(str(w.message) for w in caught)
    assert "1 of 2 rows for complaint_rate" in text
    assert "larger n" in text


def test_of_without_names_changes_volumes_only():
    frame = one_day(unique_opened=100, unique_clicked=20, sent=9400, processed=10000, bounced=400)
    got = rates(frame, of="sent").iloc[0]
    assert got["bounce_rate"] == 400 / 9400
    assert got["open_rate"] == 100 / 9400
    assert got["click_to_open_rate"] == 0.2
    assert rates(frame, "click_to_open_rate", of="sent").iloc[0, 0] == 20 / 9400


def test_rows_that_occur_twice_do_not_roll():
    frame = grid_of(3, {"domain": ["a"]}, {"delivered": 1, "sent": 2})
    twice = pd.concat([frame, frame.iloc[:1]])
    twice.attrs = frame.attrs
    with pytest.raises(FrameError, match="rows occur twice"):
        rates(twice, "delivery_rate", rolling="2d")


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"names": 5}, "names=5"),
        ({"names": []}, "names no rate; leave it out"),
        ({"names": [["x"]]}, "names="),
        ({"by": 3}, "by=3"),
        ({"of": ["sent"]}, "of="),
        ({"rolling": 7}, "rolling=7"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused_in_words(options, argument):
    with pytest.raises(QueryError, match=argument):
        rates(one_day(), **options)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "open_rate",
            "open_rate: the frame lacks unique_opened; fetch events=['delivered', 'opened'], "
            "which bring the counts ['unique_opened', 'delivered'], or ask mg.metrics() for these "
            "counts",
        ),
        (
            "soft_bounce_rate",
            "soft_bounce_rate: the frame lacks soft_bounces; the Stats API does not report "
            "soft_bounces, mg.metrics(['soft_bounces', 'processed']) does",
        ),
    ],
)
def test_a_missing_count_is_an_error_that_says_what_to_fetch(name, text):
    with pytest.raises(FrameError) as caught:
        rates(one_day(), name)
    assert str(caught.value) == text


def test_a_frame_that_gives_no_rate_is_an_error():
    frame = grid_of(1, {"domain": ["a.com"]}, {"stored": 1})
    with pytest.raises(FrameError, match=r"no rate can be made of the columns \['stored'\]"):
        rates(frame)


def test_an_unknown_rate_suggests_the_nearest():
    with pytest.raises(QueryError, match="'bounce_rat' is no rate; did you mean 'bounce_rate'"):
        rates(one_day(), "bounce_rat")


def test_an_unknown_denominator_suggests_the_nearest():
    with pytest.raises(QueryError, match=r"of: 'sentt' is no count; did you mean 'sent'"):
        rates(one_day(), "bounce_rate", of="sentt")


def test_a_missing_denominator_says_what_to_fetch():
    with pytest.raises(FrameError, match=r"of='accepted': the frame lacks accepted; fetch events="):
        rates(one_day(), "bounce_rate", of="accepted")


def test_any_count_can_be_the_denominator():
    frame = one_day(accepted=20000)
    assert ratios.bounce_rate(frame, of="accepted_count").tolist() == [400 / 20000]
    frame["inboxed"] = pd.array([800], dtype="Int64")
    assert ratios.bounce_rate(frame, of="inboxed").tolist() == [0.5]


@pytest.mark.parametrize("level", ["country", "device", "bot"])
def test_deliveries_per_country_device_or_bot_are_refused(level):
    frame = grid_of(1, {level: ["x"]}, FILLED)
    with pytest.raises(FrameError, match=f"open_rate has no meaning per '{level}'.*unknown"):
        ratios.open_rate(frame)
    assert rates(frame).columns.tolist() == ["click_to_open_rate"]


def test_accepted_per_ip_is_refused_as_a_denominator():
    frame = grid_of(1, {"ip": ["10.0.0.1"]}, PARTS | {"accepted": 1})
    with pytest.raises(FrameError, match=r"per 'ip', which accepted cannot .*use processed"):
        rates(frame, "bounce_rate", of="accepted")
    assert "bounce_rate" in rates(frame)


def test_a_level_that_the_frame_lacks_is_an_error():
    with pytest.raises(FrameError, match="no level 'domian'; did you mean 'domain'"):
        rates(one_day(), by="domian")


def test_columns_that_are_no_counts_are_refused():
    frame = one_day().astype({"delivered": "float64"})
    with pytest.raises(FrameError, match="column 'delivered' has dtype float64, but only counts"):
        rates(frame, "delivery_rate")


# ---------------------------------------------------------------- labels and functions


@pytest.mark.parametrize(
    ("name", "options", "label"),
    [
        ("bounce_rate", {}, "Bounce rate (bounced / processed)"),
        ("bounce_rate", {"of": "sent"}, "Bounce rate (bounced / sent)"),
        ("bounce_rate", {"of": "inboxed"}, "Bounce rate (bounced / inboxed)"),
        ("delivery_rate", {"of": "accepted_count"}, "Delivery rate (delivered / accepted)"),
        (
            "open_rate",
            {"rolling": "7d"},
            "Unique open rate (7-day) (unique opens / delivered, rolling 7 days)",
        ),
        ("delivery_rate", {"rolling": "1w"}, "Delivery rate (delivered / sent, rolling 1 week)"),
        ("suppression_rate", {}, "Suppression rate (suppressed / processed)"),
        (
            "complaint_rate",
            {"keys": ["time", "domain"]},
            "Complaint rate (complained / delivered, understated by Gmail's share)",
        ),
        ("complaint_rate", {"keys": ["provider"]}, "Complaint rate (complained / delivered)"),
        (
            "complaint_rate",
            {"of": "delivered_fbl"},
            "Complaint rate (complained / delivered to providers with a feedback loop)",
        ),
    ],
)
def test_a_label_names_the_denominator_and_the_window(name, options, label):
    assert rate_label(name, **options) == label


@pytest.mark.parametrize("name", RATES)
def test_every_rate_is_a_documented_function(name):
    function = getattr(ratios, name)
    assert function.__name__ == name
    assert list(inspect.signature(function).parameters) == ["frame", "by", "of", "rolling"]
    assert RATES[name].formula in function.__doc__


def test_a_pool_of_silent_providers_alone_has_no_complaint_rate():
    keys = {"domain": ["a.com", "b.com"], "recipient_provider": ["Gmail", "Yahoo"]}
    frame = grid_of(2, keys, {"delivered": 10, "complained": 0})
    gmail = frame[frame.index.get_level_values("recipient_provider") == "Gmail"]
    assert rates(gmail, "complaint_rate", by="domain").isna().all(axis=None)
    assert rates(frame, "complaint_rate", by="domain").notna().all(axis=None)
