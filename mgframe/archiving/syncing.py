"""`Archive.sync`: fetch what is new and what may have changed, step by step, each whole or not."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from mgframe.archiving.learning import learnt
from mgframe.archiving.outcomes import Outcome, Synced
from mgframe.archiving.spans import Read, Span, read_again
from mgframe.archiving.states import SYNCED, State
from mgframe.archiving.steps import Step, due, next_step, size
from mgframe.archiving.stores import Store
from mgframe.archiving.storing import Kept, Stale, keep
from mgframe.archiving.tables import Conflict, Table
from mgframe.archiving.tracks import ADDRESS, Track, lag_hours
from mgframe.client import Client
from mgframe.errors import (
    ArchiveError,
    AuthenticationError,
    MgframeError,
    QueryError,
    TransportError,
    gathered,
    warn,
)
from mgframe.framing import complete_until, is_simulated, meta_of
from mgframe.planning import client_of, run
from mgframe.progress import Watch, bar
from mgframe.timespan import floor, json_time, read_moment

#: Clocks may differ so much; beyond it nobody can tell which buckets are complete.
_APART: Final = pd.Timedelta(hours=1)
#: How much of an error's words is kept.
_LONGEST: Final = 500


def sync(
    archive: Store,
    names: str | Iterable[str] | None = None,
    *,
    progress: bool | None = None,
    client: Client | None = None,
) -> Synced:
    """Fetch what the tracks do not have yet, and again what may still change.

    What Mailgun forgets first comes first. Each step is one question, and is kept as a whole or not
    at all, so that a sync can be killed at any moment and run again; a second one at the same time
    does no harm. A track that fails does not keep the others from their turn, unless the key is
    refused or no answer comes: then nothing more is asked.

    Parameters
    ----------
    names : str or iterable of str, optional
        The tracks; by default all that are asked of an API.
    progress : bool, optional
        Show a bar of buckets; by default on a terminal or in a notebook.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    Synced
        What was done: `ok`, `table` (a row a track), and the same in words.

    Raises
    ------
    QueryError
        There is no such track, or nothing to sync; or the archive is of the past.
    ArchiveError
        The clock cannot be right, a track holds another kind of account (simulated or live), or
        the archive cannot be written.
    MgframeError
        Every track failed; the first error. What was complete before is kept.

    Warns
    -----
    MgframeWarning
        Some tracks failed; or an answer lacked what was there before.

    Notes
    -----
    A bucket is read again until every count of it is older than its lag: three days, or half as
    long again as :meth:`Archive.settling` has seen counts move. What still moves is read
    again once the first of it was read six hours ago, all after it in the same question. Open
    buckets are not kept. Where an answer lacks a row that held counts, the row stays, and what has
    no row in that answer is unknown until a better one comes: it is asked for in every sync while
    it is young, then each week. Where the answer is right, since a domain is gone for good,
    :meth:`Archive.import_frame` of it settles what is older than the lag, and keeps the row.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by="domain")
    >>> print(archive.sync(client=mg.demo()))
    days: 2025-11-16 to 2026-11-15, 2 requests, 1,095 rows new, 0 changed
    """
    archive.refuse_past()
    tracks = _chosen(archive, names)  # what is named wrongly is told before a missing key
    client = client_of(client)
    runs = [_Run(archive, track, client) for track in tracks]
    with ExitStack() as stack:
        shown = bar(sum(turn.buckets() for turn in runs), "bucket", progress)
        if shown is not None:
            stack.callback(shown.close)
        while waiting := [(step, r) for r in runs if (step := r.upcoming()) is not None]:
            step, turn = min(waiting, key=lambda pair: pair[0].expires)
            turn.take(step)
            if isinstance(turn.error, AuthenticationError | TransportError):
                _give_up(runs, turn.error)
            if shown is not None:
                shown.set_description(step.track.name)
                shown.update(size(step.track, [step.span]))
    return _told([turn.finish() for turn in runs], [turn.error for turn in runs])


def _chosen(archive: Store, names: str | Iterable[str] | None) -> list[Track]:
    """Return the tracks to fetch; one that nobody can be asked for must not be named."""
    tracks = archive.chosen(names)
    chosen = [track for track in tracks if track.api != "none"]
    if names is not None and len(chosen) < len(tracks):
        imported = next(track.name for track in tracks if track.api == "none")
        raise QueryError(f"track {imported!r} is kept by import_frame alone")
    if not chosen:
        raise QueryError(f"{archive.place} has no track to sync; archive.track(...) makes one")
    return chosen


def _give_up(runs: list[_Run], error: MgframeError) -> None:
    """Ask nothing more: a wrong key or a lost connection fails every track alike."""
    for turn in runs:
        if turn.upcoming() is not None:
            turn.error = error


def _told(outcomes: list[Outcome], errors: list[MgframeError | None]) -> Synced:
    failed = [error for error in errors if error is not None]
    if len(failed) == len(outcomes):
        raise failed[0]
    synced = Synced(tuple(outcomes))
    for outcome in outcomes:
        for text in outcome.troubles:
            warn(f"{outcome.track}: {text}")
    return synced


class _Run:
    """One track's part of a sync: what it has done so far, and what comes next."""

    def __init__(self, archive: Store, track: Track, client: Client) -> None:
        self._archive, self._track, self._client = archive, track, client
        self._started = _now(client)
        self._table: Table | None = None
        self._outcome = Outcome(track.name)
        self._taken: list[Span] = []
        self.error: MgframeError | None = None
        try:
            self._table = archive.table_of(track)
            _check_clock(self._table, self._started)
        except MgframeError as error:
            self.error = error

    def upcoming(self) -> Step | None:
        """Return the next step, None where the track is done or has failed."""
        if self.error is not None or self._table is None:
            return None
        try:
            return next_step(self._track, self._table.state, self._started, self._taken)
        except MgframeError as error:
            self.error = error
            return None

    def buckets(self) -> int:
        """Return how many buckets are to be fetched."""
        if self.error is not None or self._table is None:
            return 0
        return size(self._track, due(self._track, self._table.state, self._started))

    def take(self, step: Step) -> None:
        """Fetch one step and keep it; an error ends the track's part, and what is kept stays."""
        try:
            self._taken += self._attempted(step)
        except MgframeError as error:
            self.error = error

    def _attempted(self, step: Step) -> list[Span]:
        """Fetch a step and keep it; return of which buckets there is no more to ask."""
        try:
            self._keep(step, self._fetched(step))
        except Stale as stale:  # another sync has read some of it later; the rest is still to do
            self._table = self._archive.table_of(self._track)
            return stale.spans
        return [step.span]

    def _fetched(self, step: Step) -> pd.DataFrame:
        watch = Watch()
        with gathered() as notes:
            try:
                return run(self._track.question(self._client, *step.span), watch)
            finally:
                self._outcome = self._outcome.asked(watch.done, notes)

    def _keep(self, step: Step, frame: pd.DataFrame) -> None:
        table = self._table
        assert table is not None
        read = _read_of(step, frame, _now(self._client))
        if read.until <= read.start:  # none of it was complete when the server answered
            return
        outcome = self._outcome

        def state_after(state: State, kept: Kept) -> State:
            nonlocal outcome
            outcome = self._outcome.kept(read.span, kept)
            return self._state(state, replace(read, doubted=kept.lost > 0), frame, outcome)

        kept = keep(table, self._track, frame, read.span, state_after, at=read.at)
        self._table, self._outcome = kept.table, outcome

    def _state(self, state: State, read: Read, frame: pd.DataFrame, outcome: Outcome) -> State:
        assert read.at is not None
        lag = lag_hours(state.lags)
        buckets = max(1, size(self._track, [read.span]))
        after = replace(
            state,
            kind="sync",
            at=read.at if state.at is None else max(state.at, read.at),
            simulated=is_simulated(frame),
            reads=read_again(state.reads, read, lag, self._track.resolution),
            facts={
                **state.facts,
                "rows_a_bucket": round(len(frame) / buckets, 2),
                SYNCED: json_time(max(read.at, state.synced_at or read.at)),
            },
        )
        taken = [*self._taken, read.span]
        more = next_step(self._track, after, self._started, taken) is not None
        return replace(after, said={**self._said(outcome), "unfinished": more})

    def _said(self, outcome: Outcome) -> dict[str, Any]:
        """Return the sync in plain JSON, as it is kept beside the numbers."""
        error = None if self.error is None else _clean(self.error)
        return {"started": json_time(self._started), "error": error, **outcome.to_json()}

    def finish(self) -> Outcome:
        """Say how the track's part ended, and learn from it; return what was done."""
        try:
            self._end()
        except Conflict:
            pass  # another sync has said something newer
        except MgframeError as error:  # it cannot be read or written: then that is what to say
            self.error = self.error or error
        if self.error is not None:
            return self._outcome.failed(_clean(self.error))
        return self._outcome

    def _end(self) -> None:
        if self._table is None:
            return
        state = self._table.state
        if self.error is not None:
            self._table.note(replace(state, kind="failed", said=self._said(self._outcome)))
            return
        # Also where nothing was asked: a sync that was killed may have kept all and learnt nothing.
        after = state
        if state.at is not None:
            after = learnt(state, self._table, self._track, state.at)
        if not self._outcome.steps or state.said.get("unfinished"):
            after = replace(after, kind="sync", said=self._said(self._outcome))
        if after != state:
            self._table.note(after)


def _clean(error: MgframeError) -> str:
    """Return an error's words as they may be kept."""
    return ADDRESS.sub("(address)", str(error))[:_LONGEST]


def _now(client: Client) -> pd.Timestamp:
    return pd.Timestamp(client.now()).tz_convert("UTC").as_unit("us").floor("s")


def _read_of(step: Step, frame: pd.DataFrame, asked_at: pd.Timestamp) -> Read:
    """Return what the answer tells of: its complete buckets, as they were when it was given.

    Raises
    ------
    ArchiveError
        The server's clock is another one.
    """
    told = meta_of(frame).get("fetched_at")
    at = asked_at if told is None else read_moment(told, argument="fetched_at")
    if abs(at - asked_at) > _APART:
        raise ArchiveError(
            f"this machine's clock says {asked_at:%Y-%m-%d %H:%M} UTC and Mailgun's "
            f"{at:%Y-%m-%d %H:%M} UTC; set it right. Nothing of this answer is kept"
        )
    edge = floor(at, step.track.resolution)
    if meta_of(frame).get("complete_until") is not None:
        edge = min(edge, complete_until(frame))
    return Read(step.start, min(step.until, edge), at)


def _check_clock(table: Table, now: pd.Timestamp) -> None:
    at = table.state.at
    if at is not None and now < at - _APART:
        raise ArchiveError(
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, but {table.where} was last synced at "
            f"{at:%Y-%m-%d %H:%M} UTC; set the clock right. Nothing was asked or changed"
        )
