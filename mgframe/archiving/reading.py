"""`Archive.frame`: a frame of what is kept, added up before it reaches memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.archiving.adding import ROWS, Sums, Wanted, add, silent_times
from mgframe.archiving.buckets import Asked, Buckets, read_buckets
from mgframe.archiving.libraries import database
from mgframe.archiving.scanning import scan
from mgframe.archiving.stores import Store
from mgframe.archiving.tables import Table, period_of
from mgframe.archiving.tracks import Track
from mgframe.checking import check_frame
from mgframe.errors import FrameError, QueryError, suggestion, warn
from mgframe.filtering import Predicate, Where, read_where
from mgframe.framing import build, empty_frame
from mgframe.metrics_asking import name_silent_alone, read_counts
from mgframe.smtp import redact
from mgframe.summing import names_in, warn_of_uniques
from mgframe.timespan import Moment, json_time
from mgframe.vocabulary import ALL_COUNTS, OVERLAPPING_LEVELS, in_order

_ACCOUNT: Final = "account"
#: Keys that are lower case in every frame, whatever the question says.
_LOWER: Final = ("country", "device", "domain", "recipient_domain")


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
    start, end, last, period
        As in :func:`mgframe.account_totals`, where now is when the archive was last filled. By
        default everything that is kept.
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
        ``attrs["mgframe"]``: the track, and ``fetched_at``, the moment at which it was so.

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
        warn(f"track {name!r} holds nothing yet; archive.sync() fetches it")
        return empty_frame(["time", *question.keys], question.counts)
    warn_of_uniques(
        question.counts,
        over_bots="bot" in question.dropped,
        over_days=buckets.longer and buckets.width in ("month", "quarter", "year"),
    )
    meta = _meta(track, table, question, buckets)
    if not len(buckets.starts):
        return empty_frame(["time", *question.keys], question.counts, meta=meta)
    sums = _sums(track, table, question, buckets)
    if not sums.size:
        _warn_of_nothing(question)
        return empty_frame(["time", *question.keys], question.counts, meta=meta)
    return check_frame(build(_index(buckets, sums), _columns(sums), meta=meta))


# ---------------------------------------------------------------- the question


@dataclass(frozen=True)
class Question:
    """What is asked of a track: the keys that stay, those that are added over, counts, filter."""

    keys: tuple[str, ...]
    dropped: tuple[str, ...]
    counts: tuple[str, ...]
    predicates: tuple[Predicate, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it is about the whole account, which has a row whether it sent or not."""
        return self.keys == (_ACCOUNT,)


def read_question(
    track: Track,
    table: Table,
    counts: str | Iterable[str] | None,
    by: str | Iterable[str] | None,
    where: Where | None,
) -> Question:
    """Return a question to a track, checked.

    Raises
    ------
    QueryError
        The track keeps no such key or count.
    FrameError
        It would add over keys that overlap.
    """
    keys = _read_by(track, by)
    predicates = _read_filter(track, where)
    dropped = tuple(key for key in track.levels if key not in keys and key != _ACCOUNT)
    _refuse_overlap(dropped, predicates)
    concerned = [*keys, *(predicate["attribute"] for predicate in predicates)]
    return Question(keys, dropped, _read_counts(track, table, counts, concerned), predicates)


def _read_by(track: Track, by: str | Iterable[str] | None) -> tuple[str, ...]:
    if by is None:
        return tuple(track.levels)
    keys = list(dict.fromkeys(names_in(by, argument="by")))
    if keys in ([], [_ACCOUNT]):
        return (_ACCOUNT,)
    for key in keys:
        if key not in track.levels:
            raise QueryError(
                f"by={by!r}: track {track.name!r} has no key {key!r}"
                f"{suggestion(key, track.levels)}; its keys are {', '.join(track.levels)}. "
                f"archive.find(by={by!r}) names a track that can"
            )
    return tuple(keys)


def _read_filter(track: Track, where: Where | None) -> tuple[Predicate, ...]:
    levels = [level for level in track.levels if level != _ACCOUNT]
    return tuple(_as_kept(predicate) for predicate in read_where(where, levels))


def _as_kept(predicate: Predicate) -> Predicate:
    """Return a predicate in the spelling of frames."""
    key, texts = predicate["attribute"], [value["value"] for value in predicate["values"]]
    kept = [t.lower() if key in _LOWER or t.lower() == "unknown" else t for t in texts]
    return {**predicate, "values": [{"label": t, "value": t} for t in dict.fromkeys(kept)]}


def _refuse_overlap(dropped: Sequence[str], predicates: Iterable[Predicate]) -> None:
    chosen = {p["attribute"] for p in predicates if p["comparator"] == "=" and len(p["values"]) < 2}
    for level in OVERLAPPING_LEVELS.intersection(dropped) - chosen:
        raise FrameError(
            f"a message may carry several {level}s, so a sum over {level!r} counts it several "
            f"times; name it in by=, choose one with where={{{level!r}: ...}}, or ask a track "
            "without it"
        )


def _read_counts(
    track: Track, table: Table, counts: str | Iterable[str] | None, keys: Sequence[str]
) -> tuple[str, ...]:
    kept = counts_of(table)
    if counts is None:
        return tuple(kept or track.counts or ())
    given = names_in(counts, argument="counts")
    own = [name for name in given if name in kept and name not in ALL_COUNTS]
    known = [name for name in given if name not in own]
    named = known or not own  # an empty list is refused as it is everywhere
    wanted = [*(read_counts(known, keys) if named else ()), *own]
    missing = [name for name in wanted if name not in kept]
    if missing and kept:
        raise QueryError(
            f"counts: track {track.name!r} does not keep {', '.join(map(repr, missing))}"
            f"{suggestion(missing[0], kept)}; it keeps {', '.join(kept)}"
        )
    return tuple(in_order(dict.fromkeys(wanted)))


def counts_of(table: Table) -> list[str]:
    """Return the counts that a table has, in their fixed order."""
    return in_order(name for name, kind in table.columns.items() if kind == "long")


# ---------------------------------------------------------------- the answer


def _sums(track: Track, table: Table, question: Question, buckets: Buckets) -> Sums:
    periods = [period_of(moment, track.resolution) for moment in buckets.kept[[0, -1]]]
    keys = tuple(key for key in question.keys if key in track.levels)
    with database() as connection:
        scan(connection, table, ROWS, *periods)
        lacking = table.unreported(question.counts, *periods)
        silent = silent_times(connection, table.where, lacking)
        wanted = Wanted(
            keys, question.dropped, question.counts, question.predicates, tuple(lacking), silent
        )
        sums = add(connection, table.where, wanted, buckets)
    if question.is_whole and not sums.size:
        _warn_of_nothing(question)
        sums = _of_nothing(question, buckets)
    if "complained" in sums.unknown and name_silent_alone(question.predicates):
        sums.unknown["complained"][:] = True
    return sums


def _of_nothing(question: Question, buckets: Buckets) -> Sums:
    """Return the account's sums where nothing was sent: 0, and unknown where it was not read."""
    unknown = buckets.unknown() > 0
    return Sums(
        {_ACCOUNT: [_ACCOUNT]},
        {name: np.zeros(len(unknown), np.int64) for name in question.counts},
        {name: unknown.copy() for name in question.counts},
    )


def _warn_of_nothing(question: Question) -> None:
    """Warn where a filter matches nothing: it may be misspelt, and no rows would not tell."""
    if question.predicates:
        warn(
            f"nothing matches where={'; '.join(_filters(question))} in this window: is every value "
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


def _meta(track: Track, table: Table, question: Question, buckets: Buckets) -> dict[str, Any]:
    """Return what attrs say of where the frame comes from."""
    state, starts = table.state, buckets.starts
    assert state.at is not None
    edges = [json_time(moment) for moment in starts[[0, -1]]] if len(starts) else []
    meta: dict[str, Any] = {
        "endpoint": f"archive {track.name}",
        "track": track.name,
        "fetched_at": json_time(state.at),
        "simulated": bool(state.simulated),
        "resolution": buckets.width,
        "asked": [json_time(buckets.kept[0]), json_time(buckets.kept[-1])],
        "answered": edges,
        "complete_until": json_time(buckets.until),
    }
    if starts.tz is not None and str(starts.tz) != "UTC":
        meta["tz"] = str(starts.tz)
    if question.predicates:
        meta["request"] = {"where": _filters(question)}
    return meta


def _filters(question: Question) -> list[str]:
    """Return the filters in words, without anybody's address."""
    return [
        redact(f"{p['attribute']} {p['comparator']} {', '.join(v['value'] for v in p['values'])}")
        for p in question.predicates
    ]
