"""Kill syncs with SIGKILL at random moments: ``python -m tests.archive_faults.kills --kills 200``.

An account is synced at later and later moments into two archives. One is never killed. Into the
other, a child process syncs and is killed at a random moment; the next sync must then end with what
the first archive has, row for row. Meanwhile a reader in a process of its own opens every version
that it comes across: each must hold exactly what the account said of the spans that it says were
read, so that half a step would be seen.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np

import mgframe as mg
from mgframe.simulator import serve

from .accounts import START, account, client, kept, unlike, wrongs

#: A new archive after so many kills: what is killed then is the first sync.
STAGES: Final = 10
#: About how many seconds longer a sync takes in a process that has synced nothing yet.
_COLD: Final = 0.4
TRACKS: Final[dict[str, dict[str, Any]]] = {
    "hours": {
        "by": ["domain", "recipient_provider"],
        "resolution": "hour",
        "start": START - timedelta(days=14),
    },
    "days": {"by": "domain", "start": START - timedelta(days=80)},
}
_FORKING: Final = multiprocessing.get_context("forkserver")
_LOADED: Final = ["mgframe.archiving.archive", "mgframe.simulator.server", "deltalake", "duckdb"]


@dataclass
class Tally:
    """What came of it: where kills struck, what was wrong, and what the reader saw."""

    struck: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    versions: int = 0
    looks: int = 0

    @property
    def kills(self) -> int:
        """How many syncs were killed."""
        return sum(self.struck.values())


def sync(folder: Path, url: str, now: datetime, began: Connection | None = None) -> mg.Archive:
    """Sync a folder as a script would: name the tracks, fetch what is due."""
    if began is not None:
        began.send("began")
    # Steps of some days: what fits into one step otherwise would be a commit or two.
    with mock.patch("mgframe.archiving.steps.ROWS_A_STEP", 2_000):
        archive = kept(folder, TRACKS)
        archive.sync(client=client(url, now), progress=False)
    return archive


def read_all_the_while(folder: Path, stop: Any, told: Connection) -> None:
    """Open the archives in a folder again and again, and check every version that is new."""
    oracle = account(retention=False)
    seen: set[tuple[str, str, int]] = set()
    wrong: list[str] = []
    looks = 0
    while not stop.is_set():
        for place in sorted(folder.glob("killed-*"))[-1:]:
            archive = mg.Archive(place)
            for name, track in archive.tracks.items():
                table = archive.table(name)
                looks += 1
                if (key := (place.name, name, table.version)) not in seen:
                    seen.add(key)
                    wrong += wrongs(table, track, oracle)
        time.sleep(0.005)
    told.send((wrong, len(seen), looks))


@contextmanager
def reading(folder: Path, tally: Tally) -> Iterator[None]:
    """Let a reader look on; afterwards the tally has what it saw."""
    stop, (mine, theirs) = _FORKING.Event(), _FORKING.Pipe(duplex=False)
    reader = _FORKING.Process(target=read_all_the_while, args=(folder, stop, theirs), daemon=True)
    reader.start()
    theirs.close()
    try:
        yield
    finally:
        stop.set()
        try:
            wrong, tally.versions, tally.looks = mine.recv()
        except EOFError:
            wrong = ["the reader failed"]
        reader.join()
        tally.wrong += wrong


def killed(folder: Path, url: str, now: datetime, after: float, *, writing: bool) -> bool:
    """Begin a sync in a child process and kill it; return whether it was still at work.

    It is killed `after` so many seconds; if `writing`, at the first new file of data from then on.
    """
    mine, theirs = _FORKING.Pipe(duplex=False)
    child = _FORKING.Process(target=sync, args=(folder, url, now, theirs))
    child.start()
    theirs.close()
    mine.recv()
    child.join(after)
    had = len(list(folder.rglob("*.parquet")))
    while writing and child.is_alive() and len(list(folder.rglob("*.parquet"))) <= had:
        time.sleep(0.0005)
    child.kill()
    child.join()
    if child.exitcode not in (0, -9):
        raise RuntimeError(f"a sync ended with {child.exitcode}")
    return child.exitcode == -9


def commits(folder: Path) -> list[Path]:
    """Return the log entries of all tables."""
    return list(folder.glob("*/_delta_log/*.json"))


def orphans(folder: Path) -> set[Path]:
    """Return the files of data that no commit names."""
    log = "".join(path.read_text(encoding="utf-8") for path in commits(folder))
    return {file for file in folder.rglob("*.parquet") if file.name not in log}


def where_it_struck(done: int, makes: int, files: int) -> str:
    """Return in words what a killed sync left, where a whole one `makes` so many commits."""
    where = "before its first commit" if not done else "between its commits"
    where = "after its last commit" if done >= makes else where
    return f"{where}{', files of the next one written' if files else ''}"


def run(folder: Path, kills: int, seed: int) -> Tally:
    """Kill so many syncs in a folder and return what came of it."""
    _FORKING.set_forkserver_preload([*_LOADED, __name__])
    tally, rng = Tally(), np.random.default_rng(seed)
    with reading(folder, tally), warnings.catch_warnings():
        warnings.simplefilter("ignore", mg.MgframeWarning)
        while tally.kills < kills and not tally.wrong:
            chapter(folder, len(list(folder.glob("killed-*"))), kills, rng, tally)
    return tally


def chapter(folder: Path, number: int, kills: int, rng: np.random.Generator, tally: Tally) -> None:
    """Sync two archives through some days of an account, and kill every sync of the one."""
    mine, other = folder / f"killed-{number:03}", folder / f"whole-{number:03}"
    with serve(account()) as server:
        for _ in range(STAGES):
            now = server.model.now
            since, had = time.perf_counter(), len(commits(other))
            whole = sync(other, server.url, now)
            makes, lasts = len(commits(other)) - had, time.perf_counter() - since + _COLD
            before, left = len(commits(mine)), orphans(mine)
            # Writing takes milliseconds of a sync: half of the kills wait for it.
            writing = bool(rng.random() < 0.5)
            if killed(mine, server.url, now, rng.uniform(0, lasts), writing=writing):
                done, files = len(commits(mine)) - before, len(orphans(mine) - left)
                tally.struck[where_it_struck(done, makes, files)] += 1
            tally.wrong += [f"{now}: {text}" for text in unlike(sync(mine, server.url, now), whole)]
            if tally.kills >= kills or tally.wrong:
                return
            # A day is a step or two; after weeks there are several.
            server.advance(now + timedelta(hours=int(rng.choice([7, 24, 24, 24, 24 * 20]))))


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.archive_faults.kills")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    since = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tally = run(Path(folder), asked.kills, asked.seed)
    print(f"{tally.kills} syncs killed (seed {asked.seed}) in {time.perf_counter() - since:.0f} s:")
    for where, number in tally.struck.most_common():
        print(f"  {number:4} {where}")
    print(f"a reader looked {tally.looks:,} times and checked {tally.versions:,} versions")
    print("\n".join(tally.wrong) or "every next sync ended as if none had been killed")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
