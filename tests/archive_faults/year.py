"""A year of daily syncs: ``python -m tests.archive_faults.year --days 365``.

A small account that counts late is synced at 9:30 of every day into an archive of hours and of
days. In the end the archive must hold exactly what the account's model says of every hour, also of
those that the API has forgotten by then.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np

import mgframe as mg
from mgframe.simulator import Model, serve
from mgframe.simulator.windows import parse_window

from .accounts import DAY, TRACKS, account, client, kept, wrongs


@dataclass
class Year:
    """What became of it: a number each for every sync, and what is wrong in the end.

    `seconds` are of the processor, the account's server included, so that other work on the machine
    does not count.
    """

    archive: mg.Archive
    seconds: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    forgotten: int = 0
    new_files: int = 0

    def slowdown(self, days: int = 14) -> float:
        """Return how long the last syncs take together, of those after a month.

        Two weeks, because what counts teach is learnt each week, in one sync of seven.
        """
        return sum(self.seconds[-days:]) / sum(self.seconds[30 : 30 + days])


def data_files(folder: Path) -> int:
    """Return how many files of data there are."""
    return len(list(folder.rglob("*.parquet")))


def live(folder: Path, days: int, *, step: int = 1, checks: int = 60) -> Year:
    """Sync every `step` days for so many days; compare with the model every `checks` days."""
    oracle = account(days=2, retention=False)
    with serve(account(days=2)) as server, warnings.catch_warnings():
        warnings.simplefilter("error", mg.MgframeWarning)
        year = Year(kept(folder, TRACKS))
        for day in range(0, days, step):
            now, asked, since = server.model.now, len(server.requests), time.process_time()
            year.archive.sync(client=client(server.url, now), progress=False)
            year.seconds.append(time.process_time() - since)
            year.requests.append(len(server.requests) - asked)
            del server.requests[:]
            if day % checks < step or day + step >= days:
                for name, track in year.archive.tracks.items():
                    year.wrong += wrongs(year.archive.table(name), track, oracle)
            if day + step < days:
                server.advance(now + step * DAY)
        year.new_files = -data_files(folder)
        year.archive.sync(client=client(server.url, server.model.now), progress=False)
        year.new_files += data_files(folder)
        year.forgotten = _forgotten(year.archive, server.model)
    return year


def _forgotten(archive: mg.Archive, model: Model) -> int:
    """Return of how many hours the archive has deliveries and the API has none any more."""
    until = model.now - timedelta(days=61)
    mine = archive.frame("hours", "delivered", by="account", start="2026-05-31", end=until)
    edges = [str(moment.timestamp()) for moment in mine.index.get_level_values("time")[[0, -1]]]
    window = parse_window(model.now, start=edges[0], end=edges[1], resolution="hour")
    assert not model.tally(window).counts.any()
    return int((mine["delivered"] > 0).sum())


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.archive_faults.year")
    parser.add_argument("--days", type=int, default=365)
    asked = parser.parse_args(arguments)
    since = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        year = live(Path(folder) / "year", asked.days)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    print(f"{len(year.seconds)} syncs in {time.perf_counter() - since:.0f} s, {size / 1e6:.1f} MB")
    print(f"requests of a sync: {np.median(year.requests):.0f}; the first {year.requests[0]}")
    print(
        f"a sync takes {np.median(year.seconds[-14:]):.2f} s of the processor, two weeks of them "
        f"{year.slowdown():.2f} times as long"
    )
    print("as after a month; one with nothing new writes", year.new_files, "files of data")
    print(f"{year.forgotten:,} hours with deliveries are kept that the API has forgotten")
    print("\n".join(year.wrong) or "every hour and day is what the account's model says")
    return 1 if year.wrong or year.new_files or year.slowdown() > 1.5 else 0


if __name__ == "__main__":
    sys.exit(main())
