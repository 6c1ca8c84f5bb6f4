"""What is wrong with the files of a track: damage, duplicates, rows that nobody stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mgframe.archiving.digesting import digest
from mgframe.archiving.findings import Findings
from mgframe.archiving.libraries import database, told
from mgframe.archiving.logfiles import folder, named_files
from mgframe.archiving.scanning import listed, named, scan, shape
from mgframe.archiving.tables import PARTS, Table
from mgframe.archiving.tracks import Track
from mgframe.errors import ArchiveError

if TYPE_CHECKING:
    import duckdb

#: The view of a period of a table in an object store, whose files are read together.
_PERIOD: Final = '"period"'
_ALTERED: Final = "not the rows that were stored: a file is damaged, or another program wrote to it"
_OTHER_TYPES: Final = "its columns are not of the table's types: the file is damaged"
_OVERLOOKED: Final = "its statistics are wrong, so that readers overlook rows: the file is damaged"


def inspected(table: Table, track: Track, found: Findings) -> bool:
    """Read every file; return whether all of the newest version could be read."""
    local = table.place.is_local
    with database() as connection:
        sound = _Inspection(connection, table, track, found).newest(
            _local_parts(table) if local else _remote_parts(table)
        )
    if local:
        _check_past(table, track, found)
    return sound


def cause(error: ArchiveError) -> str:
    """Return what a library said, in one line."""
    text: Any = error.__cause__ or error
    return str(text).strip().split("\n")[0][:300]


def _local_parts(table: Table) -> dict[str, list[tuple[str, str]]]:
    """Return the files of each period, by name, and as what SQL reads of them."""
    root, found = folder(table), dict[str, list[tuple[str, str]]]()
    for file in sorted(Path(file) for file in table.files()):
        rows = f"SELECT * FROM read_parquet({listed([str(file)])}, hive_partitioning = false)"
        period = file.parent.name.removeprefix("period=")
        source = f"({shape(table)} UNION ALL BY NAME {rows})"
        found.setdefault(period, []).append((file.relative_to(root).as_posix(), source))
    return found


def _remote_parts(table: Table) -> dict[str, list[tuple[str, str]]]:
    """Return the periods of a table in an object store, each as one file."""
    with told(table.where, "reading"):
        periods = sorted({part["period"] for part in table.delta.partitions()})
    return {period: [(f"period={period}", _PERIOD)] for period in periods}


@dataclass(frozen=True)
class _Inspection:
    """A connection that reads a version of a table, and where to write down what is found."""

    connection: duckdb.DuckDBPyConnection
    table: Table
    track: Track
    found: Findings

    def newest(self, parts: dict[str, list[tuple[str, str]]]) -> bool:
        """Check each file of each period; return whether all of them could be read."""
        sound = True
        for period, files in parts.items():
            good = [source for what, source in files if self._can_read(period, what, source)]
            sound = sound and len(good) == len(files)
            if good:
                self._check_duplicates(good)
        if sound:
            self._check_content()
        return sound

    def _can_read(self, period: str, what: str, source: str) -> bool:
        """Check a file; return whether it can be read."""
        try:
            if source == _PERIOD:
                scan(self.connection, self.table, "period", period, period)
            self._check_types(what, source)
            self._check_statistics(what, source, self._check_rows(period, what, source))
        except ArchiveError as error:
            self.found.add(self.track, "file", what=what, note=cause(error))
            return False
        return True

    def _check_types(self, what: str, source: str) -> None:
        """Compare the columns with the table's; text of which a bit was lost reads as bytes."""
        query = "SELECT list(column_type) FROM (DESCRIBE {})"
        if self._row(query.format(f"FROM {source}")) != self._row(query.format(shape(self.table))):
            self.found.add(self.track, "file", what=what, note=_OTHER_TYPES)

    def _check_rows(self, period: str, what: str, source: str) -> dict[str, tuple[Any, Any]]:
        """Find rows of another period, and counts below zero; return the ends of time and keys.

        Every column is read, for damage shows where it is read.
        """
        counts, track = self.table.counts, self.track
        columns = ["time", *track.levels]
        ends = ", ".join(f'min("{name}"), max("{name}")' for name in columns)
        below = "".join(f', count(*) FILTER ("{name}" < 0), sum("{name}")' for name in counts)
        other = f"strftime(time, '{PARTS[track.resolution]}') IS DISTINCT FROM {listed([period])}"
        row = self._row(
            f"SELECT count(*), count(*) FILTER ({other}), min(time) FILTER ({other}), "
            f"max(time) FILTER ({other}), {ends}{below} FROM {source}"
        )
        self.found.read(row[0])
        if row[1]:
            said = {"start": _moment(row[2]), "until": _moment(row[3]), "rows": row[1]}
            note = f"rows that do not belong to {period}"
            self.found.add(track, "period", what=what, note=note, **said)
        first = 4 + 2 * len(columns)
        for count, rows in zip(counts, row[first::2], strict=True):
            if rows:
                self.found.add(
                    track, "negative", what=what, count=count, rows=rows, note="below zero"
                )
        return dict(zip(columns, zip(row[4:first:2], row[5:first:2], strict=True), strict=True))

    def _check_statistics(self, what: str, source: str, ends: dict[str, tuple[Any, Any]]) -> None:
        """Look for the first and the last row by a condition, as readers do.

        A condition leaves files out by the statistics at their end, reading all does not.
        """
        seen = ", ".join(
            f'EXISTS (FROM {source} WHERE "{n}" = ?)' for n, two in ends.items() for _ in two
        )
        if not all(self._row(f"SELECT {seen}", [end for two in ends.values() for end in two])):
            self.found.add(self.track, "file", what=what, note=_OVERLOOKED)

    def _check_duplicates(self, sources: Sequence[str]) -> None:
        rows = " UNION ALL BY NAME ".join(f"SELECT * FROM {source}" for source in sources)
        keys = named(self.track.levels)
        row = self._row(
            f"SELECT sum(n - 1), min(time), max(time), min(concat_ws(', ', {keys})) FROM (SELECT "
            f"time, {keys}, count(*) AS n FROM ({rows}) GROUP BY time, {keys} HAVING n > 1)"
        )
        if row[0]:
            said = {"start": _moment(row[1]), "until": _moment(row[2]), "rows": int(row[0])}
            note = "rows beyond the first of their time and keys; sums count them twice"
            self.found.add(self.track, "duplicates", what=row[3], note=note, **said)

    def _check_content(self) -> None:
        """Compare the rows with the digest that was kept of them."""
        scan(self.connection, self.table, "all")
        with told(self.table.where, "reading"):
            found = digest(self.connection, self.table, '"all"')
        if found != self.table.state.digest:
            self.found.add(self.track, "content", note=_ALTERED)

    def _row(self, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        with told(self.table.where, "reading"):
            [row] = self.connection.execute(query, list(values)).fetchall()
        return tuple(row)


def _moment(value: Any) -> pd.Timestamp | None:
    """Return a time that was read, None where damage made it one that no clock shows."""
    moment = pd.to_datetime(value, utc=True, errors="coerce")
    return None if pd.isna(moment) else moment


def _check_past(table: Table, track: Track, found: Findings) -> None:
    """Find files that only the past needs and that are gone or cut."""
    root, newest = folder(table), {Path(file) for file in table.files()}
    for path, said in named_files(table).items():
        file = root / path
        size = file.stat().st_size if file.exists() else None
        if file not in newest and said.version <= table.version and size != said.size:
            what = "missing" if size is None else f"{size} bytes, not {said.size}"
            note = f"{what}; as_of and restatements need it (version {said.version})"
            found.add(track, "file", what=path, note=note)
