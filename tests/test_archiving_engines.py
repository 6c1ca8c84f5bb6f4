"""Other programs read a table as it lies, without mgframe: the same rows, the same sums."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import pandas as pd
import pytest
from test_archiving_distributing import COUNTS, history

import mgframe as mg

Sums = dict[tuple[str, str], tuple[int, ...]]
KEYS = ["period", "domain"]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mg.MgframeWarning)  # of gaps
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("days") / "mail"
    history(folder, "day")
    return folder


@pytest.fixture(scope="module")
def sums(place: Path) -> Sums:
    """What mgframe says: known counts by month and domain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mg.MgframeWarning)
        frame = mg.Archive(place).frame("mail")
    months = frame.index.get_level_values("time").strftime("%Y-%m")
    domains = frame.index.get_level_values("domain")
    found = frame.groupby([pd.Index(months), pd.Index(domains)]).sum()
    return {key: whole(row) for key, *row in found.itertuples()}


def whole(row: Iterable[Any]) -> tuple[int, ...]:
    """Return sums, 0 where there is nothing known: programs differ in what they say then."""
    return tuple(0 if pd.isna(value) else int(value) for value in row)


def by_deltalake(place: Path) -> Sums:
    found = deltalake.DeltaTable(place / "mail").to_pandas().groupby(KEYS)[COUNTS].sum()
    return {key: whole(row) for key, *row in found.itertuples()}


def by_arrow(place: Path) -> Sums:
    table = deltalake.DeltaTable(place / "mail").to_pyarrow_table()
    found = table.group_by(KEYS).aggregate([(name, "sum") for name in COUNTS])
    rows = found.select([*KEYS, *(f"{name}_sum" for name in COUNTS)]).to_pylist()
    return {(p, d): whole(row) for p, d, *row in (r.values() for r in rows)}


def by_duckdb(place: Path) -> Sums:
    files = deltalake.DeltaTable(place / "mail").file_uris()
    added = ", ".join(f"sum({name})" for name in COUNTS)
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT period, domain, {added} FROM read_parquet(?, hive_partitioning = true, "
            "hive_types_autocast = false, union_by_name = true) GROUP BY ALL",
            [files],
        ).fetchall()
    return {(p, d): whole(row) for p, d, *row in rows}


def by_polars(place: Path) -> Sums:
    polars = pytest.importorskip("polars", reason="Polars is not installed")
    lazy = polars.scan_delta(str(place / "mail"))
    rows = lazy.group_by(KEYS).agg(polars.col(COUNTS).sum()).collect().rows()
    return {(p, d): whole(row) for p, d, *row in rows}


@pytest.mark.parametrize("read", [by_deltalake, by_arrow, by_duckdb, by_polars])
def test_another_program_adds_up_the_same(
    place: Path, sums: Sums, read: Callable[[Path], Sums]
) -> None:
    if read is not by_polars and read is not by_duckdb:
        pytest.importorskip("pyarrow")
    found = read(place)
    known = {key: row for key, row in sums.items() if any(row)}
    assert found == known
    assert len(found) == 9  # three months, three domains


def test_any_reader_of_delta_can_read_a_table(place: Path) -> None:
    table = deltalake.DeltaTable(place / "mail")
    assert table.protocol()[:2] == (1, 4)
    assert table.metadata().partition_columns == ["period"]
    kinds: dict[str, Any] = {f.name: str(f.type.type) for f in table.schema().fields}
    assert kinds == {
        "time": "timestamp", "domain": "string", "recipient_provider": "string",
        "period": "string", **dict.fromkeys(COUNTS, "long"),
    }  # fmt: skip


def test_times_are_microseconds_in_utc(place: Path) -> None:
    file = deltalake.DeltaTable(place / "mail").file_uris()[0]
    with duckdb.connect() as connection:
        [kind] = connection.execute(
            "SELECT logical_type FROM parquet_schema(?) WHERE name = 'time'", [file]
        ).fetchall()
    assert "isAdjustedToUTC=1" in kind[0]
    assert "MICROS" in kind[0]


def test_another_program_reads_the_past_by_its_version(place: Path) -> None:
    archive = mg.Archive(place)
    first = next(v for v, state in reversed([*archive.table("mail").history()]) if state.reads)
    then = deltalake.DeltaTable(place / "mail", version=first).to_pandas()
    assert 0 < len(then) < len(deltalake.DeltaTable(place / "mail").to_pandas())
