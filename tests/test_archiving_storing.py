"""A frame into a table: whole, once, and never wrong numbers in the place of right ones."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mgframe as mg
from mgframe.archiving.libraries import database
from mgframe.archiving.scanning import scan
from mgframe.archiving.spans import Read
from mgframe.archiving.states import State
from mgframe.archiving.storing import Kept, Stale, keep
from mgframe.archiving.tables import Conflict, Table, created, opened
from mgframe.archiving.tracks import ADDRESS

ORIGIN = pd.Timestamp("2026-11-01", tz="UTC")
SPAN = (ORIGIN, ORIGIN + pd.Timedelta(days=3))


def a_frame(rows: list[tuple[int, str, Any, Any]]) -> pd.DataFrame:
    """Return a frame of hours: number of the hour, domain, delivered, opened."""
    table = pd.DataFrame(rows, columns=["hour", "domain", "delivered", "opened"])
    table["hour"] = ORIGIN + pd.to_timedelta(table["hour"], unit="h")
    for name in ("delivered", "opened"):
        table[name] = table[name].astype("Int64")
    return mg.as_frame(table, resolution="hour", complete_until="2026-11-10")


@pytest.fixture
def archive(tmp_path: Path) -> mg.Archive:
    archive = mg.Archive(tmp_path / "history")
    archive.track("hours", ["delivered", "opened"], by="domain", resolution="hour")
    return archive


def put(archive: mg.Archive, frame: pd.DataFrame, day: int = 1, **options: Any) -> Kept:
    at = ORIGIN + pd.Timedelta(days=3 + day)
    return keep(
        archive.table("hours"), archive.named("hours"), frame, SPAN,
        lambda state, kept: replace(state, kind="sync", at=at), **options,
    )  # fmt: skip


def rows_of(table: Table) -> dict[tuple[pd.Timestamp, str], tuple[Any, Any]]:
    with database() as connection:
        scan(connection, table, "kept")
        found = connection.execute("SELECT time, domain, delivered, opened FROM kept").fetchall()
    assert len({row[:2] for row in found}) == len(found), "a row occurs twice"
    return {(pd.Timestamp(row[0]), row[1]): row[2:] for row in found}


def data_files(archive: mg.Archive) -> set[Path]:
    return set(Path(archive.place.root).rglob("*.parquet"))


def test_rows_are_kept_as_they_came(archive: mg.Archive) -> None:
    kept = put(archive, a_frame([(0, "a.com", 5, None), (1, "a.com", 0, 2)]))
    assert (kept.added, kept.changed, kept.lost) == (2, 0, 0)
    assert rows_of(kept.table) == {
        (ORIGIN, "a.com"): (5, None),
        (ORIGIN + pd.Timedelta(hours=1), "a.com"): (0, 2),
    }


def test_the_same_rows_again_write_no_data(archive: mg.Archive) -> None:
    frame = a_frame([(0, "a.com", 5, 1)])
    put(archive, frame)
    before = data_files(archive)
    kept = put(archive, frame, day=2)
    assert (kept.added, kept.changed) == (0, 0)
    assert data_files(archive) == before
    assert kept.table.state.at == ORIGIN + pd.Timedelta(days=5)


def test_the_change_feed_lists_what_changed_and_nothing_else(archive: mg.Archive) -> None:
    put(archive, a_frame([(h, "a.com", 5, 1) for h in range(60)]))
    kept = put(archive, a_frame([(h, "a.com", 5, 9 if h in (3, 50) else 1) for h in range(60)]))
    with database() as connection:
        feed = kept.table.delta.load_cdf(starting_version=kept.table.version)
        connection.register("feed", feed)
        changed = connection.sql("SELECT _change_type, opened FROM feed ORDER BY 1, 2").fetchall()
    assert changed == [("update_postimage", 9)] * 2 + [("update_preimage", 1)] * 2


def test_unknown_never_takes_the_place_of_a_count(archive: mg.Archive) -> None:
    put(archive, a_frame([(0, "a.com", 5, 1)]))
    kept = put(archive, a_frame([(0, "a.com", 6, None)]))
    assert rows_of(kept.table)[ORIGIN, "a.com"] == (6, 1)


@pytest.mark.parametrize(
    "again",
    [
        [(1, "a.com", 3, 0)],
        [(1, "a.com", 3, 0), (0, "a.com", 0, 0)],
        [(1, "a.com", 3, 0), (0, "a.com", 0, None)],
    ],
)
def test_a_row_that_an_answer_lost_stays_and_is_told(
    archive: mg.Archive, again: list[tuple[int, str, Any, Any]]
) -> None:
    put(archive, a_frame([(0, "a.com", 5, 1), (1, "a.com", 3, 0)]))
    kept = put(archive, a_frame(again))
    assert (kept.lost, kept.whose) == (1, ("a.com",))
    assert rows_of(kept.table)[ORIGIN, "a.com"] == (5, 1)


def test_a_row_of_zeros_that_an_answer_lacks_is_not_lost(archive: mg.Archive) -> None:
    put(archive, a_frame([(0, "a.com", 5, 1)]))
    put(archive, a_frame([(0, "a.com", 0, 0)]), mode="outright")
    assert put(archive, a_frame([(1, "a.com", 3, 0)])).lost == 0


def test_a_count_that_fell_is_taken_and_told(archive: mg.Archive) -> None:
    put(archive, a_frame([(0, "a.com", 5, 1)]))
    kept = put(archive, a_frame([(0, "a.com", 4, 1)]))
    assert (kept.changed, kept.fell) == (1, 1)
    assert rows_of(kept.table)[ORIGIN, "a.com"] == (4, 1)


@pytest.mark.parametrize(("doubted", "hours"), [(False, [1]), (True, [0, 1])])
def test_a_frame_fills_in_no_row_where_none_is_known_to_be_zero(
    archive: mg.Archive, doubted: bool, hours: list[int]
) -> None:
    table = archive.table("hours")
    read = Read(ORIGIN, ORIGIN + pd.Timedelta(hours=1), ORIGIN + pd.Timedelta(days=3), doubted)
    table.note(replace(table.state, reads=(read,)))
    kept = put(archive, a_frame([(0, "a.com", 7, 1), (1, "a.com", 7, 1)]), mode="filling")
    assert sorted(rows_of(kept.table)) == [(ORIGIN + pd.Timedelta(hours=h), "a.com") for h in hours]


def test_of_a_count_that_no_row_of_a_bucket_tells_nothing_becomes_zero(archive: mg.Archive) -> None:
    put(archive, a_frame([(0, "a.com", 5, 1), (0, "b.com", 9, 3)]))
    kept = put(archive, a_frame([(0, "a.com", 6, None)]), mode="outright")
    assert rows_of(kept.table) == {(ORIGIN, "a.com"): (6, 1), (ORIGIN, "b.com"): (0, 3)}


def test_rows_outside_the_span_are_left_out(archive: mg.Archive) -> None:
    kept = put(archive, a_frame([(0, "a.com", 5, 1), (72, "a.com", 7, 1), (-1, "a.com", 7, 1)]))
    assert list(rows_of(kept.table)) == [(ORIGIN, "a.com")]


def test_an_older_answer_never_takes_the_place_of_a_newer_one(archive: mg.Archive) -> None:
    kept = put(archive, a_frame([(0, "a.com", 5, 1)]), day=2)
    reads = (Read(*SPAN, ORIGIN + pd.Timedelta(days=5)),)
    kept.table.note(replace(kept.table.state, reads=reads))
    with pytest.raises(Stale, match="later than this one"):
        put(archive, a_frame([(0, "a.com", 4, 1)]), at=ORIGIN + pd.Timedelta(days=4))
    assert rows_of(archive.table("hours")) == rows_of(kept.table)


def test_neither_an_answer_of_the_same_moment_nor_a_later_one_of_other_buckets_is_in_the_way(
    archive: mg.Archive,
) -> None:
    table, day = archive.table("hours"), pd.Timedelta(days=1)
    reads = (Read(*SPAN, ORIGIN + 4 * day), Read(SPAN[1], SPAN[1] + day, ORIGIN + 5 * day))
    table.note(replace(table.state, reads=reads))
    assert put(archive, a_frame([(0, "a.com", 4, 1)]), at=ORIGIN + 4 * day).added == 1


def test_who_comes_second_decides_anew_on_what_the_first_kept(archive: mg.Archive) -> None:
    table = archive.table("hours")
    frame = a_frame([(0, "a.com", 5, 1)])
    put(archive, frame)
    asked = []

    def state_after(state: State, kept: Kept) -> State:
        asked.append((state.at, kept.added))
        return replace(state, kind="sync")

    kept = keep(table, archive.named("hours"), frame, SPAN, state_after)
    assert asked[-1] == (ORIGIN + pd.Timedelta(days=4), 0)
    assert len(rows_of(kept.table)) == 1


def test_a_commit_on_an_old_version_is_refused(archive: mg.Archive) -> None:
    table = archive.table("hours")
    other = archive.table("hours")
    table.note(table.state)
    with pytest.raises(Conflict):
        other.note(other.state)


def test_who_goes_on_from_a_table_that_it_has_written_decides_on_what_it_wrote(
    archive: mg.Archive,
) -> None:
    put(archive, a_frame([(9, "a.com", 5, 1)]))
    table, at = archive.table("hours"), ORIGIN + pd.Timedelta(days=9)
    asked = []

    def state_after(state: State, kept: Kept) -> State:
        asked.append(state.at)
        return replace(state, kind="sync", at=at)

    for hour in (0, 1):
        keep(table, archive.named("hours"), a_frame([(hour, "a.com", 5, 1)]), SPAN, state_after)
    assert (asked[0], asked[-1]) == (ORIGIN + pd.Timedelta(days=4), at)


def test_a_change_reads_no_file_of_another_period(archive: mg.Archive) -> None:
    put(archive, a_frame([(h, "a.com", 5, 1) for h in range(72)]))
    kept = put(archive, a_frame([(h, "a.com", 5, 9 if h == 50 else 1) for h in range(72)]))
    [commit] = kept.table.delta.history(1)
    assert commit["operationMetrics"]["num_target_files_scanned"] == 1


def test_who_makes_a_table_second_gets_the_first_ones(archive: mg.Archive) -> None:
    first = put(archive, a_frame([(0, "a.com", 5, 1)])).table
    again = created(archive.place, "hours", ["domain"], [], State())
    assert (again.version, again.state) == (first.version, first.state)


def test_nothing_of_the_past_expires_by_itself(archive: mg.Archive) -> None:
    told = archive.table("hours").delta.metadata().configuration
    assert told["delta.enableExpiredLogCleanup"] == "false"
    for what in ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration"):
        assert told[what] == "interval 36500 days"


def test_new_counts_get_a_column_and_are_unknown_before(archive: mg.Archive) -> None:
    put(archive, a_frame([(0, "a.com", 5, 1)]))
    wider = a_frame([(1, "a.com", 5, 1)]).assign(clicked=pd.array([3], dtype="Int64"))
    kept = put(archive, wider)
    with database() as connection:
        scan(connection, kept.table, "kept")
        found = connection.sql("SELECT clicked FROM kept ORDER BY time").fetchall()
    assert found == [(None,), (3,)]


@pytest.mark.parametrize(
    "tag",
    ['"john doe"@example.com', "bob%40example.com", "bob＠example.com", "o'brien@example.com"],
)
def test_no_spelling_of_an_address_is_stored(tag: str) -> None:
    assert ADDRESS.sub("(address)", f"to {tag} now") == "to (address) now"


def test_a_long_text_without_spaces_is_searched_in_no_time() -> None:
    started = time.process_time()
    assert ADDRESS.sub("(address)", "a" * 100_000) == "a" * 100_000
    assert time.process_time() - started < 10


def test_an_address_in_a_key_is_never_stored(archive: mg.Archive) -> None:
    frame = a_frame([(0, "jo@example.org", 5, 1), (0, "amy@example.org", 2, None)])
    kept = put(archive, frame)
    assert rows_of(kept.table) == {(ORIGIN, "(address)"): (7, None)}


@pytest.mark.parametrize("seed", range(6))
def test_any_answers_leave_what_a_plain_loop_leaves(archive: mg.Archive, seed: int) -> None:
    draw = random.Random(seed)
    expected: dict[tuple[pd.Timestamp, str], tuple[Any, Any]] = {}
    for _ in range(5):
        rows = [
            (h, domain, draw.choice([0, 1, 5, None]), draw.choice([0, 2, None]))
            for h in range(0, 60, 7)
            for domain in ("a.com", "b.com")
            if draw.random() < 0.8
        ]
        for h, domain, *values in rows:
            key = (ORIGIN + pd.Timedelta(hours=h), domain)
            old = expected.get(key, (None, None))
            silent = not any(values) and any(old)
            filled_in = values == [0, 0] and key not in expected  # the API has no such row
            if not silent and not filled_in:
                expected[key] = tuple(
                    o if v is None else v for v, o in zip(values, old, strict=True)
                )
        kept = put(archive, a_frame(rows))
        assert rows_of(kept.table) == expected


def test_what_was_kept_before_is_read_as_it_was(archive: mg.Archive) -> None:
    first = put(archive, a_frame([(0, "a.com", 5, 1)])).table.version
    put(archive, a_frame([(0, "a.com", 5, 9)]))
    assert rows_of(opened(archive.place, "hours", first))[ORIGIN, "a.com"] == (5, 1)
    assert opened(archive.place, "hours", first).state.at == ORIGIN + pd.Timedelta(days=4)
