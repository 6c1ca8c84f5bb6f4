"""Two windows or two groups: the published examples, the properties, the calibration, bad input."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from analysis.noisy import KINDS, frame_of_series, series
from frames import frame_of, grid_of, random_frame
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit

from mgframe.adopting import as_frame
from mgframe.analysis.clusters import Strata, by_sending_day, estimate
from mgframe.analysis.comparing import compare
from mgframe.analysis.daily import Daily
from mgframe.analysis.discoveries import q_values
from mgframe.analysis.effects import EFFECTS
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import empty_frame, meta_of
from mgframe.vocabulary import RATES

BEFORE, AFTER = "2026-11-02/2026-11-15", "2026-11-16/2026-11-29"
WINDOWS: dict[str, Any] = {"before": BEFORE, "after": AFTER}

#: Admissions at Berkeley in 1973 (R's UCBAdmissions): admitted and rejected, men and women.
UCB = {
    "A": ((512, 313), (89, 19)),
    "B": ((353, 207), (17, 8)),
    "C": ((120, 205), (202, 391)),
    "D": ((138, 279), (131, 244)),
    "E": ((53, 138), (94, 299)),
    "F": ((22, 351), (24, 317)),
}


def ucb(day_of: dict[str, str]) -> pd.DataFrame:
    """Return the admissions as deliveries: departments are IPs, the sexes domains."""
    rows = [
        (day_of[sex], sex, department, admitted, admitted + rejected)
        for department, sexes in UCB.items()
        for sex, (admitted, rejected) in zip(("men", "women"), sexes, strict=True)
    ]
    days, sexes, departments, delivered, sent = zip(*rows, strict=True)
    return frame_of(
        days,
        {"domain": sexes, "ip": departments},
        {"delivered": delivered, "sent": sent},
        resolution="day",
        complete_until="2027-01-01",
    )


def days_of(
    bounced: list[int], processed: int | list[int] = 1000, *, domain: str = "a.com", **meta: Any
) -> pd.DataFrame:
    """Return one domain's bounces day by day, from Monday 2 November 2026."""
    return grid_of(len(bounced), {"domain": [domain]},
                   {"bounced": bounced, "processed": processed}, **meta)  # fmt: skip


def null_frame(seed: int, *, keys: int, days: int, tau: float = 0.2) -> pd.DataFrame:
    """Return keys of very uneven size whose rate moves from day to day, and never changes."""
    random = np.random.default_rng(seed)
    size = 10 ** random.uniform(2, 5.5, keys)
    week = np.array([1, 1.1, 1, 0.9, 1, 0.4, 0.4])[np.arange(days) % 7, None]
    processed = random.poisson(week * size)
    rate = expit(np.log(0.015 / 0.985) + tau * random.normal(size=(days, keys)))
    bounced = random.binomial(processed, rate)
    names = [f"d{i:04d}" for i in range(keys)]
    counts = {"bounced": bounced.ravel().tolist(), "processed": processed.ravel().tolist()}
    return grid_of(days, {"domain": names}, counts)


def one(frame: pd.DataFrame, rate: str = "bounce_rate", **question: Any) -> pd.Series:
    table = compare(frame, rate, **(question or WINDOWS))
    assert len(table) == 1
    return table.iloc[0]


# ---------------------------------------------------------------- what it says


def test_a_rise_of_bounces_is_worse_and_counted_in_messages() -> None:
    row = one(days_of([10] * 7 + [12] * 7 + [50, 52, 48, 51, 49, 50, 50] * 2))
    assert row["verdict"] == "worse"
    assert row["rate_before"] == pytest.approx(0.011)
    assert row["change"] == pytest.approx(0.039)
    assert row["excess"] == pytest.approx(700 - 14_000 * 0.011)
    assert row["change_low"] < 0.039 < row["change_high"]
    assert row["change_low"] > 0


def test_a_fall_of_delivery_is_worse_and_its_excess_positive() -> None:
    frame = days_of([10] * 14 + [50] * 14).rename(columns={"processed": "sent"})
    frame["delivered"] = frame["sent"] - frame["bounced"]
    row = one(frame, "delivery_rate")
    assert (row["verdict"], row["change"] < 0) == ("worse", True)
    assert row["excess"] == pytest.approx(560)


def test_columns_are_those_promised_and_survive_csv_and_parquet() -> None:
    table = compare(null_frame(1, keys=5, days=28), "bounce_rate", **WINDOWS)
    assert list(table.columns) == [
        "domain", "n_before", "k_before", "rate_before", "n_after", "k_after", "rate_after",
        "change", "change_low", "change_high", "q_value", "excess", "verdict",
    ]  # fmt: skip
    assert table.index.equals(pd.RangeIndex(5))
    assert table["excess"].is_monotonic_decreasing
    back = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    pd.testing.assert_frame_equal(back, table, check_dtype=False)


@pytest.mark.parametrize("rate", list(RATES))
def test_every_rate_has_a_change_that_matters_and_a_side_that_is_worse(rate: str) -> None:
    assert EFFECTS[rate].points > 0
    good = rate.startswith(("delivery", "open", "click", "total"))
    assert EFFECTS[rate].worse == (-1 if good else 1)


def test_a_change_too_small_to_matter_is_none_whatever_its_q() -> None:
    row = one(days_of([10_000] * 14 + [10_300] * 14, 1_000_000))
    assert row["q_value"] < 1e-6
    assert row["verdict"] == "no change seen"


def test_no_bounces_at_all_among_many_messages_is_no_change() -> None:
    row = one(days_of([0] * 28, 100_000))
    assert (row["verdict"], row["q_value"], row["excess"]) == ("no change seen", 1.0, 0.0)
    assert -0.001 < row["change_low"] < 0 < row["change_high"] < 0.001


def test_no_bounces_among_few_messages_is_too_few_and_not_fine() -> None:
    row = one(days_of([0] * 28, 5))
    assert row["verdict"] == "too few"
    assert row["change_high"] > 0.02


def test_a_burst_of_three_days_is_not_lost_in_the_spread_it_makes() -> None:
    row = one(days_of([10, 12, 9, 11, 10, 8, 10] * 3 + [10, 400, 420, 380, 10, 9, 11]))
    assert row["verdict"] == "worse"
    swapped = one(
        days_of([10, 12, 9, 11, 10, 8, 10] * 3 + [10, 400, 420, 380, 10, 9, 11]),
        before=AFTER, after=BEFORE,
    )  # fmt: skip
    assert swapped["verdict"] == "better"


# ---------------------------------------------------------------- against other calculations


def test_interval_of_independent_messages_is_newcombes() -> None:
    """Newcombe 1998, method 10: 56/70 against 48/80, with the normal quantile as t grows."""
    days = 2002
    k = np.concatenate([np.repeat(28, days), np.repeat(24, days)])
    frame = grid_of(2 * days, {"domain": ["a.com"]}, {
        "bounced": k.tolist(), "processed": [35] * days + [40] * days,
    }, start="2020-01-06")  # fmt: skip
    times = frame.index.get_level_values("time")
    row = one(frame, before=(times[days], times[-1]), after=(times[0], times[days - 1]))
    n0, n1 = 40 * days, 35 * days
    z = stats.norm.ppf(0.975)

    def wilson(p: float, n: int) -> tuple[float, float]:
        centre, half = p + z**2 / 2 / n, z * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
        return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)

    (l0, u0), (l1, u1) = wilson(0.6, n0), wilson(0.8, n1)
    assert row["change_low"] == pytest.approx(0.2 - np.hypot(0.8 - l1, u0 - 0.6), rel=1e-3)
    assert row["change_high"] == pytest.approx(0.2 + np.hypot(u1 - 0.8, 0.6 - l0), rel=1e-3)


def test_p_value_is_welchs_t_of_the_days_where_all_are_of_one_size() -> None:
    random = np.random.default_rng(5)
    # Days so wild that messages play no part, and alternating, so that no day is like the next.
    wild = np.tile([400, -400], 14) + random.integers(-50, 50, 28)
    bounced = 30_000 + wild + np.repeat([0, 300], 14)
    frame = days_of(bounced.tolist(), 10_000_000)
    row = one(frame)
    expected = stats.ttest_ind(bounced[:14], bounced[14:], equal_var=False).pvalue
    assert row["q_value"] == pytest.approx(expected, rel=1e-6)


def test_q_values_are_benjamini_and_hochbergs() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    frame = null_frame(3, keys=40, days=28)
    together = compare(frame, "bounce_rate", **WINDOWS).set_index("domain")["q_value"]
    p = together.sort_values()
    # Each q is p * keys / rank, made monotonic: so the smallest p comes back from its q.
    alone = pd.Series({
        name: one(frame.xs(name, level="domain", drop_level=False))["q_value"]
        for name in p.index[:3]
    })  # fmt: skip
    assert (alone <= together[alone.index] + 1e-12).all()
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
                 0.4262, 0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    q = q_values(np.array(published))
    assert (q < 0.05).sum() == 4
    assert q.round(4).tolist() == [
        0.0015, 0.0030, 0.0095, 0.0356, 0.0603, 0.0639, 0.0639, 0.0645, 0.0765, 0.4860, 0.5812,
        0.7149, 0.7532, 0.8132, 1.0,
    ]  # fmt: skip
    np.testing.assert_allclose(q, multitest.multipletests(published, method="fdr_bh")[1])
    with_gap = q_values(np.array([0.01, np.nan, 0.04]))
    np.testing.assert_allclose(with_gap, [0.02, np.nan, 0.04])


def test_berkeleys_admissions_at_the_same_mix_are_the_published_risk_difference() -> None:
    frame = ucb({"men": "2026-11-02", "women": "2026-11-02"})
    groups: dict[str, Any] = {"a": {"domain": "women"}, "b": {"domain": "men"}}
    alike = one(frame, "delivery_rate", **groups, standardise="ip")
    assert alike["change"] == pytest.approx(-0.018425, abs=5e-7)
    assert alike["rate_b"] - alike["rate_a"] == pytest.approx(alike["change"])
    # Its standard error, 0.014619, is that of independent applicants.
    counts = np.array(list(UCB.values()), dtype="float64")  # by department, sex, admitted or not
    k, n = counts[:, :, 0], counts.sum(axis=2)
    weight = n.prod(axis=1) / n.sum(axis=1)
    strata = Strata(np.zeros(6, dtype="int64"), weight / weight.sum(), 1)
    within = [estimate(Daily(k[:, [i]], n[:, [i]]), strata).within for i in (0, 1)]
    assert np.sqrt(sum(within)) == pytest.approx(0.014619, abs=5e-7)
    crude = one(frame, "delivery_rate", **groups)
    assert crude["change"] == pytest.approx(1198 / 2691 - 557 / 1835)
    by_department = compare(frame, "delivery_rate", **groups, by="ip").set_index("ip")
    assert by_department.loc["A", "change"] == pytest.approx(512 / 825 - 89 / 108)


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_pooled_sides_are_a_loop_over_the_rows(seed: int) -> None:
    frame = random_frame(seed, buckets=28, keys={"domain": 2, "provider": 2},
                         counts=["bounced", "processed"], start="2026-11-02")  # fmt: skip
    frame["processed"] += frame["bounced"]
    table = compare(frame, "bounce_rate", **WINDOWS, by="domain").set_index("domain")
    for side, (first, last) in (("before", (2, 15)), ("after", (16, 29))):
        sums: dict[str, list[int]] = {}
        for (time, domain, _), row in zip(frame.index, frame.to_dict("records"), strict=True):
            if first <= time.day <= last:
                sums.setdefault(domain, [0, 0])
                sums[domain][0] += row["bounced"]
                sums[domain][1] += row["processed"]
        for domain, (k, n) in sums.items():
            assert table.loc[domain, f"k_{side}"] == k
            assert table.loc[domain, f"n_{side}"] == n


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_swapping_the_windows_turns_every_sign(seed: int) -> None:
    frame = null_frame(seed, keys=4, days=28)
    there = compare(frame, "bounce_rate", **WINDOWS).set_index("domain").sort_index()
    back = (
        compare(frame, "bounce_rate", before=AFTER, after=BEFORE).set_index("domain").sort_index()
    )
    np.testing.assert_allclose(there["change"], -back["change"])
    np.testing.assert_allclose(there["change_low"], -back["change_high"])
    np.testing.assert_allclose(there["q_value"], back["q_value"])
    assert there["n_before"].equals(back["n_after"].rename("n_before"))


def test_groups_in_the_same_days_are_compared_day_by_day() -> None:
    """What moves both groups alike is no noise of their difference."""
    random = np.random.default_rng(2)
    fate = random.normal(0, 300, 28).round().astype(int)
    bounced = np.column_stack([2000 + fate, 2900 + fate]).ravel()
    frame = grid_of(28, {"domain": ["a.com", "b.com"]},
                    {"bounced": bounced.tolist(), "processed": 100_000})  # fmt: skip
    row = one(frame, a={"domain": "a.com"}, b={"domain": "b.com"})
    assert row["verdict"] == "worse"
    assert row["q_value"] < 1e-12
    assert row["change"] == pytest.approx(0.009)
    assert row["change_high"] - row["change_low"] < 0.002


# ---------------------------------------------------------------- false findings


def test_few_findings_are_false_where_nothing_changed() -> None:
    false = [
        compare(null_frame(seed, keys=100, days=28), "bounce_rate", **WINDOWS)["verdict"]
        .isin(["worse", "better"]).any()
        for seed in range(10)
    ]  # fmt: skip
    assert np.mean(false) <= 0.1


@pytest.mark.slow
def test_false_discoveries_keep_to_their_level_and_true_ones_are_seen() -> None:
    """100 keys, 10 of them worse by 1.5 points; at 5 % the share of false ones is at most that."""
    shares, seen, under_null = [], [], []
    for seed in range(100):
        frame = null_frame(seed, keys=100, days=28)
        under_null.append((compare(frame, "bounce_rate", **WINDOWS)["q_value"] < 0.05).any())
        random = np.random.default_rng(seed)
        late = frame.index.get_level_values("time") >= pd.Timestamp("2026-11-16", tz="UTC")
        worse = late & (frame.index.get_level_values("domain") < "d0010")
        more = random.binomial(frame.loc[worse, "processed"].to_numpy(dtype="int64"), 0.015)
        frame.loc[worse, "bounced"] += more
        table = compare(frame, "bounce_rate", **WINDOWS)
        found = table[table["verdict"].isin(["worse", "better"])]
        false = (found["domain"] >= "d0010").sum()
        shares.append(false / max(len(found), 1))
        seen.append((len(found) - false) / 10)
    assert np.mean(shares) <= 0.05
    assert np.mean(under_null) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)
    assert np.mean(seen) >= 0.8


@pytest.mark.parametrize("name", ["20k a day", "300 a day", "complaints", "likeness .6"])
def test_without_a_change_few_p_values_are_small_and_intervals_hold_zero(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days that stray, have weekdays and resemble the one before; p values before they become q."""
    monkeypatch.setattr("mgframe.analysis.comparing.q_values", lambda p: p)
    k, n, times = series(KINDS[name], 1000, 35, 6)
    windows: dict[str, Any] = {"before": (times[0], times[27]), "after": (times[28], times[34])}
    table = compare(frame_of_series(k, n, times), "bounce_rate", **windows)
    assert 0.93 < ((table["change_low"] <= 0) & (table["change_high"] >= 0)).mean() < 0.99
    assert 0 < (table["q_value"] < 0.05).mean() < 0.07
    assert (table["q_value"] < 0.001).mean() < 0.004


# ---------------------------------------------------------------- windows


def test_uneven_windows_are_cut_to_whole_weeks_with_a_warning() -> None:
    frame = days_of([10] * 40)
    with pytest.warns(MgframeWarning, match="whole weeks and like weekdays only: before keeps 14"):
        row = one(frame, before="2026-11-02/2026-11-18", after="2026-11-19/2026-12-02")
    assert row["n_before"] == 14_000


def test_a_window_below_a_week_is_compared_with_the_same_weekdays() -> None:
    frame = days_of(list(range(28)))
    with pytest.warns(MgframeWarning, match="like weekdays only: before keeps 8 days"):
        row = one(frame, before=BEFORE, after="2026-11-16/2026-11-19")
    assert row["k_before"] == sum(range(4)) + sum(range(7, 11))


def test_four_weeks_against_one_are_even() -> None:
    row = one(days_of([10] * 35), before="2026-11-02/2026-11-29", after="2026-11-30/2026-12-06")
    assert (row["n_before"], row["n_after"]) == (28_000, 7000)


def test_holidays_are_left_out_on_both_sides() -> None:
    row = one(days_of([10] * 28), **WINDOWS, holidays=["2026-11-03", "2026-11-26"])
    assert (row["n_before"], row["n_after"]) == (13_000, 13_000)


def test_the_open_day_is_left_out_and_a_day_of_hours_that_is_not_over() -> None:
    frame = days_of([10] * 28, complete_until="2026-11-29T09:00:00Z")
    with pytest.warns(MgframeWarning) as caught:
        row = one(frame)
    assert any("names 14 days, but the frame has 13 complete" in str(w.message) for w in caught)
    assert row["n_after"] == 7000
    hours = grid_of(28 * 24, {"domain": ["a.com"]}, {"bounced": 1, "processed": 100},
                    resolution="hour", complete_until="2026-11-29T09:00:00Z")  # fmt: skip
    with pytest.warns(MgframeWarning):
        assert one(hours)["n_after"] == 7 * 2400


def test_hours_are_grouped_by_day() -> None:
    random = np.random.default_rng(1)
    hours = grid_of(28 * 24, {"domain": ["a.com"]}, {
        "bounced": random.integers(0, 9, 28 * 24).tolist(), "processed": 100,
    }, resolution="hour")  # fmt: skip
    from mgframe.periods import resample

    pd.testing.assert_series_equal(one(hours), one(resample(hours, "D")))


def test_windows_may_be_frames_pairs_or_the_frame_itself() -> None:
    frame = days_of([10] * 14 + [50] * 14)
    times = frame.index.get_level_values("time")
    early, late = frame[times.day < 16], frame[times.day >= 16]
    expected = one(frame)
    pd.testing.assert_series_equal(one(late, before=early), expected)
    pd.testing.assert_series_equal(one(early, after=late), expected)
    pd.testing.assert_series_equal(
        one(frame, before=("2026-11-02", "2026-11-15"), after=(times[14], times[-1])), expected
    )


def test_days_of_another_zone_are_that_zones_days() -> None:
    from mgframe.periods import local_days

    hours = grid_of(30 * 24, {"domain": ["a.com"]}, {"bounced": 1, "processed": 100},
                    resolution="hour", start="2026-11-01")  # fmt: skip
    local = local_days(hours, "America/New_York")
    row = one(local, before="2026-11-02/2026-11-08", after="2026-11-09/2026-11-15")
    assert (row["n_before"], row["n_after"]) == (16_800, 16_800)
    zoned = hours.tz_convert("America/New_York", level="time")
    assert one(zoned, before="2026-11-02/2026-11-08", after="2026-11-09/2026-11-15").equals(row)


def test_fewer_than_four_days_give_an_interval_and_no_verdict() -> None:
    frame = days_of([10] * 3 + [90] * 3)
    with pytest.warns(MgframeWarning, match="no weekday in common"):
        row = one(frame, before="2026-11-02/2026-11-04", after="2026-11-05/2026-11-07")
    assert (row["verdict"], np.isnan(row["q_value"])) == ("too few", True)
    assert row["change_low"] < 0.08 < row["change_high"]


def test_a_single_day_a_side_has_no_interval() -> None:
    row = one(days_of([10] * 14), before="2026-11-02/2026-11-02", after="2026-11-09/2026-11-09")
    assert row["verdict"] == "too few"
    assert np.isnan(row["change_low"])


# ---------------------------------------------------------------- rates of their own kind


def test_a_short_window_of_opens_warns_that_campaigns_decide() -> None:
    frame = grid_of(14, {"domain": ["a.com"]}, {"unique_opened": 30, "delivered": 100})
    with pytest.warns(MgframeWarning, match="5 days depends on when campaigns went out"):
        compare(frame, "open_rate", before="2026-11-02/2026-11-06", after="2026-11-09/2026-11-13")


def test_opens_after_a_weekly_campaign_are_no_noise() -> None:
    opened, sent = [9000, 2500, 1000, 600, 400, 300, 200], [40_000, 9, 9, 9, 9, 9, 9]
    frame = grid_of(56, {"domain": ["a.com"]}, {
        "unique_opened": opened * 4 + [round(v * 0.7) for v in opened] * 4, "delivered": sent * 8,
    })  # fmt: skip
    with pytest.warns(MgframeWarning, match="unique per message"):
        row = one(frame, "open_rate", before="2026-11-02/2026-11-29", after="2026-11-30/2026-12-27")
    assert row["verdict"] == "worse"


def test_quiet_days_belong_to_the_send_before_and_early_ones_to_the_last() -> None:
    side = Daily(np.array([[3.0, 5, 2, 6, 1]]), np.array([[1.0, 100, 1, 90, 1]]))
    found = by_sending_day(side)
    assert found.k.tolist() == [[0, 7, 0, 10, 0]]
    assert found.n.tolist() == [[0, 101, 0, 92, 0]]
    nothing = by_sending_day(Daily(np.zeros((1, 3)), np.zeros((1, 3))))
    assert nothing.n.tolist() == [[0, 0, 0]]


def test_gmail_reports_no_complaints_and_gets_no_verdict() -> None:
    frame = grid_of(28, {"provider": ["gmail.com", "yahoo.com"]},
                    {"complained": [0, 5] * 28, "delivered": 10_000})  # fmt: skip
    table = compare(frame, "complaint_rate", **WINDOWS).set_index("provider")
    assert table.loc["gmail.com", "verdict"] == "too few"
    assert np.isnan(table.loc["gmail.com", "rate_after"])
    for of in (None, "delivered_fbl"):
        everything = compare(frame, "complaint_rate", **WINDOWS, by=[], of=of)
        assert everything["n_after"].tolist() == [140_000]
        assert meta_of(everything)["of"] == "delivered_fbl"
    thinned = one(frame, "complaint_rate", **WINDOWS, by=[], of="delivered")
    assert thinned["n_after"] == 280_000


def test_what_is_no_proportion_is_compared_by_its_days() -> None:
    frame = grid_of(28, {"domain": ["a.com"]}, {
        "temporary_failed": [2000, 2100, 1900, 2050, 1950, 2020, 1980] * 2
        + [3000, 3100, 2900, 3050, 2950, 3020, 2980] * 2,
        "processed": 1000,
    })  # fmt: skip
    row = one(frame, "temporary_failures_per_message")
    assert row["verdict"] == "worse"
    assert row["change_low"] < 1 < row["change_high"]


def test_tags_are_compared_one_by_one_and_never_added_up() -> None:
    frame = grid_of(28, {"domain": ["a.com"], "tag": ["x", "y", "z"]},
                    {"bounced": 1, "processed": 100})  # fmt: skip
    assert set(compare(frame, "bounce_rate", **WINDOWS)["tag"]) == {"x", "y", "z"}
    with pytest.raises(FrameError, match="several tags"):
        compare(frame, "bounce_rate", **WINDOWS, by="domain")
    with pytest.raises(FrameError, match="several tags"):
        compare(frame, "bounce_rate", a={"tag": ["x", "y"]}, b={"tag": "z"}, by=[])
    row = one(frame, a={"tag": "x"}, b={"tag": "y"})
    assert row["n_a"] == 2800


def test_rows_with_an_unknown_count_are_left_out_and_told() -> None:
    frame = days_of([10] * 28)
    frame.iloc[3, 0] = pd.NA
    with pytest.warns(MgframeWarning, match="leaves out 1 of 28 rows"):
        row = one(frame)
    assert row["n_before"] == 13_000
    frame["bounced"] = pd.array([pd.NA] * 28, dtype="Int64")
    with pytest.warns(MgframeWarning, match="leaves out 28 of 28 rows"):
        row = one(frame)
    assert (row["verdict"], row["n_before"]) == ("too few", 0)


def test_more_events_than_messages_are_told_and_have_no_interval() -> None:
    frame = grid_of(28, {"domain": ["a.com", "b.com"]},
                    {"unique_opened": [30, 300] * 28, "delivered": 100})  # fmt: skip
    with pytest.warns(MgframeWarning) as caught:
        table = compare(frame, "open_rate", **WINDOWS).set_index("domain")
    assert any("1 of 2 keys have more events than messages" in str(w.message) for w in caught)
    assert table["change_low"].isna().to_dict() == {"a.com": False, "b.com": True}


def test_negative_counts_are_refused() -> None:
    with pytest.raises(FrameError, match="negative somewhere"):
        compare(days_of([10] * 27 + [-1]), "bounce_rate", **WINDOWS)


@pytest.mark.parametrize("frame", [5, None, days_of([10] * 28)["bounced"]])
def test_what_is_no_frame_is_refused(frame: Any) -> None:
    with pytest.raises(QueryError, match="must be a frame of counts"):
        compare(frame, "bounce_rate", **WINDOWS)


def test_a_key_of_one_window_only_has_no_change() -> None:
    frame = pd.concat([
        days_of([10] * 28), days_of([10] * 14, domain="b.com").iloc[:14],
    ])  # fmt: skip
    table = compare(frame, "bounce_rate", **WINDOWS, until="2027-01-01")
    assert table.loc[table["domain"] == "b.com", "verdict"].tolist() == ["too few"]
    assert table["change"].isna().tolist() == [False, True]


@pytest.mark.slow
def test_ten_thousand_keys_are_compared_at_once() -> None:
    table = compare(null_frame(0, keys=10_000, days=28), "bounce_rate", **WINDOWS)
    assert len(table) == 10_000


# ---------------------------------------------------------------- standardised


def test_the_same_rates_at_another_mix_are_no_change_once_standardised() -> None:
    frame = grid_of(14, {"domain": ["a.com", "b.com"], "provider": ["g", "y"]}, {
        "bounced": [10, 300, 90, 30] * 14, "processed": [1000, 3000, 9000, 300] * 14,
    })  # fmt: skip
    groups: dict[str, Any] = {"a": {"domain": "a.com"}, "b": {"domain": "b.com"}}
    assert one(frame, **groups)["verdict"] == "better"
    alike = one(frame, **groups, standardise="provider")
    assert alike["change"] == pytest.approx(0)
    assert alike["verdict"] == "no change seen"


def test_what_only_one_group_has_is_left_out_and_told() -> None:
    frame = grid_of(14, {"domain": ["a.com", "b.com"], "provider": ["g", "y"]}, {
        "bounced": [10, 10, 10, 0] * 14, "processed": [1000, 1000, 1000, 0] * 14,
    })  # fmt: skip
    with pytest.warns(MgframeWarning, match=r"50.0% of a's messages and 0.0% of b's are left out"):
        row = one(frame, a={"domain": "a.com"}, b={"domain": "b.com"}, standardise="provider")
    assert row["n_a"] == 14_000


def test_standardised_keys_are_each_compared_with_themselves() -> None:
    frame = random_frame(7, buckets=14, keys={"domain": 2, "provider": 3, "ip": 2},
                         counts=["bounced", "processed"])  # fmt: skip
    frame["processed"] += frame["bounced"]
    question: dict[str, Any] = {"a": {"domain": "domain0"}, "b": {"domain": "domain1"}}
    both = compare(frame, "bounce_rate", **question, by="ip", standardise="provider")
    for ip in ("ip0", "ip1"):
        alone = one(frame.xs(ip, level="ip"), **question, standardise="provider")
        row = both[both["ip"] == ip].iloc[0]
        assert row["change"] == pytest.approx(alone["change"])
        sums = frame.xs(ip, level="ip").groupby(["domain", "provider"]).sum().astype("float64")
        (k0, n0), (k1, n1) = (
            (sums.loc[d, "bounced"], sums.loc[d, "processed"]) for d in ("domain0", "domain1")
        )
        weight = n0 * n1 / (n0 + n1)
        assert row["change"] == pytest.approx((weight * (k1 / n1 - k0 / n0)).sum() / weight.sum())


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("question", "error", "text"),
    [
        ({}, QueryError, "say two windows"),
        ({"before": BEFORE}, QueryError, "after= must say a window"),
        ({**WINDOWS, "a": {"domain": "a.com"}}, QueryError, "not both"),
        ({"a": {"domain": "a.com"}}, QueryError, "b=None must be a mapping"),
        ({"before": 3, "after": AFTER}, QueryError, "before=3 must be a text"),
        ({"before": "2026-11-02", "after": AFTER}, QueryError, "both days included"),
        ({"before": "2026-11-02/soon", "after": AFTER}, QueryError, "is no date"),
        ({"before": "2026-11-15/2026-11-02", "after": AFTER}, QueryError, "swap them"),
        ({"before": BEFORE, "after": "2026-11-10/2026-11-29"}, QueryError, "overlap on 6 days"),
        ({"before": "2025-01-01/2025-01-14", "after": AFTER}, FrameError, "spans 2026-11-02"),
        ({**WINDOWS, "by": "provider"}, FrameError, "no level 'provider'"),
        ({**WINDOWS, "by": "time"}, FrameError, "'time' is what they are compared over"),
        ({**WINDOWS, "standardise": "domain"}, QueryError, "for two groups"),
        ({**WINDOWS, "holidays": "2026-11-03"}, QueryError, "list of dates"),
        ({**WINDOWS, "holidays": pd.date_range("2026-11-02", periods=14)}, FrameError, "no day"),
        ({"a": {"domain": "a.com"}, "b": {"domain": "a.com"}}, QueryError, "share 28 rows"),
        ({"a": {"ip": "1"}, "b": {"ip": "2"}}, FrameError, "no level 'ip'"),
    ],
)
def test_a_wrong_question_is_refused_in_words(
    question: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        compare(days_of([10] * 28), "bounce_rate", **question)


def test_a_group_without_rows_is_refused() -> None:
    with (
        pytest.warns(MgframeWarning, match="no row has domain='z.com'"),
        pytest.raises(FrameError, match="holds no row"),
    ):
        compare(days_of([10] * 28), "bounce_rate", a={"domain": "a.com"}, b={"domain": "z.com"})


def test_a_rate_that_the_frame_cannot_give_is_refused() -> None:
    with pytest.raises(QueryError, match="is no rate; did you mean 'bounce_rate'"):
        compare(days_of([10] * 28), "bounc_rate", **WINDOWS)
    with pytest.raises(FrameError, match="the frame lacks delivered and sent"):
        compare(days_of([10] * 28), "delivery_rate", **WINDOWS)
    frame = grid_of(28, {"country": ["de"]}, {"bounced": 1, "processed": 10})
    with pytest.raises(FrameError, match="no meaning per 'country'"):
        compare(frame, "bounce_rate", **WINDOWS)


def test_frames_that_are_no_days_of_counts_are_refused() -> None:
    frame = days_of([10] * 28)
    with pytest.raises(FrameError, match="until when"):
        compare(pd.DataFrame(frame, copy=True).pipe(_without_attrs), "bounce_rate", **WINDOWS)
    with pytest.raises(FrameError, match="occurs twice"):
        compare(pd.concat([frame, frame]), "bounce_rate", **WINDOWS, until="2027-01-01")
    months = grid_of(6, {"domain": ["a.com"]}, {"bounced": 1, "processed": 9}, resolution="month")
    with pytest.raises(FrameError, match="holds months, but a comparison takes days"):
        compare(months, "bounce_rate", **WINDOWS)
    with pytest.raises(FrameError, match="level 'time'"):
        compare(frame.groupby("domain").sum(), "bounce_rate", **WINDOWS)
    meta = {"complete_until": "2027-01-01"}
    empty = empty_frame(["time", "domain"], ["bounced", "processed"], meta=meta)
    with pytest.raises(FrameError, match="has no rows"):
        compare(empty, "bounce_rate", **WINDOWS)


def _without_attrs(frame: pd.DataFrame) -> pd.DataFrame:
    frame.attrs = {}
    return frame


def test_frames_of_different_buckets_or_keys_are_refused() -> None:
    days = days_of([10] * 14)
    hours = grid_of(14 * 24, {"domain": ["a.com"]}, {"bounced": 1, "processed": 9},
                    resolution="hour", start="2026-11-16")  # fmt: skip
    with pytest.raises(FrameError, match="different buckets: before day and after hour"):
        compare(hours, "bounce_rate", before=days)
    ips = grid_of(14, {"ip": ["1.1.1.1"]}, {"bounced": 1, "processed": 9}, start="2026-11-16")
    with pytest.raises(FrameError, match="different keys"):
        compare(ips, "bounce_rate", before=days)
    assert len(compare(ips, "bounce_rate", before=days, by=[])) == 1


def test_a_verdict_and_its_interval_agree_where_something_happened_within_a_window() -> None:
    rng = np.random.default_rng(4)
    rate = np.full(28, 0.99)
    rate[21:24] = 0.6
    sent = np.full(28, 20_000)
    table = pd.DataFrame({
        "date": pd.date_range("2026-05-04", periods=28), "domain": "a.com", "sent": sent,
        "delivered": rng.binomial(sent, np.clip(rate + rng.normal(0, 0.002, 28), 0, 1)),
    })  # fmt: skip
    frame = as_frame(table, resolution="day", complete_until="2026-06-01")
    windows = {"before": "2026-05-04/2026-05-17", "after": "2026-05-18/2026-05-31"}
    (row,) = (row for _, row in compare(frame, "delivery_rate", **windows).iterrows())
    assert row["verdict"] == "worse"
    assert row["change_low"] < row["change"] < row["change_high"] < 0
