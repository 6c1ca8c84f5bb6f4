"""`Archive.restatements`: what Mailgun said of the past, and says otherwise now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from mgframe.archiving.changes import INTERVALS, Commit, asked_since, commits, feed
from mgframe.archiving.libraries import database, told
from mgframe.archiving.scanning import named
from mgframe.archiving.stores import Store
from mgframe.archiving.tracks import Track
from mgframe.framing import with_meta
from mgframe.timespan import Moment, json_time, read_moment

if TYPE_CHECKING:
    import duckdb


def restatements(archive: Store, name: str, since: Moment | None = None) -> pd.DataFrame:
    """List which past buckets changed after they were first read, when and by how much.

    Opens, clicks, complaints and late bounces reach buckets that were read before. In the archive
    as of a past moment, the changes that were known then.

    Parameters
    ----------
    name : str
        The track.
    since : str or datetime, optional
        Only changes that were read after that moment; nothing older is looked at then.

    Returns
    -------
    DataFrame
        A plain table, one row a changed count, sorted by time, keys, count and read_at. Columns:

        - `time`: the bucket's start, and the track's keys.
        - `count`: what changed.
        - `before`, `after`, `change`: what it was, what it is since, and after - before, ``Int64``.
        - `read_at`: when Mailgun said so, by the account's clock, ``datetime64[us, UTC]``.
        - `age`: how old the bucket was then, in hours since its end, ``float64``.
        - `kind`: ``"sync"``, or ``"import"`` where a frame of your own brought it.

    Raises
    ------
    QueryError
        There is no such track, or `since` is no moment.
    ArchiveError
        The table cannot be read.

    Notes
    -----
    A bucket may change in the middle of an hour, and is read again hours later: `read_at` is when
    it was seen. A row that comes late into a bucket that had been read was 0 before, as what a
    complete answer leaves out is; a count that was unknown and is known now did not change.
    Source: the table's change data feed and commits.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by="domain")
    >>> _ = archive.sync(client=mg.demo())
    >>> len(archive.restatements("days"))  # each day was read once
    0
    """
    track, table = archive.named(name), archive.table(name)
    moment = None if since is None else read_moment(since, argument="since")
    made = commits(table, moment)
    with database() as connection, told(table.where, "reading what changed"):
        _register(connection, made)
        feed(connection, table, made, "feed")
        _pair(connection, track)
        found = connection.sql(_query(track, asked_since(table, made))).df()
    meta = {"track": name, "simulated": bool(table.state.simulated)}
    if moment is not None:
        meta["since"] = json_time(moment)
    return with_meta(_typed(found), meta)


def _register(connection: duckdb.DuckDBPyConnection, made: Sequence[Commit]) -> None:
    """Make tables of when a version was read, and of what was known before it."""
    told_at = [(c.version, c.state.at, c.state.kind) for c in made if c.state.kind != "compact"]
    known = [
        (commit.version, read.start, read.until, read.at)
        for commit in made
        for read in commit.before.reads
        if not read.doubted
    ]
    moments = {"read_at": "datetime64[us, UTC]", "version": "int64", "kind": "str"}
    spans = {**dict.fromkeys(["start", "until", "seen"], moments["read_at"]), "version": "int64"}
    for name, rows, columns, types in (
        ("commits", told_at, ["version", "read_at", "kind"], moments),
        ("known", known, ["version", "start", "until", "seen"], spans),
    ):
        connection.register(name, pd.DataFrame(rows, columns=columns).astype(types))


def _pair(connection: duckdb.DuckDBPyConnection, track: Track) -> None:
    """Make "pairs": each row that changed, with what it was before; NULL where it was not there."""
    same = named(["time", *track.levels, "_commit_version"])
    connection.execute(
        "CREATE TEMP TABLE changed AS SELECT feed.*, seen FROM feed LEFT JOIN known ON "
        "version = _commit_version AND time >= known.start AND time < known.until "
        "WHERE _change_type LIKE 'update_%' OR (_change_type = 'insert' AND version IS NOT NULL)"
    )
    connection.execute(
        f"CREATE TEMP VIEW pairs AS SELECT {same}, now, was FROM "
        "(SELECT *, changed AS now FROM changed WHERE _change_type <> 'update_preimage') "
        f"LEFT JOIN (SELECT {same}, changed AS was FROM changed "
        f"WHERE _change_type = 'update_preimage') USING ({same})"
    )


def _query(track: Track, asked: Mapping[str, pd.Timestamp | None]) -> str:
    """Return the query for the changes of each count, from wide to long."""
    keys = named(track.levels)
    items = ", ".join(
        f"{{'count': '{count}', 'after': now.\"{count}\", 'before': CASE "
        f'WHEN was IS NOT NULL THEN was."{count}" WHEN {_is_known(moment)} THEN 0 END}}'
        for count, moment in asked.items()
    )
    width = INTERVALS[track.resolution]
    items = items or "{'count': '', 'after': 0::BIGINT, 'before': 0::BIGINT}"
    return (
        f"SELECT time, {keys}, item['count'] AS count, item['before'] AS before, "
        "item['after'] AS after, item['after'] - item['before'] AS change, read_at, "
        f"(epoch(read_at) - epoch(time + {width})) / 3600 AS age, kind "
        f"FROM (SELECT *, unnest([{items}]) AS item FROM pairs) "
        "JOIN commits ON version = _commit_version WHERE item['before'] <> item['after'] "
        f"ORDER BY time, {keys}, count, read_at"
    )


def _is_known(moment: pd.Timestamp | None) -> str:
    """Return in SQL whether a row that was not there was zero; of final reads nobody knows when."""
    return "true" if moment is None else f"now.seen > TIMESTAMPTZ '{moment.isoformat()}'"


def _typed(found: pd.DataFrame) -> pd.DataFrame:
    moments = dict.fromkeys(["time", "read_at"], "datetime64[us, UTC]")
    return found.astype({**moments, **dict.fromkeys(["before", "after", "change"], "Int64")})
