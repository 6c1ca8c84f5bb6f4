"""How often alarms are false, what they see, and how well changes are dated, as tables.

Run with ``pytest tests/benchmarks/bench_monitoring.py``; it takes some minutes. Series stray from
day to day, resemble the day before and have weekdays (``tests/analysis/noisy.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from analysis.noisy import KINDS, Array, Kind, frame_of_series, hours, onsets, raised, series

from mgframe.analysis.alarms import Alarms, alarms
from mgframe.analysis.dating import LIMIT as CHANGE_LIMIT
from mgframe.analysis.dating import changepoints
from mgframe.analysis.forecasting import forecast
from mgframe.analysis.lags import late_denominators, usual_spread
from mgframe.analysis.monitoring import HOUR_LIMIT, LATE_LIMIT, RUN_LIMIT, anomalies
from mgframe.analysis.monitoring import LIMIT as DAY_LIMIT
from mgframe.analysis.panels import retry_noise
from mgframe.analysis.scanning import strongest
from mgframe.analysis.seasonality import Calendar

SERIES = 300
YEAR = 365
WINDOW = 56
LINES: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def _table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n" + "\n".join(LINES))


def judged(k: Array, n: Array, times: Any, *, share: float = 1.0) -> Alarms:
    found = forecast(k, n, times, "day")
    excess = k - n * found.rate
    return alarms(found.z, excess, limit=DAY_LIMIT, run_limit=RUN_LIMIT, false_share=share)


@pytest.mark.parametrize("name", KINDS)
def test_false_alarms_a_series_year(name: str) -> None:
    k, n, times = series(KINDS[name], SERIES, YEAR + WINDOW, 101)
    found = judged(k, n, times)
    single, run, any_rule = (
        onsets(out[:, WINDOW:]) / SERIES for out in (found.single, found.run, found.out)
    )
    LINES.append(
        f"false alarms a series-year, {name:15s} single {single:.2f}  run {run:.2f}  "
        f"any {any_rule:.2f}"
    )
    assert any_rule <= 1.0


@pytest.mark.parametrize("sends", ["weekly campaign", "weekdays", "two days a week", "irregular"])
def test_false_alarms_of_opens_a_series_year(sends: str) -> None:
    number, days = 100, YEAR + WINDOW
    random = np.random.default_rng(102)
    weekday = np.arange(days) % 7
    large = random.random((number, days)) < 0.15
    base = {
        "weekly campaign": np.where(weekday == 1, 100_000, 2000),
        "weekdays": np.where(weekday >= 5, 2000, 10_000),
        "two days a week": np.where((weekday == 1) | (weekday == 3), 20_000, 200),
        "irregular": np.where(large, 20_000, 500),
    }[sends]
    volume = np.broadcast_to(base, (number, days)) * np.exp(random.normal(0, 0.1, (number, days)))
    n = random.poisson(volume).astype("float64")
    opened = 1 / (1 + np.exp(0.85 - random.normal(0, 0.1, n.shape)))
    k = np.zeros(n.shape)
    for day, share in enumerate([0.52, 0.22, 0.1, 0.06, 0.04, 0.03, 0.02, 0.01]):
        sent = (n * opened)[:, : days - day] * share
        k[:, day:] += random.poisson(sent * np.exp(random.normal(0, 0.15 * (day > 0), sent.shape)))
    spread = usual_spread("unique_opened")
    sends_of, noise = late_denominators(k, n, np.ones(n.shape, dtype=bool), spread)
    sends_of = np.nan_to_num(sends_of)
    times = series(KINDS["opens 35 %"], 1, days, 1)[2]
    found = forecast(k, sends_of, times, "day", noise=noise)
    out = alarms(
        found.z, k - sends_of * found.rate, limit=LATE_LIMIT, run_limit=RUN_LIMIT, false_share=1.0
    ).out[:, WINDOW:]
    rate = onsets(out) / number
    LINES.append(f"false alarms a series-year, opens of {sends:16s} {rate:.2f}")
    assert rate <= 1.0


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("50 an hour", Kind(50, 0.015)),
        ("2,000", Kind(2000, 0.015)),
        ("2,000, likeness .6", Kind(2000, 0.015, likeness=0.6)),
        ("20,000", Kind(20_000, 0.015)),
        ("20,000, delivery", Kind(20_000, 0.985)),
        ("5,000, 0.1 %", Kind(5000, 0.001, stray=0.3)),
    ],
)
def test_false_alarms_of_hours_a_series_year(what: str, kind: Kind) -> None:
    number, days = 72, 60
    k, n, times = hours(kind, number, days, 108)
    found = forecast(k, n, times, "hour", noise=retry_noise(n))
    out = alarms(found.z, k - n * found.rate, limit=HOUR_LIMIT, run_limit=None, false_share=1.0).out
    rate = onsets(out, apart=72) / (number * (days - 7) / 365)
    LINES.append(f"false alarms a series-year, hours of {what:20s} {rate:.2f}")
    assert rate <= 1.0


@pytest.mark.parametrize("name", ["20k a day", "300 a day", "complaints", "likeness .6"])
def test_false_discoveries_a_bucket(name: str) -> None:
    k, n, times = series(KINDS[name], 2000, 100, 103)
    rows = []
    for size in (20, 400):
        shares = [
            judged(k[i : i + size], n[i : i + size], times, share=0.05).out[:, 28:].any(axis=0)
            for i in range(0, 2000, size)
        ]
        rows.append(float(np.mean(shares)))
    LINES.append(
        f"buckets with a false finding at 5 %, {name:12s} of 20 series {rows[0]:.3f}, "
        f"of 400 {rows[1]:.3f}"
    )
    assert max(rows) <= (0.15 if KINDS[name].likeness > 0.5 else 0.06)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("20k a day", 0.005),
        ("20k a day", 0.01),
        ("20k a day", 0.03),
        ("20k a day", 0.1),
        ("300 a day", 0.01),
        ("300 a day", 0.03),
        ("300 a day", 0.1),
        ("complaints", 0.0005),
        ("complaints", 0.001),
        ("complaints", 0.003),
    ],
)
def test_what_a_rise_takes_to_be_seen(name: str, points: float) -> None:
    k, n, times = series(KINDS[name], SERIES, 84, 104)
    out = judged(raised(k, n, slice(77, 84), points), n, times).out[:, 77:]
    day, three, week = (out[:, :days].any(axis=1).mean() for days in (1, 3, 7))
    LINES.append(
        f"seen, {name:12s} +{points * 100:<5.2f} points: in a day {day:.2f}, three {three:.2f}, "
        f"a week {week:.2f}"
    )


@pytest.mark.parametrize("days", [60, 90, 120])
@pytest.mark.parametrize("name", KINDS)
def test_breaks_of_clean_series(name: str, days: int) -> None:
    k, n, times = series(KINDS[name], SERIES, days, 105)
    zeros = np.zeros(k.shape)
    z = strongest(k, n, zeros, Calendar.of(times, "day"), zeros)[0].z
    share = float((np.abs(z) > CHANGE_LIMIT).mean())
    LINES.append(f"clean series with a break, {name:15s} {days:3d} days {share:.3f}")
    assert share <= (0.07 if KINDS[name].likeness > 0.5 else 0.035)


@pytest.mark.parametrize(
    ("name", "points", "age"),
    [
        ("20k a day", 0.01, 14),
        ("20k a day", 0.03, 14),
        ("20k a day", 0.03, 2),
        ("300 a day", 0.01, 14),
        ("300 a day", 0.03, 14),
        ("complaints", 0.0005, 14),
    ],
)
def test_how_well_a_change_is_dated(name: str, points: float, age: int) -> None:
    k, n, times = series(KINDS[name], 200, 60, 106)
    zeros, true = np.zeros(k.shape), 60 - age
    raised_k = raised(k, n, slice(true, 60), points)
    found = strongest(raised_k, n, zeros, Calendar.of(times, "day"), zeros)[0]
    off, seen = np.abs(found.start - true), np.abs(found.z) > CHANGE_LIMIT
    held = (found.lowest <= true) & (found.highest >= true)
    size = (found.highest - found.lowest + 1)[seen].mean() if seen.any() else np.nan
    LINES.append(
        f"dated, {name:10s} +{points * 100:<5.2f} points {age:2d} days old: exact "
        f"{(off == 0).mean():.2f}, within a day {(off <= 1).mean():.2f}; found {seen.mean():.2f}, "
        f"of these the 90 % set holds it {held[seen].mean() if seen.any() else np.nan:.2f} in "
        f"{size:.1f} days"
    )


@pytest.mark.parametrize("analysis", [anomalies, changepoints], ids=["anomalies", "changepoints"])
def test_ten_thousand_series_of_sixty_days(analysis: Any, benchmark: Any) -> None:
    k, n, times = series(KINDS["300 a day"], 10_000, 60, 107)
    frame = frame_of_series(k, n, times)
    benchmark.pedantic(analysis, args=(frame, "bounce_rate"), rounds=1)
