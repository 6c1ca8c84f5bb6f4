"""`Archive.frame`: a frame of what is kept, added up before it reaches memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mgframe.archiving.adding import ROWS, Sums, Wanted, add, add_in_parts, silent_times
from mgframe.archiving.buckets import Asked, Buckets, now_of, read_buckets
from mgframe.archiving.libraries import database
from mgframe.archiving.questions import ACCOUNT, Question, filters, read_question
from mgframe.archiving.scanning import scan
from mgframe.archiving.stores import Store
from mgframe.archiving.tables import Table, period_of
from mgframe.archiving.tracks import Track
from mgframe.checking import check_frame
from mgframe.errors import warn
from mgframe.filtering import Where
from mgframe.framing import build, empty_frame
from mgframe.metrics_asking import name_silent_alone
from mgframe.summing import warn_of_uniques
from mgframe.timespan import Moment, json_time

if TYPE_CHECKING:
    import duckdb


def frame(
    archive: Store,
    name: str,
    counts: str | Iterable[str] | None = None,
    *,
    by: str | Iterable[str] | None = None,
    where: Where | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    tz: str | tzinfo | None = None,
    resolution: str | None = None,
    partial: bool = False,
) -> pd.DataFrame:
    """Return a frame of what a track keeps, as a fetch function would give it.

    It is added up before it reaches memory: over keys that `by` leaves out, and to longer buckets.

    Parameters
    ----------
    name : str
        The track.
    counts : str or iterable of str, optional
        Counts, with or without ``_count``; a rate's name stands for the counts it needs. By default
        all that the track keeps.
    by : str or iterable of str, optional
        The keys to keep, in this order; ``"account"`` or ``[]`` adds up all of them. By default
        those of the track.
    where : mapping, optional
        Filters by keys of the track, as in :func:`mgframe.metrics`.
    start, end, period
        As in :func:`mgframe.account_totals`, where now is the track's last sync, or the end of the
        imports that alone filled it.
    last : str, optional
        So long before that moment, such as ``"30d"``, ``"14m"``; without any window everything that
        is kept.
    tz : str or tzinfo, optional
        Of hours: the zone of the window's edges, and of the days, weeks, months, quarters and years
        that `resolution` asks for, as :func:`mgframe.local_days` makes them.
    resolution : {"hour", "day", "week", "month", "quarter", "year"}, optional
        The width of a bucket, by default the track's own.
    partial : bool, default False
        Keep buckets at the edges that the window, or what is over of them, does not cover.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC, or local where `tz` is given), the keys. Columns:
        counts, ``Int64``. Every key combination that occurs in the window has a row for every
        bucket of it; what the API left out is 0, and NA is what was never read, or is missing in
        an answer that lacked what had been there. A sum with an unknown part is NA.
        ``attrs["mgframe"]``: the track, and ``fetched_at``, its now.

    Raises
    ------
    QueryError
        There is no such track, key, count or window, or the buckets do not add up.
    FrameError
        A message may carry several tags, so that a sum over `tag` counts it several times.
    ArchiveError
        The archive cannot be read.

    Warns
    -----
    MgframeWarning
        A part of the window was never read, nothing matches `where`, no bucket is complete, or
        unique counts are summed over `bot` or over more than seven days.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", "delivery_rate", by="recipient_provider", start="2026-09-01")
    >>> synced = archive.sync(client=mg.demo())
    >>> archive.frame("days", where={"recipient_provider": ["Gmail", "Yahoo"]},
    ...               resolution="month")  # doctest: +NORMALIZE_WHITESPACE
                                                    sent  delivered
    time                      recipient_provider
    2026-09-01 00:00:00+00:00 Gmail               311435     309407
                              Yahoo               120628     119447
    2026-10-01 00:00:00+00:00 Gmail               326478     324411
                              Yahoo               123364     122064
    """
    track = archive.named(name)
    table = archive.table_of(track)
    asked = Asked(start, end, last, period, tz, resolution, partial)
    question = read_question(track, table, counts, by, where)
    buckets = read_buckets(track, table.state, asked)
    if buckets is None:
        warn(track.nothing_kept)
        return empty_frame(["time", *question.keys], question.counts)
    warn_of_sums(question, buckets)
    meta = meta_for(track, table, question, buckets)
    if not len(buckets.starts):
        return empty_frame(["time", *question.keys], question.counts, meta=meta)
    sums = _sums(track, table, question, buckets)
    if not sums.size:
        return empty_frame(["time", *question.keys], question.counts, meta=meta)
    return check_frame(build(_index(buckets, sums), _columns(sums), meta=meta))


# ---------------------------------------------------------------- the answer


def _sums(track: Track, table: Table, question: Question, buckets: Buckets) -> Sums:
    with database() as connection:
        wanted = _wanted(connection, track, table, question, buckets)
        sums = add(connection, table.where, wanted, buckets)
    if not sums.size:
        _warn_of_nothing(question)
    return _with_silence(question, buckets, sums)


def _wanted(
    connection: duckdb.DuckDBPyConnection,
    track: Track,
    table: Table,
    question: Question,
    buckets: Buckets,
) -> Wanted:
    """Return what is added up, once its rows are the connection's view :data:`ROWS`."""
    periods = [period_of(moment, track.resolution) for moment in buckets.kept[[0, -1]]]
    keys = tuple(key for key in question.keys if key in track.levels)
    scan(connection, table, ROWS, *periods)
    lacking = table.unreported(question.counts, *periods)
    silent = silent_times(connection, table.where, lacking)
    return Wanted(
        keys, question.dropped, question.counts, question.predicates, tuple(lacking), silent
    )


def _with_silence(question: Question, buckets: Buckets, sums: Sums) -> Sums:
    """Return the sums with what no row says: an account that sent nothing, a silent provider."""
    if question.is_whole and not sums.size:
        sums = _of_nothing(question, buckets)
    if "complained" in sums.unknown and name_silent_alone(question.predicates):
        sums.unknown["complained"][:] = True
    return sums


def frames_in_parts(
    track: Track, table: Table, question: Question, buckets: Buckets, rows: int
) -> Iterator[pd.DataFrame]:
    """Yield the frame of a question in parts of about so many rows, in the order of time."""
    meta = meta_for(track, table, question, buckets)
    with database() as connection:
        wanted = _wanted(connection, track, table, question, buckets)
        parts = add_in_parts(connection, table.where, wanted, buckets, rows)
        for number, (part, found) in enumerate(parts):
            if not number and not found.size:  # every part has the keys of the whole window
                _warn_of_nothing(question)
            sums = _with_silence(question, part, found)
            if sums.size:
                yield build(_index(part, sums), _columns(sums), meta=meta)


def warn_of_sums(question: Question, buckets: Buckets) -> None:
    """Warn where unique counts are added over `bot` or over more than seven days."""
    warn_of_uniques(
        question.counts,
        over_bots="bot" in question.dropped,
        over_days=buckets.longer and buckets.width in ("month", "quarter", "year"),
    )


def _of_nothing(question: Question, buckets: Buckets) -> Sums:
    """Return the account's sums where nothing was sent: 0, and unknown where it was not read."""
    unknown = buckets.unknown() > 0
    return Sums(
        {ACCOUNT: [ACCOUNT]},
        {name: np.zeros(len(unknown), np.int64) for name in question.counts},
        {name: unknown.copy() for name in question.counts},
    )


def _warn_of_nothing(question: Question) -> None:
    """Warn where a filter matches nothing: it may be misspelt, and no rows would not tell."""
    if question.predicates:
        warn(
            f"nothing matches where={'; '.join(filters(question))} in this window: is every value "
            "spelt as the track's own frame has it?"
        )


def _index(buckets: Buckets, sums: Sums) -> pd.MultiIndex:
    times, size = buckets.starts, sums.size
    levels: list[Any] = [times]
    codes: list[Any] = [np.repeat(np.arange(len(times)), size)]
    for values in sums.keys.values():
        used, code = np.unique(np.array(values, dtype=object), return_inverse=True)
        levels.append(pd.Index(used, dtype="str"))
        codes.append(np.tile(code, len(times)))
    return pd.MultiIndex(levels, codes, names=["time", *sums.keys], verify_integrity=False)


def _columns(sums: Sums) -> dict[str, Any]:
    return {
        name: pd.arrays.IntegerArray(values, sums.unknown[name])
        for name, values in sums.counts.items()
    }


def meta_for(track: Track, table: Table, question: Question, buckets: Buckets) -> dict[str, Any]:
    """Return what attrs say of where the frame comes from."""
    state, starts = table.state, buckets.starts
    edges = [json_time(moment) for moment in starts[[0, -1]]] if len(starts) else []
    meta: dict[str, Any] = {
        "endpoint": f"archive {track.name}",
        "track": track.name,
        "fetched_at": json_time(now_of(track, state)),
        "simulated": bool(state.simulated),
        "resolution": buckets.width,
        "asked": [json_time(buckets.kept[0]), json_time(buckets.kept[-1])],
        "answered": edges,
        "complete_until": json_time(buckets.until),
    }
    if starts.tz is not None and str(starts.tz) != "UTC":
        meta["tz"] = str(starts.tz)
    if question.predicates:
        meta["request"] = {"where": filters(question)}
    return meta
