"""The Metrics API: a page to a checked frame beside json, and a year of 300 domains in memory.

Each number is a ratio: of the best of rounds that take turns on a busy machine, or of bytes.
"""

from __future__ import annotations

import gc
import json
import math
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

import mgframe as mg
from mgframe.client import Answer, Call, Client
from mgframe.metrics_answering import metrics_frame
from mgframe.metrics_asking import Query
from mgframe.metrics_parsing import read_page
from mgframe.timespan import Window
from mgframe.vocabulary import COUNTS

ROUNDS = 201  # the machine is busy, and the best of few is chance
NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
DAYS = pd.date_range(end="2026-11-15", periods=30, freq="D", tz="UTC")
DOMAINS = [f"news{i}.example.com" for i in range(10)]
PROVIDERS = ["Gmail", "Outlook 365", "Yahoo", "Apple", "unknown"]
KEYS = ("domain", "recipient_provider")
CLIENT = Client("key-0123", base_url="http://127.0.0.1:9", clock=lambda: NOW)


def text_of(counts: tuple[str, ...]) -> str:
    """Return an answer of 1,500 rows as Mailgun writes it."""
    random = np.random.default_rng(1)
    large = ("delivered", "accepted", "permanent_failed")  # the others are parts of these
    most = [20_000 if name.startswith(large) else 200 for name in counts]

    def member(name: str, value: str) -> dict[str, str]:
        return {"dimension": name, "value": value, "display_value": value}

    items = [
        {
            "dimensions": [
                member("time", format_datetime(day.to_pydatetime())),
                member("domain", domain),
                member("recipient_provider", provider),
            ],
            "metrics": dict(
                zip(
                    [f"{name}_count" for name in counts],
                    map(int, random.integers(np.array(most) // 2, most)),
                    strict=True,
                )
            ),
        }
        for day in DAYS
        for domain in DOMAINS
        for provider in PROVIDERS
    ]
    answer = {
        "start": items[0]["dimensions"][0]["value"],  # type: ignore[index]
        "end": items[-1]["dimensions"][0]["value"],  # type: ignore[index]
        "resolution": "day",
        "dimensions": ["time", *KEYS],
        "pagination": {"sort": "time:asc", "skip": 0, "limit": 1500, "total": len(items)},
        "items": items,
    }
    return json.dumps(answer, separators=(",", ":"))


def checked_frame(body: dict[str, Any], counts: tuple[str, ...]) -> pd.DataFrame:
    query = Query(CLIENT, counts, KEYS, Window(DAYS[0], DAYS[-1], "day"))
    page = read_page(body, KEYS, counts, timed=True)
    return metrics_frame(query, [""], [[Answer(Call("POST", "/x"), page, {}, NOW)]])


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def ratio(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Return the ratio of the best rounds of each, which take turns."""
    gc.collect()
    gc.freeze()  # the test runner's own objects are not what is measured
    rounds = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    gc.unfreeze()
    best, best_of_theirs = (min(taken) for taken in zip(*rounds, strict=True))
    return best / best_of_theirs


@pytest.fixture(scope="module")
def counts() -> tuple[str, ...]:
    return tuple(name for name, count in COUNTS.items() if not count.terms)[:20]


def test_a_page_of_20_counts_by_two_keys_takes_no_longer_than_its_json(
    counts: tuple[str, ...], benchmark: Any
) -> None:
    text = text_of(counts)
    body = json.loads(text)
    frame = benchmark.pedantic(checked_frame, args=(body, counts), rounds=5, warmup_rounds=2)
    assert len(frame) == 1500
    assert set(counts) <= set(frame.columns)
    found = ratio(lambda: checked_frame(body, counts), lambda: json.loads(text))
    benchmark.extra_info["frame / json.loads (at most 1)"] = round(found, 2)
    assert found <= 1


# ---------------------------------------------------------------- a year of 300 domains


class Counting(requests.Session):
    """A session that keeps of every answer the total that it tells."""

    def __init__(self) -> None:
        super().__init__()
        self.totals: list[int] = []

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        response = super().request(*args, **kwargs)
        told = re.search(rb'"total": ?(\d+)', response.content)
        self.totals.append(int(told[1]) if told else -1)
        return response


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve a simulated account of 300 domains from a process of its own."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_a_year_of_300_domains_takes_the_fewest_requests_and_little_memory(
    address: str, benchmark: Any
) -> None:
    session = Counting()
    client = mg.Client(
        "key-simulated", base_url=address, session=session, clock=lambda: NOW, timeout=600.0
    )

    def fetch() -> pd.DataFrame:
        return mg.metrics(by="domain", last="365d", progress=False, client=client)

    frame = benchmark.pedantic(fetch, rounds=1, warmup_rounds=1)
    assert len(frame) == 300 * 365
    (rows,) = set(session.totals)
    minimum = 2 * math.ceil(rows / 1500)  # ten counts a request, and 17 are to be asked
    assert len(session.totals) == 2 * minimum  # fetched twice
    size = int(frame.memory_usage(deep=True).sum())
    del frame
    tracemalloc.start()  # it also sees what numpy and the JSON decoder take
    fetch()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    benchmark.extra_info |= {
        "requests": minimum,
        "peak memory by that of the frame (below 4)": round(peak / size, 2),
    }
    assert peak < 4 * size


if __name__ == "__main__":
    from mgframe.simulator import Model, serve

    server = serve(Model(domains=300, now=NOW))
    print(server.url, flush=True)
    server.wait()
