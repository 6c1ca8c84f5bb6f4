"""A year of hours in an archive: ``python -m tests.benchmarks.archive``.

300 domains by 6 providers by every hour: 15.7 million rows of 20 counts, written week by week
through the archive's own path (:func:`mgframe.archiving.storing.keep`), and a daily step of four
days after a month and at the end. Then fresh processes read, each measured by itself: seconds of a
first call, and the peak of its memory (VmHWM). "Cold" has the archive's files out of the page
cache; loading the libraries comes before and is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

import mgframe as mg
from mgframe.archiving.spans import Read, Span, read_again
from mgframe.archiving.states import State
from mgframe.archiving.storing import Kept, keep

DOMAINS: Final = [f"mail{i:03}.example.com" for i in range(300)]
PROVIDERS: Final = ["Gmail", "Yahoo", "Outlook 365", "Apple", "Comcast", "unknown"]
COUNTS: Final = [
    "accepted", "accepted_outgoing", "delivered", "delivered_smtp", "delivered_first_attempt",
    "delivered_two_plus_attempts", "processed", "sent", "failed", "temporary_failed",
    "permanent_failed", "hard_bounces", "soft_bounces", "bounced", "suppressed_bounces",
    "opened", "unique_opened", "clicked", "unsubscribed", "complained",
]  # fmt: skip
START: Final = pd.Timestamp("2025-11-17", tz="UTC")
WEEK: Final = pd.Timedelta(days=7)
DAY: Final = pd.Timedelta(days=1)

#: What is to be reached: a name, the most it may be, and its unit.
TARGETS: Final = {
    "bytes a row": 20.0,
    "daily delivery rates by domain, s": 3.0,
    "its peak memory, MB": 1000.0,
    "one domain's week, cold, s": 0.3,
    "one domain's week, warm, s": 0.3,
    "a daily step after a year, of one after a month": 1.5,
}


def hours(start: pd.Timestamp, until: pd.Timestamp, seed: int = 1) -> pd.DataFrame:
    """Return invented counts of every hour, domain and provider: few large, most small or 0."""
    times = pd.date_range(start, until, freq="h", inclusive="left", unit="us")
    size = np.random.default_rng(seed).lognormal(1.2, 1.3, len(DOMAINS))
    share = np.array([0.38, 0.17, 0.2, 0.08, 0.02, 0.15])
    rng = np.random.default_rng([seed, int(start.timestamp())])
    curve = 1 + 0.7 * np.sin((times.hour.to_numpy() - 8) / 24 * 2 * np.pi)
    expected = curve[:, None, None] * size[:, None] * share
    accepted = 1 + rng.poisson(6 * expected)  # no row is empty
    permanent = rng.binomial(accepted, 0.012)
    hard = rng.binomial(permanent, 0.5)
    soft = rng.binomial(permanent - hard, 0.6)
    delivered = accepted - permanent
    again = rng.binomial(delivered, 0.03)
    temporary = again + rng.binomial(permanent, 0.3)
    opened = rng.binomial(delivered, 0.3)
    unique = rng.binomial(opened, 0.6)
    bounced = hard + soft
    values = [
        accepted, accepted, delivered, delivered, delivered - again, again,
        delivered + permanent, delivered + bounced, permanent + temporary, temporary, permanent,
        hard, soft, bounced, permanent - bounced, opened, unique,
        rng.binomial(unique, 0.06), rng.binomial(delivered, 0.001), rng.binomial(delivered, 0.0003),
    ]  # fmt: skip
    index = pd.MultiIndex.from_product(
        [times, DOMAINS, PROVIDERS], names=["time", "domain", "recipient_provider"]
    )
    columns = dict(zip(COUNTS, (value.ravel() for value in values), strict=True))
    return pd.DataFrame(columns, index).astype("Int64")


def step(archive: mg.Archive, frame: pd.DataFrame, span: Span, now: pd.Timestamp) -> float:
    """Keep a frame as a sync would and return how many seconds it took."""

    def after(state: State, kept: Kept) -> State:
        read = Read(*span, now, doubted=kept.lost > 0)
        reads = read_again(state.reads, read, pd.Timedelta(hours=72), "hour")
        return replace(state, kind="sync", at=now, simulated=True, reads=reads)

    since = time.perf_counter()
    keep(archive.table("hours"), archive.named("hours"), frame, span, after, at=now)
    return time.perf_counter() - since


def daily(archive: mg.Archive, now: pd.Timestamp) -> float:
    """Return the seconds of a day's step, the middle of three: a new day, three that moved."""
    taken = []
    for day in range(3):
        until = now + (day + 1) * DAY
        frame = hours(until - 4 * DAY, until)
        moved = np.random.default_rng(day).random(len(frame)) < 0.2
        frame["opened"] += moved.astype(int)
        taken.append(step(archive, frame, (until - 4 * DAY, until), until))
    return sorted(taken)[1]


def fill(archive: mg.Archive, weeks: int) -> dict[str, float]:
    """Write the weeks and return how long what took."""
    archive.track("hours", COUNTS, by=["domain", "recipient_provider"], resolution="hour")
    taken: dict[str, float] = {}
    writing, months = 0.0, mg.Archive(Path(archive.place.root).with_name("month"))
    months.track("hours", COUNTS, by=["domain", "recipient_provider"], resolution="hour")
    for week in range(weeks):
        span = (START + week * WEEK, START + (week + 1) * WEEK)
        frame = hours(*span)
        writing += step(archive, frame, span, span[1])
        if week < 4:
            step(months, frame, span, span[1])
        print(f"\rweek {week + 1} of {weeks}, {writing:.0f} s of writing", end="", flush=True)
    print()
    table = archive.table("hours")
    taken["rows"] = table.rows
    taken["writing, s"] = writing
    files = [Path(file) for file in table.files()]
    taken["files"] = len(files)
    taken["bytes a row"] = sum(file.stat().st_size for file in files) / table.rows
    month = daily(months, START + min(4, weeks) * WEEK)
    year = daily(archive, START + weeks * WEEK)
    taken["a daily step after a month, s"], taken["a daily step after a year, s"] = month, year
    taken["a daily step after a year, of one after a month"] = year / month
    return taken


_READING: Final = """
import json, sys, time
begun = time.perf_counter()
import pandas, deltalake, duckdb, mgframe as mg
from mgframe.archiving import archive as _, reading as _
loading = time.perf_counter() - begun
archive = mg.Archive(sys.argv[1])
begun, used = time.perf_counter(), time.process_time()
{code}
first, used = time.perf_counter() - begun, time.process_time() - used
again = []
for _ in range(5):
    begun = time.perf_counter()
    {code}
    again.append(time.perf_counter() - begun)
peak = next(l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM"))
print(json.dumps([first, min(again), int(peak) / 1024, len(found), used, loading]))
"""
_RATES: Final = (
    'found = archive.frame("hours", "delivery_rate", by="domain", resolution="day")'
    '.mg.rates("delivery_rate")'
)
_WEEK: Final = (
    'found = archive.frame("hours", where={"domain": "mail123.example.com"}, start="2025-11-24", '
    'end="2025-11-30")'
)


def measured(folder: Path, code: str, *, cold: bool) -> list[float]:
    """Return seconds of a first call and of the best of five more, peak MB, rows, the
    processors' seconds of the first, and seconds of loading libraries, in a process of its own.
    """
    if cold:
        for file in folder.rglob("*"):
            if file.is_file():
                descriptor = os.open(file, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
    script = _READING.replace("{code}", code)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return list(json.loads(ran.stdout))


def read(folder: Path) -> dict[str, float]:
    """Return how long reading takes and what it needs."""
    first, _, memory, rows, used, loading = measured(folder, _RATES, cold=False)
    colder, *_ = measured(folder, _RATES, cold=True)
    cold, warm, small, week, little, _ = measured(folder, _WEEK, cold=True)
    return {
        "loading the libraries before, s": loading,
        "daily delivery rates by domain, s": first,
        "its seconds of the processors": used,
        "the same, cold, s": colder,
        "its peak memory, MB": memory,
        "its rows": rows,
        "one domain's week, cold, s": cold,
        "one domain's week, warm, s": warm,
        "its seconds of the processors, cold": little,
        "its peak memory for a week, MB": small,
        "its rows for a week": week,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.archive")
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--keep", type=Path, help="a folder to keep the archive in, or to reread")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = (asked.keep or Path(scratch)) / "year"
        taken: dict[str, Any] = {} if folder.exists() else fill(mg.Archive(folder), asked.weeks)
        taken |= read(folder)
    missed = 0
    for name, value in taken.items():
        most = TARGETS.get(name)
        verdict = "" if most is None else f"  (target {most:g})"
        missed += most is not None and value >= most
        print(
            f"{name:50} {value:14,.3f}{verdict}{' MISSED' * (most is not None and value >= most)}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
