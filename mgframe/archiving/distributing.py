"""`Archive.to_dask`: a Dask frame over the files of a table as they lie, dense like a frame.

A partition holds a period of the table (the day of an hour, the month of a day, the year of a
month), so that all rows of one time are in one partition. The index is that period, and Dask knows
where each partition begins: ``ddf.loc["2026-11-01":]`` reads no counts of before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.archiving.buckets import Asked, Buckets, read_buckets
from mgframe.archiving.dask_frames import register
from mgframe.archiving.dask_parts import PERIOD
from mgframe.archiving.libraries import library, told
from mgframe.archiving.places import Place
from mgframe.archiving.questions import ACCOUNT, read_question
from mgframe.archiving.reading import meta_for
from mgframe.archiving.stores import Store
from mgframe.archiving.tables import PARTS, Table
from mgframe.archiving.tracks import Track
from mgframe.errors import ArchiveError
from mgframe.framing import make_index, with_meta
from mgframe.summing import Booleans
from mgframe.timespan import Moment

_NEEDS: Final = "dask"


def to_dask(
    archive: Store,
    name: str,
    counts: str | Iterable[str] | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
) -> Any:
    """Return what a track keeps as a Dask DataFrame, for what one machine's memory does not hold.

    Nothing is read until it is computed. ``ddf.mg`` has `sum`, `rates`, `resample`, `long` and
    `where`, with the results of ``df.mg`` to the digit.

    Parameters
    ----------
    name : str
        The track.
    counts : str or iterable of str, optional
        As in :meth:`Archive.frame`; other columns are not read.
    start, end, last, period
        As in :meth:`Archive.frame`; files of other periods are not read.

    Returns
    -------
    dask.dataframe.DataFrame
        Columns: `time` (``datetime64[us, UTC]``), the keys, the counts (``Int64``); the rows of
        :meth:`Archive.frame`, those included that are 0 or unknown because the table has none.
        Index: `period`, the part of the table that a row lies in. A partition is a period; rows
        are sorted. ``ddf.compute().set_index(["time", *keys])`` is the frame.

    Raises
    ------
    ConfigurationError
        The extra ``mgframe[dask]`` is not installed.
    QueryError
        There is no such track, count or window.
    ArchiveError
        Nothing is kept yet, or the archive cannot be read.

    Notes
    -----
    Workers read the files themselves: they need the same path, or the object store. The storage
    options that the archive was opened with are sent to them; what it found in the environment is
    not, so that theirs must hold it too.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by="domain", start="2026-10-01")
    >>> synced = archive.sync(client=mg.demo())
    >>> ddf = archive.to_dask("days")
    >>> ddf.npartitions
    2
    >>> ddf.mg.rates("delivery_rate", by="domain").compute().round(3)
                 domain  delivery_rate
    0  mail.example.com          0.991
    1  news.example.com          0.984
    2  shop.example.com          0.991
    """
    frames = library("dask.dataframe", extra=_NEEDS)
    library("pyarrow", extra=_NEEDS)
    register()
    track = archive.named(name)
    table = archive.table_of(track)
    question = read_question(track, table, counts, None, None)
    buckets = read_buckets(track, table.state, Asked(start, end, last, period))
    if buckets is None:
        raise ArchiveError(track.nothing_kept)
    meta = meta_for(track, table, question, buckets)
    parts = _parts(track, table, buckets)
    source = _Source(table.place, name, tuple(track.levels))
    return _assembled(frames, source, parts, list(question.counts), meta)


@dataclass(frozen=True)
class _Part:
    """A period of a table: its files, the starts of its buckets, and which of them were read."""

    period: str
    files: tuple[str, ...]
    times: pd.DatetimeIndex
    known: Booleans


@dataclass(frozen=True)
class _Source:
    """A table as a worker finds it."""

    place: Place
    name: str
    levels: tuple[str, ...]

    def rows(self, part: _Part, columns: Sequence[str]) -> pd.DataFrame:
        """Return the rows of a part; a count that a file does not have is unknown."""
        read = [self._file(file, columns) for file in part.files]
        rows = pd.concat([empty(self.levels, columns), *read], ignore_index=True)
        return rows[rows["time"].isin(part.times)] if len(rows) else rows

    def _file(self, file: str, columns: Sequence[str]) -> pd.DataFrame:
        arrow, parquet = library("pyarrow", extra=_NEEDS), library("pyarrow.parquet", extra=_NEEDS)
        fs = library("pyarrow.fs", extra=_NEEDS)
        handler = library("deltalake.fs").DeltaStorageHandler
        with told(f"{self.place}/{self.name}", "reading"):
            storage = fs.PyFileSystem(
                handler(self.place.table(self.name), dict(self.place.options) or None)
            )
            with storage.open_input_file(file) as opened:
                whole = parquet.ParquetFile(opened)
                wanted = ["time", *self.levels, *columns]
                held = [name for name in wanted if name in whole.schema_arrow.names]
                rows = whole.read(columns=held)
        types = {arrow.int64(): pd.Int64Dtype()}
        found: pd.DataFrame = rows.to_pandas(types_mapper=types.get)
        for name in [name for name in wanted if name not in held]:
            found[name] = pd.array([None] * len(found), dtype="Int64")
        return found[wanted]


def empty(levels: Sequence[str], counts: Sequence[str]) -> pd.DataFrame:
    """Return a part without rows."""
    columns: dict[str, Any] = {"time": pd.DatetimeIndex([], dtype="datetime64[us, UTC]")}
    columns |= {level: pd.Index([], dtype="str") for level in levels}
    columns |= {name: pd.array([], dtype="Int64") for name in counts}
    return pd.DataFrame(columns)


def _parts(track: Track, table: Table, buckets: Buckets) -> list[_Part]:
    labels = buckets.kept.strftime(PARTS[track.resolution])
    files: dict[str, list[str]] = {}
    for uri in table.files(labels[0], labels[-1]):
        folder, file = uri.split("/")[-2:]
        files.setdefault(folder.removeprefix("period="), []).append(f"{folder}/{file}")
    return [
        _Part(label, tuple(files.get(label, ())), buckets.kept[here], buckets.known[here])
        for label in labels.unique()
        for here in [np.asarray(labels == label)]
    ]


# ---------------------------------------------------------------- the graph


def _assembled(
    frames: Any, source: _Source, parts: list[_Part], counts: list[str], meta: dict[str, Any]
) -> Any:
    """Return the dense Dask frame: rows by part, filled up with the keys of all parts."""
    divisions = [part.period for part in parts] + [parts[-1].period]
    shape = with_meta(_labelled(empty(source.levels, counts), parts[0].period), meta)
    keys = _keys(frames, source, parts)
    # Keys come as one partition, which every part is given.
    with library("dask").config.set({"dataframe.convert-string": False}):
        rows = frames.from_map(
            _rows, parts, source=source, counts=counts,
            meta=_labelled(empty(source.levels, counts), parts[0].period), divisions=divisions,
        )  # fmt: skip
        grids = frames.from_map(_grid, parts, meta=_grid(parts[0])[:0], divisions=divisions)
        return frames.map_partitions(
            _dense, rows, grids, keys, said=meta, meta=shape, align_dataframes=False
        )


def _keys(frames: Any, source: _Source, parts: list[_Part]) -> Any:
    """Return the combinations of keys that occur, sorted, as one partition."""
    shape = empty(source.levels, ()).drop(columns="time")
    with library("dask").config.set({"dataframe.convert-string": False}):
        found = frames.from_map(_keys_of, parts, source=source, meta=shape)
        return found.reduction(
            _distinct, aggregate=_distinct, combine=_distinct, meta=shape, split_every=16
        )


def _rows(part: _Part, source: _Source, counts: list[str]) -> pd.DataFrame:
    return _labelled(source.rows(part, counts), part.period)


def _keys_of(part: _Part, source: _Source) -> pd.DataFrame:
    return _distinct(source.rows(part, ()).drop(columns="time"))


def _distinct(keys: pd.DataFrame) -> pd.DataFrame:
    return keys.drop_duplicates().sort_values(list(keys.columns), ignore_index=True)


def _grid(part: _Part) -> pd.DataFrame:
    """Return the buckets of a part."""
    return _labelled(pd.DataFrame({"time": part.times, "known": part.known}), part.period)


def _labelled(rows: pd.DataFrame, period: str) -> pd.DataFrame:
    return rows.set_axis(pd.Index([period] * len(rows), dtype="str", name=PERIOD), axis=0)


def _dense(
    rows: pd.DataFrame, grid: pd.DataFrame, keys: pd.DataFrame, said: dict[str, Any]
) -> pd.DataFrame:
    """Return a row for each bucket and key: what has none is 0 where it was read, else unknown."""
    levels, counts = list(keys.columns), list(rows.columns[1 + len(keys.columns) :])
    if levels == [ACCOUNT] and keys.empty:  # an account has rows whether it sent or not
        keys = pd.DataFrame({ACCOUNT: [ACCOUNT]}, dtype=keys[ACCOUNT].dtype)
    times = pd.DatetimeIndex(grid["time"])
    full = make_index(
        times.repeat(len(keys)), {name: np.tile(keys[name], len(times)) for name in levels}
    )
    place = rows.set_index(["time", *levels]).index.get_indexer_for(full) if len(rows) else None
    place = np.full(len(full), -1) if place is None else place
    absent = place < 0
    dense = full.to_frame(index=False)
    for name in counts:
        silent = _silent(rows, name, times).repeat(len(keys))
        zero = absent & grid["known"].to_numpy().repeat(len(keys)) & ~silent
        values = rows[name].array.take(place, allow_fill=True)
        values[zero] = 0
        dense[name] = values
    period = grid.index[0] if len(grid) else ""
    return with_meta(_labelled(dense, period), said)


def _silent(rows: pd.DataFrame, name: str, times: pd.DatetimeIndex) -> Booleans:
    """Return the buckets with rows none of which reports the count: there nobody's is known."""
    told_of = times.isin(rows["time"][rows[name].notna()])
    return np.asarray(times.isin(rows["time"]) & ~told_of)
