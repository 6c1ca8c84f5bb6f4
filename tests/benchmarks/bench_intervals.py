"""A million intervals beside the same formulas on bare arrays."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import betainccinv, betaincinv

from mgframe.framing import build, make_index
from mgframe.intervals import clopper_pearson, wilson
from mgframe.ratios import rates

ROWS = 1_000_000
Z = 1.959963984540054


@pytest.fixture(scope="module")
def counts() -> tuple[Any, Any]:
    random = np.random.default_rng(1)
    n = random.integers(0, 100_000, ROWS)
    return random.binomial(n, 0.02).astype("float64"), n.astype("float64")


def bare_wilson(k: Any, n: Any) -> tuple[Any, Any]:
    with np.errstate(all="ignore"):
        p = k / n
        centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
        return centre - half, centre + half


def bare_clopper_pearson(k: Any, n: Any) -> tuple[Any, Any]:
    return betaincinv(k, n - k + 1, 0.025), betainccinv(k + 1, n - k, 0.025)


def times_slower(
    ours: Callable[..., Any], bare: Callable[..., Any], counts: Any, rounds: int
) -> float:
    """Return the median ratio, measured side by side so that a busy machine slows both."""
    ratios = []
    for _ in range(rounds):
        seconds = []
        for call in (ours, bare):
            begin = time.perf_counter()
            call(*counts)
            seconds.append(time.perf_counter() - begin)
        ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios)


def test_a_million_wilson_intervals_take_at_most_three_times_the_bare_formula(counts, benchmark):
    ratio = times_slower(wilson, bare_wilson, counts, rounds=9)
    benchmark.extra_info["times the bare formula"] = round(ratio, 2)
    benchmark.pedantic(wilson, args=counts, rounds=3)
    assert ratio < 3


def test_exact_intervals_take_at_most_one_and_a_half_times_the_bare_scipy_calls(counts, benchmark):
    counts = tuple(side[: ROWS // 10] for side in counts)  # scipy takes 20 seconds for all
    ratio = times_slower(clopper_pearson, bare_clopper_pearson, counts, rounds=3)
    benchmark.extra_info["times the bare scipy calls"] = round(ratio, 2)
    benchmark.pedantic(clopper_pearson, args=counts, rounds=1)
    assert ratio < 1.5


@pytest.mark.parametrize(
    "options", [{}, {"by": "domain"}, {"rolling": "7d"}], ids=["row", "pooled", "rolling"]
)
@pytest.mark.filterwarnings("ignore::mgframe.errors.MgframeWarning")
def test_rates_of_a_million_rows_with_intervals(counts, benchmark, options):
    k, n = (side.astype("int64") for side in counts)
    times = pd.date_range("2024-01-01", periods=ROWS // 1000, freq="D", tz="UTC").repeat(1000)
    domains = np.tile([f"d{i:04}.example.com" for i in range(1000)], ROWS // 1000)
    index = make_index(times.as_unit("us"), {"domain": domains.astype(object)})
    columns = {"delivered": pd.array(n, dtype="Int64"), "complained": pd.array(k, dtype="Int64")}
    frame = build(index, columns, meta={"resolution": "day"})
    call = {"interval": 0.95, **options}
    benchmark.pedantic(rates, args=(frame, "complaint_rate"), kwargs=call, rounds=3)
