"""Importing mgframe costs little more than importing pandas: a ratio of medians in one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

RUNS = 9


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def test_importing_mgframe_is_within_1_25_times_of_importing_pandas(benchmark: Any) -> None:
    for statement in ("import pandas", "import mgframe"):
        seconds(statement)  # compiles what is not compiled yet
    pairs = [(seconds("import mgframe"), seconds("import pandas")) for _ in range(RUNS)]
    ratio = statistics.median(ours / pandas for ours, pandas in pairs)
    benchmark.extra_info["ratio"] = ratio
    benchmark.pedantic(seconds, args=("import mgframe",), rounds=3)
    assert ratio < 1.25
