"""Importing mgframe costs little more than importing pandas: the best of runs that take turns."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

RUNS = 12


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def test_importing_mgframe_is_within_1_25_times_of_importing_pandas(benchmark: Any) -> None:
    for statement in ("import pandas", "import mgframe"):
        seconds(statement)  # compiles what is not compiled yet
    pairs = [(seconds("import mgframe"), seconds("import pandas")) for _ in range(RUNS)]
    ours, pandas = (min(column) for column in zip(*pairs, strict=True))
    ratio = ours / pandas
    benchmark.extra_info["ratio"] = ratio
    benchmark.pedantic(seconds, args=("import mgframe",), rounds=3)
    assert ratio < 1.25
