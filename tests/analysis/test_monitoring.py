"""Alarms: what is expected, how rare a deviation is, who is judged, and how seldom it is false."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from analysis.noisy import KINDS, Kind, frame_of_series, hours, onsets, raised, series
from frames import frame_of, grid_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import mgframe as mg
from mgframe.analysis import lags, monitoring
from mgframe.analysis.alarms import alarms, likeness, running_mean
from mgframe.analysis.discoveries import q_values
from mgframe.analysis.forecasting import forecast
from mgframe.analysis.monitoring import anomalies
from mgframe.analysis.panels import retry_noise
from mgframe.analysis.seasonality import Calendar, fit
from mgframe.analysis.tails import count_at, to_normal, z_scores
from mgframe.errors import FrameError, MgframeWarning, QueryError
from mgframe.framing import empty_frame, meta_of
from mgframe.periods import local_days
from mgframe.reshaping import where

DAYS = pd.date_range("2026-01-05", periods=70, freq="D", tz="UTC", unit="us")


def z_of(k: float, n: float, p: float, stray: float) -> float:
    """Return the z of one count whose rate is p and strays by so much on the logit scale."""
    values = [np.array([float(v)]) for v in (k, n, np.log(p / (1 - p)), stray**2, p)]
    return float(z_scores(*values)[0])


def exact_z(k: int, n: int, p: float, stray: float) -> float:
    """Return the mid-p z of the beta-binomial law of the same mean and spread."""
    spread = (stray * p * (1 - p)) ** 2
    size = p * (1 - p) / spread - 1
    law = stats.betabinom(n, size * p, size * (1 - p))
    more, less = law.sf(k) + law.pmf(k) / 2, law.cdf(k - 1) + law.pmf(k) / 2
    return float(stats.norm.isf(more) if more < less else stats.norm.ppf(less))


# ---------------------------------------------------------------- tails


def test_six_complaints_of_two_thousand_are_three_standard_deviations_and_not_five() -> None:
    assert z_of(6, 2000, 0.0005, 0.3) == pytest.approx(3.17, abs=0.01)
    assert exact_z(6, 2000, 0.0005, 0.3) == pytest.approx(3.17, abs=0.01)


@pytest.mark.parametrize("p", [0.0005, 0.003, 0.015])
@pytest.mark.parametrize("n", [500, 2000, 20_000])
@pytest.mark.parametrize("stray", [0.1, 0.2, 0.4])
def test_the_tail_is_that_of_a_beta_binomial_count(p: float, n: int, stray: float) -> None:
    if n * p > 390:
        pytest.skip("counted on the logit scale")
    counts = np.unique(np.linspace(0, n * p * 3 + 6, 12).astype(int))
    found = [z_of(k, n, p, stray) for k in counts]
    exact = [exact_z(int(k), n, p, stray) for k in counts]
    near = np.abs(exact) < 5
    assert np.abs(np.array(found) - np.array(exact))[near].max() < 0.06


@pytest.mark.parametrize(
    ("p", "n", "stray"), [(0.05, 500, 0.3), (0.1, 1000, 0.1), (0.19, 1000, 0.1)]
)
def test_up_to_a_fifth_the_tail_has_the_spread_of_a_beta_binomial_count(
    p: float, n: int, stray: float
) -> None:
    spread = np.sqrt(n * p * (1 - p) + (n * stray * p * (1 - p)) ** 2)
    for out in (-3, -2, -1, 0, 1, 2, 3, 4):
        k = int(n * p + out * spread)
        assert z_of(k, n, p, stray) == pytest.approx(exact_z(k, n, p, stray), abs=0.08)


def test_a_rate_that_does_not_stray_has_the_binomial_tail() -> None:
    for k in (0, 1, 7, 15):
        law = stats.binom(1000, 0.005)
        more, less = law.sf(k) + law.pmf(k) / 2, law.cdf(k - 1) + law.pmf(k) / 2
        exact = stats.norm.isf(more) if more < less else stats.norm.ppf(less)
        assert z_of(k, 1000, 0.005, 0.0) == pytest.approx(exact, abs=1e-6)


@given(st.integers(0, 400), st.floats(0.001, 0.6), st.floats(0.0, 0.5))
def test_what_is_lacking_of_a_common_rate_mirrors_a_rare_one(
    k: int, p: float, stray: float
) -> None:
    assert z_of(400 - k, 400, 1 - p, stray) == pytest.approx(-z_of(k, 400, p, stray), abs=1e-6)


@given(st.floats(0.0005, 0.6), st.floats(0.0, 0.5), st.integers(5, 20_000))
def test_more_events_are_never_a_lower_z(p: float, stray: float, n: int) -> None:
    k = np.unique(np.linspace(0, n, 30).astype(int)).astype("float64")
    ones = np.ones(len(k))
    z = z_scores(k, n * ones, np.log(p / (1 - p)) * ones, stray**2 * ones, p * ones)
    assert (np.diff(z) >= -1e-9).all()


def test_more_late_events_than_messages_are_a_high_number_and_no_nothing() -> None:
    n, p = np.array([50.0, 50.0]), np.array([0.7, 0.7])
    z = z_scores(np.array([50.0, 80.0]), n, np.log(p / (1 - p)), np.array([0.01, 0.01]), p)
    assert (z > 3).all()


@settings(max_examples=25)
@given(st.floats(0.001, 0.5), st.floats(0.05, 0.4), st.floats(-3.0, 3.0))
def test_the_count_at_a_deviation_has_that_deviation(p: float, stray: float, z: float) -> None:
    one = np.ones(1)
    law = (5000 * one, np.log(p / (1 - p)) * one, stray**2 * one, p * one)
    count = count_at(z, *law)
    back = float(z_scores(count, *law)[0])
    assert back == pytest.approx(z, abs=1e-4) or count[0] < 1e-6 or count[0] > 5000 - 1e-6


def test_a_scale_that_few_buckets_tell_makes_deviations_less_rare() -> None:
    z = np.array([-6.0, -3.5, 0.0, 3.5, 1e6])
    expected = -stats.norm.ppf(stats.t.sf(z[:4], 40))
    np.testing.assert_allclose(to_normal(z, 40.0)[:4], expected, atol=1e-9)
    assert np.isfinite(to_normal(z, 4.0)).all()
    assert to_normal(np.array([3.5]), 10.0) < to_normal(np.array([3.5]), 40.0)


# ---------------------------------------------------------------- what is usual


def fitted(k: Any, n: Any, times: pd.DatetimeIndex = DAYS) -> Any:
    k, n = (np.atleast_2d(np.asarray(side, dtype="float64")) for side in (k, n))
    days = times[: k.shape[1]]
    return fit(k, n, np.zeros(k.shape), Calendar.of(days, "day"))


def test_a_steady_rate_has_its_level_no_weekdays_and_no_stray() -> None:
    found = fitted([30] * 56, [1000] * 56)
    assert 1 / (1 + np.exp(-found.level[0])) == pytest.approx(0.03, abs=0.001)
    assert np.abs(found.effects[0]).max() == 0
    assert found.stray[0] == 0


def test_weekdays_are_found_where_there_are_any() -> None:
    k, n, times = series(KINDS["1M a day"], 20, 56, 3)
    found = fit(k, n, np.zeros(k.shape), Calendar.of(times, "day"))
    effects = found.effects[0].mean(axis=0)
    assert effects[5:].mean() - effects[:5].mean() == pytest.approx(0.3, abs=0.06)
    assert np.sqrt(np.median(found.stray)) == pytest.approx(0.2, abs=0.03)


def test_an_old_incident_neither_moves_the_level_much_nor_widens_the_stray() -> None:
    k, n, times = series(KINDS["20k a day"], 30, 56, 4)
    calm = fit(k, n, np.zeros(k.shape), Calendar.of(times, "day"))
    wild = fit(raised(k, n, slice(20, 28), 0.3), n, np.zeros(k.shape), Calendar.of(times, "day"))
    assert np.median(wild.level - calm.level) < 0.2
    assert np.median(np.sqrt(wild.stray) / np.sqrt(calm.stray)) < 1.6


def test_a_standardised_expectation_takes_the_mix_out() -> None:
    random = np.random.default_rng(5)
    share = random.random((5, 70))  # of mail whose rate is ten times that of the other
    n = np.full((5, 70), 50_000.0)
    expected = n * (0.05 * share + 0.005 * (1 - share))
    k = random.poisson(expected).astype("float64")
    raw = forecast(k, n, DAYS, "day")
    told = forecast(k, n, DAYS, "day", expected=expected)
    assert np.nanmean(told.sd) < np.nanmean(raw.sd) / 5
    np.testing.assert_allclose(told.rate[:, 40:], (expected / n)[:, 40:], rtol=0.06)
    doubled = forecast(np.where(np.arange(70) == 69, 2 * k, k), n, DAYS, "day", expected=expected)
    assert (doubled.z[:, 69] > 6).all()


def test_all_series_at_once_are_each_alone() -> None:
    k, n, times = series(KINDS["300 a day"], 9, 80, 6)
    together = forecast(k, n, times, "day")
    for row in range(9):
        alone = forecast(k[row : row + 1], n[row : row + 1], times, "day")
        np.testing.assert_allclose(alone.z[0], together.z[row], rtol=1e-9, equal_nan=True)


def test_nothing_is_said_before_28_days_with_messages() -> None:
    k, n, times = series(KINDS["300 a day"], 2, 70, 6)
    n[1, ::2] = k[1, ::2] = 0
    z = forecast(k, n, times, "day").z
    assert np.isnan(z[0, :28]).all()
    assert np.isfinite(z[0, 28:]).all()
    assert np.isnan(z[1, :56]).all()
    assert np.isnan(z[1, ::2]).all()
    assert np.isfinite(z[1, 57::2]).any()


@pytest.mark.parametrize("events", [0, 1])
def test_what_never_happened_is_rare_but_not_impossible(events: int) -> None:
    k, n = np.zeros((1, 70)), np.full((1, 70), 400.0)
    k[0, 5] = events
    k[0, 60] = 1
    found = forecast(k, n, DAYS, "day")
    assert 1e-6 < found.rate[0, 60] < 1e-3
    assert found.z[0, 60] < 3.5


# ---------------------------------------------------------------- late events


def late_opens(kind: str, seed: int, days: int = 120) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    weekday = np.arange(days) % 7
    base = {
        "weekly campaign": np.where(weekday == 1, 100_000, 2000),
        "weekdays": np.where(weekday >= 5, 2000, 10_000),
        "two days a week": np.where((weekday == 1) | (weekday == 3), 20_000, 0),
    }[kind]
    n = random.poisson(np.broadcast_to(base, (20, days))).astype("float64")
    k = np.zeros(n.shape)
    for day, share in enumerate([0.5, 0.25, 0.1, 0.06, 0.04, 0.03, 0.01, 0.01]):
        k[:, day:] += random.poisson(0.3 * share * n[:, : days - day])
    return k, n


@pytest.mark.parametrize("kind", ["weekly campaign", "weekdays", "two days a week"])
def test_a_constant_open_rate_reads_constant_over_its_own_sends(kind: str) -> None:
    k, n = late_opens(kind, 8)
    from_sends, vague = lags.late_denominators(
        k, n, np.ones(n.shape, dtype=bool), lags.usual_spread("unique_opened")
    )
    rate = (k / from_sends)[:, 7:]
    busy = from_sends[:, 7:] > 300
    low, high = np.quantile(rate[busy], [0.025, 0.975])
    assert low > 0.27
    assert high < 0.33
    assert np.isnan(from_sends[:, :7]).all()
    assert (vague[:, 7:] <= 0.01 * 1.0001).all()


def test_the_shares_are_those_of_scipys_non_negative_least_squares() -> None:
    random = np.random.default_rng(9)
    n = np.exp(random.normal(7, 1, (3, 200)))
    sends = np.nan_to_num(lags.shifted(n))
    k = random.poisson(0.2 * sends[0] + 0.1 * sends[1] + 0.02 * sends[3]).astype("float64")
    weights = 1 / (k + 1)
    found = lags._nonnegative(sends, k, weights, np.full((3, 8), 1e3))
    for row in range(3):
        root = np.sqrt(weights[row])
        exact, _ = optimize.nnls((sends[:, row] * root).T, k[row] * root)
        np.testing.assert_allclose(found[row], exact, atol=1e-5)


def test_an_unknown_day_of_sends_leaves_the_days_after_it_unknown() -> None:
    k, n = late_opens("weekdays", 10)
    n[:, 50] = np.nan
    spread = lags.usual_spread("unique_clicked")
    found, _ = lags.late_denominators(k, n, np.isfinite(n), spread)
    assert np.isnan(found[:, 50:58]).all()
    assert np.isfinite(found[:, 58:]).all()
    assert spread.sum() == pytest.approx(1)


def test_a_quiet_hour_after_busy_ones_is_vague() -> None:
    n = np.array([[100.0] * 10 + [10_000.0, 100.0, 0.0]])
    noise = retry_noise(n)[0]
    assert noise[9] == 0
    assert noise[11] > 1
    assert noise[12] == 0


# ---------------------------------------------------------------- the two rules


def test_the_running_mean_is_a_plain_loop() -> None:
    z = np.array([[1.0, np.nan, -2.0, 9.0, 3.0]])
    mean, values = 0.0, []
    for one in z[0]:
        mean += 0.0 if np.isnan(one) else 0.2 * (np.clip(one, -4, 4) - mean)
        values.append(mean)
    np.testing.assert_allclose(running_mean(z, 0.0)[0], np.array(values) / np.sqrt(0.2 / 1.8))
    wider = np.sqrt((1 + 0.8 * 0.3) / (1 - 0.8 * 0.3))
    np.testing.assert_allclose(running_mean(z, 0.3) * wider, running_mean(z, 0.0))


def test_the_average_run_length_of_the_running_mean_is_the_published_one() -> None:
    z = np.random.default_rng(1).standard_normal((1500, 2500))
    out = np.abs(running_mean(z, 0.0)) > 2.86
    first = np.where(out.any(axis=1), out.argmax(axis=1) + 1, 2500)
    assert first.mean() == pytest.approx(370, rel=0.08)


def test_likeness_is_drawn_to_a_guess_and_found_where_it_is() -> None:
    random = np.random.default_rng(2)
    noise = random.standard_normal((50, 300))
    alike = noise.copy()
    for day in range(1, 300):
        alike[:, day] = 0.7 * alike[:, day - 1] + np.sqrt(1 - 0.49) * noise[:, day]
    assert likeness(noise)[:, 0].tolist() == [0.3] * 50
    assert likeness(noise)[:, -1].mean() == pytest.approx(0.15, abs=0.04)
    assert likeness(alike)[:, -1].mean() == pytest.approx(0.45, abs=0.08)


@given(st.integers(0, 2**32 - 1))
def test_q_values_are_scipys_column_by_column(seed: int) -> None:
    random = np.random.default_rng(seed)
    p = random.random((12, 5)) ** 3
    p[random.random(p.shape) < 0.2] = np.nan
    q = q_values(p)
    for column in range(5):
        known = np.isfinite(p[:, column])
        if known.any():
            exact = stats.false_discovery_control(p[known, column])
            np.testing.assert_allclose(q[known, column], exact)
        assert np.isnan(q[~known, column]).all()


def test_one_spike_is_no_run_and_a_run_ends_with_the_rate_back() -> None:
    z = np.zeros((2, 60))
    z[0, 30] = 9.0
    z[1, 30:40] = 2.0
    found = alarms(z, np.full(z.shape, 50.0), limit=3.5, run_limit=3.3, false_share=1.0)
    assert np.flatnonzero(found.out[0]).tolist() == [30]
    assert not found.single[1].any()
    assert found.run[1, 36:40].all()
    assert not found.out[1, 40:].any()


def test_fewer_than_three_messages_are_no_alarm() -> None:
    z, excess = np.array([[0.0, 6.0, 6.0]]), np.array([[0.0, 2.9, 3.0]])
    found = alarms(z, excess, limit=3.5, run_limit=None, false_share=1.0)
    assert found.out.tolist() == [[False, False, True]]


# ---------------------------------------------------------------- false alarms and detection


@pytest.mark.parametrize("name", ["20k a day", "300 a day", "complaints", "likeness .6"])
def test_a_series_in_line_has_at_most_one_false_alarm_a_year(name: str) -> None:
    number, days = 25, 365 + 56
    k, n, times = series(KINDS[name], number, days, 11)
    expected = forecast(k, n, times, "day")
    out = alarms(expected.z, k - n * expected.rate, limit=3.5, run_limit=3.3, false_share=1.0).out
    years = number * (days - 56) / 365
    # Of a sample this small a true rate of 1 would exceed this once in a hundred times.
    assert onsets(out[:, 56:]) <= stats.poisson.ppf(0.99, years)
    assert np.nanstd(expected.z) == pytest.approx(1, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("volume", [50, 20_000])
def test_hours_in_line_have_at_most_one_false_alarm_a_year(volume: int) -> None:
    number, days = 24, 60
    k, n, times = hours(Kind(volume, 0.015), number, days, 31)
    expected = forecast(k, n, times, "hour", noise=retry_noise(n))
    excess = k - n * expected.rate
    out = alarms(expected.z, excess, limit=monitoring.HOUR_LIMIT, run_limit=None, false_share=1.0)
    assert onsets(out.out, apart=72) <= stats.poisson.ppf(0.99, number * (days - 7) / 365)
    busy = (np.asarray(times.hour) > 6) & (np.asarray(times.hour) < 20)
    assert np.nanstd(expected.z[:, busy]) < 1.15


def test_a_quiet_night_that_may_be_noisy_says_nothing_of_how_rates_stray() -> None:
    k, n, times = hours(Kind(20_000, 0.015), 12, 28, 32)
    zeros = np.zeros(k.shape)
    found = fit(k, n, zeros, Calendar.of(times, "hour"), noise=retry_noise(n))
    assert np.sqrt(np.median(found.stray)) == pytest.approx(0.2, abs=0.03)


def test_of_many_series_in_line_few_buckets_have_any_out_of_line() -> None:
    k, n, times = series(KINDS["20k a day"], 400, 60, 12)
    found = anomalies(frame_of_series(k, n, times), "bounce_rate")
    # A false discovery rate of 5 % in each of 32 days; where all is in line any finding is false.
    assert found["time"].nunique() <= stats.binom.ppf(0.99, 32, 0.05)
    assert len(anomalies(frame_of_series(k, n, times), "bounce_rate", false_alarms=1.0)) > len(
        found
    )


@pytest.mark.parametrize(("points", "seen"), [(0.03, 0.9), (0.1, 1.0)])
def test_a_rise_is_seen_on_its_first_day(points: float, seen: float) -> None:
    k, n, times = series(KINDS["20k a day"], 40, 77, 13)
    k = raised(k, n, slice(70, 77), points)
    found = anomalies(frame_of_series(k, n, times), "bounce_rate")
    first = found[found["time"] == times[70]]
    assert len(first) >= seen * 40
    assert set(first["direction"]) == {"worse"}


@pytest.mark.slow
def test_ten_thousand_series_take_seconds() -> None:
    k, n, times = series(KINDS["300 a day"], 10_000, 60, 14)
    found = anomalies(frame_of_series(k, n, times), "bounce_rate")
    assert meta_of(found)["judged"] == 10_000
    assert len(found) < 100


# ---------------------------------------------------------------- the table


def one_series() -> pd.DataFrame:
    k, n, times = series(KINDS["20k a day"], 1, 70, 15)
    k = raised(k, n, slice(65, 66), 0.05)
    return frame_of_series(k, n, times)


def test_the_columns_are_plain_and_survive_csv_and_parquet_types() -> None:
    found = anomalies(one_series(), "bounce_rate")
    assert list(found.columns) == [
        "domain", "time", "n", "k", "rate", "expected", "low", "high", "z", "p_value", "q_value",
        "excess", "direction", "note",
    ]  # fmt: skip
    assert isinstance(found.index, pd.RangeIndex)
    assert found["n"].dtype == found["k"].dtype == "int64"
    assert str(found["time"].dtype) == "datetime64[us, UTC]"
    row = found.iloc[0]
    assert row["rate"] == row["k"] / row["n"]
    assert row["excess"] == pytest.approx(row["k"] - row["n"] * row["expected"])
    assert row["low"] < row["expected"] < row["high"] < row["rate"]
    assert row["direction"] == "worse"
    assert meta_of(found)["series"] == 1


def test_the_edges_of_what_is_in_line_are_at_the_limit() -> None:
    frame = one_series()
    panel = monitoring.panel_of(frame, "bounce_rate", by=None, of=None, holidays=None, until=None)
    found, _ = monitoring.judge(panel)
    rows, columns = np.zeros(5, dtype="int64"), np.arange(50, 55)
    low, high = monitoring.band(panel, found, rows, columns, 3.5)
    for edge, sign in ((low, -1), (high, 1)):
        k = panel.k.copy()
        k[rows, columns] = edge * panel.n[rows, columns]
        again = monitoring.forecast(k, panel.judged, panel.times, "day").z[rows, columns]
        np.testing.assert_allclose(again, sign * 3.5, atol=0.2)


def test_a_fall_of_delivery_is_worse_and_a_fall_of_bounces_is_better() -> None:
    k, n, times = series(KINDS["delivery"], 1, 70, 16)
    k[:, 65] *= 0.9
    delivery = anomalies(frame_of_series(k, n, times, top="delivered", of="sent"), "delivery_rate")
    assert delivery["direction"].tolist() == ["worse"]
    assert delivery["excess"].item() == pytest.approx(n[0, 65] * 0.1, rel=0.1)
    k, n, times = series(KINDS["20k a day"], 1, 70, 16)
    k[:, 65] = 0
    bounces = anomalies(frame_of_series(k, n, times), "bounce_rate")
    assert bounces["direction"].tolist() == ["better"]
    assert bounces["excess"].item() < 0


def test_the_open_bucket_and_what_still_counts_are_not_judged() -> None:
    k, n, times = series(KINDS["opens 35 %"], 1, 80, 17)
    k[:, 76:] = 0
    frame = frame_of_series(k, n, times, top="unique_opened", of="delivered")
    late = anomalies(frame, "open_rate", until=times[77])
    assert not (late["time"] >= times[74]).any()
    frame = frame_of_series(k, n, times)
    seen = anomalies(frame, "bounce_rate", until=times[78])["time"]
    assert seen.max() == times[76]  # the day before has not been over for eight hours


def test_holidays_are_neither_judged_nor_learnt_from() -> None:
    frame = one_series()
    day = anomalies(frame, "bounce_rate")["time"].iloc[0]
    assert len(anomalies(frame, "bounce_rate", holidays=[day.date()])) == 0


def test_all_keys_are_judged_together_with_by_nothing() -> None:
    k, n, times = series(KINDS["20k a day"], 3, 70, 18)
    k = raised(k, n, slice(66, 67), 0.05)
    found = anomalies(frame_of_series(k, n, times), "bounce_rate", by=[])
    assert "domain" not in found
    assert times[66] in set(found["time"])
    assert found["n"].max() > 20_000


def test_the_frame_is_not_changed() -> None:
    frame = one_series()
    before, meta = frame.copy(deep=True), meta_of(frame)
    anomalies(frame, "bounce_rate")
    pd.testing.assert_frame_equal(frame, before)
    assert meta_of(frame) == meta


# ---------------------------------------------------------------- bad input


def test_a_short_history_cannot_tell_and_says_so() -> None:
    frame = grid_of(20, {"domain": ["a.com"]}, {"processed": 100, "bounced": 1})
    with pytest.warns(MgframeWarning, match="cannot tell, because 28 days with messages"):
        found = anomalies(frame, "bounce_rate")
    assert found.empty
    assert "z" in found
    assert meta_of(found)["cannot_tell"].endswith("the longest series has 20: fetch more")


def test_keys_with_too_few_days_are_counted() -> None:
    k, n, times = series(KINDS["20k a day"], 3, 70, 19)
    n[1, 20:] = k[1, 20:] = 0
    with pytest.warns(MgframeWarning, match="1 of 3 keys are not judged"):
        found = anomalies(frame_of_series(k, n, times), "bounce_rate")
    assert meta_of(found)["judged"] == 2


@pytest.mark.parametrize("count", [0, 100])
def test_no_events_or_nothing_but_events_are_in_line(count: int) -> None:
    frame = grid_of(60, {"domain": ["a.com", "b.com"]}, {"processed": 100, "bounced": count})
    assert anomalies(frame, "bounce_rate").empty


def test_no_messages_at_all_cannot_tell() -> None:
    frame = grid_of(60, {"domain": ["a.com"]}, {"processed": 0, "bounced": 0})
    with pytest.warns(MgframeWarning, match="longest series has 0"):
        assert anomalies(frame, "bounce_rate").empty


def test_an_empty_frame_cannot_tell() -> None:
    frame = empty_frame(["time", "domain"], ["processed", "bounced"], meta={"resolution": "day"})
    with pytest.warns(MgframeWarning, match="cannot tell"):
        assert anomalies(frame, "bounce_rate", until="2026-11-16").empty


def test_unknown_counts_are_no_zeros() -> None:
    frame = one_series()
    frame.iloc[40:45, frame.columns.get_loc("bounced")] = pd.NA
    with pytest.warns(MgframeWarning, match="leaves out 5 of 70 rows"):
        found = anomalies(frame, "bounce_rate")
    assert not set(found["time"]) & set(frame.index.get_level_values("time")[40:45])


def test_missing_days_are_gaps() -> None:
    frame = one_series()
    gaps = frame.drop(frame.index[[10, 11, 50]])
    gaps.attrs = frame.attrs
    found = anomalies(gaps, "bounce_rate")
    assert set(found["time"]) == set(anomalies(frame, "bounce_rate")["time"])


@pytest.mark.parametrize(
    ("rate", "error", "said"),
    [
        ("bounce_rat", QueryError, "bounce_rate"),
        ("open_rate", FrameError, "lacks"),
    ],
)
def test_a_rate_that_the_frame_cannot_give(rate: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        anomalies(one_series(), rate)


def test_a_rate_that_is_no_proportion_names_another() -> None:
    frame = grid_of(60, {"domain": ["a.com"]}, {"processed": 9, "temporary_failed": 12})
    with pytest.raises(FrameError, match="'deferral_rate'"):
        anomalies(frame, "temporary_failures_per_message")


def test_months_are_too_few_and_hours_of_opens_too_late() -> None:
    months = grid_of(40, {"domain": ["a.com"]}, {"processed": 9, "bounced": 1}, resolution="month")
    with pytest.raises(FrameError, match="months"):
        anomalies(months, "bounce_rate")
    hours = grid_of(
        200, {"domain": ["a.com"]}, {"delivered": 9, "unique_opened": 1}, resolution="hour"
    )
    with pytest.raises(FrameError, match="resample"):
        anomalies(hours, "open_rate")


@pytest.mark.parametrize("limit", [0, -1, "3", True, float("nan")])
def test_limits_are_numbers_above_zero(limit: Any) -> None:
    for argument in ("limit", "run_limit"):
        with pytest.raises(QueryError, match=f"{argument}="):
            anomalies(one_series(), "bounce_rate", **{argument: limit})
    with pytest.raises(QueryError, match="false_alarms="):
        anomalies(one_series(), "bounce_rate", false_alarms=limit)


def test_no_time_no_judgement() -> None:
    frame = frame_of(None, {"domain": ["a.com"]}, {"processed": [9], "bounced": [1]})
    with pytest.raises(FrameError, match="'time'"):
        anomalies(frame, "bounce_rate")
    lifetime = frame_of(
        ["2026-11-01"], {"domain": ["a.com"]}, {"processed": [9], "bounced": [1]}, time="as_of"
    )
    with pytest.raises(FrameError, match="as_of"):
        anomalies(lifetime, "bounce_rate")
    bare = one_series()
    bare.attrs = {}
    with pytest.raises(FrameError, match="until="):
        anomalies(bare, "bounce_rate")


def test_repeated_rows_and_several_tags_are_refused() -> None:
    frame = one_series()
    twice = pd.concat([frame, frame])
    with pytest.raises(FrameError, match="twice"):
        anomalies(twice, "bounce_rate", until="2026-12-01")
    tags = grid_of(60, {"tag": ["x", "y"]}, {"processed": 100, "bounced": 1})
    with pytest.raises(FrameError, match="tag"):
        anomalies(tags, "bounce_rate", by=[])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert anomalies(tags, "bounce_rate").empty


def test_gmail_has_no_complaints_to_judge() -> None:
    frame = grid_of(
        60,
        {"provider": ["gmail.com", "yahoo.com"]},
        {"delivered": 1000, "complained": 1},
    )
    with pytest.warns(MgframeWarning, match="1 of 2 keys are not judged"):
        found = anomalies(frame, "complaint_rate")
    assert meta_of(found)["judged"] == 1


def test_gmail_does_not_thin_the_complaints_of_the_domain() -> None:
    keys = {"domain": ["a.com"], "provider": ["gmail.com", "yahoo.com"]}
    complained, delivered = [0, 5] * 70, [9000, 1000] * 70
    for day in range(66, 70):
        complained[2 * day + 1] = 60
    frame = grid_of(70, keys, {"delivered": delivered, "complained": complained})
    found = anomalies(frame, "complaint_rate", by="domain")
    assert found["n"].tolist() == [1000] * len(found) != []
    assert meta_of(found)["of"] == "delivered_fbl"
    whole = anomalies(frame, "complaint_rate", by="domain", of="delivered")
    assert set(whole["n"]) <= {10_000}


# ---------------------------------------------------------------- hours, zones


def hourly(seed: int, days: int = 50) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    times = pd.date_range("2026-03-02", periods=24 * days, freq="h", tz="UTC", unit="us")
    hour = np.asarray(times.hour)
    n = random.poisson(np.where((hour > 6) & (hour < 20), 2000, 80))
    logit = -4.2 + 0.4 * (hour < 6) + 0.2 * random.standard_normal(len(times))
    k = random.binomial(n, 1 / (1 + np.exp(-logit)))
    counts = {"processed": n.tolist(), "bounced": k.tolist()}
    return frame_of(
        times,
        {"domain": ["a.com"] * len(times)},
        counts,
        resolution="hour",
        complete_until="2026-06-01T00:00:00Z",
    )


def test_hours_in_line_are_quiet_and_a_bad_hour_is_seen() -> None:
    frame = hourly(20)
    assert anomalies(frame, "bounce_rate").empty
    hit = frame.copy()
    hit.attrs = frame.attrs
    place = 24 * 45 + 12
    n = int(frame["processed"].iloc[place])
    hit.iloc[place, hit.columns.get_loc("bounced")] = int(0.15 * n)
    found = anomalies(hit, "bounce_rate")
    assert found["time"].tolist() == [frame.index.get_level_values("time")[place]]
    assert found["note"].tolist() == ["this bucket alone"]


def test_local_days_have_their_own_weekdays_and_times() -> None:
    frame = local_days(hourly(21, 80), "Europe/Berlin")
    days = frame.index.get_level_values("time").unique()
    hit = frame.copy()
    hit.attrs = frame.attrs
    hit.iloc[70, hit.columns.get_loc("bounced")] = 4000
    found = anomalies(hit, "bounce_rate")
    assert days[70] in set(found["time"])
    assert str(found["time"].dtype) == "datetime64[us, Europe/Berlin]"
    assert len(found) <= 3


# ---------------------------------------------------------------- the planted incident


@pytest.fixture(scope="module")
def account(demo: mg.Client) -> pd.DataFrame:
    """The default account by domain and provider, 90 days."""
    return mg.metrics(by=["domain", "recipient_provider"], last="90d", client=demo)


def test_the_planted_block_is_out_of_line_on_each_of_its_days(account: pd.DataFrame) -> None:
    for rate in ("delivery_rate", "block_rate", "bounce_rate"):
        found = anomalies(account, rate)
        hit = found[
            (found["domain"] == "news.example.com") & (found["recipient_provider"] == "Gmail")
        ]
        days = pd.date_range("2026-11-04", "2026-11-11", tz="UTC")
        assert set(days) <= set(hit["time"])
        assert len(found) - len(days) <= 2
        assert set(hit["direction"]) == {"worse"}


def test_the_planted_block_is_seen_from_the_domain_too(account: pd.DataFrame) -> None:
    found = anomalies(account, "delivery_rate", by="domain")
    assert set(found["domain"]) == {"news.example.com"}
    assert found["time"].min() == pd.Timestamp("2026-11-04", tz="UTC")
    assert found["excess"].sum() == pytest.approx(2540, rel=0.1)


def test_engagement_of_the_account_is_quiet(account: pd.DataFrame) -> None:
    for rate in ("open_rate", "click_rate", "unsubscribe_rate"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MgframeWarning)
            assert len(anomalies(where(account, domain="news.example.com"), rate)) <= 1
