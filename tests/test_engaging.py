"""People and machines apart, and bounds where nobody told them apart."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import frame_of, grid_of, random_frame

import mgframe as mg
from mgframe.engaging import engagement
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import empty_frame, is_simulated, meta_of
from mgframe.periods import local_days
from mgframe.ratios import rates
from mgframe.reshaping import sum as sum_of
from mgframe.reshaping import top, where
from mgframe.simulator.incidents import Incident

BOTS = ["Apple", "Generic", "Gmail", "None"]
RATES = ["human_click_rate", "machine_click_rate", "human_open_rate", "machine_open_rate"]
SHARES = [
    "machine_share_of_clicks",
    "machine_share_of_opens",
    "apple_share_of_opens",
    "gmail_share_of_opens",
    "generic_share_of_opens",
]
BOUNDS = [
    "human_click_rate_least",
    "human_click_rate_most",
    "human_open_rate_least",
    "human_open_rate_most",
]
ONE_DAY = {"unique_opened": [250, 40, 10, 200], "unique_clicked": [0, 10, 0, 30]}

several_classes = pytest.mark.filterwarnings("ignore:unique_opened and unique_clicked are")


def by_bot(days: int = 1, bots: list[str] | None = None, **counts: Any) -> pd.DataFrame:
    return grid_of(days, {"domain": ["a.com"], "bot": bots or BOTS}, counts or ONE_DAY)


def mail(days: int = 1, delivered: Any = 1000, **keys: list[str]) -> pd.DataFrame:
    return grid_of(days, keys or {"domain": ["a.com"]}, {"delivered": delivered})


def untold(days: int = 1, **counts: Any) -> pd.DataFrame:
    usual = {"delivered": 1000, "unique_opened": 500, "unique_clicked": 40}
    return grid_of(days, {"domain": ["a.com"]}, usual | counts)


def quietly(call: Any, *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MgframeWarning)
        return call(*args, **kwargs)


# ---------------------------------------------------------------- apart: values


@several_classes
def test_people_and_machines_come_apart():
    found = engagement(by_bot(), delivered=mail(), rolling=None)
    assert found.columns.tolist() == RATES + SHARES
    assert (found.dtypes == "float64").all()
    assert found.index.names == ["time", "domain"]
    expected = [30 / 1000, 10 / 1000, 200 / 1000, 300 / 1000]
    shares = [10 / 40, 300 / 500, 250 / 500, 10 / 500, 40 / 500]
    assert found.iloc[0].tolist() == expected + shares


@several_classes
def test_without_deliveries_only_shares_are_given():
    found = engagement(by_bot(), rolling=None)
    assert found.columns.tolist() == SHARES
    assert found["machine_share_of_opens"].tolist() == [0.6]


@several_classes
def test_a_column_delivered_by_bot_is_no_denominator():
    found = engagement(by_bot(**ONE_DAY, delivered=[0, 0, 0, 7]), rolling=None)
    assert found.columns.tolist() == SHARES


@several_classes
def test_a_rolling_week_sums_both_sides_first():
    # All is sent on the third day of the week, and opened over the days after it.
    opens = [0, 0, 60, 20, 10, 10, 0]
    counts = {
        "unique_opened": [n for people in opens * 2 for n in (2 * people, 0, people, people)],
        "unique_clicked": [n for people in opens * 2 for n in (0, 0, 0, people // 10)],
    }
    sent = mail(14, [0, 0, 500, 0, 0, 0, 0] * 2)
    found = engagement(by_bot(14, **counts), delivered=sent)
    assert meta_of(found)["rolling"] == "7d"
    assert found.iloc[:6].isna().all(axis=None)
    for name, value in {
        "human_open_rate": 100 / 500,
        "machine_open_rate": 300 / 500,
        "human_click_rate": 10 / 500,
        "machine_share_of_opens": 300 / 400,
        "apple_share_of_opens": 200 / 400,
        "gmail_share_of_opens": 100 / 400,
    }.items():
        np.testing.assert_allclose(found[name].iloc[6:], value)


@several_classes
def test_a_rate_above_one_is_not_clipped():
    found = engagement(by_bot(), delivered=mail(delivered=100), rolling=None)
    assert found["human_open_rate"].tolist() == [2.0]
    assert engagement(untold(delivered=100), rolling=None)["human_open_rate_most"].tolist() == [5.0]


@several_classes
@pytest.mark.parametrize("rolling", [None, "2d"])
@pytest.mark.parametrize("by", [None, ["time"], ["domain", "time"]])
def test_people_and_machines_add_up_to_all(rolling, by):
    frame = random_frame(
        5, buckets=9, keys={"domain": 3, "bot": 4}, counts=["unique_opened", "unique_clicked"]
    ).rename(index=dict(zip([f"bot{i}" for i in range(4)], BOTS, strict=True)), level="bot")
    sent = random_frame(6, buckets=9, keys={"domain": 3}, counts=["delivered"])
    found = engagement(frame, delivered=sent, by=by, rolling=rolling)
    both = sum_of(frame, ["time", "domain"]).join(sent)
    whole = rates(both, ["open_rate", "click_rate"], by=by, rolling=rolling)
    for act in ("open", "click"):
        parts = found[f"human_{act}_rate"] + found[f"machine_{act}_rate"]
        np.testing.assert_allclose(parts, whole[f"{act}_rate"], rtol=1e-12)
    classes = found[["apple_share_of_opens", "gmail_share_of_opens", "generic_share_of_opens"]]
    machines = found["machine_share_of_opens"].dropna()
    np.testing.assert_allclose(classes.sum(axis=1)[machines.index], machines, rtol=1e-12)


@several_classes
@pytest.mark.parametrize("rolling", [None, "3d"])
def test_every_rate_is_what_a_loop_over_rows_gives(rolling):
    frame = random_frame(
        7, buckets=8, keys={"domain": 2, "bot": 4}, counts=["unique_opened", "unique_clicked"]
    ).rename(index=dict(zip([f"bot{i}" for i in range(4)], BOTS, strict=True)), level="bot")
    sent = random_frame(8, buckets=8, keys={"domain": 2}, counts=["delivered"])
    found = engagement(frame, delivered=sent, rolling=rolling)
    days = 1 if rolling is None else 3
    for (time, domain), row in found.iterrows():
        first = time - pd.Timedelta(days=days - 1)
        opened = frame.xs(domain, level="domain")["unique_opened"].loc[first:time]
        number = sent.xs(domain, level="domain")["delivered"].loc[first:time].sum()
        people = opened.xs("None", level="bot").sum()
        if opened.index.get_level_values("time").nunique() < days:
            assert row.isna().all()
            continue
        assert row["human_open_rate"] == pytest.approx(people / number if number else np.nan,
                                                       nan_ok=True)  # fmt: skip
        all_of_them = opened.sum()
        share = (all_of_them - people) / all_of_them if all_of_them else np.nan
        assert row["machine_share_of_opens"] == pytest.approx(share, nan_ok=True)


@several_classes
def test_intervals_are_those_of_rates():
    frame, sent = by_bot(9, **{n: c * 9 for n, c in ONE_DAY.items()}), mail(9)
    found = engagement(frame, delivered=sent, interval=0.95)
    assert found.columns.tolist()[:3] == [RATES[0], f"{RATES[0]}_low", f"{RATES[0]}_high"]
    people = where(frame, bot="None").droplevel("bot").join(sent)
    expected = rates(people, "open_rate", rolling="7d", interval=0.95)
    got = found[["human_open_rate", "human_open_rate_low", "human_open_rate_high"]]
    np.testing.assert_allclose(got, expected)
    last = found.iloc[-1]
    assert last["human_open_rate_low"] < last["human_open_rate"] < last["human_open_rate_high"]


# ---------------------------------------------------------------- apart: who is who


@several_classes
@pytest.mark.parametrize("person", ["None", "none", "(none)"])
def test_people_are_none_or_nobody_named(person):
    found = engagement(by_bot(bots=["Apple", "Generic", "Gmail", person]), rolling=None)
    assert found["machine_share_of_opens"].tolist() == [0.6]


@several_classes
def test_classes_are_told_in_any_case_and_an_unheard_of_one_is_a_machine():
    frame = by_bot(bots=["apple", "generic", "Outlook", "None"])
    found = engagement(frame, rolling=None).iloc[0]
    assert found["machine_share_of_opens"] == 0.6
    assert found["apple_share_of_opens"] == 0.5
    assert found["gmail_share_of_opens"] == 0


@several_classes
def test_a_class_without_a_row_did_nothing():
    times = ["2026-11-02", "2026-11-02", "2026-11-03"]
    keys = {"domain": ["a.com"] * 3, "bot": ["Apple", "None", "None"]}
    counts = {"unique_opened": [30, 20, 50], "unique_clicked": [0, 1, 2]}
    frame = frame_of(times, keys, counts, resolution="day")
    found = engagement(frame, delivered=mail(2), rolling=None)
    assert found["machine_open_rate"].tolist() == [0.03, 0]
    assert found["machine_share_of_opens"].tolist() == [0.6, 0]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (by_bot(bots=["Apple", "Gmail"], unique_opened=1, unique_clicked=0), "no row of people"),
        (quietly(top, by_bot(), 1, by="bot"), r"'\(other\)' may hold people and machines"),
    ],
)
def test_people_must_be_there_and_be_told_apart(frame, says):
    with pytest.raises(FrameError, match=says):
        engagement(frame, rolling=None)


@pytest.mark.parametrize("frame", [by_bot(), untold()])
def test_a_filter_on_bots_leaves_nothing_to_compare(frame):
    frame.attrs["mgframe"]["request"] = {"where": ["domain = a.com", "bot != Apple"]}
    with pytest.raises(FrameError, match=r"the filter 'bot != Apple'.*Fetch all of them"):
        engagement(frame, rolling=None)


# ---------------------------------------------------------------- apart: unknown, and the mail


@several_classes
def test_an_unknown_count_of_people_is_unknown_and_not_zero():
    frame = by_bot(unique_opened=[250, 40, 10, None], unique_clicked=ONE_DAY["unique_clicked"])
    found = engagement(frame, delivered=mail(), rolling=None).iloc[0]
    assert np.isnan(found[["human_open_rate", "machine_share_of_opens"]]).all()
    assert found["machine_open_rate"] == 0.3
    assert found["human_click_rate"] == 0.03


@several_classes
def test_one_unknown_class_makes_all_machines_unknown():
    frame = by_bot(unique_opened=[None, 40, 10, 200], unique_clicked=ONE_DAY["unique_clicked"])
    found = engagement(frame, delivered=mail(), rolling=None).iloc[0]
    assert np.isnan(found[["machine_open_rate", "gmail_share_of_opens"]]).all()
    assert found["human_open_rate"] == 0.2


@several_classes
def test_unknown_rows_are_left_out_of_pools_and_said_so():
    opened = [250, 40, 10, None, 250, 40, 10, 200]
    frame = by_bot(2, unique_opened=opened, unique_clicked=0)
    with pytest.warns(MgframeWarning, match="1 of 2 rows for human_open_rate"):
        found = engagement(frame, delivered=mail(2), by=[])
    assert found["human_open_rate"].tolist() == [0.2]


@several_classes
def test_deliveries_are_summed_over_levels_that_the_opens_lack():
    sent = mail(1, [100, 300, 200, 400], recipient_provider=["Gmail", "Yahoo"], domain=["a", "b"])
    frame = grid_of(1, {"domain": ["a", "b"], "bot": BOTS}, {n: c * 2 for n, c in ONE_DAY.items()})
    found = engagement(frame, delivered=sent, rolling=None)
    assert found["human_open_rate"].tolist() == [200 / 300, 200 / 700]


@several_classes
def test_levels_may_come_in_any_order():
    keys = {"recipient_provider": ["Gmail"], "domain": ["a", "b"]}
    frame = grid_of(1, {**keys, "bot": BOTS}, {n: c * 2 for n, c in ONE_DAY.items()})
    turned = mail(1, [400, 800], domain=["a", "b"], recipient_provider=["Gmail"])
    found = engagement(frame, delivered=turned, rolling=None)
    assert found.index.names == ["time", "recipient_provider", "domain"]
    assert found["human_open_rate"].tolist() == [0.5, 0.25]


@several_classes
def test_the_whole_account_may_be_the_denominator():
    frame = grid_of(1, {"bot": BOTS}, ONE_DAY)
    found = engagement(frame, delivered=mail(account=["account"]), rolling=None)
    assert found.index.names == ["time"]
    assert found["human_open_rate"].tolist() == [0.2]


@several_classes
def test_totals_without_time_have_no_window():
    frame, sent = sum_of(by_bot(), ["bot"]), sum_of(mail(), [])
    found = engagement(frame, delivered=sent)
    assert found["human_open_rate"].tolist() == [0.2]
    assert "rolling" not in meta_of(found)


@several_classes
def test_mail_to_keys_that_nobody_opened_is_left_out_with_a_warning():
    sent = mail(1, [1000, 77], domain=["a.com", "b.com"])
    with pytest.warns(MgframeWarning, match=r"77 messages of keys .* lacks, domain: b\.com;"):
        found = engagement(by_bot(), delivered=sent, rolling=None)
    assert found.index.get_level_values("domain").tolist() == ["a.com"]
    assert found["human_open_rate"].tolist() == [0.2]


@several_classes
def test_opens_without_mail_have_no_rate():
    found = engagement(by_bot(), delivered=mail(delivered=0), rolling=None).iloc[0]
    assert found[RATES].isna().all()
    assert found["machine_share_of_opens"] == 0.6


@pytest.mark.parametrize(
    ("delivered", "says"),
    [
        (mail(2), r"other buckets, 2026-11-02.* to 2026-11-03.* \(2\), than the frame, 2026-11-02"),
        (mail(domain=["b.com"]), r"other keys, domain: b\.com, than the frame: a\.com"),
        (mail(provider=["x.com"]), r"\['time', 'domain'\].*by=\['domain'\]\) for the same window"),
        (mail().rename(columns={"delivered": "sent"}), r"it has the columns \['sent'\]"),
        (mail(domain=["a.com"], bot=["None"]), "without 'bot', which no delivery has"),
    ],
)
def test_deliveries_of_something_else_are_refused(delivered, says):
    with pytest.raises(FrameError, match=says):
        engagement(by_bot(), delivered=delivered, rolling=None)


def test_deliveries_by_country_have_no_meaning():
    frame = grid_of(1, {"country": ["us"], "bot": BOTS}, ONE_DAY)
    sent = grid_of(1, {"country": ["us"]}, {"delivered": 10})
    with pytest.raises(FrameError, match="no meaning per 'country'"):
        engagement(frame, delivered=sent, rolling=None)
    assert quietly(engagement, frame, rolling=None)["machine_share_of_opens"].tolist() == [0.6]


def test_deliveries_are_not_summed_over_tags():
    sent = mail(1, [10, 20], domain=["a.com"], tag=["x", "y"])
    with pytest.raises(FrameError, match="several tags"):
        engagement(by_bot(), delivered=sent, rolling=None)


@pytest.mark.parametrize("lacking", ["unique_opened", "unique_clicked"])
def test_both_uniques_are_needed(lacking):
    with pytest.raises(FrameError, match=f"lacks {lacking}.*Fetch both"):
        engagement(by_bot().drop(columns=lacking), rolling=None)
    with pytest.raises(FrameError, match=f"lacks {lacking}; fetch"):
        engagement(untold().drop(columns=lacking), rolling=None)


def test_bounds_need_deliveries():
    with pytest.raises(FrameError, match="lacks delivered"):
        engagement(untold().drop(columns="delivered"), rolling=None)


def test_opens_by_country_have_no_bounds():
    frame = grid_of(
        1, {"country": ["us"]}, {"delivered": 0, "unique_opened": 5, "unique_clicked": 1}
    )
    with pytest.raises(FrameError, match="no meaning per 'country'"):
        engagement(frame, rolling=None)


def test_arguments_of_the_other_kind_of_frame_are_refused():
    with pytest.raises(QueryError, match="delivered= goes with a frame that has the level 'bot'"):
        engagement(untold(), delivered=mail())
    with pytest.raises(QueryError, match="machines= is what to assume"):
        engagement(by_bot(), machines={"opens": (0, 1)})
    with pytest.raises(QueryError, match="by= names 'bot'"):
        engagement(by_bot(), by=["domain", "bot"])
    with pytest.raises(FrameError, match="no level 'ip'"):
        engagement(by_bot(), by="ip")


# ---------------------------------------------------------------- warnings


def warned(call: Any, *args: Any, **kwargs: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args, **kwargs)
    return [str(warning.message) for warning in caught]


def test_several_classes_of_machines_are_summed_with_one_warning():
    (text,) = warned(engagement, by_bot(), delivered=mail(), rolling=None)
    assert "summed over 'bot' the same person can count again" in text


def test_one_class_of_machines_sums_nothing():
    frame = by_bot(bots=["Apple", "None"], unique_opened=[3, 2], unique_clicked=[0, 1])
    assert warned(engagement, frame, delivered=mail(), rolling=None) == []


@pytest.mark.parametrize(
    ("options", "long"),
    [({}, False), ({"rolling": "8d"}, True), ({"by": []}, True), ({"rolling": None}, False)],
)
def test_more_than_seven_days_of_uniques_warn(options, long):
    frame = by_bot(9, bots=["Apple", "None"], unique_opened=1, unique_clicked=0)
    texts = warned(engagement, frame, delivered=mail(9), **options)
    assert ["over more than 7 days" in text for text in texts] == [True] * long
    texts = warned(engagement, untold(9), **options)
    assert ["over more than 7 days" in text for text in texts] == [True] * long


# ---------------------------------------------------------------- the window


@pytest.mark.parametrize(
    ("resolution", "buckets", "rolling"),
    [("hour", 170, "7d"), ("day", 7, "7d"), ("month", 3, None)],
)
def test_a_week_rolls_where_there_are_days_or_hours(resolution, buckets, rolling):
    counts = {"delivered": 100, "unique_opened": 40, "unique_clicked": 4}
    frame = grid_of(buckets, {"domain": ["a"]}, counts, resolution=resolution, start="2026-11-01")
    found = engagement(frame)
    assert meta_of(found).get("rolling") == rolling
    assert found["human_open_rate_most"].iloc[-1] == 0.4


def test_a_window_that_is_never_full_is_told():
    with pytest.warns(MgframeWarning, match="the frame has 3 of 7 buckets.*rolling=None"):
        found = engagement(untold(3))
    assert found.isna().all(axis=None)


def test_a_window_asked_for_needs_time():
    with pytest.raises(FrameError, match="needs the level 'time'"):
        engagement(untold(8), by=[], rolling="7d")


@several_classes
def test_local_days_are_taken_as_they_are():
    frame = grid_of(48, {"bot": BOTS}, {"unique_opened": 2, "unique_clicked": 1}, resolution="hour")
    sent = grid_of(48, {"account": ["account"]}, {"delivered": 10}, resolution="hour")
    both = [local_days(f, "Europe/Berlin") for f in (frame, sent)]
    found = engagement(both[0], delivered=both[1], rolling=None)
    assert found["human_open_rate"].tolist() == [0.2]
    with pytest.raises(FrameError, match="other buckets"):
        engagement(both[0], delivered=sent, rolling=None)


# ---------------------------------------------------------------- bounds


def test_where_nothing_is_known_people_may_be_all_or_none():
    found = engagement(untold(), rolling=None)
    assert found.columns.tolist() == BOUNDS
    assert found.iloc[0].tolist() == [0, 40 / 1000, 0, 500 / 1000]


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        ({}, [0, 0.04, 0, 0.5]),
        ({"opens": (0.5, 0.75)}, [0, 0.04, 0.125, 0.25]),
        ({"opens": (0, 0.5)}, [0, 0.04, 0.25, 0.5]),
        ({"clicks": (0.25, 0.5)}, [0.02, 0.03, 0.02, 0.5]),  # who clicked has opened
        ({"clicks": (0, 0), "opens": (0.25, 0.25)}, [0.04, 0.04, 0.375, 0.375]),
        ({"opens": (1, 1)}, [0, 0.04, 0, 0]),
    ],
)
def test_assumptions_narrow_the_bounds(machines, expected):
    found = engagement(untold(), rolling=None, machines=machines)
    np.testing.assert_allclose(found.iloc[0].to_numpy(), expected, atol=1e-15)
    said = {act: list(shares) for act, shares in machines.items()}
    assert meta_of(found).get("machines", {}) == said


def test_bounds_of_a_window_are_of_its_sums():
    frame = untold(8, delivered=[700] + [0] * 7, unique_opened=[0, 70] + [10] * 6)
    found = engagement(frame, machines={"opens": (0.2, 0.5)})
    assert found.iloc[:6].isna().all(axis=None)
    assert found["human_open_rate_most"].iloc[6] == pytest.approx(0.8 * 120 / 700)
    assert found["human_open_rate_least"].iloc[6] == pytest.approx(0.5 * 120 / 700)
    assert np.isnan(found["human_open_rate_most"].iloc[7])  # nothing was delivered in that week


def test_where_a_count_is_unknown_nothing_can_be_said():
    found = engagement(untold(unique_opened=None), rolling=None).iloc[0]
    assert np.isnan(found["human_open_rate_most"])
    assert found["human_click_rate_most"] == 0.04
    sure = engagement(untold(unique_opened=None), rolling=None, machines={"clicks": (0, 0)})
    assert sure["human_open_rate_least"].tolist() == [0.04]  # who clicked has opened
    nobody = engagement(untold(delivered=0), rolling=None)
    assert nobody.isna().all(axis=None)


def test_intervals_of_bounds_are_scaled_with_them():
    found = engagement(untold(9), interval=0.9, machines={"opens": (0.25, 0.5)}).iloc[-1]
    whole = rates(untold(9), "open_rate", rolling="7d", interval=0.9).iloc[-1]
    for part in ("", "_low", "_high"):
        assert found[f"human_open_rate_most{part}"] == 0.75 * whole[f"open_rate{part}"]
        assert found[f"human_open_rate_least{part}"] == 0.5 * whole[f"open_rate{part}"]


@pytest.mark.parametrize(
    "machines",
    [
        {"open": (0, 1)},
        {"opens": 0.5},
        {"opens": (0.5,)},
        {"opens": (0.6, 0.5)},
        {"opens": (-0.1, 0.5)},
        {"opens": (50, 60)},
        {"opens": ("0", "1")},
        {"opens": (False, True)},
        {"opens": (float("nan"), 1)},
        {"clicks": "01"},
        [("opens", (0, 1))],
        0.5,
    ],
)
def test_malformed_assumptions_say_what_they_should_be(machines):
    with pytest.raises(QueryError, match=r"machines=.*\(0\.5, 0\.6\)"):
        engagement(untold(), machines=machines)


# ---------------------------------------------------------------- frames


@several_classes
def test_what_comes_from_the_simulator_stays_marked():
    frame, sent = by_bot(), mail()
    assert not is_simulated(engagement(frame, delivered=sent, rolling=None))
    sent.attrs["mgframe"]["simulated"] = True
    assert is_simulated(engagement(frame, delivered=sent, rolling=None))
    frame.attrs["mgframe"]["simulated"] = True
    assert is_simulated(engagement(frame, rolling=None))
    told = untold()
    told.attrs["mgframe"]["simulated"] = True
    assert is_simulated(engagement(told, rolling=None))


@several_classes
def test_frames_are_not_changed_and_need_no_attrs():
    frame, sent = by_bot(7, **{n: c * 7 for n, c in ONE_DAY.items()}), mail(7)
    before = frame.copy(deep=True), sent.copy(deep=True), meta_of(frame), meta_of(sent)
    found = engagement(frame, delivered=sent)
    pd.testing.assert_frame_equal(frame, before[0])
    pd.testing.assert_frame_equal(sent, before[1])
    assert (meta_of(frame), meta_of(sent)) == before[2:]
    bare, bare_sent = pd.DataFrame(frame), pd.DataFrame(sent)
    bare.attrs, bare_sent.attrs = {}, {}
    pd.testing.assert_frame_equal(engagement(bare, delivered=bare_sent), found)


def test_an_empty_frame_gives_an_empty_table():
    frame = empty_frame(["time", "domain", "bot"], ["unique_opened", "unique_clicked"])
    sent = empty_frame(["time", "domain"], ["delivered", "unique_opened", "unique_clicked"])
    assert engagement(frame, delivered=sent, rolling=None).columns.tolist() == RATES + SHARES
    assert engagement(sent, rolling=None).columns.tolist() == BOUNDS
    assert engagement(frame, delivered=sent, rolling=None).empty


@several_classes
def test_a_row_that_occurs_twice_is_refused():
    frame = by_bot()
    with pytest.raises(FrameError, match="occurs twice"):
        engagement(pd.concat([frame, frame]), rolling=None)


# ---------------------------------------------------------------- the simulated account


@pytest.fixture(scope="module", params=["domain", "recipient_provider"])
def told_and_untold(request, demo):
    key = request.param
    frame = mg.metrics(by=[key, "bot"], last="30d", client=demo)
    return frame, mg.metrics(by=[key], last="30d", client=demo)


@several_classes
@pytest.mark.parametrize("rolling", ["auto", None])
def test_bounds_hold_the_truth(told_and_untold, rolling):
    frame, sums = told_and_untold
    truth = engagement(frame, delivered=sums, rolling=rolling)
    bounds = engagement(sums, rolling=rolling).loc[truth.index]
    for act in ("open", "click"):
        people = truth[f"human_{act}_rate"].dropna()
        assert len(people) > 60
        assert (bounds[f"human_{act}_rate_least"][people.index] <= people).all()
        assert (people <= bounds[f"human_{act}_rate_most"][people.index]).all()


@several_classes
def test_a_true_assumption_gives_bounds_that_hold(told_and_untold):
    frame, sums = told_and_untold
    truth = engagement(frame, delivered=sums)
    machines = {
        act: (truth[f"machine_share_of_{act}"].min(), truth[f"machine_share_of_{act}"].max())
        for act in ("opens", "clicks")
    }
    bounds = engagement(sums, machines=machines).loc[truth.index]
    for act in ("open", "click"):
        people = truth[f"human_{act}_rate"].dropna()
        assert (bounds[f"human_{act}_rate_least"][people.index] <= people + 1e-12).all()
        assert (people <= bounds[f"human_{act}_rate_most"][people.index] + 1e-12).all()


@several_classes
def test_people_and_machines_are_all_of_the_dashboard(told_and_untold):
    frame, sums = told_and_untold
    found = engagement(frame, delivered=sums)
    whole = rates(sums, ["open_rate", "click_rate"], rolling="7d").loc[found.index]
    for act in ("open", "click"):
        parts = found[f"human_{act}_rate"] + found[f"machine_{act}_rate"]
        np.testing.assert_allclose(parts, whole[f"{act}_rate"], rtol=1e-12)
    assert is_simulated(found)


def test_the_stats_api_has_bounds(demo):
    frame = mg.domain_totals("news.example.com", last="14d", client=demo)
    found = engagement(frame)
    np.testing.assert_allclose(found["human_open_rate_most"], mg.open_rate(frame, rolling="7d"))
    assert is_simulated(found)


@several_classes
def test_a_surge_of_machines_is_not_taken_for_readers():
    start, end = (datetime(2026, 11, day, tzinfo=UTC) for day in (2, 16))
    client = mg.demo(incidents=[Incident("bots", {}, start, end, 0.3)])
    frame = mg.metrics(by=["bot"], last="28d", client=client)
    sums = mg.metrics(last="28d", client=client)
    found = engagement(frame, delivered=sums)
    before, after = found.loc["2026-10-31"], found.loc["2026-11-14"]
    assert mg.open_rate(sums, by="time", rolling="7d").loc["2026-11-14"].item() > 0.55
    assert after["machine_open_rate"] > before["machine_open_rate"] + 0.2
    assert after["human_open_rate"] == pytest.approx(before["human_open_rate"], rel=0.1)
    assert after["generic_share_of_opens"] > 0.4
