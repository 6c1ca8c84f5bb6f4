"""60 days of hours with all events: decoded JSON to a checked frame, beside pandas and json.

Each number is a ratio of medians of rounds that take turns, so that a busy machine slows all alike.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mgframe.answering import Asked, totals_frame
from mgframe.client import Answer, Call, Client
from mgframe.timespan import Window
from mgframe.vocabulary import EVENTS

HOURS = 60 * 24
ROUNDS = 41
STAMP = "%a, %d %b %Y %H:%M:%S %Z"
NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
GRID = pd.date_range(end="2026-11-16 09:00", periods=HOURS, freq="h", tz="UTC")


def item(hour: pd.Timestamp, random: np.random.Generator) -> dict[str, Any]:
    """Return an hour of a sender of about 20,000 messages a day, quiet at night."""
    volume = 400 * (1 + 0.9 * np.sin((hour.hour - 6) / 24 * 2 * np.pi))

    def some(share: float) -> int:
        return int(random.poisson(volume * share))

    def engagement(share: float) -> dict[str, int]:
        total = some(share)
        return {"total": total, "unique": -(-total * 7 // 10)} if total else {"total": 0}

    incoming, outgoing, smtp, http = some(0.05), some(1.05), some(1), some(0.02)
    reasons = ("suppress-bounce", "suppress-unsubscribe", "suppress-complaint", "bounce")
    later = ("delayed-bounce", "webhook", "optimized")
    permanent = {name: some(0.004) for name in reasons} | {name: some(0.0005) for name in later}
    return {
        "time": hour.strftime(STAMP),
        "accepted": {"incoming": incoming, "outgoing": outgoing, "total": incoming + outgoing},
        "delivered": {"smtp": smtp, "http": http, "optimized": 0, "total": smtp + http},
        "failed": {
            "temporary": {"espblock": some(0.01), "total": some(0.06)},
            "permanent": {**permanent, "total": sum(permanent.values()) + some(0.004)},
        },
        "opened": engagement(0.4),
        "clicked": engagement(0.03),
        "unsubscribed": {"total": some(0.002)},
        "complained": {"total": some(0.0003)},
        "stored": {"total": some(0.001)},
    }


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    """Return the answer as it comes out of the JSON decoder."""
    random = np.random.default_rng(1)
    edges = {"start": GRID[0].strftime(STAMP), "end": GRID[-1].strftime(STAMP)}
    items = [item(hour, random) for hour in GRID]
    body = {"description": "", **edges, "resolution": "hour", "stats": items}
    decoded: dict[str, Any] = json.loads(json.dumps(body))
    return decoded


CLIENT = Client("key-0123", base_url="http://127.0.0.1:9", clock=lambda: NOW)


def checked_frame(body: dict[str, Any]) -> pd.DataFrame:
    window = Window(GRID[0], GRID[-1], "hour")
    asked = Asked(CLIENT, "GET /v3/{domain}/stats/total", "domain", EVENTS, window)
    sent = Answer(Call("GET", "/x", label="a.com"), body, {}, NOW)
    return totals_frame(asked, [sent], {})


def normalized(body: dict[str, Any]) -> pd.DataFrame:
    table = pd.json_normalize(body["stats"])
    table["time"] = pd.to_datetime(table["time"], format=STAMP, utc=True)
    return table


def medians(*works: Callable[[], object]) -> list[float]:
    """Return the median seconds of each, the rounds taking turns."""
    gc.collect()
    gc.freeze()  # the test runner's own objects are not what is measured
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, seconds, strict=True):
            begun = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begun)
    gc.unfreeze()
    return [statistics.median(taken) for taken in seconds]


def test_a_checked_frame_takes_a_third_of_json_normalize_and_less_than_decoding(
    body: dict[str, Any], benchmark: Any
) -> None:
    text = json.dumps(body, separators=(",", ":"))  # as Mailgun writes it
    frame = benchmark.pedantic(checked_frame, args=(body,), rounds=5, warmup_rounds=2)
    assert frame.shape == (HOURS, 28)
    assert frame["delivered"].tolist() == normalized(body)["delivered.total"].tolist()
    ours, theirs, decoding = medians(
        lambda: checked_frame(body), lambda: normalized(body), lambda: json.loads(text)
    )
    benchmark.extra_info |= {
        "milliseconds": round(ours * 1000, 2),
        "json_normalize / frame (at least 3)": round(theirs / ours, 2),
        "frame / json.loads (at most 1)": round(ours / decoding, 2),
    }
    assert theirs / ours >= 3
    assert ours / decoding <= 1
