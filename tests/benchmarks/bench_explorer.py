"""How long a choice takes that needs no fetch: 60 days of hours and 40 domains, below 150 ms.

Run with ``pytest tests/benchmarks/bench_explorer.py``. The time of the processor is taken, the best
of several, because a clock would measure the machine's other work, too. That work slows the
processor itself: so each time is also told as a part of a bare picture that matplotlib draws of as
many points, and a machine on which the bare picture alone takes as long is not held to the limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import mgframe as mg
from mgframe.explorer.pictures import png_of
from mgframe.explorer.view import View

HOURS, DOMAINS = 60 * 24, 40
LIMIT = 0.150
MOST_OF_A_PICTURE = 1.2
LINES: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def _table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n" + "\n".join(LINES))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(1)
    times = pd.date_range("2026-09-17", periods=HOURS, freq="h")
    names = [f"d{i:02d}.example.com" for i in range(DOMAINS)]
    sent = random.poisson(np.tile(np.geomspace(2000, 5, DOMAINS), HOURS))
    table = {"time": np.repeat(times, DOMAINS), "domain": np.tile(names, HOURS)}
    counts = {"processed": sent + 3, "sent": sent, "delivered": random.binomial(sent, 0.97)}
    counts["bounced"] = sent - counts["delivered"]
    for name in ("unique_opened", "opened", "unique_clicked", "clicked", "unsubscribed",
                 "complained", "hard_bounces", "soft_bounces", "temporary_failed"):  # fmt: skip
        counts[name] = random.binomial(counts["delivered"], 0.1)
    return mg.as_frame(
        pd.DataFrame(table | counts), time="time", keys=["domain"], resolution="hour",
        complete_until="2026-11-16",
    )  # fmt: skip


@pytest.fixture(scope="module")
def view(frame: pd.DataFrame) -> View:
    made = View(mg.explore(frame).session)
    made._session.choose(window="28d", compare=True)  # what is loaded once: scipy
    return made


def best(work: Callable[[], object], rounds: int = 7) -> float:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


@pytest.fixture(scope="module")
def plain() -> float:
    """Seconds of a bare picture of nine lines of as many points, with a legend."""
    x, random = np.arange(HOURS), np.random.default_rng(2)
    lines = random.random((9, HOURS))

    def draw() -> None:
        figure = Figure(figsize=(8.8, 3.7), dpi=100)
        ax = figure.subplots()
        for number, y in enumerate(lines):
            ax.plot(x, y, linewidth=1.0, label=f"line {number}")
        ax.legend(loc="upper left")
        png_of(figure)

    return best(draw)


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another rate": ({"measure": "bounce_rate"}, {"measure": "delivery_rate"}),
    "a rolling rate": ({"measure": "open_rate"}, {"measure": "click_rate"}),
    "a count": ({"measure": "sent"}, {"measure": "delivered"}),
    "28 days": ({"window": "28d"}, {"window": "14d"}),
    "10 domains": ({"keys": (("domain", tuple(f"d{i:02d}.example.com" for i in range(10))),)},
                   {"keys": (("domain", tuple(f"d{i:02d}.example.com" for i in range(11))),)}),
    "days": ({"resolution": "day"}, {"resolution": "week"}),
    "one key": ({"focus": "d03.example.com"}, {"focus": "d04.example.com"}),
    "compared": ({"window": "28d", "compare": True}, {"window": "14d", "compare": True}),
}  # fmt: skip
START = {
    "measure": "delivery_rate", "by": "domain", "keys": (), "window": "all", "resolution": "",
    "compare": False, "focus": None,
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_choice_without_a_fetch_is_drawn_in_time(name: str, view: View, plain: float) -> None:
    session, times = view._session, []
    for _ in range(7):
        session.choose(**START)
        session._loaded.kitchen.forget()
        for change in CHANGES[name]:
            start = time.process_time()
            session.choose(**change)
            times.append(time.process_time() - start)
            assert session.problem == ""
    took = min(times)
    LINES.append(f"{name:15s} {took * 1000:5.0f} ms, {took / plain:.1f} plain pictures")
    assert took < LIMIT or took / plain < MOST_OF_A_PICTURE
