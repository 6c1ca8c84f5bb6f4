"""`Archive.find` and `Archive.as_of`: which track answers a question, and what was known when."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

import pandas as pd

from mgframe.archiving.buckets import WIDTHS, fits
from mgframe.archiving.questions import counts_of, read_question
from mgframe.archiving.stores import NotYet, Store
from mgframe.archiving.tables import Table
from mgframe.archiving.tracks import Track
from mgframe.errors import FrameError, QueryError, suggestion
from mgframe.filtering import Where
from mgframe.metrics_asking import read_counts, read_subaccounts
from mgframe.summing import names_in
from mgframe.timespan import Moment, read_moment
from mgframe.vocabulary import ALL_COUNTS, KEYS, RESOLUTIONS

AStore = TypeVar("AStore", bound=Store)


def find(
    archive: Store,
    *,
    by: str | Iterable[str] = (),
    counts: str | Iterable[str] | None = None,
    where: Where | None = None,
    resolution: str = "day",
    start: Moment | None = None,
) -> str:
    """Return the name of the smallest track that :meth:`Archive.frame` can answer a question from.

    Parameters
    ----------
    by : str or iterable of str, default ()
        The keys of the frame; without any, the whole account.
    counts : str or iterable of str, optional
        Counts or rates that it needs; by default whatever the track has.
    where : mapping, optional
        A filter; its keys must be the track's too.
    resolution : {"hour", "day", "week", "month", "quarter", "year"}, default "day"
        The width of its buckets. Days of a time zone are made of hours: ask for those.
    start : str or datetime, optional
        Where the frame begins: a track that was read from there on goes before one that begins
        later, and that before one that begins later still.

    Returns
    -------
    str
        Of the tracks with these keys (or more, but no `tag` to sum over), these counts, no filter
        of their own, and buckets that add up to the resolution: the one with the fewest rows for a
        stretch of time, or of those that hold nothing yet the one with the longest buckets, then
        the fewest keys. What is imported alone (``api="none"``) comes after what is fetched. A
        track of some `regions` answers only for `region` in `by` or `where`, and one that was told
        of `subaccounts` only where none has the account's usual mail.

    Raises
    ------
    QueryError
        An argument is wrong, or no track can; the message has the call that would keep one. Or
        some that can include subaccounts and some do not.
    ArchiveError
        A track cannot be read.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("hours", by=["domain", "recipient_provider"], resolution="hour")
    >>> archive.track("days", by="domain")
    >>> archive.find(by="domain", resolution="week")
    'days'
    >>> archive.find(by="recipient_provider", resolution="week")
    'hours'
    """
    if resolution not in WIDTHS:
        raise QueryError(
            f"resolution={resolution!r} must be one of {', '.join(map(repr, WIDTHS))}"
            f"{suggestion(resolution, WIDTHS)}"
        )
    keys = names_in(by, argument="by")
    asked = list(dict.fromkeys([*(key for key in keys if key != "account"), *(where or ())]))
    since = None if start is None else read_moment(start, argument="start")
    able = [
        (track, table)
        for track in archive.tracks.values()
        if _is_whole(track, asked) and fits(track.resolution, resolution)
        for table in [_kept(archive, track)]
        if table is not None and _answers(track, table, keys, counts, where)
    ]
    if not able:
        raise QueryError(_what_would(asked, counts, resolution))
    usual = _of_one_mail(able, asked)
    return min(usual, key=lambda pair: _rank(pair[0], pair[1], since))[0].name


def _is_whole(track: Track, asked: Collection[str]) -> bool:
    """Whether a track keeps all the mail of each key that is asked for."""
    return not track.where and (not track.regions or "region" in asked)


def _of_one_mail(
    able: list[tuple[Track, Table]], asked: Collection[str]
) -> list[tuple[Track, Table]]:
    """Return the tracks that count the same mail: what a fetch counts that is told no more."""
    includes = {track.name: read_subaccounts(track.subaccounts, track.by, ()) for track, _ in able}
    usual = [
        pair
        for pair in able
        if pair[0].subaccounts is None and includes[pair[0].name] == ("subaccount" in asked)
    ]
    if usual or len(set(includes.values())) == 1:
        return usual or able
    named = ("without", "with")
    said = ", ".join(f"{name!r} {named[whether]}" for name, whether in includes.items())
    raise QueryError(
        f"tracks that can answer differ in subaccounts: {said} them. Name one to archive.frame, or "
        "keep a track without subaccounts="
    )


def _kept(archive: Store, track: Track) -> Table | None:
    """Return a track's table, None where the archive is of a time before it."""
    try:
        return archive.table_of(track)
    except NotYet:
        return None


def _answers(
    track: Track,
    table: Table,
    keys: list[str],
    counts: str | Iterable[str] | None,
    where: Where | None,
) -> bool:
    try:
        question = read_question(track, table, counts, keys, where)
    except (QueryError, FrameError):
        return False
    if counts is None:  # not the track of countries, whose deliveries are all unknown
        return not any(KEYS[key].lacks for key in question.dropped)
    return set(question.counts) <= set(counts_of(table) or _to_come(track))


def _to_come(track: Track) -> Iterable[str]:
    """Return the counts that a track will have when it is synced."""
    if track.api != "metrics":
        return ALL_COUNTS if track.counts is None else ()
    return read_counts(track.counts, track.by)


def _rank(track: Track, table: Table, since: pd.Timestamp | None) -> tuple[Any, ...]:
    """Return what is smaller for the better of two tracks that can answer."""
    late = _late(table, since)
    return late, -len(track.regions), track.api == "none", *_size(track, table)


def _late(table: Table, since: pd.Timestamp | None) -> float:
    """Return how many hours after a moment a track begins; 0 where it was read from there on."""
    if since is None:
        return 0.0
    first = next((start for start, until in table.state.covered if until > since), None)
    return float("inf") if first is None else max(0.0, (first - since) / pd.Timedelta(hours=1))


def _size(track: Track, table: Table) -> tuple[float, int, int]:
    """Return how large a track is: rows for an hour of time; where none are kept, as it is said."""
    hours = sum((until - start) / pd.Timedelta(hours=1) for start, until in table.state.covered)
    rows = table.rows if hours else None
    a_hour = float("inf") if rows is None else rows / hours
    return a_hour, -RESOLUTIONS.index(track.resolution), len(track.levels)


def _what_would(asked: list[str], counts: str | Iterable[str] | None, resolution: str) -> str:
    keys = [key for key in asked if key != "region"]
    said = "" if counts is None else f", {counts if isinstance(counts, str) else [*counts]!r}"
    said += f", by={keys!r}" if keys else ""
    said += ", regions=['us', 'eu']" if "region" in asked else ""
    said += f", resolution={resolution!r}" if resolution in ("hour", "month") else ""
    return (
        f"no track has {resolution}s by {', '.join(asked) or 'account'}: "
        f"archive.track('NAME'{said}) keeps them"
    )


def as_of(archive: AStore, when: Moment) -> AStore:
    """Return the archive as it was known at a moment: read only, with the frames of that time.

    Parameters
    ----------
    when : str or datetime
        The moment, by the account's clock; a naive one is UTC, a bare date its first moment.

    Returns
    -------
    Archive
        The same tracks, each as the last sync or import up to that moment left it. A window such as
        ``last="30d"`` ends with the last sync of that time (of a track that imports alone filled,
        where they end).

    Raises
    ------
    QueryError
        `when` is no moment.
    ArchiveError
        On reading: nothing of the track had been kept at that moment.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive, client = mg.Archive(tempfile.mkdtemp()), mg.demo()
    >>> archive.track("days", "delivered", start="2026-11-01")
    >>> synced = archive.sync(client=client)
    >>> past = archive.as_of(client.now())
    >>> past.frame("days").equals(archive.frame("days"))
    True
    """
    past = copy.copy(archive)
    past.when = read_moment(when, argument="when")
    return past
