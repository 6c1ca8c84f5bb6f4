"""Histories for the tests of the archive: frames that are kept as a sync would keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

import mgframe as mg
from mgframe.archiving.libraries import database
from mgframe.archiving.scanning import scan
from mgframe.archiving.spans import Read, Span, read_again
from mgframe.archiving.states import State
from mgframe.archiving.storing import Kept, keep
from mgframe.timespan import bucket_ends


def moment(text: str) -> pd.Timestamp:
    """Return a moment in UTC."""
    return pd.Timestamp(text, tz="UTC").as_unit("us")


def archive_of(path: Path, *names: str, by: str = "domain", resolution: str = "hour") -> mg.Archive:
    """Return an archive with tracks of these names."""
    archive = mg.Archive(path)
    for name in names or ("hours",):
        archive.track(name, by=by, resolution=resolution)
    return archive


def frame_of(counts: Mapping[str, Mapping[str, int | None]], domain: str = "a.com") -> pd.DataFrame:
    """Return a frame of one domain, from bucket to counts."""
    index = pd.MultiIndex.from_tuples(
        [(moment(time), domain) for time in counts], names=["time", "domain"]
    )
    return pd.DataFrame(list(counts.values()), index=index).astype("Int64").sort_index()


def read_at(
    archive: mg.Archive,
    frame: pd.DataFrame,
    at: str | pd.Timestamp,
    *,
    name: str = "hours",
    span: Span | None = None,
    lag: str = "72h",
    kind: str = "sync",
    doubted: bool = False,
) -> Kept:
    """Keep a frame as it was at a moment, in one commit; what is older than the lag is final."""
    track = archive.named(name)
    times = pd.DatetimeIndex(frame.index.unique("time"))
    start, until = span or (times.min(), bucket_ends(times, track.resolution).max())
    now = pd.Timestamp(at) if isinstance(at, pd.Timestamp) else moment(at)

    def after(state: State, _: Kept) -> State:
        fresh = Read(start, until, None if kind == "import" else now, doubted)
        reads = read_again(state.reads, fresh, pd.Timedelta(lag), track.resolution)
        return replace(state, kind=kind, at=now, reads=reads)

    return keep(archive.table(name), track, frame, (start, until), after)


def rows_of(archive: mg.Archive, name: str = "hours") -> pd.DataFrame:
    """Return all rows of a track, in order."""
    table, levels = archive.table(name), archive.named(name).levels
    with database() as connection:
        scan(connection, table, "rows")
        rows = connection.sql("SELECT * FROM rows").df()
    return rows.sort_values(["time", *levels], ignore_index=True)
