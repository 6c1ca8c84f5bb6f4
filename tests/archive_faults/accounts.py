"""An account whose past is restated, what it says at any moment, and what an archive holds of it.

The oracle is the simulator's model itself: no request, no fetch function, no archive.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

import mgframe as mg
from mgframe.archiving.libraries import database
from mgframe.archiving.scanning import scan
from mgframe.archiving.spans import Read
from mgframe.archiving.tables import Table
from mgframe.archiving.tracks import Track
from mgframe.simulator import Model
from mgframe.simulator.counters import COUNT_NAMES
from mgframe.simulator.counting import LATEST
from mgframe.simulator.windows import parse_window

START = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
TRACKS: dict[str, dict[str, Any]] = {
    "hours": {"by": ["domain", "recipient_provider"], "resolution": "hour"},
    "days": {"by": "domain"},
}
DAY = timedelta(days=1)
_TESTS = Path(__file__).parent.parent
_PATH = [str(_TESTS), str(_TESTS.parent)]


def account(now: datetime = START, *, days: int = 90, **model: Any) -> Model:
    """Return a small account that counts late."""
    return Model(domains=["a.example", "b.example"], days=days, now=now, late=True, **model)


def client(url: str, now: datetime, **given: Any) -> mg.Client:
    """Return a client of a served account, whose clock stands still."""
    return mg.Client("key-simulated", base_url=url, clock=lambda: now, **{"retries": 0, **given})


def kept(folder: Any, tracks: dict[str, dict[str, Any]] | None = None) -> mg.Archive:
    """Return an archive in a folder that keeps the tracks."""
    archive = mg.Archive(folder)
    for name, question in (TRACKS if tracks is None else tracks).items():
        archive.track(name, **question)
    return archive


def python(*arguments: object, within: Sequence[str] = (), **environment: str) -> str:
    """Return what a Python of its own prints, started by the command `within` if there is one."""
    ran = subprocess.run(
        [*within, sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_PATH), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def rows(table: Table) -> pd.DataFrame:
    """Return every row that a version of a table holds, in order; duplicates stay."""
    with database() as connection:
        scan(connection, table, "every")
        found = connection.execute('SELECT * FROM "every"').df()
    keys = [name for name, kind in table.columns.items() if kind != "long" and name != "period"]
    found["time"] = found["time"].dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    return found.set_index(keys).sort_index().astype("Int64")


def truth(oracle: Model, track: Track, read: Read) -> pd.DataFrame:
    """Return the rows that an account had of a read's span, as it was at that moment.

    Rows without any count are left out; of a final read it is what the account says in the end.
    """
    at = read.at if read.at is not None else read.until + timedelta(hours=LATEST + 1)
    model = oracle.at(at.to_pydatetime())
    window = parse_window(
        model.now,
        start=str(read.start.timestamp()),
        end=str((read.until - pd.Timedelta(hours=1)).timestamp()),
        resolution=track.resolution,
    )
    tally = model.tally(window, by=track.by)
    times = pd.DatetimeIndex(window.starts).tz_localize("UTC").as_unit("us")
    index = pd.MultiIndex.from_tuples(
        [(time, *key) for key in tally.keys for time in times], names=["time", *track.levels]
    )
    found = pd.DataFrame(
        tally.counts.reshape(-1, len(COUNT_NAMES)), index, list(COUNT_NAMES), dtype="Int64"
    )
    return found[(found > 0).any(axis=1)].sort_index()


def wrongs(table: Table, track: Track, oracle: Model) -> list[str]:
    """Return what a version of a table holds that the account never said; nothing if all is well.

    `oracle` forgets nothing. Each span that was read must hold exactly what the account had at the
    moment of the read, and beyond the spans there must be nothing.
    """
    found, reads = rows(table), table.state.reads
    said = [f"duplicate {key}" for key in found.index[found.index.duplicated()][:3]]
    left = found[(found > 0).any(axis=1)]
    for read in reads:
        times = left.index.get_level_values("time")
        inside = (times >= read.start) & (times < read.until)
        expected = truth(oracle, track, read)[list(found.columns)]
        expected = expected[(expected > 0).any(axis=1)]
        if not left[inside].equals(expected) and len(left[inside]) + len(expected):
            said.append(f"{_difference(left[inside], expected)} in {read}")
        left = left[~inside]
    if len(left):
        said.append(f"{len(left)} rows that nothing says were read, such as {left.index[0]}")
    return [f"{table.where} version {table.version}: {text}" for text in said]


def _difference(got: pd.DataFrame, expected: pd.DataFrame) -> str:
    missing, extra = expected.index.difference(got.index), got.index.difference(expected.index)
    both = got.index.intersection(expected.index)
    other = both[[not got.loc[[key]].equals(expected.loc[[key]]) for key in both]]
    first = [*missing[:1], *extra[:1], *other[:1]]
    return f"{len(missing)} rows missing, {len(extra)} too many, {len(other)} other {first}"


def unlike(one: mg.Archive, other: mg.Archive) -> list[str]:
    """Return how two archives differ: tracks, columns, rows one by one, what was read and when."""
    if one.tracks != other.tracks:
        return [f"tracks {list(one.tracks)} and {list(other.tracks)}"]
    said = []
    for name in one.tracks:
        mine, theirs = one.table(name), other.table(name)
        if mine.state.reads != theirs.state.reads:
            said.append(f"{name}: reads {mine.state.reads} and {theirs.state.reads}")
        if mine.state.at != theirs.state.at:
            said.append(f"{name}: at {mine.state.at} and {theirs.state.at}")
        if mine.state.lags != theirs.state.lags:
            said.append(f"{name}: lags {mine.state.lags} and {theirs.state.lags}")
        if not rows(mine).equals(rows(theirs)):
            said.append(f"{name}: {_difference(rows(mine), rows(theirs))}")
    return said
