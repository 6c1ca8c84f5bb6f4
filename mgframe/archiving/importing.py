"""`Archive.import_frame`: a table of the user's own into a track."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from mgframe.archiving.places import read_name
from mgframe.archiving.spans import Read, Span, read_again, united, within, without
from mgframe.archiving.states import SYNCED, State
from mgframe.archiving.steps import oldest
from mgframe.archiving.stores import Store
from mgframe.archiving.storing import Kept, Mode, keep
from mgframe.archiving.tables import Table
from mgframe.archiving.tracks import (
    Track,
    counts_to_come,
    flaw_of_column,
    lag_hours,
    read_track,
)
from mgframe.checking import check_frame
from mgframe.errors import FrameError, QueryError
from mgframe.framing import (
    complete_until,
    is_simulated,
    key_levels,
    meta_of,
    resolution_of,
    times_of,
)
from mgframe.timespan import Moment, bucket_ends, floor, json_time, read_moment
from mgframe.vocabulary import RESOLUTIONS

#: An import comes later than what it changes, so that as_of tells them apart.
_A_SECOND: Final = pd.Timedelta(seconds=1)
#: Levels that no bucket of an account has.
_DERIVED: Final = frozenset({"total", "age", "as_of_age"})


@dataclass(frozen=True)
class Imported:
    """What an import did: rows that are new, rows that were changed or filled in, and the rest.

    `lacking` are counts that the track fetches and the frame does not have, where buckets of it are
    left to a sync for that.
    """

    track: str
    added: int
    changed: int
    left: int
    lacking: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in words."""
        text = (
            f"{self.track}: {self.added:,} rows new, {self.changed:,} changed, "
            f"{self.left:,} left as they were"
        )
        if not self.lacking:
            return text
        more = f" and {len(self.lacking) - 3} more" if len(self.lacking) > 3 else ""
        return f"{text}; sync still asks for {', '.join(self.lacking[:3])}{more}"


def import_frame(
    archive: Store,
    name: str,
    frame: pd.DataFrame,
    *,
    overwrite: bool = False,
    until: Moment | None = None,
) -> Imported:
    """Keep a frame of the user's own: an export of the control panel, a table of a warehouse.

    Parameters
    ----------
    name : str
        A track with the frame's keys and resolution; one that is not there is made of them, and is
        then filled by imports alone.
    frame : DataFrame
        A frame of counts by hours, days or months of UTC; :func:`mgframe.as_frame` makes one of a
        table. It is taken as all there is of its buckets: a key without a row was 0, until another
        import has one.
    overwrite : bool, default False
        Replace what is kept of the frame's buckets and counts: a 0 takes the place of a count, and
        a key that the frame has no row of becomes 0 there. Otherwise only what is unknown is filled
        in: buckets that were never read, and counts that are NA. NA never takes the place of a
        count.
    until : str or datetime, optional
        Until when (exclusive) buckets are complete; from attrs where left out. Others are not kept.

    Returns
    -------
    Imported
        `added`, `changed`, `left`: rows. `lacking`: where the track is fetched and the frame does
        not tell of all that it fetches, these counts; its rows are kept, and what Mailgun still has
        of its buckets counts as unread, so that :meth:`Archive.sync` asks for it.

    Raises
    ------
    QueryError
        The track has other keys or another resolution, the frame holds a part of the mail and the
        track does not say so; or the archive is of the past.
    FrameError
        It is no frame, it has no complete bucket, or a column's name cannot be kept.
    ArchiveError
        It is simulated and the track is live, or the other way around; or the archive cannot be
        written.

    Examples
    --------
    >>> import tempfile, pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": pd.date_range("2025-03-01", periods=3), "domain": "a.com",
    ...                       "delivered": [90, 95, 80]})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2025-03-04")
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> print(archive.import_frame("panel", df))
    panel: 3 rows new, 0 changed, 0 left as they were
    >>> archive.frame("panel")["delivered"].tolist()
    [90, 95, 80]
    """
    archive.refuse_past()
    read_name(name)
    width = _check(frame)
    at = _clock(archive, name, frame, until)
    spans = _spans(frame, width, min(complete_until(frame, until), floor(at, width)))
    track = _track_for(archive, name, frame, width)
    rows, table = _in_order(frame, track), archive.table_of(track)
    _refuse_case(rows, table)

    closed = spans if track.api == "none" else _closed(track, rows, spans, at)

    def state_after(state: State, kept: Kept) -> State:
        return replace(
            state,
            kind="import",
            at=at if state.at is None else max(state.at + _A_SECOND, at),
            simulated=is_simulated(frame),
            reads=_reads(track, state, closed, _told_at(rows) or at, overwrite),
            facts={SYNCED: state.synced_at and json_time(state.synced_at), **state.facts},
        )

    whole = (spans[0][0], spans[-1][1])
    mode: Mode = "outright" if overwrite else "filling"
    kept = keep(table, track, rows, whole, state_after, mode=mode)
    inside = int((times_of(rows) < whole[1]).sum())
    left = inside - kept.added - kept.changed + kept.gone
    due = without(spans, kept.table.state.covered)
    return Imported(name, kept.added, kept.changed, left, _lacking(track, rows) if due else ())


# ---------------------------------------------------------------- the frame


def _check(frame: pd.DataFrame) -> str:
    """Return the width of a frame's buckets, which are UTC's and those of a table."""
    check_frame(frame)
    times = times_of(frame)
    if not len(frame) or not len(frame.columns):
        raise FrameError("the frame has no rows or no counts; there is nothing to import")
    _refuse_names([str(name) for name in frame.columns])
    width = resolution_of(frame)
    if width not in RESOLUTIONS:
        raise FrameError(
            f"the frame has {width}s; a track keeps hours, days or months: import those, and "
            f"ask archive.frame(..., resolution={width!r}) for longer buckets"
        )
    if str(times.tz) != "UTC":
        raise FrameError(
            f"the frame's {width}s are cut in {times.tz}, those of an archive in UTC; import hours "
            "(mg.as_frame makes them UTC), and ask archive.frame(..., tz=...) for local days"
        )
    crooked = times[times != times.map(lambda time: floor(time, width))]
    if len(crooked):
        raise FrameError(f"the time {crooked[0]} does not begin a {width}")
    return width


def _track_for(archive: Store, name: str, frame: pd.DataFrame, width: str) -> Track:
    """Return the track of that name; one that is not there is made of the frame."""
    keys = key_levels(frame)
    known = archive.tracks.get(name)
    _refuse_filtered(name, frame, known)
    if known is None:
        archive.add(_track_of(name, frame, keys, width))
    track = archive.named(name)
    if set(keys) != set(track.levels) or width != track.resolution:
        raise QueryError(
            f"track {name!r} keeps {track.resolution}s by {', '.join(track.levels)}, and the frame "
            f"has {width}s by {', '.join(keys)}; choose another name, or bring the frame to these "
            "(df.mg.sum, df.mg.resample)"
        )
    return track


def _refuse_filtered(name: str, frame: pd.DataFrame, known: Track | None) -> None:
    """Refuse a part of the mail under a track that says nothing of it: it would pass for all."""
    meta = meta_of(frame)
    request = meta.get("request")
    said = meta.get("where") or (request.get("where") if isinstance(request, dict) else None)
    if said and not (known and known.where):
        raise QueryError(
            f"the frame holds a part of the mail alone (where: {said}), and track {name!r} would "
            "say that it is all; make a track that says so first: "
            f"archive.track({name!r}, ..., where={{...}}, api='none')"
        )


def _track_of(name: str, frame: pd.DataFrame, keys: list[str], width: str) -> Track:
    derived = _DERIVED.intersection(keys)
    if derived:
        raise FrameError(
            f"the frame has the level {min(derived)!r}, which no track has; import counts by time "
            "and keys such as domain"
        )
    regions = frame.index.unique("region") if "region" in keys else None
    return read_track(
        name,
        [str(count) for count in frame.columns],
        by=[key for key in keys if key not in ("account", "region")],
        where=None,
        resolution=width,
        regions=regions,
        subaccounts=None,
        api="none",
        start=None,
    )


def _in_order(frame: pd.DataFrame, track: Track) -> pd.DataFrame:
    """Return the frame with its levels in the track's order."""
    levels = ["time", *track.levels]
    if list(frame.index.names) == levels:
        return frame
    ordered = frame.reorder_levels(levels).sort_index()
    ordered.attrs = frame.attrs
    return ordered


def _refuse_names(names: Iterable[str]) -> None:
    """Refuse columns whose names a table cannot have."""
    for name in names:
        if flaw := flaw_of_column(name):
            raise FrameError(f"the column {name!r} {flaw}; rename it: df.rename(columns={{...}})")


def _refuse_case(frame: pd.DataFrame, table: Table) -> None:
    """Refuse columns that only case tells apart from what is kept: DuckDB does not."""
    known = {name.lower(): name for name in table.columns}
    for name in map(str, frame.columns):
        if known.setdefault(name.lower(), name) != name:
            raise FrameError(
                f"the column {name!r} differs from {known[name.lower()]!r} by case alone; rename it"
            )


# ---------------------------------------------------------------- what is known afterwards


def _clock(archive: Store, name: str, frame: pd.DataFrame, until: Moment | None) -> pd.Timestamp:
    """Return the account's now: the clock's for a live one, a simulated one's own."""
    if not is_simulated(frame):
        return pd.Timestamp.now("UTC").as_unit("us").floor("s")
    kept = archive.table(name).state.synced_at if name in archive.tracks else None
    known = [moment for moment in (kept, _told_at(frame)) if moment is not None]
    return max(known, default=complete_until(frame, until))


def _told_at(frame: pd.DataFrame) -> pd.Timestamp | None:
    """Return when a frame was fetched, where it was."""
    told = meta_of(frame).get("fetched_at")
    return None if told is None else read_moment(told, argument="fetched_at")


def _spans(frame: pd.DataFrame, width: str, edge: pd.Timestamp) -> list[Span]:
    """Return the stretches of complete buckets that have rows, in order."""
    spans = _stretches(times_of(frame), width, edge)
    if not spans:
        raise FrameError(
            f"no {width} of the frame is complete: they are until {edge:%Y-%m-%d %H:%M} UTC, and "
            f"its first begins {times_of(frame).min():%Y-%m-%d %H:%M}; until= says it otherwise"
        )
    return spans


def _stretches(times: pd.DatetimeIndex, width: str, edge: pd.Timestamp) -> list[Span]:
    """Return the stretches of the times' buckets that end by a moment."""
    starts = times.unique().sort_values()
    ends = bucket_ends(starts, width)
    starts, ends = starts[ends <= edge], ends[ends <= edge]
    if not len(starts):
        return []
    begins = [True, *(starts[1:] != ends[:-1])]
    stops = [*begins[1:], True]
    return list(zip(starts[begins], ends[stops], strict=True))


def _closed(track: Track, rows: pd.DataFrame, spans: list[Span], at: pd.Timestamp) -> list[Span]:
    """Return where an import stands for a sync: it tells all counts, or nobody can be asked."""
    told = _told(track, rows).all(axis=1)
    times = pd.DatetimeIndex(told.index[told])
    whole = _stretches(times, track.resolution, spans[-1][1])
    return united([*whole, *within(spans, spans[0][0], oldest(track, at))])


def _lacking(track: Track, rows: pd.DataFrame) -> tuple[str, ...]:
    told = _told(track, rows).all()
    return tuple(told.index[~told])


def _told(track: Track, rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each bucket and each count that the track fetches whether a row has it."""
    known = rows.reindex(columns=list(counts_to_come(track))).notna()
    return known.groupby(level="time").any()


def _reads(
    track: Track, state: State, spans: Iterable[Span], at: pd.Timestamp, overwrite: bool
) -> tuple[Read, ...]:
    """Return the reads with those of an import.

    What a sync could still see move stays so: it is read again, as if the import had been a sync.
    """
    reads, lag = state.reads, lag_hours(state.lags)
    fresh = spans if overwrite else without(spans, state.known)
    for start, until in fresh:
        read = Read(start, until, None if track.api == "none" else at)
        reads = read_again(reads, read, lag, track.resolution)
    return reads
