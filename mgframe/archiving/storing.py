"""A frame into a table: what is new is added, what changed is replaced, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import pandas as pd

from mgframe.archiving.digesting import digest_after
from mgframe.archiving.libraries import database, library, told
from mgframe.archiving.scanning import named, scan
from mgframe.archiving.spans import Read, Span, within
from mgframe.archiving.states import State
from mgframe.archiving.tables import PARTS, Conflict, Table, opened, period_of
from mgframe.archiving.tracks import ADDRESS, Track
from mgframe.errors import ArchiveError
from mgframe.framing import is_simulated, key_levels
from mgframe.vocabulary import in_order

if TYPE_CHECKING:
    import duckdb

#: How often a commit is decided anew after another process came first.
_TRIES: Final = 20
_HIDDEN: Final = "(address)"
#: What a frame's counts do to known ones: an API's answer replaces them where it says something,
#: "filling" leaves them, and "outright" replaces them by zeros too.
Mode = Literal["answer", "filling", "outright"]


class Stale(ArchiveError):
    """Somebody else has kept a later answer of these `spans`; an older one must not replace it."""

    def __init__(self, message: str, spans: list[Span]) -> None:
        super().__init__(message)
        self.spans = spans


@dataclass(frozen=True)
class Kept:
    """What a step did: rows added and changed, rows whose counts fell, and rows that were lost.

    Lost is a row that held counts and that the answer does not have, or has as zeros: what was kept
    stays. `whose` are the first keys of such rows. `gone` are changed rows that the frame lacks.
    """

    table: Table
    added: int = 0
    changed: int = 0
    fell: int = 0
    lost: int = 0
    whose: tuple[str, ...] = ()
    gone: int = 0


def keep(
    table: Table,
    track: Track,
    frame: pd.DataFrame,
    span: Span,
    state_after: Callable[[State, Kept], State],
    *,
    mode: Mode = "answer",
    at: pd.Timestamp | None = None,
) -> Kept:
    """Store a frame's rows that lie in a span; return what that changed.

    What is NA in the frame never takes the place of a count that is known. `state_after` says what
    is known of the table then; it is asked again when another process committed first. With
    ``mode="filling"`` only unknown counts are filled in; with ``"outright"`` the frame is all there
    is of its buckets: its zeros count, and what it has no row of becomes 0. `at` is when the frame
    was answered.

    Raises
    ------
    Stale
        The table holds a later answer than this one.
    ArchiveError
        It cannot be read or written, it is simulated and the frame is live or the other way around,
        or others keep committing first.
    """
    coming = _Coming(track, _rows(frame, span), [str(n) for n in frame.columns], span, mode)
    for _ in range(_TRIES):
        table.state.refuse_mixture(table.where, is_simulated(frame))
        later = [r.span for r in _within(table, span) if r.at and at is not None and at < r.at]
        if later:
            raise Stale(
                f"{table.where} holds an answer that is later than this one of {at:%Y-%m-%d %H:%M} "
                "UTC; run sync again when the other one is done",
                later,
            )
        try:
            return _kept_once(table, coming, state_after)
        except Conflict:
            table = opened(table.place, table.name)
    raise Conflict(
        f"{table.where}: other processes committed first {_TRIES} times; nothing of this step is "
        "kept. Run sync again when they are done"
    )


@dataclass(frozen=True)
class _Coming:
    """What is to be stored of a track: rows, their counts, the span they tell of, and how."""

    track: Track
    rows: pd.DataFrame
    counts: list[str]
    span: Span
    mode: Mode


def _within(table: Table, span: Span) -> list[Read]:
    return [read for read in table.state.reads if within([read.span], *span)]


def _kept_once(table: Table, coming: _Coming, state_after: Callable[[State, Kept], State]) -> Kept:
    missing = [name for name in in_order(coming.counts) if name not in table.columns]
    if missing:
        table = table.widen(missing)
    with database() as connection:
        periods = [period_of(moment, coming.track.resolution) for moment in coming.span]
        scan(connection, table, "old files", *periods)
        with told(table.where, "comparing"):
            _compare(connection, table, coming)
            kept = _summary(connection, table, coming.track)
            state = state_after(table.state, kept)
            state = replace(state, digest=digest_after(connection, table, "fresh", "old"))
            return _committed(connection, kept, coming.track, state)


def _rows(frame: pd.DataFrame, span: Span) -> pd.DataFrame:
    """Return a frame's rows within a span as a plain table without addresses."""
    times = frame.index.get_level_values("time")
    rows = frame[(times >= span[0]) & (times < span[1])]
    keys = key_levels(rows)
    hidden = {key: _without_addresses(rows.index.unique(key)) for key in keys}
    flat = rows.reset_index()
    for key, names in hidden.items():
        if names:
            flat[key] = flat[key].replace(names)
    return _summed(flat, ["time", *keys]) if any(hidden.values()) else flat


def _summed(flat: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Add up the rows that are one row now; a sum with an unknown part is unknown."""
    groups = flat.groupby(by, sort=False)
    unknown = groups.count().lt(groups.size(), axis=0)
    return groups.sum().mask(unknown).reset_index()


def _without_addresses(values: Iterable[str]) -> dict[str, str]:
    return {v: ADDRESS.sub(_HIDDEN, v) for v in values if ADDRESS.search(v)}


def _compare(connection: duckdb.DuckDBPyConnection, table: Table, coming: _Coming) -> None:
    """Make the tables "fresh", rows to write, and "lost", rows that the answer dropped."""
    connection.register("read", _table_of(table.state.known))
    connection.execute(
        'CREATE OR REPLACE TEMP TABLE old AS SELECT * FROM "old files" '
        "WHERE time >= ? AND time < ?",
        list(coming.span),
    )
    connection.register("frame", coming.rows)
    same = named(["time", *coming.track.levels])
    whole = f" UNION ALL BY NAME {_missing(same, coming.counts)}"
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW came AS SELECT *, false AS gone FROM frame"
        + (whole if coming.mode == "outright" else "")
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS {_fresh(table.counts, coming)}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE lost AS SELECT old.* FROM old LEFT JOIN came USING ({same}) "
        f"WHERE {str(coming.mode == 'answer').lower()} AND ({_spoke(coming)}) "
        f"AND (came.time IS NULL OR ({_silent(coming)}))"
    )


def _fresh(known: list[str], coming: _Coming) -> str:
    """Return the query of the rows to write: those that are new, and those that changed."""
    track, value = coming.track, _values(known, coming)
    changed = " OR ".join(f'{v} IS DISTINCT FROM old."{n}"' for n, v in value.items())
    fell = " OR ".join(f'{v} < old."{n}"' for n, v in value.items())
    lost = f" AND NOT (({_silent(coming)}) AND ({_spoke(coming)}))"
    return (
        f"SELECT {named(['time', *track.levels], 'came.')}, "
        + ", ".join(f'CAST({v} AS BIGINT) AS "{n}"' for n, v in value.items())
        + f", strftime(came.time, '{PARTS[track.resolution]}') AS period"
        + f", gone, old.time IS NOT NULL AS known, old.time IS NOT NULL AND ({fell}) AS fell "
        + f"FROM came LEFT JOIN old USING ({named(['time', *track.levels])}) "
        + f"WHERE (old.time IS NULL{_worth_a_row(coming)}) "
        + f"OR (old.time IS NOT NULL AND ({changed}){lost if coming.mode == 'answer' else ''}) "
        + f"ORDER BY period, {named(track.levels)}, time"
    )


def _values(known: list[str], coming: _Coming) -> dict[str, str]:
    """Return what each count becomes: as it came, else as it was; where filling in, the reverse."""
    first, second = ("old", "came") if coming.mode == "filling" else ("came", "old")
    return {
        name: f'coalesce({first}."{name}", {second}."{name}")'
        if name in coming.counts
        else f'old."{name}"'
        for name in known
    }


def _worth_a_row(coming: _Coming) -> str:
    """Return the condition on a row that is not kept yet, as the end of another one."""
    zeros = " AND ".join(f'came."{n}" = 0' for n in coming.counts)
    # The Metrics API has no rows of zeros: those of a frame are filled in, and need no room.
    new = f" AND ({zeros}) IS NOT TRUE" if coming.track.api == "metrics" else ""
    # What has no row is known to be 0 where an API was read; of imports each tells its own keys.
    if coming.mode == "filling" and coming.track.api != "none":
        new += " AND NOT EXISTS (FROM read WHERE came.time >= start AND came.time < until)"
    return new


def _silent(coming: _Coming) -> str:
    return " AND ".join(f'coalesce(came."{n}", 0) = 0' for n in coming.counts)


def _spoke(coming: _Coming) -> str:
    return " OR ".join(f'coalesce(old."{n}", 0) > 0' for n in coming.counts)


def _missing(same: str, counts: list[str]) -> str:
    """Return the query of the rows that are kept and the frame does not have, as zeros.

    Of a count that no row of the bucket tells, the frame knows nothing.
    """
    zeros = ", ".join(f'CASE WHEN told."{n}" THEN 0 END AS "{n}"' for n in counts)
    knows = ", ".join(f'count("{n}") > 0 AS "{n}"' for n in counts)
    return (
        f"SELECT {same}, {zeros}, true AS gone FROM old "
        f"JOIN (SELECT time, {knows} FROM frame GROUP BY time) told USING (time) "
        f"ANTI JOIN frame USING ({same})"
    )


def _table_of(spans: Sequence[Span]) -> pd.DataFrame:
    starts, ends = ([span[i] for span in spans] for i in (0, 1))
    return pd.DataFrame(
        {"start": pd.DatetimeIndex(starts, tz="UTC"), "until": pd.DatetimeIndex(ends, tz="UTC")}
    )


def _summary(connection: duckdb.DuckDBPyConnection, table: Table, track: Track) -> Kept:
    first = track.levels[0]
    [row] = connection.execute(
        "SELECT count(*) FILTER (NOT known), count(*) FILTER (known), count(*) FILTER (fell), "
        "count(*) FILTER (gone) FROM fresh"
    ).fetchall()
    [lost] = connection.execute(
        f'SELECT count(*), list(DISTINCT "{first}" ORDER BY "{first}") FROM lost'
    ).fetchall()
    return Kept(table, row[0], row[1], row[2], lost[0], tuple(lost[1] or ()), row[3])


def _committed(
    connection: duckdb.DuckDBPyConnection, kept: Kept, track: Track, state: State
) -> Kept:
    table = kept.table
    if not kept.added and not kept.changed:
        return replace(kept, table=table.note(state))
    columns = named(["time", *track.levels, *table.counts, "period"])
    rows = library("arro3.core").Table.from_arrow(connection.sql(f"SELECT {columns} FROM fresh"))
    if not kept.changed:
        return replace(kept, table=table.append(rows, state))
    periods = connection.execute("SELECT DISTINCT period FROM fresh ORDER BY 1").fetchall()
    merged = table.merge(rows, track.levels, state, [period for (period,) in periods])
    return replace(kept, table=merged)
