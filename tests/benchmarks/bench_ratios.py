"""All rates of a frame of one million rows, beside the same divisions on bare numpy arrays."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mgframe.framing import build, make_index
from mgframe.ratios import rates
from mgframe.vocabulary import COUNTS, RATES

ROWS = 1_000_000
DOMAINS = 100
ROUNDS = 7


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Return a million rows of every Stats count, some unknown, some 0."""
    random = np.random.default_rng(1)
    times = pd.date_range("2025-01-01", periods=ROWS // DOMAINS, freq="h", tz="UTC")
    domains = np.array([f"d{i:03}.example.com" for i in range(DOMAINS)], dtype=object)
    index = make_index(
        times.repeat(DOMAINS).as_unit("us"), {"domain": np.tile(domains, len(times))}
    )
    unknown = random.random(ROWS) < 0.02
    counts = {}
    for name, count in COUNTS.items():
        if count.path:
            values = random.integers(0, 20, ROWS)
            values = values + 200 if name == "permanent_failed" else values
            counts[name] = pd.arrays.IntegerArray(values, unknown.copy())
    return build(index, counts, meta={"resolution": "hour"})


def bare_divisions(frame: pd.DataFrame) -> Callable[[], list[Any]]:
    """Return the divisions of the same rates on the counts as integer arrays."""
    arrays = {name: frame[name].array.to_numpy("int64", na_value=0) for name in frame.columns}
    chosen = [RATES[name] for name in rates(frame.iloc[:2]).columns]

    def divide() -> list[Any]:
        quotients = []
        with np.errstate(all="ignore"):
            for rate in chosen:
                top = arrays[rate.numerator[0]]
                for part in rate.numerator[1:]:
                    top = top + arrays[part]
                quotients.append(top / arrays[rate.denominator])
        return quotients

    return divide


def seconds(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def test_all_rates_take_at_most_two_and_a_half_times_the_bare_divisions(frame, benchmark):
    bare = bare_divisions(frame)
    ratios = []
    for _ in range(ROUNDS):  # side by side, so that a busy machine slows both
        ratios.append(seconds(lambda: rates(frame)) / seconds(bare))
    benchmark.extra_info["times the bare divisions"] = round(statistics.median(ratios), 2)
    benchmark.pedantic(rates, args=(frame,), rounds=ROUNDS, warmup_rounds=1)
    assert statistics.median(ratios) < 2.5


def test_all_rates_need_less_than_three_times_the_memory_of_the_result(frame, benchmark):
    tracemalloc.start()
    result = rates(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = int(result.to_numpy().nbytes)
    benchmark.extra_info["peak memory by that of the result"] = round(peak / size, 2)
    benchmark.pedantic(rates, args=(frame.iloc[:1000],), rounds=1)
    assert result.to_numpy().base is not None
    assert peak < 3 * size


@pytest.mark.parametrize(
    "options", [{"by": "domain"}, {"by": "time"}, {"rolling": "7d"}], ids=["key", "time", "rolling"]
)
@pytest.mark.filterwarnings("ignore::mgframe.errors.MgframeWarning")
def test_pooled_and_rolling_rates_of_a_million_rows(frame, benchmark, options):
    benchmark.pedantic(rates, args=(frame,), kwargs=options, rounds=3)
