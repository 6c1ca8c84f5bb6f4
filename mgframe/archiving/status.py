"""`Archive.status`: what is kept, and what will be lost where nothing is done."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from mgframe.archiving.spans import moment
from mgframe.archiving.standing import Extent, Standing
from mgframe.archiving.states import State
from mgframe.archiving.statuses import Status
from mgframe.archiving.stores import NotYet, Store
from mgframe.archiving.tables import Table
from mgframe.archiving.tracks import Track
from mgframe.errors import ArchiveError


def status(archive: Store, names: str | Iterable[str] | None = None) -> Status:
    """Say what is kept, what is missing, and what Mailgun will forget soon.

    Nothing is asked and no data are read: a table's log knows all of it.

    Parameters
    ----------
    names : str or iterable of str, optional
        The tracks; by default all.

    Returns
    -------
    Status
        A notebook shows it as a page, a terminal as text. `table` has a row a track: ``track``,
        ``by``, ``resolution``; ``first`` and ``last`` (the first and the last bucket that was
        read); in buckets ``lost`` (never read, and no longer to be had), ``missing`` (a hole that
        can still be filled), ``new`` (complete since the last one), ``expiring`` (of missing and
        new, what Mailgun forgets within 7 days), ``moving`` (read while its counts could still
        change) and ``doubted`` (the answer lacked what had been there); ``expires`` (when Mailgun
        forgets the first of the expiring); ``rows``, ``files`` and ``bytes`` of the newest version,
        ``disk`` (bytes with the older versions and the log; NA in an object store); ``lag_hours``
        (how long counts move: as learnt, else 72); ``synced``, ``result``, ``error`` of the last
        sync. `gaps` has a row a hole, `lags` one a learnt lag. `problems` are sentences, and `ok`
        is whether there are none: nothing expires within 7 days, no last sync failed, all tables
        can be read.

    Raises
    ------
    QueryError
        There is no such track.
    ArchiveError
        The list of tracks cannot be read. A track whose table cannot be read is a row and a
        problem.

    Notes
    -----
    "Now" is this machine's clock; for a simulated account the moment of its last sync, and for
    :meth:`Archive.as_of` the moment asked for.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by="domain")
    >>> archive.status().ok  # the oldest days will be forgotten
    False
    >>> synced = archive.sync(client=mg.demo())
    >>> archive.status().table[["track", "first", "last", "rows", "expiring", "result"]]
      track                     first                      last  rows  expiring result
    0  days 2025-11-16 00:00:00+00:00 2026-11-15 00:00:00+00:00  1095         0   fine
    >>> archive.status().ok
    True
    """
    chosen = [track.name for track in archive.chosen(names)]
    found = [_standing(archive, track) for track in archive.tracks.values()]
    now = now_of(archive.when, [one.state for one in found])
    past = archive.when is not None
    told = (replace(one, now=now, past=past) for one in found if one.track.name in chosen)
    return Status(str(archive.place), now, tuple(told))


def _standing(archive: Store, track: Track) -> Standing:
    """Return how a track stands; its moment is not known yet."""
    epoch = pd.Timestamp(0, tz="UTC")
    try:
        table = archive.table_of(track)
        return Standing(track, _as_told(table, archive.when), _extent(table), epoch)
    except NotYet:
        return Standing(track, State(), Extent(), epoch)
    except ArchiveError as error:
        return Standing(track, State(), Extent(rows=None), epoch, str(error))


def _as_told(table: Table, when: pd.Timestamp | None) -> State:
    """Return a version's state; a sync after `when` that found nothing new is not told of."""
    if when is None:
        return table.state
    said = (state.said for _, state in table.history())
    known = (one for one in said if "started" not in one or moment(one["started"]) <= when)
    return replace(table.state, said=next(known, {}))


def _extent(table: Table) -> Extent:
    """Return a version's size from its log."""
    sizes = table.logged("size_bytes")
    return Extent(len(sizes), table.rows, sum(size or 0 for size in sizes), _disk(table))


def _disk(table: Table) -> int | None:
    """Return the bytes of all files of a table, old versions and log too; None where unseen."""
    if not table.place.is_local:
        return None
    return sum(
        (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(table.place.table(table.name))
        for name in names
        if (Path(folder) / name).exists()  # another process may be at work
    )


def now_of(when: pd.Timestamp | None, states: Sequence[State]) -> pd.Timestamp:
    """Return the moment; a simulated account's clock is known from its last sync alone."""
    if when is not None:
        return when
    known = [state.at for state in states if state.at is not None]
    if known and all(state.simulated for state in states if state.at is not None):
        return max(known)
    clock = pd.Timestamp.now("UTC").as_unit("us").floor("s")
    return max([clock, *known])
