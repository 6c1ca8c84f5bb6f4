"""One Delta table: a version of it to read, and commits that succeed only on top of that version.

Every commit carries the table's whole :class:`~mgframe.archiving.states.State` as metadata, so that
what is kept and what is known of it change in one step. A commit is refused where another one came
first (:class:`Conflict`): who writes then reads again. So two writers need no lock, on a disk or in
an object store.

A table holds ``time`` (the bucket's start, UTC), its keys, its counts, and ``period``, by which its
files are parted: the day of an hour (``"2026-11-16"``), the month of a day, the year of a month.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mgframe.archiving.libraries import library, told
from mgframe.archiving.places import Place
from mgframe.archiving.states import State
from mgframe.errors import ArchiveError
from mgframe.unseen import visible

if TYPE_CHECKING:
    import deltalake

#: The commit metadata's name.
_STATE: Final = "mgframe"
#: How a bucket's start is written as the name of its part of the table.
PARTS: Final = {"hour": "%Y-%m-%d", "day": "%Y-%m", "month": "%Y"}

# Old versions are what as_of reads, so nothing of the log or the files may expire by itself.
_PROPERTIES: Final = {
    "delta.enableChangeDataFeed": "true",
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}


class Conflict(ArchiveError):
    """Somebody else committed first; read the table again and decide anew."""


@dataclass(frozen=True)
class Table:
    """A version of a table, as a name within a place: what is read, and what a commit goes on."""

    place: Place
    name: str
    delta: deltalake.DeltaTable
    version: int

    @property
    def where(self) -> str:
        """Where it lies, for a message."""
        return f"{self.place}/{self.name}"

    @cached_property
    def columns(self) -> dict[str, str]:
        """Each column and its type, in the table's order."""
        with told(self.where, "reading"):
            return {f.name: str(f.type.type) for f in self.delta.schema().fields}

    @property
    def counts(self) -> list[str]:
        """The columns of counts, in the table's order."""
        return [name for name, kind in self.columns.items() if kind == "long"]

    @property
    def keys(self) -> list[str]:
        """The columns of keys, in the table's order."""
        texts = [name for name, kind in self.columns.items() if kind == "string"]
        return [name for name in texts if name != "period"]

    @cached_property
    def state(self) -> State:
        """What the newest commit of ours says of the table."""
        return next((state for _, state in self.history()), State())

    def history(self) -> Iterator[tuple[int, State]]:
        """Yield versions and their states, newest first; read only so far as they are taken.

        A commit by another program has no state: the one before it holds.
        """
        asked, seen, last = 1, 0, self.version + 1
        while True:
            with told(self.where, "reading"):
                commits = self.delta.history(asked)
            # It tells of the newest commits and counts from the open version: where another process
            # went on its numbers are wrong, and commits come again. So each state holds its own.
            for said in [json.loads(c[_STATE]) for c in commits[seen:] if _STATE in c]:
                if said["version"] < last:
                    last = said["version"]
                    yield last, State.from_json(said["state"])
            if len(commits) < asked:
                return
            seen, asked = len(commits), asked * 8

    def files(self, first: str = "", last: str = "~") -> list[str]:
        """Return the files of the periods from `first` to `last`, both included."""
        with told(self.where, "reading"):
            found = self.delta.file_uris(file_pruning_predicate=in_periods(first, last))
        if not self.place.is_local:
            return found
        # Of a folder they are percent-encoded; below it there is nothing to decode.
        root = self.place.table(self.name)
        return [f"{root}{uri[uri.rindex('/period=') :]}" for uri in found]

    @property
    def rows(self) -> int | None:
        """How many rows it has, by its log; None where another program's file does not say."""
        known = self.logged("num_records")
        return None if None in known else sum(row or 0 for row in known)

    def logged(self, what: str) -> list[int | None]:
        """Return a number of each file, as the log has it; None where it does not say."""
        with told(self.where, "reading"):
            numbers = self.delta.get_add_actions(flatten=True).column(what).to_pylist()
        return [None if number is None else int(number) for number in numbers]

    def unreported(self, counts: Sequence[str], first: str = "", last: str = "~") -> list[str]:
        """Return the counts that some row of the periods does not report, by the table's log."""
        with told(self.where, "reading"):
            files = self.delta.get_add_actions(flatten=True)
            periods = files.column("partition.period").to_pylist()
            inside = [i for i, period in enumerate(periods) if first <= period <= last]
            nulls = {n: f"null_count.{n}" for n in counts}
            told_of = set(files.schema.names)
            return [
                name
                for name, column in nulls.items()
                if inside
                and (
                    column not in told_of
                    or any(files.column(column)[i].as_py() != 0 for i in inside)
                )
            ]

    def append(self, rows: Any, state: State) -> Table:
        """Add rows (an Arrow table) and return the new version."""
        lake = library("deltalake")
        with self._committing():
            lake.write_deltalake(
                self.delta,
                rows,
                mode="append",
                commit_properties=self._properties(state),
                writer_properties=_writing(),
            )
        return opened(self.place, self.name)

    def merge(self, rows: Any, keys: Sequence[str], state: State, periods: Sequence[str]) -> Table:
        """Replace the rows with the same time and keys, add the others; return the new version."""
        named = ", ".join(f"'{period}'" for period in periods)  # so that other files are not read
        same = " AND ".join(f'kept."{key}" = came."{key}"' for key in ("period", "time", *keys))
        with self._committing():
            (
                self.delta.merge(
                    rows,
                    predicate=f"kept.period IN ({named}) AND {same}",
                    source_alias="came",
                    target_alias="kept",
                    commit_properties=self._properties(state),
                    writer_properties=_writing(),
                )
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .execute()
            )
        return opened(self.place, self.name)

    def note(self, state: State) -> Table:
        """Commit a state alone: no file of data is written."""
        with self._committing():
            self.delta.create_write_transaction(
                [],
                mode="append",
                schema=self.delta.schema(),
                partition_by=self.delta.metadata().partition_columns,
                commit_properties=self._properties(state),
            )
        return opened(self.place, self.name)

    def widen(self, counts: Sequence[str]) -> Table:
        """Add columns of counts; they are unknown in every row that is there."""
        lake = library("deltalake")
        with self._committing():
            self.delta.alter.add_columns(
                [lake.Field(name, "long") for name in counts],
                commit_properties=self._properties(self.state),
            )
        return opened(self.place, self.name)

    def _properties(self, state: State) -> Any:
        return _properties(state, self.version + 1)

    @contextmanager
    def _committing(self) -> Iterator[None]:
        if self.delta.version() != self.version:  # a commit moves the library's object on
            raise Conflict(f"{self.where}: version {self.version} has been committed on already")
        with _committing(self.where):
            yield


@contextmanager
def _committing(where: str) -> Iterator[None]:
    """Tell a commit that came too late from one that failed."""
    try:
        with told(where, "writing"):
            yield
    except ArchiveError as error:
        if _came_late(error.__cause__):
            raise Conflict(f"{where}: another process committed first") from error
        raise


def _came_late(error: BaseException | None) -> bool:
    if isinstance(error, library("deltalake.exceptions").CommitFailedError):
        return True
    return "Failed to commit transaction" in str(error)


def exists(place: Place, name: str) -> bool:
    """Return whether there is a table of that name."""
    with told(place.table(name), "reading"):
        return bool(
            library("deltalake").DeltaTable.is_deltatable(place.table(name), _options(place))
        )


def opened(place: Place, name: str, version: int | None = None) -> Table:
    """Return a table at its newest version, or at that one."""
    with told(f"{place}/{name}", "reading"):
        delta = library("deltalake").DeltaTable(
            place.table(name), version=version, storage_options=_options(place)
        )
        _refuse_empty(place, name, delta.version())
    return Table(place, name, delta, delta.version())


def _refuse_empty(place: Place, name: str, version: int) -> None:
    """Refuse a commit of which a crashed machine wrote no more than the name.

    The library takes it for a commit that did nothing; then the newest state would be lost.
    """
    entry = Path(place.table(name), "_delta_log", f"{version:020}.json")
    if place.is_local and entry.exists() and not entry.stat().st_size:
        raise OSError(f"{visible(str(entry))} is empty; without it the commit before is the newest")


def created(
    place: Place, name: str, keys: Sequence[str], counts: Sequence[str], state: State
) -> Table:
    """Make an empty table and return it; where another process made it first, that one."""
    lake = library("deltalake")
    fields = [lake.Field("time", "timestamp", nullable=False)]
    fields += [lake.Field(key, "string", nullable=False) for key in keys]
    fields += [lake.Field(count, "long") for count in counts]
    fields += [lake.Field("period", "string", nullable=False)]
    try:
        with _committing(f"{place}/{name}"):
            lake.DeltaTable.create(
                place.table(name),
                schema=lake.Schema(fields),
                partition_by=["period"],
                configuration=_PROPERTIES,
                storage_options=_options(place),
                commit_properties=_properties(state, 0),
            )
    except ArchiveError:
        if not exists(place, name):
            raise
    return opened(place, name)


def in_periods(first: str, last: str) -> str:
    """Return the condition that chooses the files of the periods, both included."""
    return f"period >= '{first}' AND period <= '{last}'"


def period_of(moment: pd.Timestamp, resolution: str) -> str:
    """Return the part of the table that holds a bucket."""
    return moment.strftime(PARTS[resolution])


def _options(place: Place) -> dict[str, str] | None:
    return dict(place.options) or None


def metadata(state: State, version: int) -> dict[str, str]:
    """Return what a commit says beside its files: the state, and which version it makes."""
    return {_STATE: json.dumps({"version": version, "state": state.to_json()})}


def _properties(state: State, version: int) -> Any:
    return library("deltalake").CommitProperties(
        custom_metadata=metadata(state, version), max_commit_retries=0
    )


def _writing() -> Any:
    return library("deltalake").WriterProperties(compression="ZSTD", compression_level=6)
